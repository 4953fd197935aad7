"use strict";
// `rt.python`: programs in Python from the host, with inputs and a value.

const { randomUUID } = require("node:crypto");
const { limitError, VmError } = require("../errors.cjs");
const check = require("../validate.cjs");
const { pythonOptions } = require("../options.cjs");
const { valueCost } = require("../value-cost.cjs");
const { fromPython, toPython } = require("./values.cjs");

const valueLimitName = "limits.jsRuntime.returnValueLimitBytes";

class Python {
  #runtime;
  #start;
  #valueLimit;

  /**
   * @param {import("../node-runtime.cjs").NodeRuntime} runtime
   * @param {(args: string[], checked: object) => Promise<object>} start Runs `python3`.
   * @param {number} valueLimit Bytes of a value as JSON.
   */
  constructor(runtime, start, valueLimit) {
    this.#runtime = runtime;
    this.#start = start;
    this.#valueLimit = valueLimit;
  }

  async run(code, given) {
    const { inputs, checked } = pythonOptions(given);
    const request = JSON.stringify({
      code: check.text(code, "code"),
      inputs: check.reading("options.inputs", () => inputsOf(inputs)),
    });
    const directory = `/tmp/.python-${randomUUID()}`;
    await this.#runtime.mkdir(directory);
    try {
      await this.#runtime.writeFile(`${directory}/request`, request);
      const result = await this.#start(["--secure-exec-call", directory], checked);
      const isDone = result.exitCode === 0 && (await this.#runtime.exists(`${directory}/answer`));
      return { ...result, value: isDone ? await this.#value(`${directory}/answer`) : undefined };
    } finally {
      await this.#remove(directory);
    }
  }

  async #remove(directory) {
    try {
      await this.#runtime.remove(directory, { recursive: true, force: true });
    } catch (error) {
      // It is gone with the machine.
      if (error.code !== "ERR_VM_DISPOSED") throw error;
    }
  }

  async #value(path) {
    const { size } = await this.#runtime.stat(path);
    this.#check(size);
    const text = await this.#runtime.readFile(path, "utf8");
    // Another file may be there by now, and short values can take much where they are built.
    this.#check(valueCost(text));
    const answer = parsed(text);
    if (typeof answer?.refused === "string") throw notAValue(answer.refused.slice(0, 1000));
    return fromPython(answer?.value, notAValue);
  }

  /** @param {number} used What the value takes. */
  #check(used) {
    const bound = this.#valueLimit;
    if (used > bound) throw limitError({ limit: valueLimitName, bound, used });
  }
}

function inputsOf(inputs) {
  const converted = Object.entries(inputs).map(([key, value]) => {
    const name = `options.inputs.${key}`;
    return [key, check.reading(name, () => toPython(value, name))];
  });
  return Object.fromEntries(converted);
}

/** What a guest has written, which need not be what our program writes. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw notAValue("the answer is no JSON");
  }
}

function notAValue(why) {
  const message = `The program's value cannot be given back: ${why}`;
  return new VmError({ code: "ERR_INVALID_VALUE", message, errno: 0, stateLost: false });
}

module.exports = { Python };

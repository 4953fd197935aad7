"use strict";
// Tools: functions of the host that guests call. Nothing that a guest sends, and nothing that a handler does,
// reaches more than that one call.

const binding = require("../binding.cjs");
const { invalidType, invalidValue } = require("./errors.cjs");
const check = require("./validate.cjs");

/** Names that programs of the machine rely on. */
const reserved = new Set(["bash", "env", "node", "npm", "npx", "sh"]);
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
/** Longest message that a guest is told. */
const longestMessage = 8192;

const definition = {
  description: check.text,
  inputSchema: schema,
  handler: check.callback,
  timeoutMs: check.optional(check.milliseconds),
  examples: check.optional(check.list(example), []),
  commandAliases: check.optional(check.list(toolName), []),
};

function toolName(value, name) {
  check.cString(value, name);
  if (!namePattern.test(value)) {
    throw invalidValue(name, "must be a name of letters, digits, '_', '.' and '-'", value);
  }
  if (reserved.has(value)) throw invalidValue(name, "is a command that programs rely on", value);
  return value;
}

/** JSON text of a value that is to be JSON. */
function json(value, name) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw Object.assign(invalidValue(name, "must be what JSON can hold"), { cause });
  }
  if (text === undefined) throw invalidValue(name, "must be what JSON can hold");
  return text;
}

function schema(value, name) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidType(name, "an object", value);
  }
  const text = json(value, name);
  try {
    return { text, compiled: new binding.Schema(text) };
  } catch (cause) {
    throw Object.assign(invalidValue(name, `is no JSON Schema: ${cause.message}`), { cause });
  }
}

/** An input to show, by itself or in an object with a description. */
function example(value, name) {
  const wrapped = typeof value === "object" && value !== null && Object.hasOwn(value, "input");
  return json(wrapped ? value.input : value, name);
}

/** Reads a record of tool definitions. */
function toolDefinitions(value, name) {
  const taken = new Set();
  return check.entries(value, name).map(([key, given]) => {
    const tool = {
      name: toolName(key, `a key of ${name}`),
      ...check.object(given, `${name}.${key}`, definition),
    };
    for (const command of [tool.name, ...tool.commandAliases]) {
      if (taken.has(command)) throw invalidValue(name, `has two tools named '${command}'`);
      taken.add(command);
    }
    return tool;
  });
}

/** What the VM knows of a tool. */
function forMachine(tool) {
  return {
    name: tool.name,
    description: tool.description,
    schema: tool.inputSchema.text,
    aliases: tool.commandAliases,
    examples: tool.examples,
  };
}

/** The tools of one VM and the calls of them that run. */
class Toolbox {
  #tools = new Map();
  #running = new Map();
  #limits;
  #answer;

  /**
   * @param {{defaultToolTimeoutMs: number, maxPayloadBytes: number, maxPending: number}} limits
   * @param {(id: number, result: string | undefined, error: string | undefined) => void} answer
   */
  constructor(limits, answer) {
    this.#limits = limits;
    this.#answer = answer;
  }

  add(tools) {
    for (const tool of tools) this.#tools.set(tool.name, tool);
  }

  /** A guest calls. */
  call(id, name, input) {
    const { maxPayloadBytes, maxPending } = this.#limits;
    const tool = this.#tools.get(name);
    if (!tool) return this.#answer(id, undefined, "the tool is not registered");
    if (this.#running.size >= maxPending) {
      return this.#answer(id, undefined, `limits.tools.maxPending is ${maxPending}`);
    }
    const size = Buffer.byteLength(input);
    if (size > maxPayloadBytes)
      return this.#answer(id, undefined, tooLarge("input", this.#limits, size));
    const wrong = tool.inputSchema.compiled.validate(input);
    if (wrong.length > 0) {
      return this.#answer(id, undefined, clip(`invalid input: ${wrong.join("; ")}`));
    }
    this.#run(id, tool, JSON.parse(input));
  }

  /** Nobody waits any more. */
  cancel(id) {
    this.#running.get(id)?.abort(new DOMException("The guest was ended", "AbortError"));
    this.#finish(id);
  }

  dispose() {
    for (const id of [...this.#running.keys()]) this.cancel(id);
  }

  #run(id, tool, input) {
    const controller = new AbortController();
    const timeout = tool.timeoutMs ?? this.#limits.defaultToolTimeoutMs;
    const timer = setTimeout(() => {
      const message = `the tool did not answer within ${timeout} ms`;
      this.#settle(id, undefined, message);
      controller.abort(new DOMException(message, "TimeoutError"));
    }, timeout);
    timer.unref();
    this.#running.set(id, {
      abort: (reason) => controller.abort(reason),
      clear: () => clearTimeout(timer),
    });
    // Later, so that nothing a handler does happens within the event that brought the call.
    Promise.resolve()
      .then(() => tool.handler(input, { signal: controller.signal }))
      .then((result) => this.#told(id, result))
      .catch((error) => this.#settle(id, undefined, messageOf(error)));
  }

  #told(id, result) {
    if (!this.#running.has(id)) return;
    const text = JSON.stringify(result === undefined ? null : result);
    if (text === undefined) throw new TypeError("the result is not what JSON can hold");
    const size = Buffer.byteLength(text);
    if (size > this.#limits.maxPayloadBytes) {
      return this.#settle(id, undefined, tooLarge("result", this.#limits, size));
    }
    this.#settle(id, text, undefined);
  }

  #settle(id, result, error) {
    if (this.#finish(id)) this.#answer(id, result, error === undefined ? undefined : clip(error));
  }

  #finish(id) {
    const running = this.#running.get(id);
    running?.clear();
    return this.#running.delete(id);
  }
}

function tooLarge(what, { maxPayloadBytes }, size) {
  return `the ${what} is too large: limits.tools.maxPayloadBytes is ${maxPayloadBytes}, it has ${size}`;
}

/** What a guest is told of an error; whatever was thrown, this does not throw. */
function messageOf(error) {
  try {
    return String(error?.message ?? error);
  } catch {
    return "the tool failed";
  }
}

function clip(message) {
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message;
}

module.exports = { Toolbox, forMachine, toolDefinitions };

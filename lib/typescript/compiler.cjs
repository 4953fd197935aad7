"use strict";
// The compiler in its machine: one resident process for all requests, which is started anew where it has ended or has
// failed.

const { guestCode } = require("../guest-code.cjs");
const { withSetter } = require("../limits.cjs");

/** The guest program, in the order in which its modules need each other. */
const modules = ["source-files", "files", "diagnostics", "requests", "main"];

/** Options of a tool set that set limits of its machine. */
const setters = {
  "limits.jsRuntime.cpuTimeLimitMs": "cpuTimeLimitMs",
  "limits.jsRuntime.v8HeapLimitMb": "memoryLimit",
  "limits.resources.maxMemoryBytes": "memoryLimit",
};

let program;

function programText() {
  program ??= guestCode(modules.map((name) => `typescript/${name}.mjs`));
  return program;
}

/** The compiler has come to no answer. */
class CompilerFailure extends Error {}

/**
 * @typedef {object} Place Where the compiler runs.
 * @property {import("../node-runtime.cjs").NodeRuntime} runtime
 * @property {string} specifier The compiler, for the machine's \`require\`.
 * @property {string} [cacheFolder] Where its compiled code may be kept.
 */

class Compiler {
  #open;
  #timeout;
  /** @type {Promise<Place> | undefined} */
  #place;
  #runner;
  /** Settles when the last request is over. */
  #last = Promise.resolve();
  #disposed = false;

  /**
   * @param {() => Promise<Place>} open Makes the machine.
   * @param {number | undefined} timeout Milliseconds that a request may take.
   */
  constructor(open, timeout) {
    this.#open = open;
    this.#timeout = timeout;
  }

  /**
   * Has a request answered. One after the other: there is one process.
   * @returns {Promise<object>} What the guest says.
   */
  ask(request) {
    const answer = this.#last.then(() => this.#ask(request));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async dispose() {
    this.#disposed = true;
    const place = this.#place;
    this.#place = undefined;
    this.#runner = undefined;
    await place?.then(
      ({ runtime }) => runtime.dispose(),
      () => {},
    );
  }

  async #ask(request) {
    if (this.#disposed) throw new CompilerFailure("The tool set has been disposed");
    try {
      const text = JSON.stringify(JSON.stringify(request));
      const code = `globalThis.__return(globalThis.answer?.(JSON.parse(${text})) ?? null)`;
      const answer = (await this.#run(code)) ?? (await this.#restarted(code));
      if (typeof answer !== "object" || answer === null) throw noAnswer("it gave no answer");
      if (typeof answer.failure === "string") throw noAnswer(answer.failure);
      return answer;
    } catch (error) {
      await this.#letGo(error);
      if (error instanceof CompilerFailure) throw error;
      throw noAnswer(withSetter(error.message, setters[error.limit]), error);
    }
  }

  /** Its process had ended while nobody asked. */
  async #restarted(code) {
    this.#runner = undefined;
    return await this.#run(code);
  }

  async #run(code) {
    this.#runner ??= await this.#start();
    const { value, exitCode, stderr } = await this.#runner.run(code, { timeout: this.#timeout });
    if (exitCode !== 0) throw noAnswer(lastLine(stderr) ?? `its process ended with ${exitCode}`);
    return value;
  }

  async #start() {
    this.#place ??= this.#open();
    const { runtime, specifier, cacheFolder } = await this.#place;
    const runner = await runtime.createResidentRunner();
    const code = `${programText()}\nstart(${JSON.stringify(specifier)}, ${JSON.stringify(cacheFolder)});`;
    const { exitCode, stderr } = await runner.exec(code, { timeout: this.#timeout });
    if (exitCode === 0) return runner;
    await runner.dispose();
    throw noAnswer(errorLine(stderr) ?? `it cannot be loaded: status ${exitCode}`);
  }

  /** Nothing of what has failed is used again: the next request finds a new process. */
  async #letGo(error) {
    const [runner, place] = [this.#runner, this.#place];
    this.#runner = undefined;
    if (runner) await runner.dispose().catch(() => {});
    const opened = await place?.catch(() => undefined);
    const isGone = error.stateLost === true || error.code === "ERR_VM_DISPOSED";
    if (opened && !isGone) return;
    this.#place = undefined;
    await opened?.runtime.dispose().catch(() => {});
  }
}

function noAnswer(why, cause) {
  return new CompilerFailure(`The TypeScript compiler failed: ${why}`, { cause });
}

/** The line of a report that names the error. */
function errorLine(stderr) {
  return stderr.split("\n").find((line) => /^(Uncaught )?[A-Za-z]*Error\b/.test(line));
}

function lastLine(stderr) {
  return errorLine(stderr) ?? stderr.trimEnd().split("\n").at(-1)?.slice(0, 1024) ?? undefined;
}

module.exports = { Compiler, CompilerFailure };

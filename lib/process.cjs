"use strict";
// The live handle of a program that `spawn` started.

const { fromCaller, withCallerStacks } = require("./caller.cjs");
const { signalNumber } = require("./options.cjs");
const check = require("./validate.cjs");

const SIGKILL = 9;

class NodeRuntimeProcess {
  #execution;
  #pid;

  /**
   * @param {import("./execution.cjs").Execution} execution
   * @param {number} pid
   */
  constructor(execution, pid) {
    this.#execution = execution;
    this.#pid = pid;
  }

  get pid() {
    return this.#pid;
  }

  get exitCode() {
    return this.#execution.exitCode;
  }

  get signal() {
    return this.#execution.signal;
  }

  get stdout() {
    return this.#execution.captured().stdout;
  }

  get stderr() {
    return this.#execution.captured().stderr;
  }

  writeStdin(data) {
    const bytes = check.bytes(data, "data");
    const written = fromCaller(this.writeStdin, () => this.#execution.write(bytes));
    // Whoever does not wait for it is told by `wait()`.
    written.catch(() => {});
    return written;
  }

  closeStdin() {
    this.#execution.closeInput();
  }

  kill(signal = "SIGTERM") {
    this.#execution.kill(signalNumber(signal));
  }

  async wait() {
    const { exitCode } = await this.#execution.result;
    return exitCode;
  }

  /** Kills the program and waits for its end. */
  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    this.#execution.kill(SIGKILL);
    await this.#execution.result.catch(() => {});
  }
}

withCallerStacks(NodeRuntimeProcess.prototype, "wait");

module.exports = { NodeRuntimeProcess };

"use strict";
// The live handle of a program that `spawn` started.

const { signalNumber } = require("./options.cjs");
const check = require("./validate.cjs");

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

  writeStdin(data) {
    const written = this.#execution.write(check.bytes(data, "data"));
    // Whoever does not wait for it does not want to hear of it.
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
}

module.exports = { NodeRuntimeProcess };

"use strict";
// A client's handle of a started command.

const { fromCaller, withCallerStacks } = require("../caller.cjs");
const { holdFor } = require("../keep-alive.cjs");
const { signalNumber } = require("../options.cjs");
const check = require("../validate.cjs");

const SIGKILL = 9;

class ExecSession {
  #command;
  #client;

  /**
   * @param {import("./command.cjs").Command} command
   * @param {object} client What `attach` of the command gave.
   */
  constructor(command, client) {
    this.#command = command;
    this.#client = client;
  }

  get sessionId() {
    return this.#command.id;
  }

  get done() {
    return holdFor(this.#command.done);
  }

  sendStdin(data) {
    const bytes = check.bytes(data, "data");
    const written = fromCaller(this.sendStdin, () => this.#command.write(bytes));
    // Whoever does not wait for it is told by `done`.
    written.catch(() => {});
    return written;
  }

  closeStdin() {
    this.#command.closeInput();
  }

  async kill(signal = SIGKILL) {
    await this.#command.kill(signalNumber(signal));
  }

  close() {
    this.#command.detach(this.#client);
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.kill();
  }
}

withCallerStacks(ExecSession.prototype, "kill");

module.exports = { ExecSession };

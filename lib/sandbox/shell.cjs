"use strict";
// A shell that keeps its state from one line to the next.

const { randomUUID } = require("node:crypto");
const { withCallerStacks } = require("../caller.cjs");
const options = require("./options.cjs");
const { timedOutResult } = require("./timed-out.cjs");

class SandboxShell {
  #session;
  #id = randomUUID();

  /** @param {import("../shell-session.cjs").ShellSession} session */
  constructor(session) {
    this.#session = session;
  }

  get sessionId() {
    return this.#id;
  }

  get cwd() {
    return this.#session.cwd;
  }

  get closed() {
    return this.#session.closed;
  }

  async run(command, given) {
    return timedOutResult(await this.#session.run(command, options.lineOptions(given)));
  }

  async close() {
    await this.#session.close();
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }
}

withCallerStacks(SandboxShell.prototype, "run", "close");

module.exports = { SandboxShell };

"use strict";
// A shell at the other end of a network that keeps its state from one line to the next.

const { withCallerStacks } = require("../caller.cjs");
const { Client } = require("../sandbox/command.cjs");
const options = require("../sandbox/options.cjs");
const check = require("../validate.cjs");
const { remoteError } = require("../wire/failures.cjs");
const { awaited } = require("./awaited.cjs");

class RemoteShell {
  #link;
  #request;
  #client;
  #id;
  #cwd;
  #isClosed = false;
  #closing;

  /** @param {import("./link.cjs").Link} link */
  static async open(link, params, callbacks) {
    const shell = new RemoteShell(link, callbacks);
    const hears = Object.keys(callbacks).filter((name) => callbacks[name]);
    shell.#request = link.ask({
      method: "exec.shell",
      params: { ...params, ...(hears.length > 0 && { hears }) },
      goesOn: true,
      listener: {
        output: (channel, data) => shell.#client.call(channel, data),
        lost: () => {
          shell.#isClosed = true;
        },
      },
    });
    const { result } = await shell.#request.answer;
    shell.#id = result.sessionId;
    shell.#cwd = result.cwd;
    return shell;
  }

  constructor(link, callbacks) {
    this.#link = link;
    this.#client = new Client(callbacks);
  }

  get sessionId() {
    return this.#id;
  }

  get cwd() {
    return this.#cwd;
  }

  get closed() {
    return this.#isClosed;
  }

  async run(command, given) {
    const line = check.text(command, "line");
    const { timeout, maxOutputBytes, keep, ...rest } = options.lineOptions(given);
    if (this.#isClosed) throw closedError();
    const params = {
      shell: this.#request.id,
      command: line,
      timeout: timeout / 1000,
      maxOutputBytes,
      keep,
    };
    try {
      const result = await awaited(this.#link, "shell.run", params, { timeout, ...rest });
      this.#cwd = result.cwd;
      if (result.closed) this.#isClosed = true;
      return result;
    } catch (error) {
      if (error?.code === "ERR_SHELL_CLOSED") this.#isClosed = true;
      throw error;
    }
  }

  async close() {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close() {
    this.#client.leave();
    // A sandbox that has ended has no shell any more.
    await this.#link
      .ask({ method: "shell.close", params: { shell: this.#request.id } })
      .answer.catch(() => {});
    this.#link.forget(this.#request);
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }
}

withCallerStacks(RemoteShell.prototype, "run", "close");

function closedError() {
  return remoteError("ERR_SHELL_CLOSED", "The shell has ended");
}

module.exports = { RemoteShell };

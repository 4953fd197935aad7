"use strict";
// `sandbox.exec` of a sandbox at the other end of a network.

const { randomUUID } = require("node:crypto");
const { withCallerStacks } = require("../caller.cjs");
const options = require("../sandbox/options.cjs");
const check = require("../validate.cjs");
const { awaited } = require("./awaited.cjs");
const { environment } = require("./options.cjs");
const { RemoteSession } = require("./session.cjs");
const { RemoteShell } = require("./shell.cjs");

/** Milliseconds, which options of a sandbox are checked to, as the seconds that the server is told. */
const seconds = (milliseconds) => (milliseconds === undefined ? undefined : milliseconds / 1000);

class RemoteExec {
  #link;

  /** @param {import("./link.cjs").Link} link */
  constructor(link) {
    this.#link = link;
  }

  async run(command, given) {
    const line = check.cString(command, "command");
    const { env, cwd, timeout, maxOutputBytes, keep, ...rest } = options.runOptions(given);
    const params = {
      command: line,
      env: environment(env, "options.env"),
      cwd,
      timeout: seconds(timeout),
      maxOutputBytes,
      keep,
    };
    return await awaited(this.#link, "exec.run", params, { timeout, ...rest });
  }

  async start(command, given) {
    const name = check.cString(command, "command");
    const {
      onStdout,
      onStderr,
      onExit,
      onGap,
      sessionId = randomUUID(),
      ...rest
    } = options.startOptions(given);
    const { args, env, cwd, timeout } = rest;
    if (args) check.program(name, "command");
    const params = {
      command: name,
      args,
      env: environment(env, "options.env"),
      cwd,
      timeout: seconds(timeout),
      sessionId,
    };
    const callbacks = { onStdout, onStderr, onExit, onGap };
    return await RemoteSession.open(this.#link, "exec.start", params, callbacks);
  }

  async list() {
    const { result } = await this.#link.ask({ method: "exec.list" }).answer;
    return result;
  }

  async attach(sessionId, given) {
    const params = { sessionId: check.text(sessionId, "sessionId") };
    const callbacks = options.attachOptions(given);
    return await RemoteSession.open(this.#link, "exec.attach", params, callbacks);
  }

  async shell(given) {
    const { env, cwd, shell, onStdout, onStderr } = options.shellOptions(given);
    const params = { env: environment(env, "options.env"), cwd, shell };
    return await RemoteShell.open(this.#link, params, { onStdout, onStderr });
  }
}

withCallerStacks(RemoteExec.prototype, "run", "start", "list", "attach", "shell");

module.exports = { RemoteExec };

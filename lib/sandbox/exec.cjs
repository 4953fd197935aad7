"use strict";
// `sandbox.exec`: lines of a shell, run to their end or started.

const { randomUUID } = require("node:crypto");
const { withCallerStacks } = require("../caller.cjs");
const { VmError } = require("../errors.cjs");
const check = require("../validate.cjs");
const { Command } = require("./command.cjs");
const { ExecSession } = require("./exec-session.cjs");
const options = require("./options.cjs");
const { SandboxShell } = require("./shell.cjs");
const { timedOutResult } = require("./timed-out.cjs");

/** Milliseconds for which a command that has ended stays listed, and how many of them do. */
const keptFor = 5 * 60 * 1000;
const mostEnded = 100;

/** A command by the name of its session: for the server, whose clients come back to one. */
let commandOf;

class Exec {
  #rt;
  #sandboxId;
  /** By identifier, oldest first. @type {Map<string, Command>} */
  #commands = new Map();

  constructor(rt, sandboxId) {
    this.#rt = rt;
    this.#sandboxId = sandboxId;
  }

  async run(command, given) {
    const line = check.cString(command, "command");
    const result = await this.#rt.execCommand("bash", ["-c", line], options.runOptions(given));
    return timedOutResult(result);
  }

  async start(command, given) {
    const name = check.cString(command, "command");
    const {
      args,
      sessionId = randomUUID(),
      onStdout,
      onStderr,
      onExit,
      // Nothing is lost to a client of this process.
      onGap: _,
      ...rest
    } = options.startOptions(given);
    const argv = args ? [check.program(name, "command"), ...args] : ["bash", "-c", name];
    if (this.#commands.has(sessionId)) throw takenSession(sessionId);
    const started = new Command(this.#rt, sessionId, name, args ?? []);
    const client = started.attach({ onStdout, onStderr, onExit });
    // Before it runs: nobody else may take the name meanwhile.
    this.#commands.set(sessionId, started);
    try {
      await started.start(argv, rest, () => this.#forget());
    } catch (error) {
      this.#commands.delete(sessionId);
      throw error;
    }
    return new ExecSession(started, client);
  }

  async list() {
    this.#forget();
    return Array.from(this.#commands.values(), (each) => ({
      sessionID: each.id,
      sandboxID: this.#sandboxId,
      command: each.command,
      args: [...each.args],
      running: each.running,
      ...(each.running ? {} : { exitCode: each.exitCode }),
      startedAt: each.startedAt.toISOString(),
      attachedClients: each.attachedClients,
    }));
  }

  async attach(sessionId, given) {
    const id = check.text(sessionId, "sessionId");
    const callbacks = options.attachOptions(given);
    const command = this.#known(id);
    await command.started;
    return new ExecSession(command, command.attach(callbacks, 0));
  }

  async shell(given) {
    return new SandboxShell(await this.#rt.shell(options.shellOptions(given)));
  }

  #known(id) {
    this.#forget();
    const command = this.#commands.get(id);
    if (!command) throw unknownSession(id);
    return command;
  }

  static {
    commandOf = (exec, id) => exec.#known(id);
  }

  /** Takes off the list what has ended long ago. */
  #forget() {
    const ended = [...this.#commands.values()].filter(({ running }) => !running);
    const now = performance.now();
    for (const [index, { id, endedAt }] of ended.entries()) {
      const tooMany = ended.length - index > mostEnded;
      if (tooMany || now - endedAt > keptFor) this.#commands.delete(id);
    }
  }
}

withCallerStacks(Exec.prototype, "run", "start", "list", "attach", "shell");

function takenSession(id) {
  const message = `There is a session ${JSON.stringify(id)} already`;
  return new VmError({ code: "ERR_SESSION_EXISTS", message, errno: 0, stateLost: false });
}

function unknownSession(id) {
  const shown = JSON.stringify(id.slice(0, 64));
  const message = `There is no session ${shown}: list() names those that run or have ended within 5 minutes`;
  return new VmError({ code: "ERR_SESSION_NOT_FOUND", message, errno: 0, stateLost: false });
}

module.exports = { Exec, commandOf };

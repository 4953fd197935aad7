"use strict";
// A command that `start` has started: its output goes to everybody who is attached, and the last of it is kept.

const { AsyncResource } = require("node:async_hooks");
const { callUnawaited, inContext } = require("../callback.cjs");
const { hold } = require("../keep-alive.cjs");
const { endOf, unhold } = require("../live-handles.cjs");
const { withResolvers } = require("../machine.cjs");
const { Scrollback } = require("./scrollback.cjs");

/** What `done` resolves with when the time of a command was over. */
const timedOutCode = -1;
const SIGKILL = 9;
/** Milliseconds for the program that signals a group. */
const patience = 2000;

class Client {
  #callbacks = {};
  /** What its callbacks are still busy with. @type {Set<ReturnType<typeof withResolvers>>} */
  #shown = new Set();
  #isGone = false;
  #release;

  /**
   * @param {{ onStdout?: Function, onStderr?: Function, onExit?: Function, onGap?: Function, onScrollbackEnd?: Function }}
   *   callbacks
   */
  constructor(callbacks) {
    const context = new AsyncResource("SECUREEXECCALL");
    for (const [name, callback] of Object.entries(callbacks)) {
      this.#callbacks[name] = inContext(callback, context);
    }
  }

  /**
   * Calls back. What a callback of one client throws is its own: the command and the other clients go on.
   * @param {"onStdout" | "onStderr" | "onExit" | "onGap" | "onScrollbackEnd"} name
   * @returns {Promise<void> | undefined} A promise while the client wants the command to wait.
   */
  call(name, ...args) {
    const callback = this.#isGone ? undefined : this.#callbacks[name];
    const pending = callback && callUnawaited(name, callback, ...args);
    if (!pending) return undefined;
    const shown = withResolvers();
    if (this.#isGone) return undefined;
    this.#shown.add(shown);
    pending.then(() => {
      this.#shown.delete(shown);
      shown.resolve();
    });
    return shown.promise;
  }

  /** Whether it wants to hear of `name`. */
  hears(name) {
    return this.#callbacks[name] !== undefined;
  }

  /** Keeps the host alive, as there is something that it wants to hear of. */
  hold() {
    if (!this.#isGone && Object.values(this.#callbacks).some(Boolean)) this.#release = hold();
  }

  /** Hears no more, and is waited for no more. */
  leave() {
    this.#isGone = true;
    this.#release?.();
    for (const { resolve } of this.#shown) resolve();
    this.#shown.clear();
  }
}

class Command {
  startedAt = new Date();
  #process;
  #rt;
  #started = withResolvers();
  #scrollback = new Scrollback();
  /** @type {Set<Client>} */
  #clients = new Set();
  #done = withResolvers();
  exitCode;
  /** A signal or its time has ended it: nobody waits for what callbacks have not taken. */
  wasStopped = false;
  /** What it took with all that it started, once it has ended. @type {import("../../types/programs.js").ProgramUsage | undefined} */
  usage;
  /** When it ended, milliseconds of `performance.now()`. */
  endedAt;

  constructor(rt, id, command, args) {
    this.#rt = rt;
    this.id = id;
    this.command = command;
    this.args = args;
    // Told to whoever has started it, and to who attaches meanwhile.
    this.#started.promise.catch(() => {});
  }

  /** Settles when it runs, or cannot be started. */
  get started() {
    return this.#started.promise;
  }

  /** Starts it; rejects where that cannot be done. */
  async start(argv, options, onEnd) {
    const [file, ...rest] = argv;
    try {
      this.#process = await this.#rt.spawnCommand(file, rest, {
        ...options,
        maxOutputBytes: 0,
        onStdout: (data) => this.#output("onStdout", data),
        onStderr: (data) => this.#output("onStderr", data),
      });
    } catch (error) {
      for (const client of this.#clients) client.leave();
      this.#started.reject(error);
      throw error;
    }
    // Its clients do, who have callbacks of their own.
    unhold(this.#process);
    this.#started.resolve();
    // Who waits for it here does not keep the host alive.
    endOf(this.#process).then(
      (result) => this.#ended(result, onEnd),
      (error) => this.#failed(error, onEnd),
    );
  }

  get running() {
    return this.endedAt === undefined;
  }

  /** The exit code, once it has ended. */
  get done() {
    return this.#done.promise;
  }

  get attachedClients() {
    return this.#clients.size;
  }

  /**
   * Shows a client what is kept, then what comes.
   * @param {number} [from] The number of the first byte that it wants; without it, it hears what comes.
   */
  attach(callbacks, from) {
    const client = new Client(callbacks);
    if (from !== undefined) this.#replay(client, from);
    if (this.running) {
      this.#clients.add(client);
      client.hold();
    } else {
      client.call("onExit", this.exitCode);
    }
    return client;
  }

  /** In one go: nothing comes in between. */
  #replay(client, from) {
    const lost = this.#scrollback.start - from;
    if (lost > 0) client.call("onGap", lost);
    for (const { channel, data } of this.#scrollback.pieces(from)) {
      if (client.hears(channel)) client.call(channel, data.slice());
    }
    client.call("onScrollbackEnd");
  }

  detach(client) {
    this.#clients.delete(client);
    client.leave();
  }

  write(data) {
    return this.#process.writeStdin(data);
  }

  closeInput() {
    this.#process.closeStdin();
  }

  /** Signals the command and what it has started. */
  async kill(signal) {
    if (!this.running) return;
    if (signal === SIGKILL) {
      this.#process.kill(SIGKILL);
      await this.#done.promise.catch(() => {});
      return;
    }
    const group = ["-s", String(signal), "--", `-${this.#process.pid}`];
    // A program of the machine's, which a guest may have replaced, or left no room for.
    const sent = await this.#rt
      .execCommand("/usr/bin/kill", group, { timeout: patience, maxOutputBytes: 0 })
      .catch(() => undefined);
    // No such group: the command itself has ended, or leads none yet.
    if (sent?.exitCode !== 0 && this.running) this.#process.kill(signal);
  }

  /** Gives back a promise while a client wants the command to wait. */
  #output(channel, data) {
    this.#scrollback.push(channel, data);
    const hearing = Array.from(this.#clients).filter((client) => client.hears(channel));
    const shown = hearing.map((client) => client.call(channel, data.slice()));
    const pending = shown.filter(Boolean);
    return pending.length > 0 ? Promise.all(pending) : undefined;
  }

  #ended({ exitCode: status, signal, timedOut, usage }, onEnd) {
    this.usage = usage;
    this.wasStopped = Boolean(signal || timedOut);
    const exitCode = timedOut ? timedOutCode : status;
    this.#end(exitCode, onEnd);
    this.#done.resolve(exitCode);
  }

  #failed(error, onEnd) {
    this.#end(128 + SIGKILL, onEnd);
    // Somebody may ask later, or never.
    this.#done.promise.catch(() => {});
    this.#done.reject(error);
  }

  #end(exitCode, onEnd) {
    this.exitCode = exitCode;
    this.endedAt = performance.now();
    for (const client of this.#clients) {
      client.call("onExit", exitCode);
      client.leave();
    }
    this.#clients.clear();
    onEnd();
  }
}

module.exports = { Client, Command };

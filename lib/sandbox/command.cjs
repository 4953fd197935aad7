"use strict";
// A command that `start` has started: its output goes to everybody who is attached, and the last of it is kept.

const { AsyncResource } = require("node:async_hooks");
const { callUnawaited, inContext } = require("../callback.cjs");
const { endOf } = require("../live-handles.cjs");
const { withResolvers } = require("../machine.cjs");
const { Scrollback } = require("./scrollback.cjs");

/** What `done` resolves with when the time of a command was over. */
const timedOutCode = -1;
const SIGKILL = 9;

class Client {
  #callbacks = {};

  /** @param {{ onStdout?: Function, onStderr?: Function, onExit?: Function, onScrollbackEnd?: Function }} callbacks */
  constructor(callbacks) {
    const context = new AsyncResource("SECUREEXECCALL");
    for (const [name, callback] of Object.entries(callbacks)) {
      this.#callbacks[name] = inContext(callback, context);
    }
  }

  /**
   * Calls back. What a callback of one client throws is its own: the command and the other clients go on.
   * @param {"onStdout" | "onStderr" | "onExit" | "onScrollbackEnd"} name
   * @returns {Promise<void> | undefined} A promise while the client wants the command to wait.
   */
  call(name, ...args) {
    const callback = this.#callbacks[name];
    return callback && callUnawaited(name, callback, ...args);
  }
}

class Command {
  startedAt = new Date();
  #process;
  #rt;
  #scrollback = new Scrollback();
  /** @type {Set<Client>} */
  #clients = new Set();
  #done = withResolvers();
  exitCode;
  /** When it ended, milliseconds of `performance.now()`. */
  endedAt;

  constructor(rt, id, command, args) {
    this.#rt = rt;
    this.id = id;
    this.command = command;
    this.args = args;
  }

  /** Starts it; rejects where that cannot be done. */
  async start(argv, options, onEnd) {
    const [file, ...rest] = argv;
    this.#process = await this.#rt.spawnCommand(file, rest, {
      ...options,
      maxOutputBytes: 0,
      onStdout: (data) => this.#output("onStdout", data),
      onStderr: (data) => this.#output("onStderr", data),
    });
    // Who waits for it here does not keep the host alive.
    endOf(this.#process).then(
      ({ exitCode, timedOut }) => this.#ended(timedOut ? timedOutCode : exitCode, onEnd),
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

  /** Shows a client what is kept, then what comes. */
  attach(callbacks, replays) {
    const client = new Client(callbacks);
    // In one go: nothing comes in between.
    for (const { channel, data } of replays ? this.#scrollback.pieces() : []) {
      client.call(channel, data);
    }
    if (replays) client.call("onScrollbackEnd");
    if (this.running) this.#clients.add(client);
    else client.call("onExit", this.exitCode);
    return client;
  }

  detach(client) {
    this.#clients.delete(client);
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
    const group = `-${this.#process.pid}`;
    const { exitCode } = await this.#rt.execCommand("kill", ["-s", String(signal), "--", group]);
    // No such group: the command itself has ended, or leads none yet.
    if (exitCode !== 0 && this.running) this.#process.kill(signal);
  }

  /** Gives back a promise while a client wants the command to wait. */
  #output(channel, data) {
    this.#scrollback.push(channel, data);
    const shown = Array.from(this.#clients, (client) => client.call(channel, data.slice()));
    const pending = shown.filter(Boolean);
    return pending.length > 0 ? Promise.all(pending) : undefined;
  }

  #ended(exitCode, onEnd) {
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
    for (const client of this.#clients) client.call("onExit", exitCode);
    this.#clients.clear();
    onEnd();
  }
}

module.exports = { Command };

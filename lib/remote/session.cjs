"use strict";
// A client's handle of a command at the other end of a network.

const { fromCaller, withCallerStacks } = require("../caller.cjs");
const { writeAfterEnd } = require("../errors.cjs");
const { holdFor } = require("../keep-alive.cjs");
const { withResolvers } = require("../machine.cjs");
const { signalNumber } = require("../options.cjs");
const { Client } = require("../sandbox/command.cjs");
const check = require("../validate.cjs");
const { unpackFailure } = require("../wire/failures.cjs");
const { warnOfGap } = require("./gap.cjs");

const SIGKILL = 9;

class RemoteSession {
  #link;
  #request;
  #client;
  #sessionId;
  #done = withResolvers();
  #hasEnded = false;
  #isInputClosed = false;
  #isScrollbackShown = false;
  /** Whether it has heard of the command from the beginning, or has been shown what was kept. */
  #isStarted = false;
  /** Settles when what was kept has been shown, or nothing comes any more. */
  #shown = withResolvers();
  /** What callbacks are busy with. */
  #showing = new Set();

  /**
   * Starts a command, or attaches to one.
   * @param {import("./link.cjs").Link} link
   * @param {"exec.start" | "exec.attach"} method
   */
  static async open(link, method, params, callbacks) {
    const session = new RemoteSession(link, callbacks);
    const hears = Boolean(callbacks.onStdout || callbacks.onStderr);
    session.#request = link.ask({
      method,
      params: { ...params, hears },
      goesOn: true,
      listener: {
        output: (channel, data) => session.#show(channel, data),
        event: (event) => session.#event(event),
        lost: (error) => session.#end("failed", error),
      },
    });
    session.#client.hold();
    try {
      const { result } = await session.#request.answer;
      session.#sessionId = result.sessionId;
      if (method === "exec.attach") await session.#shown.promise;
      session.#isStarted = true;
    } catch (error) {
      session.#client.leave();
      throw error;
    }
    return session;
  }

  constructor(link, callbacks) {
    this.#link = link;
    this.#client = new Client(callbacks);
    // Somebody may ask later, or never.
    this.#done.promise.catch(() => {});
  }

  get sessionId() {
    return this.#sessionId;
  }

  get done() {
    return holdFor(this.#done.promise);
  }

  sendStdin(data) {
    const bytes = check.bytes(data, "data");
    const written = fromCaller(this.sendStdin, () => this.#write(bytes));
    // Whoever does not wait for it is told by `done`.
    written.catch(() => {});
    return written;
  }

  async #write(bytes) {
    if (this.#hasEnded) return;
    if (this.#isInputClosed) throw writeAfterEnd();
    await this.#ask("session.write", {}, bytes);
  }

  closeStdin() {
    if (this.#hasEnded || this.#isInputClosed) return;
    this.#isInputClosed = true;
    // It is told by `done` that the command has ended, or cannot be reached.
    this.#ask("session.closeStdin").catch(() => {});
  }

  async kill(signal = SIGKILL) {
    const number = signalNumber(signal);
    if (!this.#hasEnded) await this.#ask("session.kill", { signal: number });
  }

  close() {
    this.#client.leave();
    this.#link.detach(this.#request);
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.kill();
  }

  #ask(method, params = {}, body) {
    return this.#link.ask({ method, params: { session: this.#request.id, ...params }, body })
      .answer;
  }

  #show(channel, data) {
    const pending = this.#client.call(channel, data);
    if (!pending) return undefined;
    this.#showing.add(pending);
    pending.then(() => this.#showing.delete(pending));
    return pending;
  }

  #event(message) {
    switch (message.event) {
      case "gap":
        return this.#gap(message.bytes);
      case "scrollbackEnd":
        if (!this.#isScrollbackShown) this.#client.call("onScrollbackEnd");
        this.#isScrollbackShown = true;
        this.#shown.resolve();
        return;
      case "exit":
        return this.#exited(message);
      case "failed":
        return this.#end("failed", unpackFailure(message.error));
    }
  }

  /** Whoever attaches late knows that only the last of the output is kept; later nobody expects to miss any. */
  #gap(bytes) {
    if (this.#client.hears("onGap")) this.#client.call("onGap", bytes);
    else if (this.#isStarted) warnOfGap(this, bytes);
  }

  /** A command that has ended by itself waits for whoever hears of it. */
  async #exited({ exitCode, stopped }) {
    if (!stopped) await Promise.all(this.#showing);
    this.#end("exit", exitCode);
  }

  #end(how, value) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#shown.resolve();
    this.#client.call("onExit", how === "exit" ? value : 128 + SIGKILL);
    this.#client.leave();
    if (how === "exit") this.#done.resolve(value);
    else this.#done.reject(value);
  }
}

withCallerStacks(RemoteSession.prototype, "kill");

module.exports = { RemoteSession };

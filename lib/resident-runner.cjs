"use strict";
// A live guest process that runs one snippet after another; where it ends, the next snippet gets a new one.

const { withCallerStacks } = require("./caller.cjs");
const { Channels } = require("./channels.cjs");
const { VmError } = require("./errors.cjs");
const { hold, holdFor } = require("./keep-alive.cjs");
const { evaluateOptions, residentOptions } = require("./options.cjs");
const { Kind, NotBegun, Session, Snippet } = require("./resident-session.cjs");
const check = require("./validate.cjs");

class ResidentRunner {
  #start;
  #outputLimit;
  #valueLimit;
  /** The process of the last snippet. */
  #session;
  /** What came between snippets, until the next result tells it. */
  #late;
  #busy = false;
  #disposed = false;

  /**
   * @param {(settings: object) => import("./execution.cjs").Execution} start Starts the guest process.
   * @param {number} outputLimit Bytes kept of each channel.
   * @param {number} valueLimit Bytes of a value as JSON.
   */
  constructor(start, outputLimit, valueLimit) {
    this.#start = start;
    this.#outputLimit = outputLimit;
    this.#valueLimit = valueLimit;
    this.#late = { channels: new Channels([outputLimit, outputLimit]) };
  }

  async exec(code, options) {
    return await this.#run(Kind.exec, code, options);
  }

  async run(code, options) {
    return await this.#run(Kind.run, code, options);
  }

  async evaluate(code, options) {
    return await this.#run(Kind.evaluate, code, options);
  }

  async dispose() {
    this.#disposed = true;
    const session = this.#session;
    if (!session) return;
    session.kill();
    await holdFor(session.ended).catch(() => {});
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.dispose();
  }

  async #run(kind, code, given) {
    check.text(code, "code");
    const options = kind === Kind.evaluate ? evaluateOptions(given) : residentOptions(given);
    if (this.#disposed) throw runnerError("ERR_VM_DISPOSED", "The resident runner is disposed");
    if (this.#busy) {
      throw runnerError("ERR_RUNNER_BUSY", "The resident runner is running another snippet");
    }
    options.signal?.throwIfAborted();
    this.#busy = true;
    const release = hold();
    try {
      const restarted = this.#session?.isOver === true;
      const isNew = restarted || !this.#session;
      const result = await this.#attempt(kind, code, options, isNew);
      return { ...result, ...(restarted && { restarted }), ...this.#takeLate() };
    } finally {
      release();
      this.#busy = false;
    }
  }

  /** A process that was on its end when the snippet was sent to it is nothing that the snippet did. */
  async #attempt(kind, code, options, isNew) {
    const session = this.#live();
    const snippet = new Snippet(kind, this.#outputLimit, options);
    try {
      return await session.run(snippet, code, options);
    } catch (error) {
      if (!(error instanceof NotBegun)) throw error;
      if (isNew) return error.result;
      const { stdout, stderr } = snippet.channels.captured();
      for (const [index, text] of [stdout, stderr].entries()) {
        this.#late.channels.push(index, Buffer.from(text));
      }
      return { ...(await this.#attempt(kind, code, options, true)), restarted: true };
    }
  }

  #live() {
    if (!this.#session || this.#session.isOver) {
      // The process must not hold the runner: nobody may need either.
      const late = this.#late;
      this.#session = new Session(this.#start, () => late.channels, this.#valueLimit);
    }
    return this.#session;
  }

  /** What earlier snippets have written since the last result. */
  #takeLate() {
    const background = this.#late.channels.captured();
    if (background.stdout === "" && background.stderr === "") return undefined;
    this.#late.channels = new Channels([this.#outputLimit, this.#outputLimit]);
    return { background };
  }
}

withCallerStacks(ResidentRunner.prototype, "exec", "run", "evaluate", "dispose");

function runnerError(code, message) {
  return new VmError({ code, message, errno: 0, stateLost: false });
}

module.exports = { ResidentRunner };

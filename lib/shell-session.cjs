"use strict";
// A shell that lives: one line after another is run in it, with what the lines before have left. The shell tells the end of
// each line on a pipe of its own (commands/sh/src/session.rs), behind everything that the line has written. What comes on
// that pipe is a guest's: an answer counts only for the line that runs, by a number that is drawn for it, and only when the
// shell has taken the line; and no frame is longer than it may be.

const { AsyncResource } = require("node:async_hooks");
const { randomBytes } = require("node:crypto");
const { callUnawaited, inContext, warn } = require("./callback.cjs");
const { withCallerStacks } = require("./caller.cjs");
const { Channels } = require("./channels.cjs");
const { VmError, outOfRange } = require("./errors.cjs");
const { hold, holdFor } = require("./keep-alive.cjs");
const { withResolvers } = require("./machine.cjs");
const { lineOptions } = require("./options.cjs");
const { Pages } = require("./pages.cjs");
const check = require("./validate.cjs");

const SIGKILL = 9;
/** Gives up the line that runs; the shell takes it in every state that it waits in. */
const CANCEL = 64;
/** Milliseconds that the shell has for that, and to end when it is closed. */
const grace = 2000;
/** Milliseconds after which it is told again: a signal that comes before the shell has read the line is forgotten. */
const again = 100;
/** Bytes of a line and its input together, and of an answer. */
const longestFrame = 64 * 1024 * 1024;
const longestAnswer = 64 * 1024;
/** Number and status. */
const answerHead = 12;

/** A line on its way through the shell. */
class Line {
  /** Nobody can tell it beforehand. */
  number = randomBytes(8);
  context = new AsyncResource("SECUREEXECCALL");
  answer = withResolvers();
  #channels;
  /** What callbacks are still busy with. @type {Set<ReturnType<typeof withResolvers>>} */
  #shown = new Set();
  #waits = true;
  /** What a callback has thrown. */
  failure;
  /** Gives it up, while it runs. */
  giveUp;

  /** @param {[number, number]} limits Bytes that are kept of each channel. */
  constructor(limits, { onStdout, onStderr, maxOutputBytes, keep }) {
    const kept = limits.map((limit) => maxOutputBytes ?? limit);
    const callbacks = [onStdout, onStderr].map((callback) => inContext(callback, this.context));
    this.#channels = new Channels(kept, callbacks, { isOwn: maxOutputBytes !== undefined, keep });
  }

  output(index) {
    return this.#channels.at(index);
  }

  /** Takes output. Gives back a promise while a callback wants the guest to wait. */
  push(index, chunk) {
    try {
      const pending = this.#channels.push(index, chunk);
      if (typeof pending?.then !== "function") return undefined;
      const shown = withResolvers();
      const taken = () => {
        this.#shown.delete(shown);
        shown.resolve();
      };
      this.#shown.add(shown);
      Promise.resolve(pending)
        .catch((error) => this.#fail(error))
        .then(taken);
      if (!this.#waits) this.letGo();
      return shown.promise;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error) {
    if (this.failure) return;
    if (!this.#waits) return warn("of a line that is over", this, error);
    this.failure = { error };
    this.giveUp?.();
  }

  /** Settles when everything that was shown has been taken. */
  async shown() {
    while (this.#shown.size > 0) await Promise.all(Array.from(this.#shown, (one) => one.promise));
  }

  /** Waits no longer for what callbacks are busy with. */
  letGo() {
    for (const { resolve } of this.#shown) resolve();
    this.#shown.clear();
  }

  /** Does not wait for callbacks any more. */
  release() {
    this.#waits = false;
    this.letGo();
  }

  captured() {
    return this.#channels.captured();
  }

  limits(others) {
    return this.#channels.limits(others);
  }
}

class ShellSession {
  #execution;
  #pid;
  #outputLimit;
  /** The line that runs. */
  #line;
  /** What comes between lines, until the next result tells it. */
  #late;
  #lateCallbacks;
  #received = new Pages();
  /** Settles when the lines before have ended. */
  #before = Promise.resolve();
  #cwd;
  #isClosed = false;
  /** Resolves with what is told to the line in which the shell has ended. */
  #ended = withResolvers();
  #hasEnded = false;

  /**
   * @param {(settings: object) => import("./execution.cjs").Execution} start Starts the shell.
   * @param {{ cwd: string, outputLimit: number, onStdout?: Function, onStderr?: Function }} settings
   * @returns {Promise<ShellSession>} Rejects where the shell cannot be started.
   */
  static async open(start, settings) {
    const session = new ShellSession(settings);
    const execution = start({
      outputs: [0, 1].map((index) => session.#channel(index)),
      onControl: (data) => session.#onControl(data),
      contextNow: () => session.#line?.context,
    });
    session.#execution = execution;
    execution.closeInput();
    execution.end.then(
      (result) => session.#over({ result }),
      (error) => session.#over({ error }),
    );
    session.#pid = await execution.pid;
    // A shell that has not made ready for it would die of being told to give up a line.
    await session.run("");
    return session;
  }

  constructor({ cwd, outputLimit, onStdout, onStderr }) {
    this.#cwd = cwd;
    this.#outputLimit = outputLimit;
    this.#lateCallbacks = {
      onStdout: unawaited("onStdout", onStdout),
      onStderr: unawaited("onStderr", onStderr),
    };
    this.#late = this.#newLate();
  }

  get pid() {
    return this.#pid;
  }

  get cwd() {
    return this.#cwd;
  }

  get closed() {
    return this.#isClosed || this.#hasEnded;
  }

  async run(line, given) {
    const text = Buffer.from(check.text(line, "line"));
    const options = lineOptions(given);
    const input = options.stdin ?? Buffer.alloc(0);
    const length = text.length + input.length;
    const most = longestFrame - answerHead;
    if (length > most) throw outOfRange("line", `at most ${most} bytes with its input`, length);
    if (this.closed) throw closedError();
    options.signal?.throwIfAborted();
    const release = hold();
    const before = this.#before;
    const done = withResolvers();
    this.#before = done.promise;
    try {
      await unlessAborted(before, options.signal);
      options.signal?.throwIfAborted();
      if (this.closed) throw closedError();
      return await this.#run(text, input, options);
    } finally {
      // A line that was given up while it waited has others before it still.
      before.then(done.resolve);
      release();
    }
  }

  async close() {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#execution.closeControl();
      this.#line?.giveUp();
      this.#late.release();
      const timer = setTimeout(() => this.#execution.kill(SIGKILL), grace);
      const stop = () => clearTimeout(timer);
      this.#execution.end.then(stop, stop);
    }
    await holdFor(this.#execution.end).catch(() => {});
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }

  async #run(text, input, options) {
    const line = new Line([this.#outputLimit, this.#outputLimit], options);
    this.#line = line;
    let timedOut = false;
    let isAnswered = false;
    let wasKilled = false;
    let killer;
    let canceller;
    const cancel = () => this.#execution.kill(CANCEL);
    // A shell that is busy in itself takes no signal.
    const kill = () => {
      wasKilled = true;
      this.#execution.kill(SIGKILL);
    };
    const giveUp = () => {
      if (!isAnswered && !killer) {
        cancel();
        canceller = setInterval(cancel, again);
        killer = setTimeout(kill, grace);
      }
      // The answer stands behind what they have not taken.
      line.release();
      this.#late.letGo();
    };
    const expire = () => {
      timedOut = true;
      giveUp();
    };
    line.giveUp = giveUp;
    const timer = options.timeout === undefined ? undefined : setTimeout(expire, options.timeout);
    options.signal?.addEventListener("abort", giveUp, { once: true });
    let answer;
    try {
      this.#execution.renewCpuTime();
      const taken = this.#execution.writeControl(frame(line.number, input, text));
      answer = await line.answer.promise;
      clearInterval(canceller);
      // What answers without reading would have the host keep all that it is given.
      await taken;
      if (wasKilled) answer = await this.#ended.promise;
      isAnswered = true;
      clearTimeout(killer);
      await line.shown();
    } finally {
      this.#line = undefined;
      clearTimeout(timer);
      clearTimeout(killer);
      clearInterval(canceller);
      options.signal?.removeEventListener("abort", giveUp);
    }
    line.release();
    if (line.failure) throw line.failure.error;
    if (options.signal?.aborted) throw options.signal.reason;
    if (answer.error) throw Object.assign(answer.error, line.captured());
    const { limits, ...ended } = answer;
    const result = { ...line.captured(), ...ended, cwd: this.#cwd, ...line.limits(limits) };
    if (timedOut) result.timedOut = true;
    return { ...result, ...this.#takeLate() };
  }

  /** The shell has ended: with the line that runs, or between two. */
  #over({ result, error }) {
    this.#hasEnded = true;
    const { exitCode, signal, limits } = result ?? {};
    const answer = error ? { error } : { exitCode, signal, limits, closed: true };
    this.#ended.resolve(answer);
    this.#line?.answer.resolve(answer);
    this.#line?.release();
    this.#late.release();
  }

  /** What has a callback is not kept. */
  #newLate() {
    const { onStdout, onStderr } = this.#lateCallbacks;
    const limits = [onStdout, onStderr].map((callback) => (callback ? 0 : this.#outputLimit));
    const late = new Line(limits, this.#lateCallbacks);
    if (this.closed) late.release();
    return late;
  }

  /** What jobs have written between lines since the last result, of each channel that nobody has heard. */
  #takeLate() {
    const { onStdout, onStderr } = this.#lateCallbacks;
    const background = this.#late.captured();
    if (background.stdout === "" && background.stderr === "") return undefined;
    if (onStdout) delete background.stdoutTruncated;
    if (onStderr) delete background.stderrTruncated;
    this.#late = this.#newLate();
    return { background };
  }

  /** Where the shell's output goes: to the line that runs, else to what comes between lines. */
  #channel(index) {
    const kept = () => (this.#line ?? this.#late).output(index);
    return {
      push: (chunk) => (this.#line ?? this.#late).push(index, chunk),
      toString: () => kept().toString(),
      get truncated() {
        return kept().truncated;
      },
    };
  }

  #onControl(data) {
    if (this.#hasEnded) return;
    this.#received.push(data);
    const all = this.#received.toBuffer();
    this.#received.clear();
    let at = 0;
    while (all.length - at >= 4) {
      const length = all.readUInt32LE(at);
      if (length < answerHead || length > longestAnswer) return this.#execution.kill(SIGKILL);
      const end = at + 4 + length;
      if (end > all.length) break;
      this.#answered(all.subarray(at + 4, end));
      at = end;
    }
    // A copy: it must not hold what has been taken.
    if (at < all.length) this.#received.push(Buffer.from(all.subarray(at)));
  }

  #answered(body) {
    const line = this.#line;
    // One that is over, or that the guest has made up.
    if (!line?.number.equals(body.subarray(0, line.number.length))) return;
    this.#cwd = body.toString("utf8", answerHead);
    line.answer.resolve({ exitCode: body.readInt32LE(8) & 0xff, signal: null });
  }
}

withCallerStacks(ShellSession.prototype, "run", "close");

/** What it throws is told by a warning: no call waits for it. */
function unawaited(name, callback) {
  const called = inContext(callback);
  return called && ((chunk) => callUnawaited(name, called, chunk));
}

/** Waits for a promise, and rejects at an abort. */
function unlessAborted(promise, signal) {
  if (!signal) return promise;
  const aborted = withResolvers();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, aborted.promise]).finally(() => {
    signal.removeEventListener("abort", abort);
  });
}

function frame(number, input, text) {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(answerHead + input.length + text.length);
  number.copy(head, 4);
  head.writeUInt32LE(input.length, 12);
  return Buffer.concat([head, input, text]);
}

function closedError() {
  const message = "The shell has ended";
  return new VmError({ code: "ERR_SHELL_CLOSED", message, errno: 0, stateLost: false });
}

module.exports = { ShellSession };

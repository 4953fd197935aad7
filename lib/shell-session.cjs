"use strict";
// A shell that lives: one line after another is run in it, with what the lines before have left. The shell tells the end of
// each line on a pipe of its own (commands/sh/src/session.rs), behind everything that the line has written. What comes on
// that pipe is a guest's: an answer counts only for the line that runs, and no frame is longer than it may be.

const { AsyncResource } = require("node:async_hooks");
const { inContext } = require("./callback.cjs");
const { withCallerStacks } = require("./caller.cjs");
const { VmError, outOfRange } = require("./errors.cjs");
const { hold, holdFor } = require("./keep-alive.cjs");
const { withResolvers } = require("./machine.cjs");
const { lineOptions } = require("./options.cjs");
const { Output, limitsOf } = require("./output.cjs");
const { Pages } = require("./pages.cjs");
const check = require("./validate.cjs");

const SIGKILL = 9;
/** Gives up the line that runs; the shell takes it in every state that it waits in. */
const CANCEL = 64;
/** Milliseconds that the shell has for that, and to end when it is closed. */
const grace = 2000;
/** Bytes of a line and its input together, and of an answer. */
const longestFrame = 64 * 1024 * 1024;
const longestAnswer = 64 * 1024;
/** Number and status. */
const answerHead = 12;

/** A line on its way through the shell. */
class Line {
  context = new AsyncResource("SECUREEXECCALL");
  answer = withResolvers();
  #outputs;
  /** What callbacks are still busy with. */
  #shown = new Set();
  /** What a callback has thrown. */
  failure;
  /** Called when a callback has thrown. */
  onFailure;

  constructor(number, limit, { onStdout, onStderr, maxOutputBytes }) {
    this.number = number;
    this.#outputs = [onStdout, onStderr].map((callback) => {
      const own = maxOutputBytes !== undefined;
      return new Output(maxOutputBytes ?? limit, inContext(callback, this.context), own);
    });
  }

  output(index) {
    return this.#outputs[index];
  }

  /** Takes output. Gives back a promise while a callback wants the guest to wait. */
  push(index, chunk) {
    try {
      const pending = this.#outputs[index].push(chunk);
      if (typeof pending?.then !== "function") return undefined;
      const shown = Promise.resolve(pending)
        .catch((error) => this.#fail(error))
        .finally(() => this.#shown.delete(shown));
      this.#shown.add(shown);
      return shown;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error) {
    if (this.failure) return;
    this.failure = { error };
    this.onFailure?.();
  }

  /** Settles when everything that was shown has been taken. */
  async shown() {
    while (this.#shown.size > 0) await Promise.all(this.#shown);
  }

  captured() {
    const [out, err] = this.#outputs;
    const result = { stdout: out.toString(), stderr: err.toString() };
    if (out.truncated) result.stdoutTruncated = true;
    if (err.truncated) result.stderrTruncated = true;
    return result;
  }

  limits(others) {
    return limitsOf(this.#outputs, others);
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
  #last = 0;
  #received = new Pages();
  /** Settles when the lines before have ended. */
  #before = Promise.resolve();
  #cwd;
  #isClosed = false;
  /** How the shell ended. */
  #end;

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
    return session;
  }

  constructor({ cwd, outputLimit, onStdout, onStderr }) {
    this.#cwd = cwd;
    this.#outputLimit = outputLimit;
    this.#lateCallbacks = { onStdout, onStderr };
    this.#late = this.#newLate();
  }

  get pid() {
    return this.#pid;
  }

  get cwd() {
    return this.#cwd;
  }

  get closed() {
    return this.#isClosed || this.#end !== undefined;
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
      await before;
      options.signal?.throwIfAborted();
      if (this.closed) throw closedError();
      return await this.#run(text, input, options);
    } finally {
      done.resolve();
      release();
    }
  }

  async close() {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#execution.closeControl();
      if (this.#line) this.#execution.kill(CANCEL);
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
    this.#last += 1;
    const line = new Line(this.#last, this.#outputLimit, options);
    this.#line = line;
    let timedOut = false;
    let killer;
    const giveUp = () => {
      if (killer) return;
      this.#execution.kill(CANCEL);
      // A shell that is busy in itself takes no signal.
      killer = setTimeout(() => this.#execution.kill(SIGKILL), grace);
    };
    const expire = () => {
      timedOut = true;
      giveUp();
    };
    line.onFailure = giveUp;
    const timer = options.timeout === undefined ? undefined : setTimeout(expire, options.timeout);
    options.signal?.addEventListener("abort", giveUp, { once: true });
    let answer;
    try {
      this.#execution.renewCpuTime();
      this.#execution.writeControl(frame(line.number, input, text));
      answer = await line.answer.promise;
      if (!killer) await Promise.race([line.shown(), this.#stopped(options.signal)]);
    } finally {
      this.#line = undefined;
      clearTimeout(timer);
      clearTimeout(killer);
      options.signal?.removeEventListener("abort", giveUp);
    }
    if (line.failure) throw line.failure.error;
    if (options.signal?.aborted) throw options.signal.reason;
    if (answer.error) throw Object.assign(answer.error, line.captured());
    const { limits, ...ended } = answer;
    const result = { ...line.captured(), ...ended, cwd: this.#cwd, ...line.limits(limits) };
    if (timedOut) result.timedOut = true;
    return { ...result, ...this.#takeLate() };
  }

  /** Settles when nobody waits any more for what callbacks have not taken. */
  #stopped(signal) {
    const stops = [this.#execution.end.catch(() => {})];
    if (signal) {
      const aborted = withResolvers();
      signal.addEventListener("abort", aborted.resolve, { once: true });
      stops.push(aborted.promise);
    }
    return Promise.race(stops);
  }

  /** The shell has ended: with the line that runs, or between two. */
  #over(end) {
    this.#end = end;
    const { result, error } = end;
    if (error) this.#line?.answer.resolve({ error });
    else {
      const { exitCode, signal, limits } = result;
      this.#line?.answer.resolve({ exitCode, signal, limits, closed: true });
    }
  }

  #newLate() {
    return new Line(0, this.#outputLimit, this.#lateCallbacks);
  }

  /** What jobs have written between lines since the last result, unless somebody has heard it. */
  #takeLate() {
    const { onStdout, onStderr } = this.#lateCallbacks;
    const background = this.#late.captured();
    if (background.stdout === "" && background.stderr === "") return undefined;
    this.#late = this.#newLate();
    return onStdout || onStderr ? undefined : { background };
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
    if (this.#end) return;
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
    if (!line || body.readBigUInt64LE(0) !== BigInt(line.number)) return;
    this.#cwd = body.toString("utf8", answerHead);
    line.answer.resolve({ exitCode: body.readInt32LE(8) & 0xff, signal: null });
  }
}

withCallerStacks(ShellSession.prototype, "run", "close");

function frame(number, input, text) {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(answerHead + input.length + text.length);
  head.writeBigUInt64LE(BigInt(number), 4);
  head.writeUInt32LE(input.length, 12);
  return Buffer.concat([head, input, text]);
}

function closedError() {
  const message = "The shell has ended";
  return new VmError({ code: "ERR_SHELL_CLOSED", message, errno: 0, stateLost: false });
}

module.exports = { ShellSession };

"use strict";
// One guest program from start to end: its output, its input, and how it settles.

const { VmError, limitError } = require("./errors.cjs");
const { hold } = require("./keep-alive.cjs");
const { withResolvers } = require("./machine.cjs");
const { Output } = require("./output.cjs");

const stdin = 0;
const stdout = 1;
const SIGKILL = 9;

/** Bytes of input that may be under way (STREAM_WINDOW of the protocol). */
const inputWindow = 64 * 1024;
/** Input up to this size travels with the request. */
const smallInput = 256 * 1024;

/**
 * @typedef {object} Settings
 * @property {string[]} argv
 * @property {object} options Checked options of the call.
 * @property {number} outputLimit
 * @property {number} inputLimit
 * @property {boolean} [returns] The program can hand back a value.
 * @property {boolean} [live] Input stays open and output is streamed.
 * @property {{cols: number, rows: number}} [terminal] It runs on a terminal of this size.
 * @property {(data: Buffer) => void} [onControl] The program has control pipes; takes what comes.
 */

class Execution {
  #machine;
  #call;
  #outputs;
  #signal;
  #abort;
  #value = [];
  #callbackError;
  #input = [];
  #inputLimit;
  #inputBytes = 0;
  #inFlight = 0;
  #inputEnded = false;
  #streamed;
  #result = withResolvers();
  #started = withResolvers();
  #release = hold();
  #onControl;
  exitCode = null;

  /** @param {Settings} settings */
  constructor(machine, settings) {
    const { options } = settings;
    this.#machine = machine;
    this.#inputLimit = settings.inputLimit;
    this.#onControl = settings.onControl;
    const limit = options.maxOutputBytes ?? settings.outputLimit;
    this.#outputs = [new Output(limit, options.onStdout), new Output(limit, options.onStderr)];
    // Both are told to whoever asks; nobody has to.
    this.#result.promise.catch(() => {});
    this.#started.promise.catch(() => {});
    this.#streamed = settings.live || (options.stdin?.length ?? 0) > smallInput;
    this.#call = machine.spawn(
      {
        argv: settings.argv,
        env: options.env,
        cwd: options.cwd,
        stdin: this.#streamed ? undefined : (options.stdin ?? new Uint8Array()),
        timeoutMs: options.timeout,
        streaming: Boolean(settings.live || options.onStdout || options.onStderr),
        announce: Boolean(settings.live),
        returns: Boolean(settings.returns),
        control: Boolean(settings.onControl),
        terminal: settings.terminal,
      },
      this,
    );
    if (this.#streamed && options.stdin) this.#queueInput(options.stdin, undefined);
    if (this.#streamed && !settings.live) this.closeInput();
    this.#watch(options.signal);
  }

  /** How the program ended, once. */
  get result() {
    return this.#result.promise;
  }

  /** The pid, once the program runs. */
  get pid() {
    return this.#started.promise;
  }

  kill(signal) {
    if (this.exitCode === null) this.#machine.signal(this.#call, signal);
  }

  /** Feeds standard input. Resolves when the program has taken it, or has ended. */
  write(data) {
    if (this.exitCode !== null || this.#inputEnded) return Promise.resolve();
    if (this.#inputBytes + data.length > this.#inputLimit) {
      const used = this.#inputBytes + data.length;
      const limit = "limits.jsRuntime.stdinBufferLimitBytes";
      return Promise.reject(
        new VmError({
          code: "ERR_RESOURCE_LIMIT",
          message: `The program does not read its input: ${limit} is ${this.#inputLimit}`,
          errno: 0,
          stateLost: false,
          limit: { limit, bound: this.#inputLimit, used },
        }),
      );
    }
    return new Promise((resolve) => this.#queueInput(data, resolve));
  }

  /** Changes the size of the terminal. */
  resize(size) {
    if (this.exitCode === null) this.#machine.resize(this.#call, size);
  }

  closeInput() {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#feed();
  }

  /** Sends a command to a resident program. */
  writeControl(stream, data) {
    this.#machine.input(this.#call, stream, data, false);
  }

  // Events, called by the machine.

  started(pid) {
    this.#started.resolve(pid);
  }

  output(stream, data) {
    const pending = stream > 2 ? this.#onControl?.(data) : this.#show(stream, data);
    const credit = () => this.#machine.credit(this.#call, stream, data.length);
    if (typeof pending?.then !== "function") return credit();
    // A callback that gives back a promise is a slow reader: the guest waits with it.
    pending.then(credit, (error) => {
      this.#failCallback(error);
      credit();
    });
  }

  inputCredit(_stream, bytes) {
    this.#inFlight -= bytes;
    this.#inputBytes -= bytes;
    this.#feed();
  }

  value(data) {
    this.#value.push(data);
  }

  exited(content) {
    // First: whoever is shown the last output must see that nothing more comes.
    this.exitCode = content.number;
    const shown = [content.stdout, content.stderr].map((rest, index) =>
      rest ? this.#show(index + stdout, rest) : undefined,
    );
    this.#started.resolve(undefined);
    const slow = shown.filter((pending) => typeof pending?.then === "function");
    if (slow.length === 0) return this.#settle(content);
    Promise.all(slow).then(
      () => this.#settle(content),
      (error) => {
        this.#failCallback(error);
        this.#settle(content);
      },
    );
  }

  failed(error) {
    this.exitCode ??= 128 + SIGKILL;
    this.#started.reject(this.#signal?.aborted ? this.#signal.reason : error);
    this.#finish();
    this.#result.reject(this.#signal?.aborted ? this.#signal.reason : this.#withOutput(error));
  }

  #settle(content) {
    const aborted = this.#signal?.aborted && this.exitCode === 128 + SIGKILL && !content.timedOut;
    this.#finish();
    if (this.#callbackError) return this.#result.reject(this.#callbackError.error);
    if (aborted) return this.#result.reject(this.#signal.reason);
    if (content.error) {
      return this.#result.reject(this.#withOutput(new VmError(content.error)));
    }
    if (content.limit) {
      return this.#result.reject(this.#withOutput(limitError(content.limit)));
    }
    const result = this.#captured();
    if (content.timedOut) result.timedOut = true;
    if (content.data) {
      result.value = JSON.parse(Buffer.concat([...this.#value, content.data]).toString("utf8"));
    }
    this.#result.resolve(result);
  }

  #captured() {
    const [out, err] = this.#outputs;
    const result = { stdout: out.toString(), stderr: err.toString(), exitCode: this.exitCode };
    if (out.truncated) result.stdoutTruncated = true;
    if (err.truncated) result.stderrTruncated = true;
    return result;
  }

  /** What the program had written is often the best account of what went wrong. */
  #withOutput(error) {
    const { stdout: out, stderr: err } = this.#captured();
    return Object.assign(error, { stdout: out, stderr: err });
  }

  #finish() {
    this.#release();
    this.#signal?.removeEventListener("abort", this.#abort);
    for (const { taken } of this.#input) taken?.();
    this.#input = [];
  }

  #show(stream, data) {
    const output = this.#outputs[stream - stdout];
    if (!output) return undefined;
    try {
      return output.push(data);
    } catch (error) {
      this.#failCallback(error);
      return undefined;
    }
  }

  /** A callback that throws ends the program, and the call with its error. */
  #failCallback(error) {
    if (this.#callbackError) return;
    this.#callbackError = { error };
    this.kill(SIGKILL);
  }

  #watch(signal) {
    if (!signal) return;
    this.#signal = signal;
    this.#abort = () => this.kill(SIGKILL);
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort, { once: true });
  }

  #queueInput(data, taken) {
    this.#input.push({ data, taken });
    this.#inputBytes += data.length;
    this.#feed();
  }

  /** Sends input as far as the window goes. */
  #feed() {
    if (!this.#streamed) return;
    while (this.#input.length > 0 && this.#inFlight < inputWindow) {
      const first = this.#input[0];
      const piece = first.data.subarray(0, inputWindow - this.#inFlight);
      first.data = first.data.subarray(piece.length);
      this.#inFlight += piece.length;
      if (piece.length > 0) this.#machine.input(this.#call, stdin, piece, false);
      if (first.data.length > 0) return;
      this.#input.shift();
      first.taken?.();
    }
    if (this.#inputEnded && this.#input.length === 0) {
      this.#inputEnded = true;
      this.#streamed = false;
      this.#machine.input(this.#call, stdin, new Uint8Array(), true);
    }
  }
}

module.exports = { Execution };

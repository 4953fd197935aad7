"use strict";
// One guest program from start to end: its output, its input, and how it settles.

const { AsyncResource } = require("node:async_hooks");
const { inContext, warn } = require("./callback.cjs");
const { VmError, limitError } = require("./errors.cjs");
const { Input } = require("./input.cjs");
const { Holds } = require("./keep-alive.cjs");
const { withResolvers } = require("./machine.cjs");
const { signalName } = require("./options.cjs");
const { Output, limitsOf } = require("./output.cjs");
const { OutputReader } = require("./output-queue.cjs");
const { WriteOrder } = require("./write-order.cjs");

const stdin = 0;
const stdout = 1;
const stderr = 2;
const controlIn = 3;
const SIGKILL = 9;
const SIGTERM = 15;

/** Input up to this size travels with the request. */
const smallInput = 256 * 1024;
const noInput = new Uint8Array();

/**
 * @typedef {object} Settings
 * @property {string[]} argv
 * @property {string} [code] An ES module that `node` runs in place of a file.
 * @property {object} options Checked options of the call.
 * @property {number} outputLimit
 * @property {number} inputLimit
 * @property {boolean} [returns] The program can hand back a value.
 * @property {boolean} [live] Input stays open and output is streamed. The program keeps the host alive only while
 *   somebody waits for it or has a callback for its output.
 * @property {{cols: number, rows: number}} [terminal] It runs on a terminal of this size.
 * @property {Output[]} [outputs] Takes the two channels, instead of what the options say.
 * @property {(data: Buffer) => void} [onControl] The program has control pipes; takes what comes.
 * @property {() => void} [onExit] The program has ended, and has perhaps something left to show.
 * @property {object} [owner] Lives as long as the program runs, or somebody holds its handle.
 * @property {() => AsyncResource | undefined} [contextNow] The asynchronous context of what the program does now.
 */

class Execution {
  #machine;
  #call;
  #argv;
  #outputs;
  /** Reads the output of a live program by streams. */
  #reader;
  /** Nothing more comes, and why not. @type {{ error?: Error } | undefined} */
  #outputEnd;
  /** In which order a live program has written on its channels, until somebody reads them. */
  #order;
  #signal;
  #abort;
  #callbackError;
  /** Promises of callbacks that are not done with what they were shown. */
  #showing = new Set();
  #isSettled = false;
  /** Its standard input, unless that travels with the request. */
  #input;
  #result = withResolvers();
  #started = withResolvers();
  /** What keeps the host alive for it. */
  #holds = new Holds();
  #onControl;
  /** Commands to a resident program. */
  #control;
  #contextNow;
  #onExit;
  /** The asynchronous context of the call. */
  #context;
  /** When the call may have taken its time, milliseconds of `performance.now()`. */
  #deadline;
  /** Where only callbacks are waited for: settles without them, and ends what else would. */
  #abandon;
  #stopAwaiting;
  #wasKilled = false;
  /** It was ended, or waiting for callbacks was: nobody waits for what they have not taken. */
  wasStopped = false;
  exitCode = null;
  /** The name of the signal that ended it, or null. */
  signal = null;

  /** @param {Settings} settings */
  constructor(machine, settings) {
    const { options } = settings;
    this.#machine = machine;
    const streamed = settings.live || (options.stdin?.length ?? 0) > smallInput;
    // First: it is on its way while the rest takes its time. Nothing of it comes back before this turn is over.
    this.#call = machine.spawn(
      {
        argv: settings.argv,
        code: settings.code,
        // A file's name says what it is, as it does for Node.js.
        language: options.language ?? (options.filename === undefined ? undefined : "auto"),
        filename: options.filename,
        env: options.env,
        cwd: options.cwd,
        stdin: streamed ? undefined : (options.stdin ?? noInput),
        timeoutMs: options.timeout,
        cpuTimeMs: options.cpuTimeMs,
        freezeTime: options.freezeTime,
        mostProcesses: options.mostProcesses,
        user: options.user,
        streaming: Boolean(settings.live || options.onStdout || options.onStderr),
        announce: Boolean(settings.live),
        returns: Boolean(settings.returns),
        control: Boolean(settings.onControl),
        terminal: settings.terminal,
      },
      this,
    );
    this.owner = settings.owner;
    this.#context = new AsyncResource("SECUREEXECCALL");
    this.#argv = settings.argv;
    machine.events.emit("exec", () => ({ argv: [...settings.argv] }));
    this.#onControl = settings.onControl;
    this.#contextNow = settings.contextNow;
    this.#onExit = settings.onExit;
    const onMost = onceOf((near) => machine.warn(this.#call, near));
    this.#outputs = settings.outputs ?? outputs(settings, this.#context, onMost);
    if (settings.live && !settings.outputs) this.#order = new WriteOrder();
    const isHeard = !settings.terminal && (options.onStdout || options.onStderr);
    if (!settings.live || isHeard) this.#holds.hold();
    if (options.timeout !== undefined) this.#deadline = performance.now() + options.timeout;
    // Both are told to whoever asks; nobody has to.
    this.#result.promise.catch(() => {});
    this.#started.promise.catch(() => {});
    if (streamed) this.#openInput(settings);
    if (settings.onControl) this.#control = this.#inputTo(controlIn, Number.POSITIVE_INFINITY);
    this.#watch(options.signal);
  }

  /** How the program ended, for somebody who does not wait for it. */
  get end() {
    return this.#result.promise;
  }

  /** How the program ended, once. Whoever asks waits for it. */
  get result() {
    return this.#holds.holdFor(this.#result.promise);
  }

  /** The pid, once the program runs. */
  get pid() {
    return this.#holds.holdFor(this.#started.promise);
  }

  /** Does not keep the host alive by itself any more: whoever waits for its end does. */
  unhold() {
    this.#holds.release();
  }

  /** Keeps the host alive until its end. */
  ref() {
    this.#holds.ref(!this.#isSettled);
  }

  /** Does not keep the host alive, whoever waits for what. */
  unref() {
    this.#holds.unref();
  }

  /** What reads its output by streams: what has been kept until now comes first. */
  get reader() {
    this.#reader ??= new OutputReader(
      (promise) => this.#holds.holdFor(promise),
      (channels) => {
        const kept = channels.map((channel) => this.#outputs[channel].handOver());
        return this.#order.inOrder(channels, kept);
      },
    );
    if (this.#outputEnd) this.#reader.end(this.#outputEnd.error);
    return this.#reader;
  }

  kill(signal) {
    if (this.exitCode !== null) return this.#abandon?.();
    this.#wasKilled = true;
    this.#machine.signal(this.#call, signal);
  }

  /** Feeds standard input, of a program that is live. */
  write(data) {
    return this.#holds.holdFor(this.#input.write(data));
  }

  /** Changes the size of the terminal. */
  resize(size) {
    if (this.exitCode === null) this.#machine.resize(this.#call, size);
  }

  closeInput() {
    this.#input.close();
  }

  /** Sends a command to a resident program. Resolves when it has taken that, or has ended. */
  writeControl(data) {
    return this.#control.write(data);
  }

  /** Sends no more commands. */
  closeControl() {
    this.#control.close();
  }

  /** Has the limit of processor time count from now on. */
  renewCpuTime() {
    this.#machine.renewCpuTime(this.#call);
  }

  /** The asynchronous context in which tools are called for the program. */
  get context() {
    return this.#contextNow?.() ?? this.#context;
  }

  // Events, called by the machine.

  started(pid) {
    this.#started.resolve(pid);
  }

  output(stream, data) {
    // Before: who is shown the data may give its memory away.
    const { length } = data;
    const pending = stream > 2 ? this.#onControl?.(data) : this.#take(stream, data);
    const credit = () => this.#machine.credit(this.#call, stream, length);
    // A callback that gives back a promise is a slow reader: the guest waits with it.
    if (pending) pending.then(credit);
    else credit();
  }

  inputCredit(stream, bytes) {
    if (stream === stdin) this.#input?.credited(bytes);
    if (stream === controlIn) this.#control?.credited(bytes);
  }

  exited(content) {
    // First: whoever is shown the last output must see that nothing more comes.
    this.exitCode = content.number;
    this.#onExit?.();
    this.signal = signalName(content.signal);
    this.#input?.end();
    if (content.stdout) this.#take(stdout, content.stdout);
    if (content.stderr) this.#take(stderr, content.stderr);
    this.#endOutput();
    this.#started.resolve(undefined);
    // A program that was ended does not wait for whoever hears of it.
    this.wasStopped = Boolean(
      content.timedOut ||
        this.#signal?.aborted ||
        this.#callbackError ||
        this.#machine.disposed ||
        (this.#wasKilled && content.signal),
    );
    if (this.#showing.size === 0 || this.wasStopped) this.#settle(content);
    else this.#awaitCallbacks(content);
  }

  /** Waits until what was shown has been taken: no longer than the call may take, and not beyond its abort. */
  #awaitCallbacks(content) {
    const settle = () => {
      if (!this.#isSettled) this.#settle(content);
    };
    this.#abandon = () => {
      this.wasStopped = true;
      settle();
    };
    const stops = [this.#machine.atDisposal(this.#abandon)];
    if (this.#deadline !== undefined) {
      const timer = setTimeout(this.#abandon, Math.max(0, this.#deadline - performance.now()));
      stops.push(() => clearTimeout(timer));
    }
    this.#stopAwaiting = () => {
      for (const stop of stops) stop();
    };
    Promise.all(this.#showing).then(settle);
  }

  failed(error) {
    this.#isSettled = true;
    if (this.exitCode === null) {
      this.exitCode = 128 + SIGKILL;
      this.signal = "SIGKILL";
    }
    this.#started.reject(this.#signal?.aborted ? this.#signal.reason : error);
    this.#endOutput(error);
    this.#finish();
    this.#result.reject(this.#signal?.aborted ? this.#signal.reason : this.#withOutput(error));
  }

  #settle(content) {
    this.#isSettled = true;
    this.#tellEnd(content);
    const { aborted: wasAborted } = this.#signal ?? {};
    const ended = this.exitCode === 128 + SIGKILL && !content.timedOut;
    const aborted = wasAborted && (ended || this.wasStopped);
    this.#finish();
    if (this.#callbackError) return this.#result.reject(this.#callbackError.error);
    if (aborted) return this.#result.reject(this.#signal.reason);
    if (content.error) {
      return this.#result.reject(this.#withOutput(new VmError(content.error)));
    }
    if (this.#machine.isExpired && this.exitCode === 128 + SIGTERM) {
      return this.#result.reject(this.#withOutput(this.#machine.disposedError));
    }
    if (content.limit) {
      return this.#result.reject(this.#withOutput(limitError(content.limit)));
    }
    if (this.#input?.refusal) return this.#result.reject(this.#input.refusal);
    const result = { ...this.captured(), signal: this.signal, usage: content.usage };
    Object.assign(result, limitsOf(this.#outputs, content.limits));
    if (content.timedOut) result.timedOut = true;
    try {
      if (content.data) result.value = JSON.parse(content.data.toString("utf8"));
    } catch (cause) {
      const error = this.#machine.violated("a value that is no JSON", cause);
      return this.#result.reject(this.#withOutput(error));
    }
    this.#result.resolve(result);
  }

  /** Tells who hears of what happens in the machine. */
  #tellEnd({ timedOut, usage, limit, limits = [] }) {
    const { events } = this.#machine;
    // The one that ended it may be among them.
    const others = limits.filter((breach) => breach.limit !== limit?.limit);
    const passed = limit ? [...others, limit] : others;
    for (const breach of passed) events.emit("limit", () => ({ ...breach }), this.#context);
    const told = () => ({
      argv: [...this.#argv],
      exitCode: this.exitCode,
      signal: this.signal,
      ...(timedOut && { timedOut }),
      usage,
    });
    events.emit("exit", told, this.#context);
  }

  /** What has been kept of its output. */
  captured() {
    const [out, err] = this.#outputs;
    const result = { stdout: out.toString(), stderr: err.toString(), exitCode: this.exitCode };
    if (out.truncated) result.stdoutTruncated = true;
    if (err.truncated) result.stderrTruncated = true;
    return result;
  }

  /** What the program had written is often the best account of what went wrong. */
  #withOutput(error) {
    const { stdout: out, stderr: err } = this.captured();
    return Object.assign(error, { stdout: out, stderr: err });
  }

  #endOutput(error) {
    this.#outputEnd = { error };
    this.#reader?.end(error);
  }

  #finish() {
    this.#holds.release();
    this.#stopAwaiting?.();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#input?.end();
    this.#control?.end();
  }

  /** Gives back a promise while somebody wants the program to wait. */
  #take(stream, data) {
    const channel = stream - stdout;
    if (!this.#reader?.reads(channel)) {
      this.#order?.add(channel, data.length);
      return this.#show(stream, data);
    }
    if (this.#outputs[channel].isIdle) return this.#reader.push(channel, bytesOf(data));
    // First: who is shown the data may give its memory away.
    const taken = this.#reader.push(channel, Uint8Array.from(data));
    const shown = this.#show(stream, data);
    return taken && shown ? Promise.all([taken, shown]) : (taken ?? shown);
  }

  /** Gives back a promise while a callback wants the program to wait. */
  #show(stream, data) {
    const output = this.#outputs[stream - stdout];
    if (!output) return undefined;
    try {
      const pending = output.push(data);
      if (typeof pending?.then !== "function") return undefined;
      const shown = Promise.resolve(pending)
        .catch((error) => this.failCallback(error))
        .finally(() => this.#showing.delete(shown));
      this.#showing.add(shown);
      return shown;
    } catch (error) {
      this.failCallback(error);
      return undefined;
    }
  }

  /** A callback that throws ends the program, and the call with its error. */
  failCallback(error) {
    if (this.#callbackError) return;
    if (this.#isSettled) warn("of a program that has ended", this, error);
    this.#callbackError = { error };
    this.kill(SIGKILL);
  }

  #watch(signal) {
    if (!signal) return;
    this.#signal = signal;
    this.#abort = () => {
      this.kill(SIGKILL);
      this.#abandon?.();
    };
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort, { once: true });
  }

  #inputTo(stream, limit) {
    const send = (data, end) => this.#machine.input(this.#call, stream, data, end);
    return new Input(send, limit);
  }

  #openInput({ options, inputLimit, live }) {
    this.#input = this.#inputTo(stdin, inputLimit);
    // Told by the end of the program.
    if (options.stdin) this.#input.write(options.stdin);
    if (!live) this.#input.close();
  }
}

/** Where the two channels go. What a live program writes is kept for whoever has no callback for it. */
function outputs({ options, live, outputLimit }, context, onMost) {
  return [options.onStdout, options.onStderr].map((callback) => {
    const own = options.maxOutputBytes ?? (live && callback ? 0 : undefined);
    const shown = inContext(callback, context);
    const { keep } = options;
    const settings = { isOwn: own !== undefined, keep, isLive: Boolean(live), onMost };
    return new Output(own ?? outputLimit, shown, settings);
  });
}

function bytesOf({ buffer, byteOffset, length }) {
  return new Uint8Array(buffer, byteOffset, length);
}

/** A limit is told once for each program, whichever of its channels reaches it first. */
function onceOf(tell) {
  let isTold = false;
  return (near) => {
    if (!isTold) tell(near);
    isTold = true;
  };
}

module.exports = { Execution };

"use strict";
// A program on a terminal: the handle that `openShell` gives back.

const { callUnawaited, inContext } = require("./callback.cjs");
const { fromCaller, withCallerStacks } = require("./caller.cjs");
const { hold } = require("./keep-alive.cjs");
const { signalNumber } = require("./options.cjs");
const check = require("./validate.cjs");

const smallChunk = 1024;

/** Output kept while nobody listens; of more than that the beginning is dropped. */
const mostKept = 1024 * 1024;

class NodeRuntimeTerminal {
  #execution;
  #pid;
  #listeners = new Set();
  #kept = [];
  #keptBytes = 0;
  #readers = new Set();
  /** Lets the host's process go, while somebody hears of the output. */
  #release;
  #size;

  /** @param {{ cols: number, rows: number }} size */
  constructor(size) {
    this.#size = size;
  }

  /** Takes the running program. */
  attach(execution, pid) {
    this.#execution = execution;
    this.#pid = pid;
    const end = () => this.end();
    execution.end.then(end, end);
    return this;
  }

  /** Nobody has to read on for the end of the program to be told. */
  end() {
    for (const reader of this.#readers) reader.end();
    this.#letGo();
  }

  /** Whoever hears of the output keeps the host's process alive, as whoever waits for the end does. */
  #holdWhileHeard() {
    const isHeard = this.#listeners.size > 0 || this.#readers.size > 0;
    if (isHeard && this.#execution.exitCode === null) this.#release ??= hold();
    else this.#letGo();
  }

  #letGo() {
    this.#release?.();
    this.#release = undefined;
  }

  /** Takes output. A promise makes the program wait. */
  deliver(chunk) {
    const listening = this.#listeners.size > 0 || this.#readers.size > 0;
    if (!listening) return this.#keep(chunk);
    const pending = [...this.#listeners]
      .map((listener) => listener(chunk))
      .filter((each) => typeof each?.then === "function");
    const taken = [...this.#readers].map((reader) => reader.push(chunk));
    const ended = this.#execution === undefined || this.#execution.exitCode !== null;
    if (!ended) pending.push(...taken);
    return pending.length > 0 ? Promise.all(pending) : undefined;
  }

  get pid() {
    return this.#pid;
  }

  get cols() {
    return this.#size.cols;
  }

  get rows() {
    return this.#size.rows;
  }

  get exitCode() {
    return this.#execution.exitCode;
  }

  write(data) {
    const bytes = check.bytes(data, "data");
    const written = fromCaller(this.write, () => this.#execution.write(bytes));
    // Whoever does not wait for it is told by `wait()`.
    written.catch(() => {});
    return written;
  }

  resize(cols, rows) {
    this.#size = { cols: cells(cols, "cols"), rows: cells(rows, "rows") };
    this.#execution.resize(this.#size);
  }

  kill(signal = "SIGHUP") {
    this.#execution.kill(signalNumber(signal));
  }

  async wait() {
    const { exitCode } = await this.#execution.result;
    return exitCode;
  }

  onData(listener) {
    const bound = inContext(check.callback(listener, "listener"));
    this.#listeners.add(bound);
    this.#holdWhileHeard();
    for (const chunk of this.#takeKept()) this.#tell(bound, chunk);
    const dispose = () => {
      this.#listeners.delete(bound);
      this.#holdWhileHeard();
    };
    return { dispose };
  }

  /** Shows a listener what came before it. */
  #tell(listener, chunk) {
    // When the program has ended no call is left that could reject.
    if (this.#execution.exitCode !== null) return callUnawaited("onData", listener, chunk);
    const fail = (error) => this.#execution.failCallback(error);
    try {
      Promise.resolve(listener(chunk)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  async *[Symbol.asyncIterator]() {
    const reader = new Reader(this.#takeKept());
    if (this.#execution.exitCode === null) this.#readers.add(reader);
    else reader.end();
    this.#holdWhileHeard();
    try {
      for (;;) {
        const chunk = await reader.next();
        if (chunk === undefined) return;
        yield chunk;
      }
    } finally {
      this.#readers.delete(reader);
      this.#holdWhileHeard();
      reader.end();
    }
  }

  /** Ends the program and what it started. */
  async dispose() {
    this.#execution.kill(9);
    await this.#execution.result.catch(() => {});
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.dispose();
  }

  #keep(chunk) {
    const last = this.#kept.at(-1);
    // Small chunks are put together: an object for each would take many times its bytes.
    if (last && last.length + chunk.length <= smallChunk) {
      this.#kept[this.#kept.length - 1] = Buffer.concat([last, chunk]);
    } else {
      this.#kept.push(chunk);
    }
    this.#keptBytes += chunk.length;
    while (this.#keptBytes > mostKept) this.#keptBytes -= this.#kept.shift().length;
  }

  #takeKept() {
    const kept = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    return kept;
  }
}

/** One `for await`: what came and was not taken yet. */
class Reader {
  #chunks;
  #taken = [];
  #waiting;
  #ended = false;

  constructor(chunks) {
    this.#chunks = [...chunks];
    this.#taken = chunks.map(() => () => {});
  }

  /** Resolves when the chunk has been taken. */
  push(chunk) {
    return new Promise((resolve) => {
      this.#chunks.push(chunk);
      this.#taken.push(resolve);
      this.#waiting?.();
    });
  }

  end() {
    this.#ended = true;
    for (const taken of this.#taken.splice(0)) taken();
    this.#waiting?.();
  }

  async next() {
    while (this.#chunks.length === 0 && !this.#ended) {
      await new Promise((resolve) => {
        this.#waiting = resolve;
      });
    }
    this.#taken.shift()?.();
    return this.#chunks.shift();
  }
}

withCallerStacks(NodeRuntimeTerminal.prototype, "wait", "dispose");

const cells = check.integer(1, { maximum: 65_535 });

module.exports = { NodeRuntimeTerminal };

"use strict";
// The live handle of a program that `spawn` started.

const { fromCaller, withCallerStacks } = require("./caller.cjs");
const { VmError } = require("./errors.cjs");
const { hold } = require("./keep-alive.cjs");
const { killOptions, signalNumber } = require("./options.cjs");
const check = require("./validate.cjs");

const SIGKILL = 9;

class NodeRuntimeProcess {
  #execution;
  #pid;
  #stdin;

  /**
   * @param {import("./execution.cjs").Execution} execution
   * @param {number} pid
   */
  constructor(execution, pid) {
    this.#execution = execution;
    this.#pid = pid;
  }

  get pid() {
    return this.#pid;
  }

  get exitCode() {
    return this.#execution.exitCode;
  }

  get signal() {
    return this.#execution.signal;
  }

  get captured() {
    const { exitCode: _, ...captured } = this.#execution.captured();
    return captured;
  }

  get stdout() {
    return this.#execution.reader.stream(0);
  }

  get stderr() {
    return this.#execution.reader.stream(1);
  }

  get stdin() {
    this.#stdin ??= inputStream(this.#execution);
    return this.#stdin;
  }

  get result() {
    return this.#execution.result;
  }

  ref() {
    this.#execution.ref();
    return this;
  }

  unref() {
    this.#execution.unref();
    return this;
  }

  writeStdin(data) {
    const bytes = check.bytes(data, "data");
    const written = fromCaller(this.writeStdin, () => this.#execution.write(bytes));
    // Whoever does not wait for it is told by `wait()`.
    written.catch(() => {});
    return written;
  }

  closeStdin() {
    this.#execution.closeInput();
  }

  kill(given = "SIGTERM") {
    if (typeof given === "object" && given !== null) return this.#killWithin(killOptions(given));
    this.#execution.kill(signalNumber(given));
    return undefined;
  }

  /** Has the program end by itself within a time, and ends it then. */
  async #killWithin({ signal, graceMs }) {
    const release = hold();
    this.#execution.kill(signal);
    const timer = setTimeout(() => this.#execution.kill(SIGKILL), graceMs);
    // How it ended is told to who waits for that.
    await this.#execution.end.catch(() => {});
    clearTimeout(timer);
    release();
    return this.exitCode;
  }

  async wait() {
    const { exitCode } = await this.#execution.result;
    return exitCode;
  }

  /** The output of both channels as it comes. */
  [Symbol.asyncIterator]() {
    return this.#execution.reader.iterator();
  }

  /** Kills the program and waits for its end. */
  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    this.#execution.kill(SIGKILL);
    await this.#execution.result.catch(() => {});
  }
}

withCallerStacks(NodeRuntimeProcess.prototype, "wait");

/** Standard input as a stream. What is written behind the end of the program fails, so that whoever feeds it stops. */
function inputStream(execution) {
  return new WritableStream({
    async write(chunk) {
      const bytes = check.bytes(chunk, "chunk");
      if (execution.exitCode !== null) throw ended();
      await execution.write(bytes);
    },
    close: () => execution.closeInput(),
    abort: () => execution.closeInput(),
  });
}

function ended() {
  const message = "EPIPE: broken pipe, write: the program has ended";
  const code = "EPIPE";
  return new VmError({ code, message, errno: -32, syscall: "write", stateLost: false });
}

module.exports = { NodeRuntimeProcess };

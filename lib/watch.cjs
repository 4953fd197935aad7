"use strict";
// Changes of files of a machine, as its guests are told of them: a program of ours watches there.

const { guestCode } = require("./guest-code.cjs");
const { VmError } = require("./errors.cjs");
const { Lines } = require("./lines.cjs");
const { withResolvers } = require("./machine.cjs");

const SIGKILL = 9;
const EIO = -5;

let text;

/** The program. Its arguments are the path, and whether what is below is meant as well. */
function watchCode() {
  text ??= guestCode(["watch.mjs"]);
  return text;
}

class FileWatcher {
  #execution;
  #path;
  #signal;
  #lines;
  #ready = withResolvers();
  #isOver = false;
  /** Calls of `next` are answered in turn. */
  #last = Promise.resolve();

  /**
   * @param {import("./execution.cjs").Execution} execution
   * @param {string} path
   * @param {AbortSignal} [signal] Ends it; a read that waits rejects with the reason.
   */
  constructor(execution, path, signal) {
    this.#execution = execution;
    this.#path = path;
    this.#signal = signal;
    this.#lines = linesOf(execution.reader.stream(0));
    // Nobody has to wait for it.
    this.#ready.promise.catch(() => {});
    this.#last = this.#line().then(
      () => this.#ready.resolve(),
      (error) => {
        this.#ready.reject(error);
        throw error;
      },
    );
    this.#last.catch(() => {});
  }

  get ready() {
    return this.#ready.promise;
  }

  next() {
    const next = this.#last.then(async () => {
      const value = this.#isOver ? undefined : await this.#line();
      return value ? { done: false, value } : { done: true, value: undefined };
    });
    this.#last = next.catch(() => {});
    return next;
  }

  async return() {
    await this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.#end();
  }

  async #line() {
    const { done, value } = await this.#lines.next();
    if (done) return await this.#over();
    const told = toldBy(value);
    if (told && !told.failure) return told;
    await this.#end();
    throw this.#failure(told?.failure ?? notTold);
  }

  async #end() {
    this.#isOver = true;
    this.#execution.kill(SIGKILL);
    await this.#execution.result.catch(() => {});
  }

  /** The program has ended by itself: with the runtime, or because it was aborted. */
  async #over() {
    const wasOver = this.#isOver;
    this.#isOver = true;
    const result = await this.#execution.end.catch((error) => ({ error }));
    if (this.#signal?.aborted) throw this.#signal.reason;
    if (!wasOver && result.error) throw result.error;
    return undefined;
  }

  #failure({ code, errno, message, syscall }) {
    const path = this.#path;
    return new VmError({ code, message, errno, syscall, path, stateLost: false });
  }
}

/** What a program is told to have failed with that says what ours never does: its guest has the better of it. */
const notTold = {
  code: "EIO",
  errno: EIO,
  message: "EIO: what is told of changes cannot be read, watch",
  syscall: "watch",
};

/** What a line says, if it is one of our program's. */
function toldBy(line) {
  try {
    const told = JSON.parse(line);
    return typeof told === "object" && told !== null ? told : undefined;
  } catch {
    return undefined;
  }
}

/** The lines of a stream. None of ours is too long for one: a path, of which JSON may write each byte as six. */
async function* linesOf(stream) {
  const lines = new Lines();
  for await (const chunk of stream) yield* lines.push(chunk);
}

module.exports = { FileWatcher, watchCode };

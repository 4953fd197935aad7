"use strict";
// Bytes of which none may be missing, on their way to a client: an archive, what a watcher tells. The client's pace is the
// source's, and while the client is away nothing more is asked for.

const { withResolvers } = require("../machine.cjs");
const { packFailure, remoteError } = require("../wire/failures.cjs");
const { outputWindow, piecesOf } = require("../wire/frames.cjs");

/**
 * @typedef {object} Source
 * @property {() => Promise<{ done: boolean, value?: Uint8Array }>} read
 * @property {() => Promise<unknown>} cancel
 */

class ByteStream {
  #operation;
  #source;
  /** What the client has not said to have, in pieces of which the first begins with the byte of number `#taken`. */
  #kept = [];
  #taken = 0;
  #end = 0;
  #isOpen = false;
  #isOver = false;
  /** Settles when more may be sent. */
  #room;
  /** Settles when the connection has room. */
  #drained;

  /** @param {import("./operation.cjs").Operation} operation @param {Source} source */
  constructor(operation, source) {
    this.#operation = operation;
    this.#source = source;
    // A client that does not come back is not waited for.
    operation.handle = { stream: this };
    const given = () => this.#finish({ event: "failed", error: cancelled() });
    operation.signal.addEventListener("abort", given, { once: true });
    this.#run();
  }

  /** The client is there, and has seen what is before `from`. */
  open(from) {
    this.#isOpen = true;
    this.#forget(from);
    let at = this.#taken;
    for (const piece of this.#kept) {
      this.#send(at, piece);
      at += piece.length;
    }
    this.#look();
  }

  /** It is away. */
  close() {
    this.#isOpen = false;
  }

  /** It wants no more. */
  leave() {
    this.#finish({ event: "exit", exitCode: 0 });
  }

  /** It has taken what is before this number. */
  taken(offset) {
    this.#forget(offset);
    this.#look();
  }

  async #run() {
    try {
      for (;;) {
        await this.#whenRoom();
        if (this.#isOver) return;
        const { done, value } = await this.#source.read();
        if (done) return this.#finish({ event: "exit", exitCode: 0 });
        for (const piece of piecesOf(value)) this.#take(piece);
      }
    } catch (error) {
      this.#finish({ event: "failed", error: packFailure(error) });
    }
  }

  #take(piece) {
    this.#kept.push(piece);
    if (this.#isOpen) this.#send(this.#end, piece);
    this.#end += piece.length;
  }

  #send(at, piece) {
    const { id, outlet } = this.#operation;
    const drained = outlet?.output(id, "onStdout", at, piece);
    this.#drained = drained;
    drained?.then(() => {
      if (this.#drained !== drained) return;
      this.#drained = undefined;
      this.#look();
    });
  }

  get #hasRoom() {
    const isClear = this.#isOpen && !this.#drained;
    return this.#isOver || (isClear && this.#end - this.#taken < outputWindow);
  }

  async #whenRoom() {
    if (this.#hasRoom) return;
    this.#room = withResolvers();
    await this.#room.promise;
  }

  #look() {
    if (this.#hasRoom) this.#room?.resolve();
  }

  #forget(offset) {
    while (this.#kept.length > 0 && this.#taken < offset) {
      const piece = this.#kept[0];
      const had = Math.min(piece.length, offset - this.#taken);
      this.#taken += had;
      if (had === piece.length) this.#kept.shift();
      else this.#kept[0] = piece.subarray(had);
    }
  }

  #finish(event) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#look();
    this.#operation.end(event);
    // What goes wrong there has nobody to hear of it.
    Promise.resolve(this.#source.cancel()).catch(() => {});
  }
}

function cancelled() {
  return packFailure(remoteError("ERR_CANCELLED", "Given up"));
}

/** A stream of bytes, as a source. @param {ReadableStream<Uint8Array>} stream @returns {Source} */
function sourceOf(stream) {
  const reader = stream.getReader();
  return { read: () => reader.read(), cancel: () => reader.cancel() };
}

/** What an iterator tells, as lines of JSON behind one that says that it has begun. @returns {Source} */
function linesOf(iterator) {
  const line = (value) => ({ done: false, value: Buffer.from(`${JSON.stringify(value)}\n`) });
  let hasBegun = false;
  return {
    async read() {
      if (!hasBegun) {
        hasBegun = true;
        return line({});
      }
      const { done, value } = await iterator.next();
      return done ? { done } : line(value);
    },
    cancel: () => iterator.return(),
  };
}

module.exports = { ByteStream, linesOf, sourceOf };

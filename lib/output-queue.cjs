"use strict";
// What a live program writes, for a reader who takes it piece by piece: nothing is taken from the program before it is asked
// for.

const { VmError } = require("./errors.cjs");

class OutputQueue {
  /** Pieces that nobody has taken yet, each with what is to be called then. */
  #pieces = [];
  #isEnded = false;
  #error;
  #isAbandoned = false;
  /** Who waits for a piece. */
  #wanted;
  #holds;

  /** @param {(promise: Promise<unknown>) => Promise<unknown>} holds Keeps the host alive while somebody waits. */
  constructor(holds) {
    this.#holds = holds;
  }

  /**
   * Takes a piece, whose memory is the reader's from now on.
   * @returns {Promise<void> | undefined} Resolves when the reader has it.
   */
  push(piece) {
    if (this.#isAbandoned || this.#isEnded) return undefined;
    if (this.#wanted) {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      wanted.resolve({ done: false, value: piece });
      return undefined;
    }
    return new Promise((taken) => {
      this.#pieces.push({ piece, taken });
    });
  }

  /** Nothing more comes. */
  end(error) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.resolve(this.#last());
  }

  /** The next piece, for one reader at a time. Rejects, once, if the output has broken off. */
  next() {
    const first = this.#pieces.shift();
    if (first) {
      first.taken();
      return Promise.resolve({ done: false, value: first.piece });
    }
    if (this.#isEnded || this.#isAbandoned) return Promise.resolve(this.#last());
    const next = new Promise((resolve) => {
      this.#wanted = { resolve };
    });
    return this.#holds(next);
  }

  #last() {
    const error = this.#error;
    this.#error = undefined;
    return error ? Promise.reject(error) : { done: true, value: undefined };
  }

  /** Nobody reads any more: what comes is dropped. */
  abandon() {
    this.#isAbandoned = true;
    for (const { taken } of this.#pieces) taken();
    this.#pieces = [];
    this.#wanted?.resolve({ done: true, value: undefined });
    this.#wanted = undefined;
  }

  /** As a stream of bytes. */
  stream() {
    return new ReadableStream(
      {
        pull: async (controller) => {
          const { done, value } = await this.next();
          if (done) controller.close();
          else controller.enqueue(value.data);
        },
        cancel: () => this.abandon(),
      },
      { highWaterMark: 0 },
    );
  }

  /** As an iterator of both channels. */
  iterator() {
    const over = { done: true, value: undefined };
    // Calls that are made together are answered in turn.
    let last = Promise.resolve();
    return {
      next: () => {
        const next = last.then(() => this.next());
        last = next.catch(() => {});
        return next;
      },
      return: async () => {
        this.abandon();
        return over;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/** The reader of a program's output: streams of its channels, or one iterator of both. */
class OutputReader {
  #holds;
  #handOver;
  /** By channel. @type {(OutputQueue | undefined)[]} */
  #queues = [undefined, undefined];
  #streams = [undefined, undefined];
  #isIterated = false;
  #end;

  /**
   * @param {(promise: Promise<unknown>) => Promise<unknown>} holds
   * @param {(channels: number[]) => { channel: number, data: Uint8Array }[]} handOver Gives what is kept of channels until
   *   now, in its order.
   */
  constructor(holds, handOver) {
    this.#holds = holds;
    this.#handOver = handOver;
  }

  /** Whether somebody reads a channel. */
  reads(channel) {
    return this.#queues[channel] !== undefined;
  }

  /** Takes a piece of a channel that is read. */
  push(channel, data) {
    return this.#queues[channel].push({ channel: names[channel], data });
  }

  /** Nothing more comes, because the program has ended, or the output has broken off. */
  end(error) {
    this.#end = { error };
    for (const queue of this.#queues) queue?.end(error);
  }

  stream(channel) {
    if (this.#isIterated) throw inUse("The process is iterated: its output is read there");
    this.#streams[channel] ??= this.#open([channel]).stream();
    return this.#streams[channel];
  }

  iterator() {
    if (this.#isIterated) throw inUse("The process is iterated already");
    if (this.#streams.some((stream) => stream !== undefined)) {
      throw inUse("The output of the process is read by its streams already");
    }
    this.#isIterated = true;
    return this.#open([0, 1]).iterator();
  }

  #open(channels) {
    const queue = new OutputQueue(this.#holds);
    for (const { channel, data } of this.#handOver(channels)) {
      queue.push({ channel: names[channel], data });
    }
    for (const channel of channels) this.#queues[channel] = queue;
    if (this.#end) queue.end(this.#end.error);
    return queue;
  }
}

const names = ["stdout", "stderr"];

function inUse(message) {
  return new VmError({ code: "ERR_INVALID_STATE", message, errno: 0, stateLost: false });
}

module.exports = { OutputReader };

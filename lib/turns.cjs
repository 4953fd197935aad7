"use strict";
// So many at once, the others in the order in which they came.

const { withResolvers } = require("./machine.cjs");

class Turns {
  #free;
  /** @type {Set<ReturnType<typeof withResolvers>>} */
  #waiting = new Set();

  /** @param {number} most */
  constructor(most) {
    this.#free = most;
  }

  /**
   * Does the work when its turn has come, at once if it has. Rejects with the signal's reason where it is aborted before that.
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async take(signal, work) {
    const turn = this.#turn(signal);
    if (turn) await turn;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #turn(signal) {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return this.#wait(signal);
  }

  async #wait(signal) {
    const turn = withResolvers();
    const abort = () => {
      if (this.#waiting.delete(turn)) turn.reject(signal.reason);
    };
    this.#waiting.add(turn);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #next() {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next.resolve();
  }
}

module.exports = { Turns };

"use strict";
// A string of bytes that answers questions, as `fuzz/src/input.rs` does. Runs in the host and in guests.

/** Numbers at which arithmetic breaks. */
const edges = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  255,
  256,
  4096,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -1,
  -2,
  -(2 ** 31),
  -(2 ** 53),
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1.5,
  -0,
  0.1,
];

/**
 * The source of everything that a run decides. Once it is used up every answer is the first one or nothing, so a run
 * ends, and a shorter string is a simpler run.
 */
class Input {
  #bytes;
  #at = 0;
  #notes;

  /** @param {Uint8Array} bytes */
  constructor(bytes, noting = false) {
    this.#bytes = bytes;
    if (noting) this.#notes = [];
  }

  get isSpent() {
    return this.#at >= this.#bytes.length;
  }

  byte() {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** A number from 0 up to `bound`, which is not in it. */
  below(bound) {
    if (bound <= 256) return this.byte() % Math.max(1, bound);
    return (this.byte() * 65536 + this.byte() * 256 + this.byte()) % bound;
  }

  /** True once in so many times. */
  onceIn(times) {
    return this.below(times) === times - 1;
  }

  /** One of a list. */
  pick(list) {
    return list[this.below(list.length)];
  }

  number() {
    const kind = this.below(4);
    if (kind === 0) return this.below(17);
    if (kind < 3) return this.pick(edges);
    return (this.below(2 ** 24) - 2 ** 23) * 2 ** (this.below(40) - 8);
  }

  bytes(longest) {
    const count = Math.min(this.below(longest + 1), Math.max(0, this.#bytes.length - this.#at));
    const taken = this.#bytes.slice(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  /** Several of what `one` makes. */
  list(most, one) {
    return Array.from({ length: this.below(most + 1) }, () => one(this));
  }

  /** Notes what the target does, to be read by people. */
  note(text) {
    this.#notes?.push(typeof text === "function" ? text() : text);
  }

  /** Whether somebody reads the notes. */
  get isNoting() {
    return this.#notes !== undefined;
  }

  /** All bytes that are left, for somebody else to read. */
  rest() {
    const taken = this.#bytes.slice(this.#at);
    this.#at = this.#bytes.length;
    return taken;
  }

  get notes() {
    return this.#notes ?? [];
  }
}

module.exports = { edges, Input };

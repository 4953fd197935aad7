"use strict";
// What one channel of a program has written: collected up to a bound, and shown to a callback as it comes.

const { release } = require("./release.cjs");
const { Pages } = require("./pages.cjs");

const limitName = "limits.jsRuntime.capturedOutputLimitBytes";

class Output {
  #kept = new Pages();
  #limit;
  #callback;
  /** What it was given, kept or not. */
  #used = 0;
  #isOwn;
  truncated = false;

  /**
   * @param {number} limit Bytes to keep.
   * @param {((chunk: Uint8Array) => unknown) | undefined} callback
   * @param {boolean} isOwn Whether the bound is the call's own, and not the machine's limit.
   */
  constructor(limit, callback, isOwn) {
    this.#limit = limit;
    this.#callback = callback;
    this.#isOwn = isOwn;
  }

  /** The machine's limit, if that is what has cut this. */
  get breach() {
    if (!this.truncated || this.#isOwn) return undefined;
    return { limit: limitName, bound: this.#limit, used: this.#used };
  }

  /** Takes a chunk. Gives back what the callback gives back, and throws what it throws. */
  push(chunk) {
    const room = this.#limit - this.#kept.length;
    this.#used += chunk.length;
    if (chunk.length > room) this.truncated = true;
    if (room > 0) {
      const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
      this.#kept.push(kept);
    }
    if (!this.#callback) {
      if (room <= 0) release(chunk);
      return undefined;
    }
    // What the callback does with it is its own business: a copy of what is kept.
    const { buffer, byteOffset, length } = chunk;
    return this.#callback(
      room > 0 ? Uint8Array.from(chunk) : new Uint8Array(buffer, byteOffset, length),
    );
  }

  toString() {
    const bytes = this.#kept.toBuffer();
    return bytes.toString("utf8", 0, this.truncated ? wholeCharacters(bytes) : bytes.length);
  }
}

/** The length without a UTF-8 sequence that was cut at the end. */
function wholeCharacters(bytes) {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/**
 * What two channels have cut, as a result tells it: the channel that had most, and the other limits of the result.
 * @param {Output[]} outputs
 * @param {object[]} [others]
 */
function limitsOf(outputs, others = []) {
  const breaches = outputs.map(({ breach }) => breach).filter(Boolean);
  const [most] = breaches.sort((a, b) => b.used - a.used);
  const limits = most ? [...others, most] : others;
  return limits.length > 0 ? { limits } : {};
}

module.exports = { Output, limitsOf };

"use strict";
// What one channel of a program has written: collected up to a bound, and shown to a callback as it comes.

const { constants } = require("node:buffer");
const { Kept } = require("./kept-output.cjs");
const { release } = require("./release.cjs");

/** Of its bytes none becomes more than one character. */
const longestText = constants.MAX_STRING_LENGTH;
/** From this part of the limit on its use is told. */
const most = 0.8;
const limitName = "limits.jsRuntime.capturedOutputLimitBytes";

class Output {
  #kept;
  #limit;
  #callback;
  /** What it was given, kept or not. */
  #used = 0;
  #isOwn;
  /** Is told once that most of the machine's limit is used. */
  #onMost;

  /**
   * @param {number} limit Bytes to keep.
   * @param {((chunk: Uint8Array) => unknown) | undefined} callback
   * @param {object} [settings]
   * @param {boolean} [settings.isOwn] Whether the bound is the call's own, and not the machine's limit.
   * @param {"head" | "tail" | "both"} [settings.keep] Which part is kept of more than that.
   * @param {boolean} [settings.isLive] The bytes may be asked for as they came.
   * @param {(near: { limit: string, bound: number, used: number }) => void} [settings.onMost] Is told once that most of the
   *   machine's limit is used.
   */
  constructor(limit, callback, { isOwn = false, keep = "head", isLive = false, onMost } = {}) {
    // What becomes one text cannot be longer.
    this.#limit = Math.min(limit, longestText);
    this.#kept = new Kept(this.#limit, keep, isLive);
    this.#callback = callback;
    this.#isOwn = isOwn;
    this.#onMost = isOwn ? undefined : onMost;
  }

  get truncated() {
    return this.#kept.truncated;
  }

  /** The machine's limit, if that is what has cut this. */
  get breach() {
    if (!this.truncated || this.#isOwn) return undefined;
    return { limit: limitName, bound: this.#limit, used: this.#used };
  }

  /** Whether a chunk would be neither kept nor shown. */
  get isIdle() {
    return this.#limit === 0 && !this.#callback;
  }

  /** Takes a chunk. Gives back what the callback gives back, and throws what it throws. */
  push(chunk) {
    this.#used += chunk.length;
    const isKept = this.#kept.push(chunk);
    if (isKept) this.#tellMost();
    if (!this.#callback) {
      if (!isKept) release(chunk);
      return undefined;
    }
    // What the callback does with it is its own business: a copy of what is kept.
    const { buffer, byteOffset, length } = chunk;
    return this.#callback(
      isKept ? Uint8Array.from(chunk) : new Uint8Array(buffer, byteOffset, length),
    );
  }

  /**
   * The bytes that are kept, for a reader who takes them and what follows: from now on no more is kept, unless the call has
   * a bound of its own.
   * @returns {Buffer}
   */
  handOver() {
    const bytes = Buffer.from(this.#kept.bytes());
    if (!this.#isOwn) {
      this.#limit = 0;
      this.#kept = new Kept(0, "tail", false);
    }
    return bytes;
  }

  #tellMost() {
    if (!this.#onMost || this.#kept.length < this.#limit * most) return;
    const onMost = this.#onMost;
    this.#onMost = undefined;
    onMost({ limit: limitName, bound: this.#limit, used: this.#kept.length });
  }

  toString() {
    return this.#kept.toString();
  }
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

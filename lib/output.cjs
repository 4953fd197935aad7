"use strict";
// What one channel of a program has written: collected up to a bound, and shown to a callback as it comes.

const { constants } = require("node:buffer");
const { Pages } = require("./pages.cjs");
const { release } = require("./release.cjs");

/** Of its bytes none becomes more than one character. */
const longestText = constants.MAX_STRING_LENGTH;
/** Bytes that become text in one go. */
const pieceLength = 64 * 1024;
/** From this part of the limit on its use is told. */
const most = 0.8;
const limitName = "limits.jsRuntime.capturedOutputLimitBytes";

class Output {
  /** Bytes that are no text yet. */
  #kept = new Pages();
  #text = [];
  /** Bytes of both. */
  #length = 0;
  #limit;
  #callback;
  /** What it was given, kept or not. */
  #used = 0;
  #isOwn;
  /** Is told once that most of the machine's limit is used. */
  #onMost;
  truncated = false;

  /**
   * @param {number} limit Bytes to keep.
   * @param {((chunk: Uint8Array) => unknown) | undefined} callback
   * @param {boolean} isOwn Whether the bound is the call's own, and not the machine's limit.
   * @param {(near: { limit: string, bound: number, used: number }) => void} [onMost] Is told once that most of that is used.
   */
  constructor(limit, callback, isOwn, onMost) {
    // What becomes one text cannot be longer.
    this.#limit = Math.min(limit, longestText);
    this.#callback = callback;
    this.#isOwn = isOwn;
    this.#onMost = isOwn ? undefined : onMost;
  }

  /** The machine's limit, if that is what has cut this. */
  get breach() {
    if (!this.truncated || this.#isOwn) return undefined;
    return { limit: limitName, bound: this.#limit, used: this.#used };
  }

  /** Takes a chunk. Gives back what the callback gives back, and throws what it throws. */
  push(chunk) {
    const room = this.#limit - this.#length;
    this.#used += chunk.length;
    if (chunk.length > room) this.truncated = true;
    if (room > 0) {
      const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
      this.#kept.push(kept);
      this.#length += kept.length;
      this.#tellMost();
      if (this.#kept.length >= pieceLength) this.#decode();
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

  #tellMost() {
    if (!this.#onMost || this.#length < this.#limit * most) return;
    const onMost = this.#onMost;
    this.#onMost = undefined;
    onMost({ limit: limitName, bound: this.#limit, used: this.#length });
  }

  /** Makes text as it comes: all of it at the end would hold the host up. A character that is not whole waits. */
  #decode() {
    const bytes = this.#kept.toBuffer();
    const whole = wholeCharacters(bytes);
    this.#text.push(bytes.toString("utf8", 0, whole));
    this.#kept.clear();
    if (whole < bytes.length) this.#kept.push(Buffer.from(bytes.subarray(whole)));
  }

  toString() {
    if (this.#length === 0) return "";
    this.#decode();
    this.#text = [this.#text.join("")];
    // What is not whole by now will not be, unless there is more to come, or it was cut here.
    const [text] = this.#text;
    return this.truncated ? text : text + this.#kept.toBuffer().toString();
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

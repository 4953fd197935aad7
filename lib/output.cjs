"use strict";
// What one channel of a program has written: collected up to a bound, and shown to a callback as it comes.

const binding = require("../binding.cjs");

class Output {
  #chunks = [];
  #length = 0;
  #limit;
  #callback;
  truncated = false;

  /**
   * @param {number} limit Bytes to keep.
   * @param {((chunk: Uint8Array) => unknown) | undefined} callback
   */
  constructor(limit, callback) {
    this.#limit = limit;
    this.#callback = callback;
  }

  /** Takes a chunk. Gives back what the callback gives back, and throws what it throws. */
  push(chunk) {
    const room = this.#limit - this.#length;
    if (chunk.length > room) this.truncated = true;
    if (room > 0) {
      const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
      this.#chunks.push(kept);
      this.#length += kept.length;
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
    const bytes = Buffer.concat(this.#chunks);
    return bytes.toString("utf8", 0, this.truncated ? wholeCharacters(bytes) : bytes.length);
  }
}

/** Gives back the memory of what nobody keeps: a program that writes without end is faster than the garbage collector. */
function release({ buffer, byteLength }) {
  if (byteLength === buffer.byteLength) binding.release(buffer);
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

module.exports = { Output };

"use strict";
// Bytes that come in chunks of any size and are kept: in memory of about their length.

/** Smaller chunks are put together: an object for each would take many times its bytes. */
const smallChunk = 1024;
const largestPage = 64 * 1024;
const noPage = Buffer.alloc(0);

class Pages {
  #chunks = [];
  /** Where small chunks go until it is full. */
  #page = noPage;
  #pageLength = 0;
  length = 0;

  /** @param {Uint8Array} chunk It may be kept as it is. */
  push(chunk) {
    if (chunk.length >= smallChunk) this.#pushLarge(chunk);
    else this.#pushSmall(chunk);
    this.length += chunk.length;
  }

  /** The oldest part of it, or undefined; it is not kept any more. */
  shift() {
    if (this.#chunks.length === 0) this.#endPage();
    const chunk = this.#chunks.shift();
    this.length -= chunk?.length ?? 0;
    return chunk;
  }

  /** Drops the oldest parts as long as at least `length` bytes stay. */
  keepLast(length) {
    while (this.#chunks.length > 0 && this.length - this.#chunks[0].length >= length) this.shift();
  }

  /** All of it, in one. */
  toBuffer() {
    this.#endPage();
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  clear() {
    this.#chunks = [];
    this.#page = noPage;
    this.#pageLength = 0;
    this.length = 0;
  }

  #pushLarge(chunk) {
    this.#endPage();
    // What it is a part of may be much larger.
    const isPart = chunk.buffer.byteLength > 2 * chunk.length;
    this.#chunks.push(isPart ? Buffer.from(chunk) : chunk);
  }

  #pushSmall(chunk) {
    if (this.#pageLength + chunk.length > this.#page.length) {
      this.#endPage();
      const length = Math.min(Math.max(2 * this.length, smallChunk), largestPage);
      this.#page = Buffer.allocUnsafeSlow(length);
    }
    this.#page.set(chunk, this.#pageLength);
    this.#pageLength += chunk.length;
  }

  #endPage() {
    const kept = this.#page.subarray(0, this.#pageLength);
    // A page that is mostly empty is not kept for what is in it.
    const isFull = 2 * kept.length >= this.#page.length;
    if (kept.length > 0) this.#chunks.push(isFull ? kept : Buffer.from(kept));
    this.#page = noPage;
    this.#pageLength = 0;
  }
}

module.exports = { Pages };

"use strict";
// The bytes of one channel that are kept, up to a bound: the first of them, the last, or some of both ends.

const { Pages } = require("./pages.cjs");

/** Bytes that become text in one go. */
const pieceLength = 64 * 1024;

class Kept {
  #limit;
  #keep;
  /** The head becomes text as it comes: all of it at the end would hold the host up. Nobody asks for its bytes then. */
  #decodes;
  #head = new Pages();
  #headLimit;
  #headLength = 0;
  #text = [];
  /** The bytes that had come when `#text` was made of all of them. */
  #textOf = 0;
  /** The last bytes, and some of those before. */
  #tail = new Pages();
  #tailLimit;
  /** Bytes that came. */
  #used = 0;

  /**
   * @param {number} limit Bytes to keep.
   * @param {"head" | "tail" | "both"} keep
   * @param {boolean} isLive The bytes may be asked for.
   */
  constructor(limit, keep, isLive) {
    this.#limit = limit;
    this.#keep = keep;
    this.#decodes = keep === "head" && !isLive;
    this.#headLimit = { head: limit, tail: 0, both: Math.ceil(limit / 2) }[keep];
    this.#tailLimit = limit - this.#headLimit;
  }

  /** Bytes that are kept. */
  get length() {
    return Math.min(this.#used, this.#limit);
  }

  get truncated() {
    return this.#used > this.#limit;
  }

  /** Takes a chunk. Gives back whether some of its memory is kept. */
  push(chunk) {
    this.#used += chunk.length;
    const room = this.#headLimit - this.#headLength;
    if (room > 0) this.#pushHead(chunk.length > room ? chunk.subarray(0, room) : chunk);
    if (chunk.length <= room || this.#tailLimit === 0) return room > 0;
    const rest = chunk.subarray(Math.max(0, room));
    this.#tail.push(rest.subarray(Math.max(0, rest.length - this.#tailLimit)));
    this.#tail.keepLast(this.#tailLimit);
    return true;
  }

  #pushHead(chunk) {
    this.#head.push(chunk);
    this.#headLength += chunk.length;
    if (this.#decodes && this.#head.length >= pieceLength) this.#decode();
  }

  /** Makes text of the head. A character that is not whole waits. */
  #decode() {
    const bytes = this.#head.toBuffer();
    const whole = wholeCharacters(bytes);
    this.#text.push(bytes.toString("utf8", 0, whole));
    this.#head.clear();
    if (whole < bytes.length) this.#head.push(Buffer.from(bytes.subarray(whole)));
  }

  /** What is kept, as it came; of a live one. */
  bytes() {
    return Buffer.concat([this.#head.toBuffer(), this.#tailBytes()]);
  }

  #tailBytes() {
    const bytes = this.#tail.toBuffer();
    return bytes.subarray(Math.max(0, bytes.length - this.#tailLimit));
  }

  toString() {
    if (this.#used === 0 || this.#limit === 0) return "";
    if (this.#decodes) return this.#decoded();
    // Whoever asks again and again is told at once as long as nothing more has come.
    if (this.#textOf !== this.#used) {
      this.#text = [this.truncated ? this.#ends() : this.bytes().toString()];
      this.#textOf = this.#used;
    }
    return this.#text[0];
  }

  #decoded() {
    if (this.#head.length > 0) this.#decode();
    this.#text = [this.#text.join("")];
    // What is not whole by now will not be, unless there is more to come, or it was cut here.
    const [text] = this.#text;
    return this.truncated ? text : text + this.#head.toBuffer().toString();
  }

  /** What is kept of more than that, cut between characters. */
  #ends() {
    const head = this.#head.toBuffer();
    const end = wholeCharacters(head);
    const first = head.toString("utf8", 0, end);
    if (this.#keep === "head") return first;
    const tail = this.#tailBytes();
    const start = startOfCharacter(tail);
    const last = tail.toString("utf8", start);
    if (this.#keep === "tail") return last;
    const separator = first === "" || first.endsWith("\n") ? "" : "\n";
    const leftOut = this.#used - end - (tail.length - start);
    return `${first}${separator}[${leftOut} bytes left out]\n${last}`;
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

/** Where the first character begins that was not cut at its front. */
function startOfCharacter(bytes) {
  let start = 0;
  while (start < Math.min(3, bytes.length) && (bytes[start] & 0xc0) === 0x80) start += 1;
  return start;
}

module.exports = { Kept };

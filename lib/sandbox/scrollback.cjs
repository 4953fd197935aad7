"use strict";
// The last output of a session, for whoever attaches to it: pieces of both channels in the order in which they came.

/** Bytes that are kept. */
const most = 1024 * 1024;
/** Pieces that are kept, where a command writes little at a time on both channels in turn. */
const mostPieces = 4096;
/** Bytes of the pages that pieces of one channel are put together in. */
const pageLength = 16 * 1024;
const smallPage = 128;

class Scrollback {
  /** Each is the bytes of `page` from `start` to `end`. */
  #pieces = [];
  #first = 0;
  #length = 0;
  /** Bytes that have come, kept or not: both channels are numbered as one. */
  end = 0;

  /** The number of the first byte that is kept. */
  get start() {
    return this.end - this.#length;
  }

  push(channel, data) {
    this.end += data.length;
    // Copies: who is shown the data may change it, and it must not hold what it was a part of.
    let rest = data.length > most ? data.subarray(data.length - most) : data;
    this.#length += rest.length;
    const last = this.#pieces.at(-1);
    if (last?.channel === channel && last.end < last.page.length) {
      const fitting = rest.subarray(0, last.page.length - last.end);
      last.page.set(fitting, last.end);
      last.end += fitting.length;
      rest = rest.subarray(fitting.length);
    }
    if (rest.length > 0) this.#add(channel, rest);
    while (this.#length > most || this.#pieces.length - this.#first > mostPieces) this.#shorten();
  }

  /** A page that grows with what its channel writes: many have little in them. */
  #add(channel, data) {
    const previous = this.#pieces.at(-1);
    const isNext = previous?.channel === channel;
    const room = isNext ? Math.min(2 * previous.page.length, pageLength) : smallPage;
    const page = new Uint8Array(Math.max(room, data.length));
    page.set(data);
    this.#pieces.push({ channel, page, start: 0, end: data.length });
  }

  /** Takes off the front what is too much. */
  #shorten() {
    const oldest = this.#pieces[this.#first];
    const length = oldest.end - oldest.start;
    const excess = this.#length - most;
    if (excess > 0 && length > excess) {
      oldest.start += excess;
      this.#length -= excess;
      return;
    }
    this.#length -= length;
    this.#pieces[this.#first] = undefined;
    this.#first += 1;
    if (this.#first > this.#pieces.length / 2) {
      this.#pieces.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** What is kept now of the bytes from number `from` on, oldest first. Whoever is shown it gets a copy. */
  pieces(from = 0) {
    const pieces = [];
    let skipped = Math.max(0, from - this.start);
    for (const { channel, page, start, end } of this.#pieces.slice(this.#first)) {
      const seen = Math.min(skipped, end - start);
      skipped -= seen;
      if (start + seen < end) pieces.push({ channel, data: page.subarray(start + seen, end) });
    }
    return pieces;
  }
}

module.exports = { Scrollback, most };

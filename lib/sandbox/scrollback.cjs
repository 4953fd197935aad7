"use strict";
// The last output of a session, for whoever attaches to it: pieces of both channels in the order in which they came.

/** Bytes that are kept. */
const most = 1024 * 1024;

class Scrollback {
  /** @type {{ channel: string, data: Uint8Array }[]} */
  #pieces = [];
  #first = 0;
  #length = 0;

  push(channel, data) {
    // A copy: who is shown the data may change it, and it must not hold what it was a part of.
    const kept = Uint8Array.from(data.length > most ? data.subarray(data.length - most) : data);
    this.#pieces.push({ channel, data: kept });
    this.#length += kept.length;
    while (this.#length > most) this.#shorten();
  }

  /** Takes off the front what is too much. */
  #shorten() {
    const oldest = this.#pieces[this.#first];
    const excess = this.#length - most;
    if (oldest.data.length > excess) {
      oldest.data = oldest.data.slice(excess);
      this.#length -= excess;
      return;
    }
    this.#length -= oldest.data.length;
    this.#pieces[this.#first] = undefined;
    this.#first += 1;
    if (this.#first > this.#pieces.length / 2) {
      this.#pieces.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** What is kept now, oldest first: copies. */
  pieces() {
    return this.#pieces
      .slice(this.#first)
      .map(({ channel, data }) => ({ channel, data: data.slice() }));
  }
}

module.exports = { Scrollback, most };

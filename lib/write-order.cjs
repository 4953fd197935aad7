"use strict";
// In which order a program has written on its two channels.

/** Turns that are told apart: a program that writes a byte on each channel in turn must not fill the memory. */
const mostTurns = 4096;

class WriteOrder {
  /** Channel and bytes of each turn, oldest first. */
  #turns = [];
  #last = [undefined, undefined];

  /** Bytes have come of a channel. */
  add(channel, length) {
    const isNext = this.#turns.at(-1)?.channel !== channel;
    if (this.#last[channel] === undefined || (isNext && this.#turns.length < mostTurns)) {
      this.#last[channel] = { channel, length: 0 };
      this.#turns.push(this.#last[channel]);
    }
    this.#last[channel].length += length;
  }

  /**
   * Pieces of what is kept of channels as they were written; what was dropped is left out.
   * @param {number[]} channels
   * @param {Buffer[]} kept
   */
  inOrder(channels, kept) {
    const rest = new Map(channels.map((channel, index) => [channel, kept[index]]));
    const pieces = [];
    for (const { channel, length } of this.#turns) {
      const bytes = rest.get(channel);
      if (!bytes?.length) continue;
      pieces.push({ channel, data: Uint8Array.from(bytes.subarray(0, length)) });
      rest.set(channel, bytes.subarray(length));
    }
    return pieces;
  }
}

module.exports = { WriteOrder };

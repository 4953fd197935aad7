"use strict";
// An input stream of a program: writes wait in a queue and are sent as far as the window goes.

const { limitError, writeAfterEnd } = require("./errors.cjs");

/** Bytes of input that may be under way (STREAM_WINDOW of the protocol). */
const inputWindow = 64 * 1024;

const limitName = "limits.jsRuntime.stdinBufferLimitBytes";

/** Milliseconds after which a program that has taken nothing does not read. */
const patience = 5000;
/** How many times the bound may wait while the program reads. */
const mostTimes = 16;

class Input {
  #send;
  #limit;
  /** Writes that the program has not taken whole, oldest first; the first is the one in progress. */
  #writes = [];
  /** Index of the write whose bytes are sent next. */
  #next = 0;
  /** Bytes of the writes behind the first. */
  #behind = 0;
  #inFlight = 0;
  #closed = false;
  #endSent = false;
  #ended = false;
  #refusal;
  /** Runs while more waits than may for long. */
  #patience;

  /**
   * @param {(data: Uint8Array, end: boolean) => void} send
   * @param {number} limit Bytes that may wait behind the write in progress of a program that does not read. While it
   *   reads there may be more, up to a multiple.
   */
  constructor(send, limit) {
    this.#send = send;
    this.#limit = limit;
  }

  /** The error of the first write that was refused: what the program gets has an end that the caller did not mean. */
  get refusal() {
    return this.#refusal;
  }

  /** Whether something has been written that was not taken yet. */
  get waiting() {
    return this.#writes.length > 0;
  }

  /**
   * Takes data that nobody else changes. A single write may have any size; what waits behind it is bounded.
   * @returns {Promise<void>} Resolves when the program's pipe has taken all of it, or the program has ended. Rejects
   *   when too much waits.
   */
  write(data) {
    if (this.#ended) return Promise.resolve();
    const refusal = this.#refuse(data.length);
    if (refusal) {
      this.#refusal ??= refusal;
      return Promise.reject(refusal);
    }
    return new Promise((taken, refused) => {
      if (this.#writes.length > 0) this.#behind += data.length;
      this.#writes.push({ data, sent: 0, untaken: data.length, taken, refused });
      this.#feed();
      this.#expectReader();
    });
  }

  /** Ends the stream behind everything that was written. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed();
  }

  /** The program took bytes. */
  credited(bytes) {
    this.#inFlight -= bytes;
    let left = bytes;
    for (;;) {
      const first = this.#writes[0];
      if (!first) break;
      const part = Math.min(left, first.untaken);
      first.untaken -= part;
      left -= part;
      if (first.untaken > 0 || first.sent < first.data.length) break;
      this.#shift();
    }
    this.#feed();
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#expectReader();
  }

  /** The program has ended: nobody takes anything any more. */
  end() {
    this.#ended = true;
    clearTimeout(this.#patience);
    for (const { taken } of this.#writes) taken();
    this.#writes = [];
  }

  /** Behind a gap nothing may follow: a refused write refuses all later ones. */
  #refuse(length) {
    if (this.#refusal) return this.#refusal;
    if (this.#closed) return writeAfterEnd();
    const used = this.#behind + length;
    const fits = this.#writes.length === 0 || used <= this.#limit * mostTimes;
    return fits ? undefined : this.#tooMuch(used);
  }

  #tooMuch(used) {
    return limitError(
      { limit: limitName, bound: this.#limit, used },
      `The program does not read its input: ${limitName} is ${this.#limit}, ${used} bytes wait`,
    );
  }

  /** Gives the program time to take something of what is too much. */
  #expectReader() {
    if (this.#behind <= this.#limit || this.#patience || this.#ended) return;
    const asked = () => {
      // What has arrived meanwhile counts, also if this process was busy all the time.
      const expired = this.#patience;
      setImmediate(() => {
        if (this.#patience === expired && !this.#ended) this.#giveUp();
      });
    };
    this.#patience = setTimeout(asked, patience);
    this.#patience.unref();
  }

  /** Refuses the writes beyond the bound of which nothing has been sent. */
  #giveUp() {
    this.#patience = undefined;
    this.#refusal ??= this.#tooMuch(this.#behind);
    let behind = 0;
    const [first, ...others] = this.#writes;
    const kept = others.findIndex((write) => {
      behind += write.data.length;
      return behind > this.#limit && write.sent === 0;
    });
    if (kept < 0) return;
    this.#writes = [first, ...others.slice(0, kept)];
    for (const { data, refused } of others.slice(kept)) {
      this.#behind -= data.length;
      refused(this.#refusal);
    }
    // A stream that was to end behind them ends here.
    this.#feed();
  }

  #feed() {
    if (this.#ended) return;
    while (this.#next < this.#writes.length && this.#inFlight < inputWindow) {
      const write = this.#writes[this.#next];
      const end = Math.min(write.data.length, write.sent + inputWindow - this.#inFlight);
      if (end > write.sent) {
        const piece = write.data.subarray(write.sent, end);
        this.#inFlight += piece.length;
        write.sent = end;
        this.#send(piece, false);
      }
      if (write.sent < write.data.length) return;
      this.#next += 1;
      if (write.untaken === 0 && this.#writes[0] === write) this.#shift();
    }
    if (!this.#closed || this.#endSent || this.#next < this.#writes.length) return;
    this.#endSent = true;
    this.#send(new Uint8Array(), true);
  }

  #shift() {
    const first = this.#writes.shift();
    this.#next -= 1;
    if (this.#writes.length > 0) this.#behind -= this.#writes[0].data.length;
    first.taken();
  }
}

module.exports = { Input };

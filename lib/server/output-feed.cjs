"use strict";
// What a program writes, on its way to one client: numbered, no more under way than a window holds, and kept while the
// client is away.

const { withResolvers } = require("../machine.cjs");
const { Scrollback } = require("../sandbox/scrollback.cjs");
const { outputWindow } = require("../wire/frames.cjs");

/** Output on one connection, from one number on. */
class OutputWindow {
  #send;
  #sent;
  #taken;
  /** Settles when the client has taken enough. */
  #room;

  /**
   * @param {(channel: string, offset: number, data: Uint8Array) => Promise<void> | undefined} send Gives back a promise
   *   while the connection has too much under way.
   * @param {number} from The number of the first byte.
   */
  constructor(send, from) {
    this.#send = send;
    this.#sent = from;
    this.#taken = from;
  }

  /** Sends a piece. Gives back a promise while the program is to wait. */
  push(channel, data) {
    const pending = this.#send(channel, this.#sent, data);
    this.#sent += data.length;
    if (this.#sent - this.#taken > outputWindow) this.#room ??= withResolvers();
    const room = this.#room?.promise;
    return pending && room ? Promise.all([pending, room]) : (pending ?? room);
  }

  /** What comes next has this number: the client knows that others have fallen out. */
  skipTo(offset) {
    this.#sent = offset;
    this.#taken = offset;
  }

  /** The client has taken what is before this number. */
  taken(offset) {
    this.#taken = Math.max(this.#taken, Math.min(offset, this.#sent));
    if (this.#sent - this.#taken <= outputWindow) this.release();
  }

  /** Has nobody wait for the client any more. */
  release() {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** Output that has no session which keeps it: that of a command or a line that somebody waits for. */
class OutputFeed {
  #kept = new Scrollback();
  /** @type {OutputWindow | undefined} */
  #window;

  /** Takes a piece. Gives back a promise while the program is to wait. */
  push(channel, data) {
    this.#kept.push(channel, data);
    return this.#window?.push(channel, data);
  }

  /**
   * A client is there (again), and has seen what is before `from`.
   * @param {(lost: number) => void} onGap Told how many bytes are not kept any more.
   * @returns {OutputWindow}
   */
  open(send, from, onGap) {
    this.close();
    const start = Math.max(from, this.#kept.start);
    if (start > from) onGap(start - from);
    this.#window = new OutputWindow(send, start);
    for (const { channel, data } of this.#kept.pieces(start)) this.#window.push(channel, data);
    return this.#window;
  }

  get keptBytes() {
    return this.#kept.end - this.#kept.start;
  }

  /** Keeps nothing more, of a program that has ended. */
  drop() {
    this.#kept = new Scrollback();
  }

  /** The client is away: the program goes on. */
  close() {
    this.#window?.release();
    this.#window = undefined;
  }
}

module.exports = { OutputFeed, OutputWindow };

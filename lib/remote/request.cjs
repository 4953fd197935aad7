"use strict";
// Something that a server has been asked for, from the call to its end, over as many connections as it takes.

const { outOfRange } = require("../errors.cjs");
const { withResolvers } = require("../machine.cjs");
const { unpackFailure } = require("../wire/failures.cjs");
const { Body } = require("../wire/frames.cjs");

/** Bytes that a stream has been shown before the server is told. */
const ackEvery = 64 * 1024;
/** Bytes of an answer: what no sandbox of this process gives either. */
const mostBytes = 1024 * 1024 * 1024;

/**
 * @typedef {object} Listener
 * @property {(channel: "onStdout" | "onStderr", data: Uint8Array) => Promise<unknown> | undefined} [output] Gives back a
 *   promise while the program is to wait.
 * @property {(event: { event: string }) => void} [event]
 * @property {(error: Error) => void} [lost] Nothing more will come of a stream.
 */

class Request {
  /** Whether the server may know of it. */
  wasSent = false;
  /** Whether it was given up, or its output is not wanted any more: the server may have missed that. */
  isCancelled = false;
  hasLeft = false;
  isOver = false;
  #answer = withResolvers();
  #isAnswered = false;
  /** The answer that waits for its bytes. */
  #coming;
  #bodies = [];
  /** The number of the next byte of its output. */
  #seen = 0;
  #acked = 0;
  /** Bytes that listeners are still busy with. */
  #busy = 0;
  /** A new one for each connection: what was acknowledged on an old one does not count. */
  #epoch = {};
  #goesOn;
  #listener;
  #onAck;

  /**
   * @param {number} id
   * @param {{ method: string, params?: object, body?: Uint8Array, goesOn?: boolean, listener?: Listener }} call `goesOn`: a
   *   stream comes behind the answer.
   * @param {(offset: number) => void} onAck
   */
  constructor(id, { method, params, body, goesOn = false, listener = {} }, onAck) {
    this.id = id;
    this.body = body;
    this.message = { id, method, params, bytes: body?.length };
    this.#goesOn = goesOn;
    this.#listener = listener;
    this.#onAck = onAck;
    // Told to whoever waits for it.
    this.#answer.promise.catch(() => {});
  }

  /** Resolves with `{ result, bodies }`. */
  get answer() {
    return this.#answer.promise;
  }

  get isAnswered() {
    return this.#isAnswered;
  }

  /** The number of the first byte of its output that has not come. */
  get seen() {
    return this.#seen;
  }

  /** Another connection: what was on its way on the old one comes again. */
  renewed() {
    this.#epoch = {};
    this.#busy = 0;
    this.#acked = this.#seen;
    this.#coming = undefined;
    this.#bodies = [];
  }

  /** Takes output, each byte once. */
  output(channel, offset, data) {
    const fresh = data.subarray(Math.max(0, this.#seen - offset));
    if (fresh.length === 0 || offset > this.#seen) return;
    this.#seen += fresh.length;
    if (this.hasLeft) return this.#ack();
    // A copy: the caller may keep or change it.
    const pending = this.#listener.output?.(channel, new Uint8Array(fresh));
    if (!pending) return this.#ack();
    const epoch = this.#epoch;
    this.#busy += fresh.length;
    const taken = () => {
      if (epoch !== this.#epoch) return;
      this.#busy -= fresh.length;
      this.#ack();
    };
    pending.then(taken, taken);
  }

  #ack() {
    const taken = this.#seen - this.#busy;
    if (taken - this.#acked < ackEvery || this.isOver) return;
    this.#acked = taken;
    this.#onAck(taken);
  }

  /** Takes a message that is not output. @returns {boolean} Whether it was the last. */
  take(message) {
    if ("event" in message) return this.#event(message);
    if ("error" in message) {
      this.reject(unpackFailure(message.error));
      return true;
    }
    if (this.#isAnswered) return false;
    const { result, bodies = [] } = message;
    const length = bodies.reduce((sum, each) => sum + each, 0);
    if (!(length <= mostBytes)) throw outOfRange("bodies", `at most ${mostBytes} bytes`, length);
    this.#bodies = bodies.map((each) => new Body(each));
    this.#coming = { result };
    return this.#completed();
  }

  /** Takes bytes of the answer. @returns {boolean} Whether they were the last. */
  data(bytes) {
    const body = this.#bodies.find(({ isWhole }) => !isWhole);
    body?.push(bytes);
    return this.#completed();
  }

  #completed() {
    if (!this.#coming || this.#bodies.some(({ isWhole }) => !isWhole)) return false;
    this.#isAnswered = true;
    this.#answer.resolve({ ...this.#coming, bodies: this.#bodies.map(({ bytes }) => bytes) });
    this.#coming = undefined;
    return !this.#goesOn;
  }

  #event(message) {
    // Those of the way, not the listener's: bytes that are not kept any more are counted as seen.
    if (message.event === "gap") {
      this.#seen += message.bytes;
      this.#acked = this.#seen;
    }
    this.#listener.event?.(message);
    return message.event === "exit" || message.event === "failed";
  }

  /** Ends it: nothing more comes. */
  reject(error) {
    this.isOver = true;
    this.#answer.reject(error);
    if (this.#isAnswered) this.#listener.lost?.(error);
  }
}

module.exports = { Request };

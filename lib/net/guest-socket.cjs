"use strict";
// A connection of the host's to a listener of a machine, with the face of a `net.Socket`.

const { AsyncResource } = require("node:async_hooks");
const { Duplex } = require("node:stream");
const { hold } = require("../keep-alive.cjs");
const { Pages } = require("../pages.cjs");
const turn = require("./turn.cjs");

/** Bytes of one direction that may be under way (CONNECTION_WINDOW of the protocol). */
const window = 512 * 1024;

/** The stream of a connection in each direction. */
const toGuest = 0;

/** Bytes that either side of the stream keeps. */
const highWaterMark = 64 * 1024;

/** Small pieces that are written together travel together. */
const together = 64 * 1024;

const none = new Uint8Array();

/**
 * @typedef {object} Target
 * @property {number} [port] A port of TCP.
 * @property {string} [path] The path of a local socket.
 */

class GuestSocket extends Duplex {
  #machine;
  #target;
  #explain;
  #call;
  #context = new AsyncResource("SECUREEXECSOCKET");
  #release = hold();
  #isConnecting = true;
  /** The machine has told its end. */
  #isOver = false;
  #wantsReset = false;
  /** Bytes that were pushed since the last credit. */
  #owed = 0;
  #isFull = false;
  /** What came and could not be given to the reader yet, and how it ended. */
  #held = new Pages();
  #ending;
  #deliverLater = () => this.#context.runInAsyncScope(this.#deliverHeld, this);
  /** The write that is being sent. */
  #data;
  #sent = 0;
  #done;
  #inFlight = 0;
  #timer;
  #idleMs = 0;
  #stopListening;
  bytesRead = 0;
  bytesWritten = 0;

  /**
   * @param {import("../machine.cjs").Machine} machine
   * @param {Target} target
   * @param {{ allowHalfOpen?: boolean, signal?: AbortSignal, owner: object, explain: (error: Error) => Error }} options
   *   `owner` lives as long as the connection; `explain` makes the error of a connection that cannot be made one for
   *   people.
   */
  constructor(machine, target, { allowHalfOpen = false, signal, owner, explain }) {
    super({ allowHalfOpen, highWaterMark });
    this.#machine = machine;
    this.#target = target;
    this.#explain = explain;
    this.owner = owner;
    this.#call = machine.connect(target, {
      connected: () => this.#context.runInAsyncScope(this.#onConnected, this),
      output: (_, data) => this.#context.runInAsyncScope(this.#onOutput, this, data),
      inputCredit: (_, bytes) => this.#context.runInAsyncScope(this.#onTaken, this, bytes),
      outputEnd: () => this.#context.runInAsyncScope(this.#onEnd, this),
      closed: () => this.#onClosed(),
      failed: (error) => this.#context.runInAsyncScope(this.#onFailed, this, error),
    });
    if (!signal) return;
    const abort = () => this.destroy(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", abort);
  }

  get connecting() {
    return this.#isConnecting && !this.destroyed;
  }

  get pending() {
    return this.#isConnecting;
  }

  get readyState() {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  get remoteAddress() {
    return this.#target.port === undefined ? undefined : "127.0.0.1";
  }

  get remoteFamily() {
    return this.#target.port === undefined ? undefined : "IPv4";
  }

  get remotePort() {
    return this.#target.port;
  }

  /** It has no address of the host's. */
  address() {
    return {};
  }

  /** There are no packets that could be delayed. */
  setNoDelay() {
    return this;
  }

  /** Nothing gets lost between the two ends. */
  setKeepAlive() {
    return this;
  }

  ref() {
    if (!this.destroyed) this.#release ??= hold();
    return this;
  }

  unref() {
    this.#release?.();
    this.#release = undefined;
    return this;
  }

  get timeout() {
    return this.#idleMs || undefined;
  }

  setTimeout(milliseconds, callback) {
    this.#idleMs = milliseconds;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (milliseconds > 0) {
      this.#timer = setTimeout(() => this.emit("timeout"), milliseconds);
      this.#timer.unref();
    }
    if (callback) {
      if (milliseconds > 0) this.once("timeout", callback);
      else this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Closes the connection so that the guest sees a reset. */
  resetAndDestroy() {
    this.#wantsReset = true;
    return this.destroy();
  }

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  _read() {
    this.#isFull = false;
    if (this.#isHolding && turn.hasTime()) turn.spend(() => this.#deliverHeld());
    else if (this.#isHolding) turn.later(this.#deliverLater);
    this.#giveCredit();
  }

  _write(chunk, _encoding, done) {
    this.#send(chunk, done);
  }

  _writev(chunks, done) {
    const pieces = chunks.map(({ chunk }) => chunk);
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    if (size <= together) return this.#send(Buffer.concat(pieces, size), done);
    const next = (error) => {
      const piece = pieces.shift();
      if (error || !piece) done(error);
      else this.#send(piece, next);
    };
    next();
  }

  _final(done) {
    if (!this.#isOver) this.#machine.input(this.#call, toGuest, none, true);
    done();
  }

  _destroy(error, done) {
    clearTimeout(this.#timer);
    this.#stopListening?.();
    this.unref();
    this.#isConnecting = false;
    if (!this.#isOver) {
      this.#isOver = true;
      this.#machine.disconnect(this.#call, this.#wantsReset);
    }
    this.#data = undefined;
    this.#held.clear();
    this.#ending = undefined;
    done(error);
  }

  #send(data, done) {
    this.#data = data;
    this.#sent = 0;
    this.#done = done;
    this.bytesWritten += data.length;
    this.#feed();
  }

  #feed() {
    const data = this.#data;
    if (!data) return;
    this.#touch();
    while (this.#sent < data.length && this.#inFlight < window) {
      const end = Math.min(data.length, this.#sent + window - this.#inFlight);
      const piece = data.subarray(this.#sent, end);
      this.#inFlight += piece.length;
      this.#sent = end;
      // What failed takes it as well: the error is on its way.
      if (!this.#isOver) this.#machine.input(this.#call, toGuest, piece, false);
    }
    if (this.#sent < data.length) return;
    this.#data = undefined;
    this.#done();
  }

  #giveCredit() {
    if (this.#owed === 0 || this.#isOver) return;
    this.#machine.credit(this.#call, 1, this.#owed);
    this.#owed = 0;
  }

  #touch() {
    this.#timer?.refresh();
  }

  #onConnected() {
    this.#isConnecting = false;
    this.#touch();
    this.emit("connect");
    this.emit("ready");
  }

  #onOutput(data) {
    this.#touch();
    this.bytesRead += data.length;
    if (!this.#isFull && !this.#isHolding && turn.hasTime()) {
      return turn.spend(() => this.#deliver(data));
    }
    // Put together, however small the pieces are; the window bounds how much there is.
    this.#held.push(data);
    if (!this.#isFull) turn.later(this.#deliverLater);
  }

  get #isHolding() {
    return this.#held.length > 0 || this.#ending !== undefined;
  }

  #deliver(data) {
    this.#owed += data.length;
    // What waits here is not given back to the guest as room.
    if (!this.push(data)) this.#isFull = true;
    if (!this.#isFull) this.#giveCredit();
  }

  /** Some of what is held, as long as the reader takes it. */
  #deliverHeld() {
    if (this.#isFull || this.destroyed) return;
    if (this.#held.length > 0) {
      this.#deliver(this.#held.shift());
      if (this.#isHolding && !this.#isFull) turn.later(this.#deliverLater);
      return;
    }
    const end = this.#ending;
    this.#ending = undefined;
    end?.();
  }

  /** Runs what tells the end, behind what came before it. */
  #endWith(tell) {
    if (this.#held.length > 0) {
      this.#ending = tell;
      if (!this.#isFull) turn.later(this.#deliverLater);
    } else {
      tell();
    }
  }

  #onTaken(bytes) {
    this.#inFlight -= bytes;
    this.#feed();
  }

  #onEnd() {
    this.#endWith(() => {
      this.push(null);
      // As `net.Socket` does: whoever only waits for the end need not read.
      this.read(0);
    });
  }

  #onClosed() {
    this.#isOver = true;
  }

  #onFailed(error) {
    const wasConnecting = this.#isConnecting;
    this.#isOver = true;
    // Whoever does not read finds out without reading.
    if (this.#isFull) this.#fail(error, wasConnecting);
    else this.#endWith(() => this.#fail(error, wasConnecting));
  }

  #fail(error, wasConnecting) {
    // Whoever disposes of a runtime means its connections too: one that was forgotten must not end the host.
    const isForgotten = error.code === "ERR_VM_DISPOSED" && this.listenerCount("error") === 0;
    if (isForgotten) this.destroy();
    else this.destroy(wasConnecting ? this.#explain(error) : error);
  }
}

module.exports = { GuestSocket };

"use strict";
// One WebSocket of a client. What comes is taken only while what goes does not pile up: a client that does not read is not
// listened to, and its programs wait.

const { invalidType, invalidValue, isOurs } = require("../errors.cjs");
const { withResolvers } = require("../machine.cjs");
const check = require("../validate.cjs");
const { DATA, dataFrame, outputFrame, parseFrame, piecesOf } = require("../wire/frames.cjs");

/** Bytes that wait to be sent before nothing more is taken, and before it is again. */
const highWater = 4 * 1024 * 1024;
const lowWater = 1024 * 1024;
/** Milliseconds between signs of life; who gives none within one of them is gone. */
const heartbeat = 15_000;
const mostId = 2 ** 32 - 1;

/** Codes of `close`: RFC 6455, and our own from 4400 on, after those of HTTP. */
const CLOSE_PROTOCOL = 1002;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_FAILED = 1011;

class Connection {
  #socket;
  #client;
  #budget;
  #metrics;
  #onFailure;
  /** Messages that have come and wait for room. */
  #waiting = [];
  /** Settles when what waits to be sent is little again. */
  #drained;
  #turn = Promise.resolve();
  #isAlive = true;
  #pulse;
  #isClosed = false;
  /** Whether it has been told to close: nothing more is taken. */
  #isClosing = false;

  /**
   * @param {import("ws").WebSocket} socket
   * @param {import("./client.cjs").Client} client
   * @param {{ budget: import("./body-budget.cjs").Budget, metrics: import("./metrics.cjs").Metrics, sandboxId: string, onFailure: Function }} services
   */
  constructor(socket, client, { budget, metrics, sandboxId, onFailure }) {
    this.#socket = socket;
    this.#client = client;
    this.#budget = budget;
    this.#metrics = metrics;
    this.#onFailure = onFailure;
    socket.on("message", (data, isBinary) => this.#arrived(data, isBinary));
    socket.on("close", () => this.#closed());
    // What it says is told by "close".
    socket.on("error", () => {});
    socket.on("pong", () => {
      this.#isAlive = true;
    });
    this.#pulse = setInterval(() => this.#beat(), heartbeat);
    this.#pulse.unref();
    const hello = client.connected(this);
    this.tell({ hello: 1, sandboxId, ...hello });
  }

  close(code, reason) {
    this.#isClosing = true;
    this.#waiting = [];
    this.#socket.close(code, reason);
    // Who does not answer is gone at the next beat.
    this.#isAlive = false;
  }

  // What operations say.

  tell(message, bodies = []) {
    this.#send(JSON.stringify(message));
    if (bodies.length > 0) this.#sendBodies(message.id, bodies);
  }

  output(id, channel, offset, data) {
    this.#metrics.sent(data.length);
    this.#send(outputFrame(id, channel, offset, data));
    return this.#isFull ? this.#whenDrained() : undefined;
  }

  /** One after another, each when what the one before has sent is on its way. */
  room() {
    this.#turn = this.#turn.then(() => (this.#isFull ? this.#whenDrained() : undefined));
    return this.#turn;
  }

  async #sendBodies(id, bodies) {
    for (const body of bodies) {
      for (const piece of piecesOf(body)) {
        if (this.#isFull) await this.#whenDrained();
        if (this.#isClosed) return;
        this.#metrics.sent(piece.length);
        this.#send(dataFrame(id, piece));
      }
    }
  }

  get #isFull() {
    return this.#socket.bufferedAmount > highWater;
  }

  #send(data) {
    if (this.#isClosed) return;
    this.#socket.send(data, () => {
      if (this.#drained && this.#socket.bufferedAmount <= lowWater) this.#letGo();
    });
  }

  #whenDrained() {
    if (this.#isClosed) return Promise.resolve();
    this.#drained ??= withResolvers();
    return this.#drained.promise;
  }

  #letGo() {
    this.#drained?.resolve();
    this.#drained = undefined;
    this.#work();
  }

  // What the client says.

  #arrived(data, isBinary) {
    this.#isAlive = true;
    this.#metrics.received(data.length);
    if (this.#isClosing) return;
    this.#waiting.push([data, isBinary]);
    this.#work();
  }

  #work() {
    while (this.#waiting.length > 0 && !this.#isClosed) {
      if (this.#isFull) {
        this.#socket.pause();
        this.#whenDrained();
        return;
      }
      const [data, isBinary] = this.#waiting.shift();
      try {
        if (isBinary) this.#takeData(data);
        else this.#takeMessage(data);
      } catch (error) {
        return this.#refuse(error);
      }
    }
    if (this.#socket.isPaused) this.#socket.resume();
  }

  /** Closes: what the client says is none of this protocol's, or has met a fault of ours. */
  #refuse(error) {
    const isTheirs = isOurs(error) || error instanceof SyntaxError;
    this.#metrics.rejected("frame");
    if (!isTheirs) this.#onFailure(error);
    this.#client.bodies.drop();
    this.close(isTheirs ? CLOSE_PROTOCOL : CLOSE_FAILED, isTheirs ? reasonOf(error) : "failed");
  }

  #takeMessage(data) {
    const message = JSON.parse(data.toString("utf8"));
    if (!check.isPlainObject(message)) throw invalidType("message", "an object", message);
    const [verb] = verbs.filter((name) => Object.hasOwn(message, name));
    if (verb === undefined) throw invalidValue("message", `must have one of: ${verbs.join(", ")}`);
    const id = verb === "leave" ? 0 : number(message[verb], verb);
    switch (verb) {
      case "id":
        return this.#takeRequest(id, message);
      case "resume":
        return this.#client.resume(id, offset(message.from, "from"), this);
      case "ack":
        return this.#client.taken(id, offset(message.offset, "offset"));
      case "cancel":
        return this.#client.cancel(id);
      case "detach":
        return this.#client.leaveStream(id);
      case "done":
        return this.#client.done(id);
      case "leave":
        this.#client.leave();
        return this.close(1000, "left");
    }
  }

  #takeRequest(id, { method, params, bytes }) {
    if (typeof method !== "string") throw invalidType("method", "of type string", method);
    if (params !== undefined && !check.isPlainObject(params)) {
      throw invalidType("params", "an object", params);
    }
    const request = { id, method, params };
    if (bytes === undefined) return this.#client.request(request, undefined, this);
    const length = offset(bytes, "bytes");
    if (length === 0) return this.#client.request(request, Buffer.alloc(0), this);
    this.#client.bodies.begin(request, length, this.#budget);
  }

  #takeData(data) {
    const frame = parseFrame(data);
    if (frame?.type !== DATA) return this.close(CLOSE_UNSUPPORTED, "not a frame of this protocol");
    const whole = this.#client.bodies.push(frame.id, frame.data);
    if (!whole) return;
    if (whole.refusal) {
      this.#metrics.rejected("body");
      return this.#client.refuse(frame.id, whole.refusal, this);
    }
    // Input that a program does not read, and a file on its way, are held until the end.
    this.#client.request(whole.request, whole.body, this).then(whole.giveBack);
  }

  #beat() {
    if (!this.#isAlive) return this.#socket.terminate();
    this.#isAlive = false;
    this.#socket.ping();
  }

  #closed() {
    this.#isClosed = true;
    clearInterval(this.#pulse);
    this.#waiting = [];
    this.#client.disconnected(this);
    this.#letGo();
  }
}

/** What a message is about, by the key that it has. */
const verbs = ["id", "resume", "ack", "cancel", "detach", "done", "leave"];

function number(value, name) {
  return check.integer(0, { maximum: mostId })(value, name);
}

function offset(value, name) {
  return check.integer(0)(value, name);
}

/** As long as a frame that closes may have. */
function reasonOf({ message }) {
  return Buffer.from(message).subarray(0, 120).toString("utf8").replaceAll("\ufffd", "");
}

module.exports = { Connection };

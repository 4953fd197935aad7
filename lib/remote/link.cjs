"use strict";
// The way to one sandbox: a WebSocket that is opened anew when it breaks, and what has been asked for, which goes on then.

const { randomUUID } = require("node:crypto");
const net = require("node:net");
const tls = require("node:tls");
const { WebSocket } = require("ws");
const { disposedError, isOurs } = require("../errors.cjs");
const { hold } = require("../keep-alive.cjs");
const { remoteError } = require("../wire/failures.cjs");
const { OUTPUT, dataFrame, parseFrame, piecesOf, protocol } = require("../wire/frames.cjs");
const { answerOf, tlsOptions, unreachable } = require("./http.cjs");
const { Request } = require("./request.cjs");

/** Milliseconds for a connection, until a sign of life is missed, and between tries: the first, and the longest. */
const handshakeTimeout = 10_000;
const silence = 45_000;
const firstPause = 50;
const longestPause = 5000;
/** Bytes of a message: of a result's text, or a piece of its bytes. */
const longestMessage = 64 * 1024 * 1024;

/** Codes of `close` that no other try mends. */
const CLOSE_REPLACED = 4409;
const CLOSE_GONE = 4410;
/** Codes of errors that another try may mend. */
const mayPass = new Set([
  "ERR_CONNECTION_LOST",
  "ERR_SERVER_BUSY",
  "ERR_SERVER",
  "ERR_SERVER_DRAINING",
]);

class Link {
  #url;
  #settings;
  #clientId = randomUUID();
  /** @type {Map<number, Request>} */
  #requests = new Map();
  #nextId = 1;
  /** @type {WebSocket | undefined} */
  #socket;
  #isOpen = false;
  /** Whether the server has known this client. */
  #wasOpen = false;
  /** Why there will be no other connection. */
  #end;
  #retry;
  #attempts = 0;
  /** When the connection was lost, milliseconds of `performance.now()`. */
  #lostAt;
  #pulse;
  /** Settles when the first connection is open, or cannot be. */
  #first;

  /**
   * @param {URL} url Where the sandbox is.
   * @param {{ token?: string, tls: object, reconnectSeconds: number }} settings
   */
  constructor(url, settings) {
    this.#url = url;
    this.#settings = settings;
  }

  /** Opens the first connection; rejects where that cannot be done. */
  open() {
    const release = hold();
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#connect();
    }).finally(release);
  }

  /**
   * Asks for something. The host is kept alive until it is answered.
   * @param {ConstructorParameters<typeof Request>[1]} call
   * @returns {Request}
   */
  ask(call) {
    const id = this.#nextId++;
    const request = new Request(id, call, (offset) => this.#send({ ack: id, offset }));
    if (this.#end) {
      request.reject(this.#end());
      return request;
    }
    this.#requests.set(id, request);
    const release = hold();
    request.answer.then(release, release);
    if (this.#isOpen) this.#transmit(request);
    else this.#reopen();
    return request;
  }

  /** Gives a request up. The server says how it ended. */
  cancel(request) {
    if (request.isOver || request.isCancelled) return;
    request.isCancelled = true;
    if (request.wasSent) this.#send({ cancel: request.id });
  }

  /** Wants no more output of a stream. */
  detach(request) {
    if (request.isOver || request.hasLeft) return;
    request.hasLeft = true;
    if (request.wasSent) this.#send({ detach: request.id });
  }

  /** Wants nothing more of a request, whatever it comes to. */
  forget(request) {
    this.#over(request);
  }

  /** Leaves: what was asked for is given up, the sandbox goes on. */
  close() {
    this.#finish(() =>
      remoteError("ERR_CONNECTION_CLOSED", "The connection was closed by close()"),
    );
  }

  /** The sandbox has ended. */
  ended() {
    this.#finish(disposedError);
  }

  #finish(reason) {
    if (this.#end) return;
    this.#end = reason;
    clearTimeout(this.#retry);
    this.#send({ leave: true });
    this.#socket?.close(1000);
    this.#rejectAll(reason());
  }

  #rejectAll(error) {
    for (const request of this.#requests.values()) request.reject(copyOf(error));
    this.#requests.clear();
  }

  #connect() {
    const address = new URL("connect", `${this.#url.href}/`);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("client", this.#clientId);
    const { token, tls: secure } = this.#settings;
    let connection;
    const socket = new WebSocket(address, protocol, {
      ...tlsOptions(secure),
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      handshakeTimeout,
      maxPayload: longestMessage,
      perMessageDeflate: false,
      // To let go of it: a connection on which nothing is waited for does not keep the host alive.
      createConnection: (options) => {
        connection =
          address.protocol === "wss:" ? secureConnection(options) : plainConnection(options);
        return connection;
      },
    });
    this.#socket = socket;
    let failure;
    socket.on("unexpected-response", async (request, response) => {
      failure = await answerOf(response).catch((error) => error);
      if (!isOurs(failure)) failure = unreachable(this.#url, failure);
      request.destroy();
      this.#broken(socket, failure);
    });
    socket.on("error", (error) => {
      failure ??= unreachable(this.#url, error);
    });
    socket.on("open", () => connection?.unref());
    socket.on("ping", () => this.#expectPulse(socket));
    socket.on("message", (data, isBinary) => this.#take(socket, data, isBinary));
    socket.on("close", (code) => this.#closed(socket, code, failure));
  }

  #expectPulse(socket) {
    clearTimeout(this.#pulse);
    this.#pulse = setTimeout(() => socket.terminate(), silence);
    this.#pulse.unref();
  }

  #closed(socket, code, failure) {
    if (code === CLOSE_GONE) return this.#give(socket, disposedError);
    if (code === CLOSE_REPLACED) {
      return this.#give(socket, () =>
        remoteError("ERR_CONNECTION_LOST", "Another connection took over"),
      );
    }
    this.#broken(socket, failure ?? unreachable(this.#url, { code: `closed with ${code}` }));
  }

  #give(socket, reason) {
    if (socket === this.#socket) this.#finish(reason);
  }

  /** The connection is lost, or was not to be had. */
  #broken(socket, error) {
    if (socket !== this.#socket || this.#end) return;
    this.#socket = undefined;
    this.#isOpen = false;
    clearTimeout(this.#pulse);
    if (this.#first) {
      this.#first.reject(error);
      this.#end = () => error;
      return;
    }
    if (!mayPass.has(error.code)) return this.#finish(() => copyOf(error));
    this.#lostAt ??= performance.now();
    const away = (performance.now() - this.#lostAt) / 1000;
    if (away >= this.#settings.reconnectSeconds) {
      // The next call tries again.
      this.#attempts = 0;
      this.#lostAt = undefined;
      return this.#rejectAll(error);
    }
    const longest = Math.min(firstPause * 2 ** this.#attempts, longestPause);
    this.#attempts += 1;
    // Not all clients of a server that was away at once.
    const pause = longest * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.#reopen(), pause);
    // Whoever waits for something keeps the host alive.
    this.#retry.unref();
  }

  #reopen() {
    clearTimeout(this.#retry);
    if (!this.#socket && !this.#end) this.#connect();
  }

  #take(socket, data, isBinary) {
    if (socket !== this.#socket) return;
    this.#expectPulse(socket);
    try {
      if (isBinary) this.#takeFrame(data);
      else this.#takeMessage(JSON.parse(data.toString("utf8")));
    } catch (cause) {
      const message = "What answers is no server of sandboxes, or one of another version";
      this.#finish(() => Object.assign(remoteError("ERR_SERVER", message), { cause }));
      socket.terminate();
    }
  }

  #takeFrame(data) {
    const frame = parseFrame(data);
    const request = frame && this.#requests.get(frame.id);
    if (!request) return;
    if (frame.type === OUTPUT) request.output(frame.channel, frame.offset, frame.data);
    else if (request.data(frame.data)) this.#over(request);
  }

  #takeMessage(message) {
    if (message.hello) return this.#opened(message);
    const request = this.#requests.get(message.id);
    if (request?.take(message)) this.#over(request);
  }

  #opened({ known, continuous, received = [] }) {
    this.#isOpen = true;
    this.#attempts = 0;
    this.#lostAt = undefined;
    this.#first?.resolve();
    this.#first = undefined;
    const isKnown = new Set(known);
    const partly = new Map(received);
    for (const request of [...this.#requests.values()]) {
      request.renewed();
      if (isKnown.has(request.id)) this.#resume(request);
      else if (partly.has(request.id)) this.#transmitRest(request, partly.get(request.id));
      else if (this.#isLost(request, continuous)) this.#unknown(request);
      else this.#transmit(request);
    }
    this.#wasOpen = true;
  }

  /** Whether the server may have done it, and knows nothing of it any more. */
  #isLost(request, continuous) {
    return request.wasSent && this.#wasOpen && (request.isAnswered || !continuous);
  }

  #resume(request) {
    if (request.isCancelled) this.#send({ cancel: request.id });
    if (request.hasLeft) this.#send({ detach: request.id });
    this.#send({ resume: request.id, from: request.seen });
  }

  #transmit(request) {
    request.wasSent = true;
    this.#send(request.message);
    this.#transmitRest(request, 0);
  }

  /** Sends the bytes of a request that have not come. */
  #transmitRest(request, from) {
    for (const piece of piecesOf(request.body?.subarray(from) ?? Buffer.alloc(0)))
      this.#sendRaw(dataFrame(request.id, piece));
    if (request.isCancelled) this.#send({ cancel: request.id });
  }

  /** The server has it no more. */
  #unknown(request) {
    this.#requests.delete(request.id);
    const message =
      "The server has forgotten the request while there was no connection: whether it was done is not known";
    request.reject(remoteError("ERR_CONNECTION_LOST", message));
  }

  /** It has all that comes of a request. */
  #over(request) {
    request.isOver = true;
    if (this.#requests.delete(request.id)) this.#send({ done: request.id });
  }

  #send(message) {
    this.#sendRaw(JSON.stringify(message));
  }

  #sendRaw(data) {
    if (this.#isOpen) this.#socket?.send(data, () => {});
  }
}

function plainConnection(options) {
  return net.connect({ ...options, path: options.socketPath });
}

function secureConnection(options) {
  const { host, servername = net.isIP(host) ? "" : host } = options;
  return tls.connect({ ...options, path: undefined, servername });
}

/** An error for one more who is told of it. */
function copyOf(error) {
  return remoteError(error.code, error.message);
}

module.exports = { Link };

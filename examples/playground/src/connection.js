// The WebSocket of a sandbox, as docs/server.md describes it ("The wire"): programs and terminals with their output, over as many
// connections as it takes.

const protocol = "secure-exec.v1";
const DATA = 1;
const OUTPUT = 2;
const pieceLength = 256 * 1024;
/** Bytes of output that were shown before the server is told. */
const ackEvery = 64 * 1024;
/** Milliseconds between tries: the first, and the longest. */
const firstPause = 200;
const longestPause = 5000;
/** Codes of `close` that no other try mends: another page took over, the sandbox is gone. */
const final = new Map([
  [4409, "another page has taken this machine over"],
  [4410, "the machine has ended"],
]);

/**
 * Something that was asked for.
 * @typedef {object} Request
 * @property {number} id
 * @property {Promise<any>} answer
 * @property {(channel: "stdout" | "stderr", data: Uint8Array) => void | Promise<void>} [onOutput]
 * @property {(event: { event: string }) => void} [onEvent]
 */

export class Connection {
  #address;
  #token;
  #client = crypto.randomUUID();
  #socket;
  #isOpen = false;
  #next = 1;
  #attempts = 0;
  #ended = false;
  /** @type {Map<number, object>} */
  #requests = new Map();
  /** Told "connected", "away" and, with a reason, "ended". */
  #onState;

  /**
   * @param {URL} address
   * @param {string | undefined} token
   * @param {(state: string, reason?: string) => void} onState
   */
  constructor(address, token, onState) {
    this.#address = address;
    this.#token = token;
    this.#onState = onState;
    this.#connect();
  }

  /**
   * @param {string} method
   * @param {object} params
   * @param {{ body?: Uint8Array, stream?: boolean, onOutput?: Function, onEvent?: Function }} [options] `stream`: something
   *   comes behind the answer.
   * @returns {Request}
   */
  ask(method, params, { body, stream = false, onOutput, onEvent } = {}) {
    const id = this.#next++;
    const message = JSON.stringify({ id, method, params, bytes: body?.length });
    const request = { id, message, body, stream, onOutput, onEvent };
    Object.assign(request, { seen: 0, taken: 0, acked: 0, epoch: 0 });
    request.answer = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
    // Told to whoever waits for it.
    request.answer.catch(() => {});
    if (this.#ended) {
      this.#fail(request, new Error("there is no machine any more"));
      return request;
    }
    this.#requests.set(id, request);
    if (this.#isOpen) this.#transmit(request);
    return request;
  }

  /** Leaves: terminals end, programs go on. */
  close() {
    this.#send('{"leave":true}');
    this.#ended = true;
    this.#socket.close(1000);
    this.#rejectAll("the connection was closed");
  }

  #connect() {
    const address = new URL(this.#address);
    address.searchParams.set("client", this.#client);
    // A browser cannot set a header for a WebSocket; an address would stand in logs.
    const offered = this.#token
      ? [protocol, `secure-exec.bearer.${base64url(this.#token)}`]
      : protocol;
    const socket = new WebSocket(address, offered);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#socket = socket;
  }

  #closed(code) {
    this.#isOpen = false;
    if (this.#ended) return;
    if (final.has(code)) {
      this.#ended = true;
      this.#rejectAll(final.get(code));
      return this.#onState("ended", final.get(code));
    }
    this.#onState("away");
    const pause = Math.min(firstPause * 2 ** this.#attempts++, longestPause);
    setTimeout(() => this.#ended || this.#connect(), pause);
  }

  #rejectAll(reason) {
    for (const request of this.#requests.values()) this.#fail(request, new Error(reason));
    this.#requests.clear();
  }

  #fail(request, error) {
    request.reject(error);
    request.onEvent?.({ event: "failed", error });
  }

  /** What is said while there is no connection is said again, or need not be. */
  #send(data) {
    if (this.#isOpen) this.#socket.send(data);
  }

  #transmit(request) {
    const { id, message, body } = request;
    request.wasSent = true;
    this.#send(message);
    for (let at = 0; body && at < body.length; at += pieceLength) {
      this.#send(dataFrame(id, body.subarray(at, at + pieceLength)));
    }
  }

  #take(data) {
    if (typeof data === "string") this.#takeMessage(JSON.parse(data));
    else this.#takeFrame(new DataView(data));
  }

  #takeMessage(message) {
    if (message.hello) return this.#opened(message);
    const request = this.#requests.get(message.id);
    if (!request) return;
    if (message.error) {
      this.#over(request);
      return this.#fail(request, new Error(message.error.message));
    }
    if (message.event) return this.#event(request, message);
    request.isAnswered = true;
    request.body = undefined;
    request.resolve(message.result);
    if (!request.stream) this.#over(request);
  }

  /**
   * The server is there (again). What it knows goes on; what it has not had is sent, unless it may have forgotten that it had it.
   */
  #opened({ known, continuous }) {
    this.#isOpen = true;
    this.#attempts = 0;
    const isKnown = new Set(known);
    for (const request of [...this.#requests.values()]) {
      const { id, seen } = request;
      if (isKnown.has(id)) {
        Object.assign(request, { epoch: request.epoch + 1, taken: seen, acked: seen });
        this.#send(JSON.stringify({ resume: id, from: seen }));
      } else if (request.wasSent && (request.isAnswered || !continuous)) {
        this.#requests.delete(id);
        this.#fail(request, new Error("the connection was lost"));
      } else {
        this.#transmit(request);
      }
    }
    this.#onState("connected");
  }

  #event(request, message) {
    if (message.event === "gap") {
      request.seen += message.bytes;
      request.taken = request.acked = request.seen;
    }
    if (message.event === "exit" || message.event === "failed") this.#over(request);
    request.onEvent?.(message);
  }

  #over(request) {
    this.#requests.delete(request.id);
    this.#send(JSON.stringify({ done: request.id }));
  }

  async #takeFrame(view) {
    if (view.getUint8(0) !== OUTPUT) return;
    const request = this.#requests.get(view.getUint32(1));
    if (!request) return;
    const offset = Number(view.getBigUint64(6));
    const data = new Uint8Array(view.buffer, 14).subarray(Math.max(0, request.seen - offset));
    if (data.length === 0 || offset > request.seen) return;
    request.seen += data.length;
    const { epoch } = request;
    // The program waits until this is shown.
    await request.onOutput?.(view.getUint8(5) === 0 ? "stdout" : "stderr", data);
    if (epoch !== request.epoch) return;
    request.taken += data.length;
    if (request.taken - request.acked < ackEvery || !this.#requests.has(request.id)) return;
    request.acked = request.taken;
    this.#send(JSON.stringify({ ack: request.id, offset: request.taken }));
  }
}

function dataFrame(id, data) {
  const frame = new Uint8Array(5 + data.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, DATA);
  view.setUint32(1, id);
  frame.set(data, 5);
  return frame;
}

function base64url(text) {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

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
  #waiting = [];
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
    const request = { id, stream, onOutput, onEvent, seen: 0, taken: 0, acked: 0, epoch: 0 };
    request.answer = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
    // Told to whoever waits for it.
    request.answer.catch(() => {});
    this.#requests.set(id, request);
    this.#send(JSON.stringify({ id, method, params, bytes: body?.length }));
    for (let at = 0; body && at < body.length; at += pieceLength) {
      this.#send(dataFrame(id, body.subarray(at, at + pieceLength)));
    }
    return request;
  }

  /** Leaves: terminals end, programs go on. */
  close() {
    this.#ended = true;
    this.#send('{"leave":true}');
    this.#socket.close(1000);
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

  #send(data) {
    if (this.#isOpen) this.#socket.send(data);
    else this.#waiting.push(data);
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
    request.resolve(message.result);
    if (!request.stream) this.#over(request);
  }

  /** The server is there (again). What it knows goes on; what was on its way is lost. */
  #opened({ known }) {
    this.#isOpen = true;
    this.#attempts = 0;
    const isKnown = new Set(known);
    const first = this.#waiting.splice(0);
    const fresh = new Set(first.map(idOf));
    for (const request of this.#requests.values()) {
      if (isKnown.has(request.id)) {
        Object.assign(request, {
          epoch: request.epoch + 1,
          taken: request.seen,
          acked: request.seen,
        });
        this.#send(JSON.stringify({ resume: request.id, from: request.seen }));
      } else if (!fresh.has(request.id)) {
        this.#requests.delete(request.id);
        this.#fail(request, new Error("the connection was lost"));
      }
    }
    for (const data of first) this.#send(data);
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

function idOf(data) {
  return typeof data === "string" ? JSON.parse(data).id : undefined;
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

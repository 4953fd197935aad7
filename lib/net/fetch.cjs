"use strict";
// HTTP to a server of a machine: the host's own client over a connection to the guest.

const { request } = require("node:http");
const { VmError, limitError } = require("../errors.cjs");
const { hold } = require("../keep-alive.cjs");
const { breachText } = require("../limits.cjs");
const { sendBody } = require("./request-body.cjs");
const { buffered, streamed } = require("./response.cjs");

const timeLimit = "limits.http.fetchTimeoutMs";

/** Bytes of the head of a response, and of its trailers. */
const maxHeaderSize = 64 * 1024;

/** Informational responses (1xx) before the final one. */
const mostInformational = 32;

const ECONNRESET = 104;

/**
 * @param {() => import("./guest-socket.cjs").GuestSocket} connect
 * @param {import("./guest-socket.cjs").Target} target
 * @param {object} options Checked ones.
 * @param {{ maxResponseBytes: number, timeoutMs: number }} limits
 */
function fetch(connect, target, options, limits) {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    new Exchange(connect, target, options, limits, resolve, reject);
  });
}

/** One request with its response. */
class Exchange {
  #options;
  #limits;
  #name;
  #resolve;
  #reject;
  #request;
  #informational = 0;
  #release;
  #timer;
  #abort;
  /** Why it was given up. */
  #failure;
  /** Ends a body that is being sent. */
  #cancelBody;

  constructor(connect, target, options, limits, resolve, reject) {
    this.#options = options;
    this.#limits = limits;
    this.#name = target.path ?? `port ${target.port}`;
    this.#resolve = resolve;
    this.#reject = reject;
    const { method, path, headers, body, signal } = options;
    this.#request = request({
      host: "localhost",
      port: target.port,
      method,
      path,
      headers: withFraming(headers, body),
      maxHeaderSize,
      insecureHTTPParser: false,
      createConnection: connect,
    });
    // Behind it: what it does not take it throws.
    this.#release = hold();
    this.#request.on("error", (error) => this.#fail(this.#explain(error)));
    this.#request.on("information", () => this.#onInformation());
    this.#request.on("upgrade", (_, socket) => this.#onUpgrade(socket));
    this.#request.on("response", (response) => this.#onResponse(response));
    this.#timer = setTimeout(() => this.#fail(this.#tooLate()), this.#timeout);
    if (signal) {
      this.#abort = () => this.#fail(signal.reason);
      signal.addEventListener("abort", this.#abort, { once: true });
    }
    this.#cancelBody = sendBody(this.#request, body, (error) => this.#fail(error));
  }

  get #timeout() {
    return this.#options.timeout ?? this.#limits.timeoutMs;
  }

  #onInformation() {
    this.#informational += 1;
    if (this.#informational <= mostInformational) return;
    this.#fail(this.#notHttp(`more than ${mostInformational} informational responses`));
  }

  #onUpgrade(socket) {
    socket.destroy();
    this.#fail(this.#notHttp("it switches to another protocol: use connect for that"));
  }

  #onResponse(response) {
    // The response is told whole or with its head: what goes wrong from here on is told by it.
    const explain = (error) => this.#failure?.error ?? this.#explain(error);
    const end = () => this.#end();
    if (this.#options.stream) {
      clearTimeout(this.#timer);
      this.#release();
      return this.#resolve(streamed(response, explain, end));
    }
    const bound = this.#limits.maxResponseBytes;
    const tooLong = (used) => {
      const breach = { limit: "limits.http.maxFetchResponseBytes", bound, used };
      this.#fail(
        limitError(breach, `The response of ${this.#name} is too long: ${breachText(breach)}`),
      );
    };
    buffered(response, bound, tooLong).then(
      (whole) => {
        this.#end();
        this.#resolve(whole);
      },
      (error) => this.#fail(explain(error)),
    );
  }

  /** Gives it up. The first reason counts. */
  #fail(error) {
    this.#failure ??= { error };
    this.#end();
    this.#request.destroy();
    this.#reject(this.#failure.error);
  }

  #end() {
    clearTimeout(this.#timer);
    this.#release();
    this.#cancelBody?.();
    if (this.#abort) this.#options.signal.removeEventListener("abort", this.#abort);
  }

  #tooLate() {
    const bound = this.#timeout;
    if (this.#options.timeout === undefined) {
      const breach = { limit: timeLimit, bound, used: bound };
      const message = `${this.#name} did not answer in time: ${breachText(breach)}`;
      return limitError(breach, capitalized(message));
    }
    const message = capitalized(`${this.#name} did not answer within ${bound} ms`);
    return new VmError({ code: "ERR_TIMEOUT", message, errno: 0, stateLost: false });
  }

  /** What Node.js's client says, as an error of ours. */
  #explain(error) {
    if (error instanceof VmError) return error;
    if (String(error?.code).startsWith("HPE_")) {
      // The bytes that could not be read are the guest's.
      delete error.rawPacket;
      return Object.assign(this.#notHttp(`${error.reason ?? error.message} (${error.code})`), {
        cause: error,
      });
    }
    if (error?.code !== "ECONNRESET") return error;
    const message = `ECONNRESET: ${this.#name} closed the connection before its response was complete`;
    return new VmError({
      code: "ECONNRESET",
      message,
      errno: -ECONNRESET,
      syscall: "read",
      stateLost: false,
    });
  }

  #notHttp(why) {
    const message = `What ${this.#name} answered is no response: ${why}`;
    return new VmError({ code: "ERR_INVALID_HTTP_RESPONSE", message, errno: 0, stateLost: false });
  }
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** The headers with those that say where the body ends, unless the caller has said it. */
function withFraming(headers, body) {
  const own = { __proto__: null };
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const known = Object.hasOwn(own, key) ? own[key] : undefined;
    own[key] = known === undefined ? value : [known, value].flat();
  }
  if (body === undefined || "content-length" in own || "transfer-encoding" in own) return own;
  if (body instanceof Uint8Array) return { ...own, "content-length": String(body.length) };
  return { ...own, "transfer-encoding": "chunked" };
}

module.exports = { fetch };

"use strict";
// Bytes that a server sends behind its answer, of which none may be missing: they come at the pace of whoever reads them.

const { holdFor } = require("../keep-alive.cjs");
const { withResolvers } = require("../machine.cjs");
const { remoteError, unpackFailure } = require("../wire/failures.cjs");

class ByteStream {
  #link;
  #request;
  /** @type {{ data: Uint8Array, taken: ReturnType<typeof withResolvers> }[]} */
  #pieces = [];
  /** @type {{ error?: unknown } | undefined} */
  #end;
  /** Settles when something has come. */
  #arrival;
  #stopListening;

  /**
   * @param {import("./link.cjs").Link} link
   * @param {{ method: string, params: object }} call
   * @param {AbortSignal} [signal] Ends it with its reason.
   */
  constructor(link, call, signal) {
    this.#link = link;
    this.#request = link.ask({
      ...call,
      goesOn: true,
      listener: {
        output: (_channel, data) => this.#arrived(data),
        event: (event) => this.#event(event),
        lost: (error) => this.#over(error),
      },
    });
    this.#request.answer.catch((error) => this.#over(error));
    const abort = () => this.#leave(signal.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", abort);
  }

  /** Settles when the server has begun, or refuses. */
  get begun() {
    return this.#request.answer;
  }

  /** @returns {ReadableStream<Uint8Array>} */
  stream() {
    const pull = async (controller) => {
      while (this.#pieces.length === 0 && !this.#end) await this.#whenArrived();
      const piece = this.#pieces.shift();
      if (piece) {
        piece.taken.resolve();
        return controller.enqueue(piece.data);
      }
      if ("error" in this.#end) throw this.#end.error;
      controller.close();
    };
    return new ReadableStream({ pull, cancel: () => this.cancel() }, { highWaterMark: 0 });
  }

  /** Wants no more of it. */
  cancel() {
    if (this.#end) return;
    this.#end = {};
    this.#left();
  }

  #leave(error) {
    if (this.#end) return;
    this.#over(error);
    this.#left();
  }

  #left() {
    this.#pieces = [];
    this.#arrival?.resolve();
    this.#stopListening();
    this.#link.forget(this.#request);
  }

  #arrived(data) {
    const taken = withResolvers();
    this.#pieces.push({ data, taken });
    this.#arrival?.resolve();
    return taken.promise;
  }

  #event(message) {
    if (message.event === "exit") this.#over();
    else if (message.event === "failed") this.#over(unpackFailure(message.error));
    else this.#leave(remoteError("ERR_SERVER", "The server leaves out what must be whole"));
  }

  #over(...error) {
    this.#end ??= error.length > 0 ? { error: error[0] } : {};
    this.#stopListening?.();
    this.#arrival?.resolve();
  }

  async #whenArrived() {
    this.#arrival = withResolvers();
    await holdFor(this.#arrival.promise);
  }
}

module.exports = { ByteStream };

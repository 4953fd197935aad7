"use strict";
// A port of the host's that leads to a listener of a machine.

const { createServer, isIPv6 } = require("node:net");
const { disposedError } = require("../errors.cjs");

class ExposedPort {
  #server;
  #sockets = new Set();
  #closed;
  #host;
  #port;
  #forget;

  /**
   * @param {() => import("./guest-socket.cjs").GuestSocket} connect
   * @param {{ hostPort: number, host: string }} options
   * @param {number} mostConnections
   * @param {(close: () => void) => () => void} atDisposal
   */
  static async open(connect, { hostPort, host }, mostConnections, atDisposal) {
    const exposed = new ExposedPort(connect, mostConnections);
    await exposed.#listen(hostPort, host);
    exposed.#forget = atDisposal(() => exposed.close());
    if (exposed.#closed) throw disposedError();
    return exposed;
  }

  constructor(connect, mostConnections) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#lead(socket, connect);
    });
    this.#server.maxConnections = mostConnections;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `http://${isIPv6(this.#host) ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  /** Closes it with all its connections. */
  close() {
    this.#closed ??= new Promise((resolve) => {
      this.#forget?.();
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
    return this.#closed;
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.close();
  }

  #listen(port, host) {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host }, () => {
        this.#server.removeListener("error", reject);
        this.#server.on("error", () => {});
        this.#host = host;
        this.#port = this.#server.address().port;
        // A runtime that nobody waits for does not keep the host alive, and neither does its port.
        this.#server.unref();
        resolve();
      });
    });
  }

  #lead(socket, connect) {
    this.#sockets.add(socket);
    socket.unref();
    socket.once("close", () => this.#sockets.delete(socket));
    let guest;
    try {
      guest = connect().unref();
    } catch {
      // The machine has been disposed of meanwhile.
      return socket.resetAndDestroy();
    }
    lead(socket, guest);
  }
}

/**
 * Joins two connections. Each direction ends by itself. What fails, or closes before its end, ends both by a reset, so that
 * neither side takes it for a good end.
 */
function lead(socket, guest) {
  endTogether(socket, guest);
  endTogether(guest, socket);
  socket.pipe(guest);
  guest.pipe(socket);
}

function endTogether(one, other) {
  one.once("error", () => other.resetAndDestroy());
  one.once("close", () => {
    if (!one.readableEnded || !one.writableFinished) other.resetAndDestroy();
  });
}

module.exports = { ExposedPort, lead };

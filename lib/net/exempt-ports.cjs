"use strict";
// Ports that a machine shares with the loopback of the host (`loopbackExemptPorts`): what listens there on the host is
// reached by guests, and what a guest listens on there is published on the host.

const { connect: connectToHost } = require("node:net");
const { ExposedPort, lead } = require("./exposed-port.cjs");

/** The one address of the host's that is shared. */
const host = "127.0.0.1";

/** A server of the host's that does not answer is as good as none. */
const connectTimeout = 10_000;

/**
 * Ports that are published or withdrawn within so many milliseconds: a guest that listens and stops all the time keeps this
 * thread from little else.
 */
const mostChanges = 8;
const changesTime = 10;

class ExemptPorts {
  #machine;
  #connect;
  #mostConnections;
  /** What is published, by port; undefined for what is not. */
  #published = new Map();
  /** Ports that are known to be the host's already: a guest may ask for them all the time. */
  #refused = new Set();
  #changes = 0;
  #isBehind = false;
  /** Connections to the host's servers. */
  #sockets = new Set();

  /**
   * @param {import("../machine.cjs").Machine} machine
   * @param {Iterable<number>} ports
   * @param {(target: import("./guest-socket.cjs").Target) => import("./guest-socket.cjs").GuestSocket} connect
   * @param {number} mostConnections
   */
  constructor(machine, ports, connect, mostConnections) {
    this.#machine = machine;
    this.#connect = connect;
    this.#mostConnections = mostConnections;
    for (const port of ports) this.#published.set(port, undefined);
    machine.onOutbound((id, port) => this.#lead(id, port));
    machine.onListeners(() => this.#look(), { holds: false });
    machine.atDisposal(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
    this.#look();
  }

  /** Resolves when a port that a guest listens on is published, or cannot be. */
  async settled(port) {
    // Who asked may know of the listener before this does, and does not wait for the others.
    this.#lookAt(port, this.#listening());
    // What is being withdrawn is published anew behind that.
    for (let last; this.#published.get(port) !== last; ) {
      last = this.#published.get(port);
      await last;
      this.#lookAt(port, this.#listening());
    }
  }

  /** A guest connects to a port of the host's: the broker has checked which. */
  #lead(id, port) {
    if (!this.#published.has(port) || this.#sockets.size >= this.#mostConnections) {
      return this.#machine.refuseOutbound(id);
    }
    const socket = connectToHost({ host, port, allowHalfOpen: true, noDelay: true });
    this.#sockets.add(socket);
    // A runtime that nobody waits for does not keep the host alive, and neither do its guests' connections.
    socket.unref();
    const refuse = () => this.#machine.refuseOutbound(id);
    const tooLate = () => socket.destroy();
    socket.setTimeout(connectTimeout, tooLate);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.once("close", refuse);
    socket.on("error", () => {});
    socket.once("connect", () => {
      socket.setTimeout(0, tooLate);
      socket.removeListener("close", refuse);
      if (this.#machine.disposed) return socket.destroy();
      lead(socket, this.#connect({ outbound: id }).unref());
    });
  }

  #listening() {
    return new Set(this.#machine.listeners().map(({ port }) => port));
  }

  #look() {
    if (this.#changes >= mostChanges) {
      this.#isBehind = true;
      return;
    }
    const listening = this.#listening();
    for (const port of this.#published.keys()) {
      if (this.#lookAt(port, listening) && this.#count() === mostChanges) {
        this.#isBehind = true;
        return;
      }
    }
  }

  /** Publishes or withdraws a port, unless it is as it should be. */
  #lookAt(port, listening) {
    if (!this.#published.has(port)) return false;
    const published = this.#published.get(port);
    if (listening.has(port) === (published !== undefined)) return false;
    if (published) this.#withdraw(port, published);
    else this.#published.set(port, this.#publish(port));
    return true;
  }

  #count() {
    this.#changes += 1;
    if (this.#changes === 1) setTimeout(() => this.#lookAgain(), changesTime).unref();
    return this.#changes;
  }

  #lookAgain() {
    this.#changes = 0;
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.#look();
  }

  async #publish(port) {
    const connect = () => this.#connect({ port });
    const atDisposal = (close) => this.#machine.atDisposal(close);
    try {
      const options = { hostPort: port, host };
      return await ExposedPort.open(connect, options, this.#mostConnections, atDisposal);
    } catch ({ message }) {
      if (this.#refused.has(port)) return undefined;
      this.#refused.add(port);
      const text = `Port ${port} of a machine is not published on ${host}: ${message}`;
      process.emitWarning(text, { code: "SECURE_EXEC_PORT_NOT_PUBLISHED" });
      return undefined;
    }
  }

  /** Looks again when it is done: somebody may listen there anew. */
  async #withdraw(port, published) {
    const isCurrent = () => this.#published.get(port) === published;
    const exposed = await published;
    if (!isCurrent()) return;
    const closed = exposed?.close();
    const withdrawn = Promise.resolve(closed);
    this.#published.set(port, withdrawn);
    await withdrawn;
    if (this.#published.get(port) !== withdrawn) return;
    this.#published.set(port, undefined);
    if (!this.#machine.disposed) this.#look();
  }
}

module.exports = { ExemptPorts };

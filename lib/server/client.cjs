"use strict";
// A client of a sandbox: one object of `Sandbox.connect`, by the name that it has drawn. It may lose its connection and come
// back; what it has asked for is known by its own numbers, so that nothing is done twice.

const { invalidValue } = require("../errors.cjs");
const { packFailure, remoteError } = require("../wire/failures.cjs");
const { IncomingBodies } = require("./incoming-bodies.cjs");
const { perform } = require("./methods.cjs");
const { Operation } = require("./operation.cjs");

/** Milliseconds for which a client that stays away, and a result that nobody has taken, are kept. */
const keptFor = 5 * 60 * 1000;
/** Operations that a client may have. */
const mostOperations = 4096;

class Client {
  #hosted;
  /** @type {Map<number, Operation>} */
  #operations = new Map();
  /** @type {import("./connection.cjs").Connection | undefined} */
  #connection;
  #awaySince = performance.now();
  /** Whether it is known what the client has had done: it was here before, and nothing was dropped meanwhile. */
  #isContinuous = false;
  /** Bytes of requests that are on their way. */
  bodies = new IncomingBodies(() => this.#connection?.close(4408, "a request took too long"));

  /** @param {import("./hosted-sandbox.cjs").HostedSandbox} hosted */
  constructor(hosted, id) {
    this.#hosted = hosted;
    this.id = id;
  }

  get isConnected() {
    return this.#connection !== undefined;
  }

  /** Whether nobody misses it any more. */
  get isForgotten() {
    return !this.isConnected && this.#isAway && this.#operations.size === 0;
  }

  get #isAway() {
    return !this.isConnected && performance.now() - this.#awaySince > keptFor;
  }

  /**
   * It is there. One connection at a time: an older one may be dead without knowing.
   * @returns {{ known: number[], continuous: boolean, received: [number, number][] }} What is known of it, and what has come
   *   of requests that were on their way.
   */
  connected(connection) {
    this.#connection?.close(4409, "replaced");
    this.disconnected(this.#connection);
    this.#connection = connection;
    this.#hosted.touch();
    const continuous = this.#isContinuous;
    this.#isContinuous = true;
    this.bodies.goOn();
    return { known: [...this.#operations.keys()], continuous, received: this.bodies.received };
  }

  disconnected(connection) {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#awaySince = performance.now();
    this.#hosted.touch();
    this.bodies.park();
    for (const operation of this.#operations.values()) operation.close();
  }

  /** The sandbox is gone. */
  disconnect(reason) {
    this.#connection?.close(4410, reason);
    this.bodies.drop();
    for (const operation of this.#operations.values()) this.#drop(operation);
  }

  /** It does not come back. */
  leave() {
    this.bodies.drop();
    for (const operation of this.#operations.values()) this.#drop(operation);
    this.#hosted.forget(this);
  }

  /** Does what a request asks for, once. @returns {Promise<void>} Settles when it has been done, whatever came of it. */
  request({ id, method, params = {} }, body, outlet) {
    if (this.#operations.has(id)) throw invalidValue("id", "was used before", id);
    if (this.#operations.size >= mostOperations) {
      const message = `${mostOperations} requests of this client have not come to their ends`;
      this.refuse(id, remoteError("ERR_SERVER_BUSY", message), outlet);
      return Promise.resolve();
    }
    const operation = new Operation(id, method);
    this.#operations.set(id, operation);
    operation.open(outlet);
    const { hosted, services } = { hosted: this.#hosted, services: this.#hosted.services };
    const operationOf = (other) => this.#operations.get(other);
    const done = perform({ hosted, operation, params, body, operationOf }, services.onFailure);
    hosted.holdWhile(done);
    services.metrics.observe(method, done);
    const over = done.then(() => {
      if (operation.keptBytes > 0) hosted.bound();
    });
    return over;
  }

  /** Refuses what cannot be taken, and keeps nothing of it. */
  refuse(id, error, outlet) {
    outlet.tell({ id, error: packFailure(error) });
  }

  /** It comes back for what it has asked for, and has seen output up to `from`. */
  resume(id, from, outlet) {
    const operation = this.#operations.get(id);
    if (operation) operation.open(outlet, from);
    else outlet.tell({ id, unknown: true });
  }

  cancel(id) {
    this.#operations.get(id)?.cancel();
  }

  taken(id, offset) {
    this.#operations.get(id)?.taken(offset);
  }

  /** It wants no more output of a session. */
  leaveStream(id) {
    this.#operations.get(id)?.leave();
  }

  /** It has the end of an operation, or does not want it. */
  done(id) {
    const operation = this.#operations.get(id);
    if (operation) this.#drop(operation);
  }

  /** Operations of which a result is kept. */
  get results() {
    return [...this.#operations.values()].filter(
      ({ isOver, keptBytes }) => isOver && keptBytes > 0,
    );
  }

  sweep() {
    const now = performance.now();
    for (const operation of this.#operations.values()) {
      const { endedAt, isOver } = operation;
      // Sessions go on without it; a shell is its own.
      const isMissed = operation.handle && this.#isAway;
      if (!isMissed && !(isOver && now - endedAt > keptFor)) continue;
      this.#isContinuous = false;
      this.#drop(operation);
    }
  }

  #drop(operation) {
    this.#operations.delete(operation.id);
    operation.drop();
  }
}

module.exports = { Client };

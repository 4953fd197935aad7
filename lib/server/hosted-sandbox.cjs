"use strict";
// A sandbox of a tenant's, and the clients that it has.

const { disposedError } = require("../errors.cjs");
const { remoteError } = require("../wire/failures.cjs");
const { Client } = require("./client.cjs");

/** Clients that are kept, also while they are away. */
const mostClients = 1024;
/** Bytes of results that wait for their clients. */
const mostKept = 128 * 1024 * 1024;
/** Requests of HTTP at once: the answer of each may be large, and its reader slow. */
const mostRequests = 16;
/** Archives and watchers at once: of each a window is kept until its client has taken it. */
const mostStreams = 64;

class HostedSandbox {
  createdAt = new Date();
  /** When it was last in use, milliseconds of `performance.now()`. */
  #usedAt = performance.now();
  #bornAt = performance.now();
  /** Commands that run, requests in progress. */
  #inUse = 0;
  /** Sessions of which the command runs. */
  runningSessions = 0;
  /** @type {Map<string, Client>} */
  #clients = new Map();
  #killing;
  #requests = 0;
  #streams = 0;
  #services;

  /**
   * @param {import("../sandbox/sandbox.cjs").Sandbox} sandbox
   * @param {import("./tokens.cjs").Tenant} tenant
   * @param {{ metrics: object, log: Function, onKilled: (hosted: HostedSandbox, why: string) => void }} services
   */
  constructor(sandbox, tenant, services) {
    this.sandbox = sandbox;
    this.tenant = tenant;
    this.#services = services;
  }

  get id() {
    return this.sandbox.sandboxId;
  }

  get services() {
    return this.#services;
  }

  /** Whether somebody is connected, or something runs. */
  get isInUse() {
    return this.#inUse > 0 || this.connectedClients > 0;
  }

  get connectedClients() {
    return [...this.#clients.values()].filter(({ isConnected }) => isConnected).length;
  }

  /** Seconds since it was last in use, and since it was made. */
  get ages() {
    const now = performance.now();
    const idle = this.isInUse ? 0 : (now - this.#usedAt) / 1000;
    return { idle, lifetime: (now - this.#bornAt) / 1000 };
  }

  /** What is told of it. */
  describe() {
    return {
      sandboxId: this.id,
      createdAt: this.createdAt.toISOString(),
      connectedClients: this.connectedClients,
      idleSeconds: Math.floor(this.ages.idle),
    };
  }

  /** It is in use until the promise settles. */
  holdWhile(promise) {
    this.#inUse += 1;
    const release = () => {
      this.#inUse -= 1;
      this.touch();
    };
    promise.then(release, release);
  }

  /** A request of HTTP, until its answer has been taken. @returns {boolean} Whether there is room for it. */
  admit(response) {
    if (this.#requests >= mostRequests) return false;
    this.#requests += 1;
    response.once("close", () => {
      this.#requests -= 1;
    });
    return true;
  }

  /** Bytes that must not be missing, on their way to a client until that lets go of them. @returns {() => void} Gives the room back. */
  admitStream() {
    if (this.#streams >= mostStreams) {
      const message = `${mostStreams} archives and watchers of this sandbox are on their way to clients`;
      throw remoteError("ERR_SERVER_BUSY", message);
    }
    this.#streams += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#streams -= 1;
      isHeld = false;
    };
  }

  /** Results that are not taken must not fill the host: the oldest are dropped. */
  bound() {
    const results = [...this.#clients.values()].flatMap((client) => client.results);
    results.sort((a, b) => b.endedAt - a.endedAt);
    let kept = 0;
    for (const operation of results) {
      kept += operation.keptBytes;
      if (kept > mostKept) operation.dropResult();
    }
  }

  /** A session runs until the promise settles. */
  sessionRuns(done) {
    this.runningSessions += 1;
    const over = () => {
      this.runningSessions -= 1;
    };
    done.then(over, over);
    this.holdWhile(done);
  }

  touch() {
    this.#usedAt = performance.now();
  }

  /** Whether a client of this name is known, or there is room for it. */
  hasRoomFor(id) {
    return this.#clients.has(id) || this.#clients.size < mostClients;
  }

  /** A client by the name that it has drawn, known or new. */
  client(id) {
    const known = this.#clients.get(id);
    if (known) return known;
    const client = new Client(this, id);
    this.#clients.set(id, client);
    return client;
  }

  /** Forgets clients that stay away, and results that nobody has asked for. */
  sweep() {
    for (const [id, client] of this.#clients) {
      client.sweep();
      if (client.isForgotten) this.#clients.delete(id);
    }
  }

  /** A client has said that it does not come back. */
  forget(client) {
    this.#clients.delete(client.id);
  }

  /** Ends it with everything in it. Whoever is connected is told of that first, then disconnected. */
  kill(why) {
    this.#killing ??= this.#kill(why);
    return this.#killing;
  }

  async #kill(why) {
    this.#services.onKilled(this, why);
    await this.sandbox.kill();
    // Answers of what that has ended are on their way.
    setImmediate(() => {
      for (const client of this.#clients.values()) client.disconnect(disposedError().code);
      this.#clients.clear();
    });
  }
}

module.exports = { HostedSandbox };

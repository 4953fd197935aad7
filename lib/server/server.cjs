"use strict";
// A server of sandboxes: HTTP, WebSockets, and its end.

const { createServer } = require("node:http");
const { createServer: createSecureServer } = require("node:https");
const { withCallerStacks } = require("../caller.cjs");
const { withResolvers } = require("../machine.cjs");
const { AgentSandbox } = require("./agent-sandbox.cjs");
const { BodyBudget } = require("./body-budget.cjs");
const { Guard } = require("./guard.cjs");
const { listening } = require("./listening.cjs");
const { Metrics } = require("./metrics.cjs");
const { serverOptions } = require("./options.cjs");
const { Router } = require("./router.cjs");
const { Sandboxes } = require("./sandboxes.cjs");
const { Tokens } = require("./tokens.cjs");
const { Upgrades } = require("./upgrades.cjs");

/** Milliseconds for the head of a request, for all of it, and between two on one connection. */
const times = { headersTimeout: 10_000, requestTimeout: 120_000, keepAliveTimeout: 5000 };
const bounds = { maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 2000 };
/** Connections that it has at once: each may have something on its way. */
const mostConnections = 4096;
/** Milliseconds between looks whether everything has ended. */
const lookEvery = 50;

/**
 * What the parts of a server know of each other.
 * @typedef {object} Parts
 * @property {Guard} guard
 * @property {Sandboxes} sandboxes
 * @property {Metrics} metrics
 * @property {BodyBudget} budgets
 * @property {{ prefix: string, handle: Function }[]} handlers
 * @property {(error: unknown) => void} onFailure
 */

class SandboxServer {
  #settings;
  /** @type {Parts} */
  #parts;
  #http;
  #upgrades;
  #closing;
  #draining;
  #agentSandbox;
  #tenants;
  /** Also when it is closed. */
  #port;

  constructor(settings) {
    this.#settings = settings;
    const metrics = new Metrics();
    const log = (message, details) => settings.onLog?.(message, details);
    const onFailure = (error) => log("failed", { error: String(error?.stack ?? error) });
    const tokens = new Tokens(settings);
    this.#tenants = tokens.tenants;
    this.#parts = {
      guard: new Guard(tokens, settings, metrics),
      sandboxes: new Sandboxes(settings, { metrics, onFailure, log }),
      metrics,
      budgets: new BodyBudget(settings.maxBodyBytes),
      handlers: settings.handlers,
      onFailure,
    };
    this.#upgrades = new Upgrades(this.#parts);
    this.#http = this.#open(new Router(this.#parts));
  }

  /** Opens the port. */
  async listen() {
    const { host, port, agentSandboxPort } = this.#settings;
    await listening(this.#http, port, host);
    this.#port = this.#http.address().port;
    if (agentSandboxPort === undefined) return;
    const settings = {
      host,
      port: agentSandboxPort,
      tenant: this.#tenants[0],
      http: { ...bounds, ...times },
    };
    this.#agentSandbox = await AgentSandbox.open(this.#parts, settings);
  }

  get port() {
    return this.#port;
  }

  get url() {
    const { host, tls } = this.#settings;
    return addressOf(tls ? "https" : "http", host, this.port);
  }

  get agentSandboxUrl() {
    return this.#agentSandbox && addressOf("http", this.#settings.host, this.#agentSandbox.port);
  }

  /** Sandboxes that live. */
  get sandboxes() {
    return this.#parts.sandboxes.size;
  }

  /**
   * Takes no new sandboxes, waits until nobody uses those that there are, `drainSeconds` at most, and closes.
   */
  drain() {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain() {
    const { sandboxes } = this.#parts;
    sandboxes.isDraining = true;
    const deadline = performance.now() + this.#settings.drainSeconds * 1000;
    while (!this.#closing && !sandboxes.isQuiet && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, lookEvery));
    }
    await this.close();
  }

  /** Kills all sandboxes and closes. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    const closed = withResolvers();
    this.#http.close(() => closed.resolve());
    await this.#parts.sandboxes.close();
    this.#upgrades.close();
    await this.#agentSandbox?.close();
    this.#http.closeAllConnections();
    await closed.promise;
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }

  #open(router) {
    const { tls } = this.#settings;
    const handle = (request, response) => router.handle(request, response);
    const options = { ...bounds, ...times };
    const server = tls
      ? createSecureServer({ ...options, ...tls, minVersion: "TLSv1.2" }, handle)
      : createServer(options, handle);
    server.maxConnections = mostConnections;
    server.on("upgrade", (...request) => this.#upgrades.handle(...request));
    server.on("clientError", (error, socket) => {
      this.#parts.metrics.rejected("request");
      if (error.code === "ECONNRESET" || !socket.writable) return socket.destroy();
      const status =
        error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    });
    return server;
  }
}

withCallerStacks(SandboxServer.prototype, "listen", "drain", "close");

function addressOf(scheme, host, port) {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Makes a server, which listens when this resolves. */
async function createSandboxServer(options) {
  const server = new SandboxServer(serverOptions(options));
  try {
    await server.listen();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

module.exports = { SandboxServer, createSandboxServer };

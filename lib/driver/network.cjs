"use strict";
// `runtime.network`: the host's way to the servers of guests, and to the network as far as the driver lets.

const { withCallerStacks } = require("../caller.cjs");
const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");
const { DefaultNetwork } = require("./default-network.cjs");
const { decide, denied } = require("./permissions.cjs");

const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);
const notThere =
  "the external network is not available: networkAdapter or useDefaultNetwork reach it";
/** Of a response from outside. */
const bounds = { maxResponseBytes: 64 * 1024 * 1024, timeoutMs: 300_000 };

const record = (value, name) => Object.fromEntries(check.entries(value, name));

const requestKeys = {
  method: check.optional(check.text),
  headers: check.optional(record),
  body: (value, name) => (value === null ? undefined : check.optional(check.bytes)(value, name)),
  rejectUnauthorized: check.optional(check.boolean),
};

class DriverNetwork {
  #runtime;
  #permission;
  #adapter;

  /**
   * @param {() => Promise<import("../node-runtime.cjs").NodeRuntime>} runtime
   * @param {{ permissions: object, networkAdapter?: object, useDefaultNetwork: boolean }} settings
   */
  constructor(runtime, { permissions, networkAdapter, useDefaultNetwork }) {
    this.#runtime = runtime;
    this.#permission = permissions.network;
    const standard = () => new DefaultNetwork(permissions.network, bounds);
    this.#adapter = networkAdapter ?? (useDefaultNetwork ? standard() : undefined);
  }

  async fetch(url, given) {
    const { target, checked } = this.#request(url, given);
    if (!isOfGuest(target)) return await this.#outward("fetch", "connect", target, given);
    const response = await this.#inside(target, checked);
    const ok = response.status >= 200 && response.status < 300;
    return { ok, ...response, redirected: false };
  }

  async httpRequest(url, given) {
    const { target, checked } = this.#request(url, given);
    if (!isOfGuest(target)) return await this.#outward("httpRequest", "connect", target, given);
    return await this.#inside(target, checked);
  }

  async dnsLookup(hostname) {
    check.cString(hostname, "hostname");
    // Also where the runtime is gone.
    await this.#runtime();
    if (hostname === "localhost") return { address: "127.0.0.1", family: 4 };
    const request = { op: "dns", hostname };
    await this.#require(request, "getaddrinfo", hostname, "network.dns");
    return await this.#adapted("dnsLookup", "getaddrinfo", hostname, [hostname]);
  }

  #request(url, given) {
    const text = check.cString(check.attempt("url", () => url?.href) ?? url, "url");
    if (!URL.canParse(text)) throw invalidValue("url", "must be a URL", text);
    const target = new URL(text);
    if (target.protocol !== "http:" && target.protocol !== "https:") {
      throw invalidValue("url", "must be a URL of http or https", text);
    }
    return { target, checked: check.object(given, "options", requestKeys) };
  }

  /** A server of a guest is reached with no permission: it is in the machine. */
  async #inside(target, { method, headers, body }) {
    const runtime = await this.#runtime();
    const port = Number(target.port || 80);
    const path = `${target.pathname}${target.search}`;
    const host = { host: target.host };
    const response = await runtime.fetch(port, {
      path,
      ...(method && { method }),
      headers: { ...host, ...headers },
      ...(body && { body }),
    });
    const { status, statusText, headers: received, body: text } = response;
    return { status, statusText, headers: received, body: text, url: target.href };
  }

  async #outward(op, syscall, target, given) {
    await this.#runtime();
    const request = {
      op: op === "fetch" ? "fetch" : "http",
      url: target.href,
      hostname: target.hostname,
    };
    request.method = check.attempt("options.method", () => given?.method) ?? "GET";
    await this.#require(request, syscall, target.href, `network.${request.op}`);
    return await this.#adapted(op, syscall, target.href, [target.href, given ?? {}]);
  }

  async #require(request, syscall, resource, what) {
    const { allow, reason } = await decide(this.#permission, request);
    if (!allow) throw denied(syscall, resource, what, reason);
  }

  async #adapted(method, syscall, resource, args) {
    if (!this.#adapter) throw denied(syscall, resource, "network", notThere);
    return await this.#adapter[method](...args);
  }
}

withCallerStacks(DriverNetwork.prototype, "fetch", "dnsLookup", "httpRequest");

function isOfGuest({ protocol, hostname }) {
  return protocol === "http:" && loopback.has(hostname);
}

module.exports = { DriverNetwork };

"use strict";
// `useDefaultNetwork`: the adapter that reaches the Internet by the host's own client. Whoever resolves to something else than a
// public address is not reached, unless a rule names the address; the address that was looked at is the one connected to.

const dns = require("node:dns");
const http = require("node:http");
const https = require("node:https");
const { isIP } = require("node:net");
const { VmError, limitError } = require("../errors.cjs");
const { hold } = require("../keep-alive.cjs");
const { breachText } = require("../limits.cjs");
const { decide, denied, namesAddress } = require("./permissions.cjs");
const { isPublic } = require("./public-address.cjs");

const mostRedirects = 20;
const redirects = new Set([301, 302, 303, 307, 308]);
const maxHeaderSize = 64 * 1024;
/** Headers that are for the first server alone. */
const secrets = new Set(["authorization", "cookie", "proxy-authorization", "host"]);
/** Headers of a body that is not sent again. */
const ofBody = /^content-/i;

class DefaultNetwork {
  #permission;
  #limits;

  /**
   * @param {Function} permission
   * @param {{ maxResponseBytes: number, timeoutMs: number }} limits
   */
  constructor(permission, limits) {
    this.#permission = permission;
    this.#limits = limits;
  }

  async fetch(url, given) {
    let target = new URL(url);
    let options = requestOptions(given);
    for (let hop = 0; hop <= mostRedirects; hop += 1) {
      const response = await this.#exchange(target, options);
      const { location } = response.headers;
      if (!redirects.has(response.status) || location === undefined) {
        const ok = response.status >= 200 && response.status < 300;
        return { ok, ...response, redirected: hop > 0 };
      }
      const next = nextTarget(location, target);
      options = redirected(options, response.status, next.origin !== target.origin);
      target = next;
      await this.#require(target, options.method);
    }
    throw denied("connect", url, "network", `more than ${mostRedirects} redirects`);
  }

  async httpRequest(url, given) {
    return await this.#exchange(new URL(url), requestOptions(given));
  }

  async dnsLookup(hostname) {
    try {
      const [{ address, family }] = await this.#addresses(hostname);
      return { address, family };
    } catch (error) {
      if (error instanceof VmError) throw error;
      return { error: error.message, code: error.code };
    }
  }

  /** A redirect is asked about as what it leads to. */
  async #require({ href, hostname }, method) {
    const { allow, reason } = await decide(this.#permission, {
      op: "fetch",
      url: href,
      hostname,
      method,
    });
    if (!allow) throw denied("connect", href, "network.fetch", reason);
  }

  /** What a name resolves to. One address that must not be reached stands for all. */
  async #addresses(hostname, { family = 0, hints = 0, all: _ } = {}) {
    const host = hostname.replace(/^\[|\]$/g, "");
    const known = isIP(host);
    const found = known
      ? [{ address: host, family: known }]
      : await dns.promises.lookup(host, { family, hints, all: true });
    for (const { address } of found) {
      if (isPublic(address) || namesAddress(this.#permission, address)) continue;
      throw denied("connect", host, "network", `${address} is not a public address`);
    }
    return found;
  }

  async #exchange(target, options) {
    // A client does not look up what is an address already.
    if (isIP(target.hostname.replace(/^\[|\]$/g, ""))) await this.#addresses(target.hostname);
    const release = hold();
    const { timeoutMs } = this.#limits;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await new Promise((resolve, reject) => {
        const taken = (response) => this.#take(response, target, resolve, reject);
        const request = this.#request(target, { ...options, signal }, taken);
        request.on("error", reject).end(options.body);
      });
    } catch (error) {
      throw signal.aborted ? late(timeoutMs) : error;
    } finally {
      release();
    }
  }

  #request(target, { method, headers, rejectUnauthorized, signal }, taken) {
    const client = target.protocol === "https:" ? https : http;
    const own = { maxHeaderSize, agent: false, lookup: this.#lookup };
    return client.request(target, { method, headers, rejectUnauthorized, signal, ...own }, taken);
  }

  #lookup = (hostname, options, callback) => {
    this.#addresses(hostname, options).then(
      (found) => {
        if (options.all) callback(null, found);
        else callback(null, found[0].address, found[0].family);
      },
      (error) => callback(error),
    );
  };

  #take(response, target, resolve, reject) {
    const bound = this.#limits.maxResponseBytes;
    const pieces = [];
    let used = 0;
    response.on("data", (piece) => {
      pieces.push(piece);
      used += piece.length;
      if (used <= bound) return;
      const breach = { limit: "limits.http.maxFetchResponseBytes", bound, used };
      response.destroy(limitError(breach, `The response is too long: ${breachText(breach)}`));
    });
    response.on("error", reject);
    response.on("end", () => {
      const { statusCode: status, statusMessage: statusText } = response;
      const headers = Object.fromEntries(
        Object.entries(response.headersDistinct).map(([name, values]) => [name, values.join(", ")]),
      );
      const body = Buffer.concat(pieces).toString("utf8");
      resolve({ status, statusText, headers, body, url: target.href });
    });
  }
}

function late(bound) {
  const breach = { limit: "limits.http.fetchTimeoutMs", bound, used: bound };
  return limitError(breach, `There was no whole response in time: ${breachText(breach)}`);
}

function requestOptions({ method = "GET", headers = {}, body, rejectUnauthorized = true } = {}) {
  return {
    method: method.toUpperCase(),
    headers: { ...headers },
    body: body ?? undefined,
    rejectUnauthorized,
  };
}

function nextTarget(location, from) {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (next?.protocol === "http:" || next?.protocol === "https:") return next;
  throw denied(
    "connect",
    location,
    "network",
    "a redirect leads to what is no URL of http or https",
  );
}

/** As the fetch standard has it: other methods become GET where they always have, and secrets stay with their server. */
function redirected(options, status, isElsewhere) {
  const { method } = options;
  const becomesGet =
    (status === 303 && method !== "HEAD") ||
    ((status === 301 || status === 302) && method === "POST");
  const kept = Object.entries(options.headers).filter(([name]) => {
    const isSecret = isElsewhere && secrets.has(name.toLowerCase());
    return !isSecret && !(becomesGet && ofBody.test(name));
  });
  const rest = { ...options, headers: Object.fromEntries(kept) };
  return becomesGet ? { ...rest, method: "GET", body: undefined } : rest;
}

module.exports = { DefaultNetwork };

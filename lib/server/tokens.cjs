"use strict";
// Who a request is from: the token that it shows, and what that may.

const { createHash, timingSafeEqual } = require("node:crypto");
const { bearerPrefix } = require("../wire/frames.cjs");

/**
 * Somebody whose sandboxes nobody else sees.
 * @typedef {object} Tenant
 * @property {string} name
 * @property {number | undefined} maxSandboxes
 * @property {Record<string, number>} limits The most that its sandboxes may have, by path.
 * @property {string[]} allow Options of `create` that it may give.
 */

class Tokens {
  /** @type {{ digest: Buffer, tenant: Tenant }[]} */
  #known = [];
  /** Where nobody has to show a token. @type {Tenant | undefined} */
  #everybody;

  constructor({ tokens, noAuth, limits, allow }) {
    for (const { token, ...tenant } of tokens) {
      this.#known.push({ digest: digestOf(token), tenant });
    }
    if (noAuth) this.#everybody = { name: "everybody", limits, allow };
  }

  /** Those who may come in. */
  get tenants() {
    return this.#everybody ? [this.#everybody] : this.#known.map(({ tenant }) => tenant);
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @returns {Tenant | undefined}
   */
  tenantOf(request) {
    if (this.#everybody) return this.#everybody;
    const shown = tokenOf(request);
    if (shown === undefined) return undefined;
    const digest = digestOf(shown);
    // All of them: how long it takes tells nothing of which it was, or nearly was.
    let found;
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) found = known.tenant;
    }
    return found;
  }
}

/** Of one length, whatever the token's. */
function digestOf(token) {
  return createHash("sha256").update(token).digest();
}

/** The token of the header, or of a browser's list of subprotocols. */
function tokenOf({ headers }) {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "") ?? [];
  if (bearer !== undefined) return bearer;
  for (const offered of (headers["sec-websocket-protocol"] ?? "").split(",")) {
    const name = offered.trim();
    if (name.startsWith(bearerPrefix)) {
      return Buffer.from(name.slice(bearerPrefix.length), "base64url").toString();
    }
  }
  return undefined;
}

module.exports = { Tokens };

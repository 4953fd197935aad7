"use strict";
// Who may come in: the token that is shown, and for browsers the page that asks.

const { loopback } = require("./options.cjs");
const answers = require("./answers.cjs");

class Guard {
  #tokens;
  #allowedOrigins;
  #noAuth;
  #metrics;

  /** @param {import("./tokens.cjs").Tokens} tokens */
  constructor(tokens, { allowedOrigins, noAuth }, metrics) {
    this.#tokens = tokens;
    this.#allowedOrigins = allowedOrigins;
    this.#noAuth = noAuth;
    this.#metrics = metrics;
  }

  /** Who a request is from. */
  tenantOf(request) {
    const tenant = this.#tokens.tenantOf(request);
    if (tenant) return tenant;
    this.#metrics.rejected("auth");
    throw answers.unauthorized();
  }

  /**
   * Refuses what a page of another site asks for. Where everybody may come in, a name that somebody else has had
   * lead to this machine (DNS rebinding) is another site, too.
   */
  checkOrigin({ headers }) {
    const { host = "", origin } = headers;
    if (this.#noAuth && !loopback.test(nameOf(host))) this.#refuse(`http://${host}`);
    if (origin === undefined || this.#allowedOrigins.includes(origin)) return;
    if (hostOf(origin) !== host) this.#refuse(origin);
  }

  #refuse(origin) {
    this.#metrics.rejected("origin");
    throw answers.forbiddenOrigin(origin);
  }
}

function nameOf(host) {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function hostOf(origin) {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

module.exports = { Guard };

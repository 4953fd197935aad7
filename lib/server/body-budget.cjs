"use strict";
// How many bytes of requests may be held at once: of one request, and of all of a sandbox's. Those that make sandboxes are their
// tenant's.

const { remoteError } = require("../wire/failures.cjs");

/** As many bodies of the greatest length one may have on their way. */
const mostAtOnce = 2;

class Budget {
  #left;
  #most;
  /** Let go of bytes whose client is away, oldest first. @type {Set<() => void>} */
  #parked = new Set();

  /** @param {number} most Bytes of one request. */
  constructor(most) {
    this.#most = most;
    this.#left = most * mostAtOnce;
  }

  /** @returns {Error | undefined} Why there is no room for so many. */
  take(bytes) {
    if (bytes > this.#most) return this.tooLarge(bytes);
    for (const drop of this.#parked) {
      if (bytes <= this.#left) break;
      drop();
    }
    if (bytes > this.#left) {
      return remoteError("ERR_SERVER_BUSY", "Too many bytes of other requests are on their way");
    }
    this.#left -= bytes;
    return undefined;
  }

  /** There is room for others in place of these, of which the client is away. @param {() => void} drop Gives them back. */
  park(drop) {
    this.#parked.add(drop);
  }

  unpark(drop) {
    this.#parked.delete(drop);
  }

  /** Bytes of one request. */
  get most() {
    return this.#most;
  }

  tooLarge(bytes) {
    const message = `A request has ${this.#most} bytes at most, this one has ${bytes}`;
    return remoteError("ERR_BODY_TOO_LARGE", message);
  }

  giveBack(bytes) {
    this.#left += bytes;
  }
}

class BodyBudget {
  #most;
  /** @type {WeakMap<object, Budget>} */
  #known = new WeakMap();

  constructor(most) {
    this.#most = most;
  }

  /** @param {object} owner A sandbox or a tenant. @returns {Budget} */
  of(owner) {
    const known = this.#known.get(owner) ?? new Budget(this.#most);
    this.#known.set(owner, known);
    return known;
  }
}

module.exports = { BodyBudget };

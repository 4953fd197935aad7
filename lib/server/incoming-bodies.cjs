"use strict";
// Bytes of requests that are on their way from one client. What has come stays when the connection breaks, so that a large file
// goes on where it was: for some time, and while nobody else needs the room.

const { invalidValue } = require("../errors.cjs");
const { Body } = require("../wire/frames.cjs");

/** Milliseconds in which the bytes of a request have to be there, and for which they wait for a client that is away. */
const bodyTime = 120_000;
/** Bodies that are on their way at once. */
const mostBodies = 64;

class IncomingBodies {
  #onTimeout;
  /** By the number of the request. */
  #coming = new Map();

  /** @param {() => void} onTimeout Bytes did not come in time. */
  constructor(onTimeout) {
    this.#onTimeout = onTimeout;
  }

  /** What has come so far: numbers of requests, and how many bytes of each are there. @returns {[number, number][]} */
  get received() {
    return Array.from(this.#coming, ([id, { left, length }]) => [id, length - left]);
  }

  /**
   * Expects the bytes of a request.
   * @param {{ id: number }} request
   * @param {import("./body-budget.cjs").Budget} budget
   */
  begin(request, length, budget) {
    const { id } = request;
    if (this.#coming.has(id)) throw invalidValue("id", "was used before", id);
    if (this.#coming.size >= mostBodies) throw invalidValue("bytes", "are of too many requests");
    const refusal = budget.take(length);
    // Its bytes come all the same, and go nowhere.
    const body = refusal ? undefined : new Body(length);
    const coming = { request, body, left: length, length, budget, refusal };
    coming.drop = () => this.#drop(id, coming);
    this.#coming.set(id, coming);
    this.#expect(coming);
  }

  #expect(coming) {
    clearTimeout(coming.timer);
    coming.timer = setTimeout(() => {
      coming.drop();
      this.#onTimeout();
    }, bodyTime);
    coming.timer.unref();
  }

  /**
   * Takes bytes.
   * @returns {{ request: object, body?: Buffer, refusal?: Error, giveBack: () => void } | undefined} The request, when it is
   *   whole.
   */
  push(id, data) {
    const coming = this.#coming.get(id);
    if (!coming || data.length > coming.left) {
      throw invalidValue("data", "are more than a request has said");
    }
    coming.left -= data.length;
    coming.body?.push(data);
    if (coming.left > 0) return undefined;
    const { request, body, refusal } = coming;
    this.#coming.delete(id);
    clearTimeout(coming.timer);
    return { request, body: body?.bytes, refusal, giveBack: () => giveBack(coming) };
  }

  /** The client is away: what has come waits for it, unless others need the room. */
  park() {
    for (const { budget, drop, refusal } of this.#coming.values()) if (!refusal) budget.park(drop);
  }

  /** The client is there again: it has as long as for a new request. */
  goOn() {
    for (const coming of this.#coming.values()) {
      coming.budget.unpark(coming.drop);
      this.#expect(coming);
    }
  }

  /** Nobody sends the rest. */
  drop() {
    for (const { drop } of this.#coming.values()) drop();
  }

  #drop(id, coming) {
    clearTimeout(coming.timer);
    this.#coming.delete(id);
    coming.budget.unpark(coming.drop);
    giveBack(coming);
  }
}

/** Of what was refused nothing was taken. */
function giveBack({ refusal, length, budget }) {
  if (!refusal) budget.giveBack(length);
}

module.exports = { IncomingBodies };

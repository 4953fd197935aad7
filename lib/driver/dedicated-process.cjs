"use strict";
// A VM process of its own for the runtimes that are given it.

const { VmError, invalidType } = require("../errors.cjs");
const { holdFor } = require("../keep-alive.cjs");
const check = require("../validate.cjs");

let count = 0;

class V8Runtime {
  #group;
  #maxSessions;
  #running = 0;
  #waiting = [];
  /** What lives in it. */
  #runtimes = new Set();
  #isDisposed = false;

  constructor({ maxSessions }) {
    count += 1;
    this.#group = count;
    this.#maxSessions = maxSessions;
  }

  /** Not what only looks like one. */
  static isOne(value) {
    return #group in value;
  }

  /** Machines of one number share a VM process, which no other machine is in. */
  static groupOf(runtime) {
    runtime.#requireLive();
    return runtime.#group;
  }

  /**
   * Has a machine disposed of with the process.
   * @param {{ dispose(): Promise<void> }} machine
   * @returns {() => void} Takes that back.
   */
  static enter(runtime, machine) {
    runtime.#requireLive();
    runtime.#runtimes.add(machine);
    return () => runtime.#runtimes.delete(machine);
  }

  /**
   * Waits for a place.
   * @param {V8Runtime} runtime
   * @param {() => void} requireWanted Throws where it is not wanted any more: see `wake`.
   * @returns {Promise<() => void>} Gives it back.
   */
  static async session(runtime, requireWanted) {
    runtime.#requireLive();
    while (runtime.#running >= runtime.#maxSessions) {
      await new Promise((resolve) => runtime.#waiting.push(resolve));
      requireWanted();
      runtime.#requireLive();
    }
    runtime.#running += 1;
    return () => {
      runtime.#running -= 1;
      runtime.#waiting.shift()?.();
    };
  }

  /** Has all that wait for a place look whether they still want it. */
  static wake(runtime) {
    for (const waiting of runtime.#waiting.splice(0)) waiting();
  }

  async dispose() {
    this.#isDisposed = true;
    V8Runtime.wake(this);
    const runtimes = [...this.#runtimes];
    this.#runtimes.clear();
    await holdFor(Promise.all(runtimes.map((runtime) => runtime.dispose())));
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.dispose();
  }

  #requireLive() {
    if (!this.#isDisposed) return;
    const message = "The V8Runtime has been disposed";
    throw new VmError({ code: "ERR_VM_DISPOSED", message, errno: 0, stateLost: false });
  }
}

const sessions = check.integer(1, { maximum: 65_536, infinite: true });

/** @param {{ maxSessions?: number }} [given] */
function createV8Runtime(given) {
  const keys = { maxSessions: check.optional(sessions, Number.POSITIVE_INFINITY) };
  return new V8Runtime(check.object(given, "options", keys));
}

/** A checker of options. */
function v8Runtime(value, name) {
  if (typeof value !== "object" || value === null || !V8Runtime.isOne(value)) {
    throw invalidType(name, "what createV8Runtime() gives back", value);
  }
  return value;
}

module.exports = { V8Runtime, createV8Runtime, v8Runtime };

"use strict";
// How long a machine may live, and do nothing.

const { VmError } = require("./errors.cjs");

class Lifetime {
  #idleMs;
  #lifeMs;
  #isBusy;
  #expire;
  #idleTimer;
  #lifeTimer;
  /** When it was last busy, milliseconds of `performance.now()`. */
  #lastBusy = 0;

  /**
   * @param {{ idleTimeoutMs?: number, maxLifetimeMs?: number }} bounds
   * @param {() => boolean} isBusy
   * @param {(error: VmError) => void} expire Is told once why the machine has to end.
   */
  constructor({ idleTimeoutMs, maxLifetimeMs }, isBusy, expire) {
    this.#idleMs = idleTimeoutMs;
    this.#lifeMs = maxLifetimeMs;
    this.#isBusy = isBusy;
    this.#expire = expire;
  }

  /** The machine is there. */
  start() {
    this.touch();
    if (this.#idleMs !== undefined) this.#watchIdle(this.#idleMs);
    if (this.#lifeMs === undefined) return;
    this.#lifeTimer = setTimeout(
      () => this.#expire(expired("maxLifetimeMs", this.#lifeMs)),
      this.#lifeMs,
    );
    // A runtime never keeps the host's process alive.
    this.#lifeTimer.unref();
  }

  /** It has just been busy. */
  touch() {
    if (this.#idleMs !== undefined) this.#lastBusy = performance.now();
  }

  stop() {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#lifeTimer);
  }

  /** Looks again when its time may be over: calls do not have to set a timer each. */
  #watchIdle(ms) {
    this.#idleTimer = setTimeout(() => {
      if (this.#isBusy()) this.touch();
      const left = this.#lastBusy + this.#idleMs - performance.now();
      if (left > 0) this.#watchIdle(Math.ceil(left));
      else this.#expire(expired("idleTimeoutMs", this.#idleMs));
    }, ms);
    this.#idleTimer.unref();
  }
}

const reasons = {
  idleTimeoutMs: (ms) => `nothing was asked of it for ${ms} ms (idleTimeoutMs)`,
  maxLifetimeMs: (ms) => `it has lived for ${ms} ms (maxLifetimeMs)`,
};

/** A new one for each who is told: it carries the output of that call, and the stack of its caller. */
function expired(option, ms) {
  return () => {
    const message = `NodeRuntime has been disposed: ${reasons[option](ms)}`;
    return new VmError({ code: "ERR_VM_EXPIRED", message, errno: 0, stateLost: false });
  };
}

module.exports = { Lifetime };

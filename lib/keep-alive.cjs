"use strict";
// Calls in flight keep the host process alive; runtimes that do nothing never do.

let inFlight = 0;

// The events arrive through a handle that is not referenced: this timer stands for the calls that wait for them.
const longest = 2 ** 31 - 1;
const timer = setInterval(() => {}, longest);
timer.unref();

/** Keeps the process alive until the function that it gives back is called. */
function hold() {
  inFlight += 1;
  if (inFlight === 1) timer.ref();
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    inFlight -= 1;
    if (inFlight === 0) timer.unref();
  };
}

/** Keeps the process alive until the promise settles, as somebody waits for it. Gives it back. */
function holdFor(promise) {
  const release = hold();
  promise.then(release, release);
  return promise;
}

/** What keeps the process alive for one program: itself, and whoever waits for something of it. */
class Holds {
  #own;
  /** Of those who wait. @type {Set<() => void>} */
  #waiting = new Set();
  #isUnreferenced = false;

  /** Keeps the process alive for the program itself. */
  hold() {
    this.#own ??= hold();
  }

  /** Does not keep it alive for the program itself. */
  release() {
    this.#own?.();
    this.#own = undefined;
  }

  /** Keeps the process alive until the promise settles, unless the program is not to keep it alive. Gives it back. */
  holdFor(promise) {
    if (this.#isUnreferenced) return promise;
    const release = hold();
    const over = () => {
      release();
      this.#waiting.delete(release);
    };
    this.#waiting.add(release);
    promise.then(over, over);
    return promise;
  }

  /** @param {boolean} isRunning Whether the program runs. */
  ref(isRunning) {
    this.#isUnreferenced = false;
    if (isRunning) this.hold();
  }

  unref() {
    this.#isUnreferenced = true;
    this.release();
    for (const release of this.#waiting) release();
    this.#waiting.clear();
  }
}

module.exports = { Holds, hold, holdFor };

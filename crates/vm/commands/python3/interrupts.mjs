// SIGINT as KeyboardInterrupt: JavaScript's handlers do not run while Python does, so it asks for the signal itself.

import { readFileSync as readNow } from "node:fs";

/** Milliseconds between two looks at what is pending: one takes some 20 µs. */
const INTERVAL = 20;

const SIGINT = 2;

/** What CPython reads at every fiftieth of its checks (`_Py_CheckEmscriptenSignals_Helper`), and sets to 0. */
export function interruptBuffer() {
  let last = performance.now();
  return {
    get 0() {
      const now = performance.now();
      if (now - last < INTERVAL) return 0;
      last = now;
      return takePending() ? SIGINT : 0;
    },
    set 0(_) {},
  };
}

/** Whether SIGINT came. A signal that a process sends itself, be it none, has what is pending taken. */
export function takePending() {
  const pending = /^ShdPnd:\t([0-9a-f]+)$/m.exec(readNow("/proc/self/status", "latin1"));
  if (!pending || !((Number.parseInt(pending[1], 16) >> (SIGINT - 1)) & 1)) return false;
  process.kill(process.pid, 0);
  return true;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without use of the processor. @returns {boolean} Whether SIGINT ended it. */
export function sleep(seconds) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const left = end - performance.now();
    if (left <= 0) return false;
    Atomics.wait(sleeper, 0, 0, Math.min(left, INTERVAL));
    if (takePending()) return true;
  }
}

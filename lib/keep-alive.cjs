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

module.exports = { hold, holdFor };

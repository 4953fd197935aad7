"use strict";
// How long connections of guests may keep this thread within one turn of its event loop. What they send is read by parsers
// and programs of the host's, to which few bytes may be much work: a chunk of HTTP for each.

const { performance } = require("node:perf_hooks");

/** Milliseconds of all connections together. */
const longest = 10;

/** Those of this turn. */
let spent = 0;
let isCounting = false;

/** Who has more to deliver, in the order of their asking. */
const waiting = new Set();
let timer;
let isResuming = false;

/** Whether there is time left for the bytes of a guest. */
function hasTime() {
  return timer === undefined && spent < longest;
}

/** Runs what takes the bytes of a guest, and counts how long that is. */
function spend(deliver) {
  const begun = performance.now();
  try {
    deliver();
  } finally {
    spent += performance.now() - begun;
    if (!isCounting) {
      isCounting = true;
      setImmediate(endTurn).unref();
    }
  }
}

function endTurn() {
  isCounting = false;
  if (timer === undefined) spent = 0;
}

/**
 * Has `deliver` called in a later turn, when there is time again.
 * @param {() => void} deliver Asked for once, whatever it is asked for often.
 */
function later(deliver) {
  waiting.add(deliver);
  if (!isResuming) wait();
}

/** A timer, as an unreferenced immediate does not wake the loop; and no connection keeps the host alive by sending much. */
function wait() {
  timer ??= setTimeout(resume, 0).unref();
}

function resume() {
  timer = undefined;
  spent = 0;
  isResuming = true;
  try {
    // Those that have yet more ask again, and come behind the others.
    for (const deliver of waiting) {
      if (!hasTime()) break;
      waiting.delete(deliver);
      spend(deliver);
    }
  } finally {
    isResuming = false;
    if (waiting.size > 0) wait();
  }
}

module.exports = { hasTime, later, spend };

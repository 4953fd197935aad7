"use strict";
// Bytes that events bring are outside of V8's heap: 64 MiB of them may be garbage before it is collected.

const binding = require("../binding.cjs");

/** Gives back the memory of what nobody keeps. */
function release({ buffer, byteLength }) {
  if (byteLength > 0 && byteLength === buffer.byteLength) binding.release(buffer);
}

/**
 * Puts pieces together, and gives each back.
 * @param {Uint8Array[]} pieces
 * @returns {Uint8Array}
 */
function joined(pieces) {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    const { length } = piece;
    bytes.set(piece, at);
    at += length;
    release(piece);
  }
  return bytes;
}

module.exports = { joined, release };

"use strict";
// Quantities with units on the command line: sizes, times, counts.

const { UsageError } = require("./usage-error.cjs");

const sizes = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
const times = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Bytes: `4096`, `256k`, `256m`, `1.5g`, also with `B` or `iB` behind the unit. */
function bytes(text, flag) {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([bkmg])(?:i?b)?)?$/i.exec(text);
  const value = match ? Math.floor(match[1] * sizes[(match[2] ?? "b").toLowerCase()]) : 0;
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new UsageError(`${flag} takes a size like 256m or 1g, not '${text}'`);
  }
  return value;
}

/** Milliseconds: `1500`, `500ms`, `5s`, `2m`, `1h`. */
function milliseconds(text, flag) {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?$/i.exec(text);
  const value = match ? match[1] * times[(match[2] ?? "ms").toLowerCase()] : 0;
  if (!(value > 0 && value < 2 ** 31)) {
    throw new UsageError(`${flag} takes a time like 500ms, 5s or 2m, not '${text}'`);
  }
  return value;
}

/** A whole number from 1 on. */
function count(text, flag) {
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new UsageError(`${flag} takes a whole number from 1 on, not '${text}'`);
  }
  return Number(text);
}

/** Whole seconds, 0 among them. */
function seconds(text, flag) {
  if (!/^\d{1,7}$/.test(text)) throw new UsageError(`${flag} takes whole seconds, not '${text}'`);
  return Number(text);
}

/** A port of TCP; 0 is one that is free. */
function port(text, flag) {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UsageError(`${flag} takes a port, 0 to 65535, not '${text}'`);
  }
  return Number(text);
}

/** A number of bytes as the command line takes it: `64m`. */
function showBytes(value) {
  for (const unit of ["g", "m", "k"]) {
    if (value >= sizes[unit] && (value / sizes[unit]) % 1 === 0)
      return `${value / sizes[unit]}${unit}`;
  }
  return String(value);
}

module.exports = { bytes, count, milliseconds, port, seconds, showBytes };

"use strict";
// What JSON can hold. `JSON.stringify` leaves out or changes much of the rest without a word; here it is told.

const { types } = require("node:util");
const { invalidValue } = require("../errors.cjs");
const { isPlainObject } = require("../validate.cjs");

const circular = "is circular";

/** A value that JSON cannot hold; the message says where and why, and nothing else of the value. */
class NotJsonError extends TypeError {
  /** @param {string[]} path Keys that lead to the value. */
  constructor(what, path, reason) {
    const where = path.length === 0 ? "it" : `'${path.at(-1)}'`;
    // A circle goes through several places.
    const place = path.length < 2 || reason === circular ? "" : ` (at ${path.join(".")})`;
    super(`${what} is not what JSON can hold: ${where} ${reason}${place}`);
    this.name = "NotJsonError";
  }
}

/**
 * JSON text of a value.
 * @param {unknown} value
 * @param {string} what What the value is, for the message.
 * @throws {NotJsonError} and whatever a getter or `toJSON` of the value throws.
 */
function stringify(value, what) {
  const open = [];
  const path = [];
  const text = JSON.stringify(value, function (key, converted) {
    // Parents of this member are those down to its holder; the rest has been left.
    while (open.length > 0 && open.at(-1) !== this) open.pop();
    path.length = Math.max(open.length - 1, 0);
    if (key !== "" || open.length > 0) path.push(key);
    // What `toJSON` makes of it counts, but a Buffer's makes a list of numbers.
    const wrong = binaryRefusal(this[key]) ?? refusal(converted) ?? circle(open, converted);
    if (wrong) throw new NotJsonError(what, path, wrong);
    if (typeof converted === "object" && converted !== null) open.push(converted);
    return converted;
  });
  if (text === undefined) throw new NotJsonError(what, [], "is undefined");
  return text;
}

/** Why a value cannot be held, if it cannot. */
function refusal(value) {
  switch (typeof value) {
    case "bigint":
      return "is a BigInt: give a string";
    case "function":
      return "is a function";
    case "symbol":
      return "is a symbol";
    case "number":
      return Number.isFinite(value) ? undefined : `is ${value}`;
    case "object":
      return value === null ? undefined : objectRefusal(value);
  }
}

function circle(open, value) {
  if (open.includes(value)) return circular;
}

function binaryRefusal(value) {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return "is binary data: give text, such as base64";
  }
}

function objectRefusal(value) {
  // Their content is in none of their properties.
  if (types.isMap(value)) return "is a Map: give an object";
  if (types.isSet(value)) return "is a Set: give an array";
  if (types.isPromise(value)) return "is a promise: await it";
  if (types.isNativeError(value)) return "is an Error: give its message";
  if (isEmptied(value)) {
    return `is a ${value.constructor?.name || "object"}, which has no properties of its own`;
  }
}

/** An instance of a class, and nothing that JSON has of it: a stream, a `Headers`, a `URLSearchParams`. */
function isEmptied(value) {
  if (Array.isArray(value) || types.isBoxedPrimitive(value) || isPlainObject(value)) return false;
  return Object.keys(value).length === 0;
}

/** JSON text of an option that is to be JSON. */
function jsonText(value, name) {
  if (value === undefined) throw invalidValue(name, "must be what JSON can hold");
  try {
    return stringify(value, "it");
  } catch (cause) {
    const reason = cause instanceof NotJsonError ? `: ${cause.message}` : "";
    throw Object.assign(invalidValue(name, `must be what JSON can hold${reason}`), { cause });
  }
}

module.exports = { NotJsonError, jsonText, stringify };

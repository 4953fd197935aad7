"use strict";
// Values between JavaScript and Python, as JSON: what JSON has no word for is an object with one key that says what it is.

const { isUint8Array } = require("node:util/types");
const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");

/** How deep values may be: as much as the other side takes. */
const mostDepth = 200;

/** @param {string} name What it is called in errors. */
function toPython(value, name, depth = 0) {
  if (depth > mostDepth) throw invalidValue(name, `must not be nested more than ${mostDepth} deep`);
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return { integer: String(value) };
  if (typeof value === "number") return numberToPython(value);
  if (isUint8Array(value)) {
    return { bytes: Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64") };
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => toPython(item, `${name}[${index}]`, depth + 1));
  }
  if (check.isPlainObject(value)) {
    const items = Object.entries(value);
    return {
      object: items.map(([key, item]) => [key, toPython(item, `${name}.${key}`, depth + 1)]),
    };
  }
  throw invalidValue(name, "must be what JSON has, a bigint or a Uint8Array", value);
}

/** A number without a fraction is an `int`, as far as each of them is one number. */
function numberToPython(value) {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return value;
  if (Number.isFinite(value) && !Number.isInteger(value)) return value;
  return { float: Object.is(value, -0) ? "-0.0" : String(value) };
}

const floats = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

/**
 * @param {unknown} value What came as JSON, from a guest.
 * @param {(why: string) => Error} refuse
 */
function fromPython(value, refuse, depth = 0) {
  if (depth > mostDepth) throw refuse("it is nested too deep");
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => fromPython(item, refuse, depth + 1));
  const { bytes, integer, float, object } = value;
  if (typeof bytes === "string") return new Uint8Array(Buffer.from(bytes, "base64"));
  if (typeof integer === "string" && /^-?\d{1,100000}$/.test(integer)) return BigInt(integer);
  if (floats.has(float)) return floats.get(float);
  if (Array.isArray(object)) {
    const made = {};
    for (const pair of object) {
      if (!Array.isArray(pair) || typeof pair[0] !== "string") throw refuse("it is malformed");
      // A key may be `__proto__`.
      Object.defineProperty(made, pair[0], {
        value: fromPython(pair[1], refuse, depth + 1),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return made;
  }
  throw refuse("it is malformed");
}

module.exports = { fromPython, toPython };

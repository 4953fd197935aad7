"use strict";
// Checks of single values. A checker takes a value and its name and gives back what to use.

const types = require("node:util/types");
const { invalidType, invalidValue, isOurs, outOfRange, unreadable } = require("./errors.cjs");
const { amount } = require("./limits.cjs");

/** Reads an options object with a checker for each key it may have. */
function object(value, name, checkers) {
  if (value === undefined) return object({}, name, checkers);
  if (!isRecord(value, name)) throw invalidType(name, "an object", value);
  for (const key of attempt(name, () => Object.keys(value))) {
    if (!Object.hasOwn(checkers, key)) {
      throw invalidValue(
        `${name}.${key}`,
        `is not a known option${suggestion(key, Object.keys(checkers))}`,
      );
    }
  }
  const result = {};
  for (const [key, check] of Object.entries(checkers)) {
    const path = `${name}.${key}`;
    const given = attempt(path, () => value[key]);
    result[key] = reading(path, () => check(given, path));
  }
  return result;
}

/** Whether an options object has a key, of which kind it is then. */
function has(value, key, name) {
  if (typeof value !== "object" || value === null) return false;
  return attempt(`${name}.${key}`, () => value[key]) !== undefined;
}

/** What the caller may have meant: a key that differs in little, else all of them. */
function suggestion(key, known) {
  const meant = key.toLowerCase();
  const alike = (name) => {
    const other = name.toLowerCase();
    const begins = meant.length > 2 && (other.startsWith(meant) || meant.startsWith(other));
    return begins || isTypo(meant, other);
  };
  const near = known.find(alike);
  return near ? `. Did you mean ${near}?` : `. Known are ${known.join(", ")}`;
}

/** Whether two words differ by one letter: another one, one more, one less, or two in the wrong order. */
function isTypo(left, right) {
  const [short, long] = left.length <= right.length ? [left, right] : [right, left];
  if (short.length < 4 || long.length - short.length > 1) return false;
  let at = 0;
  while (at < short.length && short[at] === long[at]) at += 1;
  const rest = (text, from) => text.slice(from);
  if (long.length > short.length) return rest(short, at) === rest(long, at + 1);
  const swapped = short[at] === long[at + 1] && short[at + 1] === long[at];
  return (
    rest(short, at + 1) === rest(long, at + 1) ||
    (swapped && rest(short, at + 2) === rest(long, at + 2))
  );
}

/** Runs the caller's own getters and traps: what they throw is the cause, not the error. */
function attempt(name, read) {
  try {
    return read();
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** The same around checks, whose own errors say what is wrong. */
function reading(name, check) {
  try {
    return check();
  } catch (cause) {
    throw isOurs(cause) ? cause : unreadable(name, cause);
  }
}

/** A checker that lets `undefined` pass and stand for `missing`. */
function optional(check, missing) {
  return (value, name) => (value === undefined ? missing : check(value, name));
}

function boolean(value, name) {
  if (typeof value !== "boolean") throw invalidType(name, "of type boolean", value);
  return value;
}

function callback(value, name) {
  if (typeof value !== "function") throw invalidType(name, "of type function", value);
  return value;
}

/** Any text: guest code. */
function text(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
  if (value.length > longestText) {
    throw outOfRange(name, `at most ${longestText} characters long`, value.length);
  }
  return value;
}

const longestText = 64 * 1024 * 1024;

/** Text that the guest's system calls can carry. */
function cString(value, name) {
  text(value, name);
  if (value.includes("\0")) throw invalidValue(name, "must be a string without null bytes");
  if (!value.isWellFormed()) throw invalidValue(name, "must be a well-formed string");
  return value;
}

/** The name or path of a program. */
function program(value, name) {
  if (cString(value, name) === "") throw invalidValue(name, "must not be empty");
  return value;
}

function absolutePath(value, name) {
  cString(value, name);
  if (!value.startsWith("/")) throw invalidValue(name, "must be an absolute path", value);
  if (Buffer.byteLength(value) >= longestPath) {
    throw outOfRange(name, `shorter than ${longestPath} bytes`, Buffer.byteLength(value));
  }
  return value;
}

/** PATH_MAX of Linux. */
const longestPath = 4096;

function oneOf(...values) {
  return (value, name) => {
    if (!values.includes(value)) {
      throw invalidValue(name, `must be one of: ${values.map((v) => `'${v}'`).join(", ")}`, value);
    }
    return value;
  };
}

/** A whole number of at least `minimum`; Infinity too where it means that there is no bound. */
function integer(minimum, { maximum = Number.MAX_SAFE_INTEGER, infinite = false } = {}) {
  return (value, name) => {
    if (typeof value !== "number") throw invalidType(name, "of type number", value);
    if (infinite && value === Number.POSITIVE_INFINITY) return value;
    if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
    if (value < minimum || value > maximum || Object.is(value, -0)) {
      throw outOfRange(name, integerRange(name, minimum, maximum), value);
    }
    return value;
  };
}

/** Bounds in the limit's own unit, and in one that people use. */
function integerRange(name, minimum, maximum) {
  const range = `>= ${minimum} && <= ${maximum}`;
  return name.endsWith("Bytes") && minimum > 1
    ? `${range} bytes, at least ${amount(name, minimum)}`
    : range;
}

/** Milliseconds, whole or not. Zero is neither "at once" nor "never": it is refused. */
function milliseconds(value, name) {
  if (typeof value !== "number") throw invalidType(name, "of type number", value);
  if (!(value > 0 && value <= longestTimeout)) {
    throw outOfRange(name, `> 0 && <= ${longestTimeout}`, value);
  }
  return Math.ceil(value);
}

const longestTimeout = 2 ** 31 - 1;

/** A time as `fs.utimes` takes it, seconds since 1970 or a `Date`, in milliseconds. */
function time(value, name) {
  const isDate = types.isDate(value);
  if (!isDate && typeof value !== "number") {
    throw invalidType(name, "of type number or an instance of Date", value);
  }
  const ms = isDate ? Date.prototype.getTime.call(value) : value * 1000;
  if (!(Math.abs(ms) <= furthestTime)) {
    throw outOfRange(name, "a time that a Date can have", isDate ? "Invalid Date" : value);
  }
  return ms;
}

const furthestTime = 8.64e15;

/** A string or bytes, as bytes that nobody else can change meanwhile. */
function bytes(value, name) {
  if (typeof value === "string") return Buffer.from(text(value, name), "utf8");
  if (!types.isUint8Array(value)) {
    throw invalidType(name, "of type string or an instance of Uint8Array", value);
  }
  try {
    return new Uint8Array(value);
  } catch {
    // Its buffer is detached: nothing is left in it.
    return new Uint8Array();
  }
}

/** A record of environment variables, as names and values in turn. */
function environment(value, name) {
  const flat = [];
  for (const [key, variable] of entries(value, name)) {
    if (key === "" || key.includes("=")) {
      throw invalidValue(name, `has ${JSON.stringify(key)}, which is no name of a variable`);
    }
    if (variable === undefined) {
      // The types of process.env say that every value may be missing.
      throw invalidType(`${name}.${key}`, "of type string, or left out", variable);
    }
    flat.push(cString(key, `a key of ${name}`), cString(variable, `${name}.${key}`));
  }
  return flat;
}

/** The own enumerable entries of a record. */
function entries(value, name) {
  if (!isRecord(value, name)) throw invalidType(name, "a record", value);
  return attempt(name, () => Object.entries(value));
}

/**
 * Whether the own properties of an object are what it says: not so of those that hold something else, as arrays, maps and
 * promises that somebody forgot to wait for. All options would be missing, silently.
 */
function isRecord(value, name) {
  if (typeof value !== "object" || value === null) return false;
  if (holdsOtherThings.some((isKind) => isKind(value))) return false;
  return attempt(name, () => !(Symbol.iterator in value) && typeof value.then !== "function");
}

const holdsOtherThings = [
  types.isAnyArrayBuffer,
  types.isArrayBufferView,
  types.isBoxedPrimitive,
  types.isDate,
  types.isNativeError,
  types.isPromise,
  types.isRegExp,
  types.isWeakMap,
  types.isWeakSet,
];

/** A record by literal, not an instance of a class. */
function isPlainObject(value) {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype = Object.getPrototypeOf(value);
    return prototype === null || Object.getPrototypeOf(prototype) === null;
  } catch {
    return false;
  }
}

function list(check) {
  return (value, name) => {
    if (!attempt(name, () => Array.isArray(value))) throw invalidType(name, "an array", value);
    return reading(name, () => checkedElements(value, name, check));
  };
}

function checkedElements(list, name, check) {
  const checked = [];
  for (const element of list) {
    try {
      checked.push(check(element, name));
    } catch {
      // What is wrong with it is told with its place, which is not written out for each that is right.
      const place = `${name}[${checked.length}]`;
      checked.push(reading(place, () => check(element, place)));
    }
  }
  return checked;
}

/** Whether an object of the caller's has methods of these names. */
function hasMethods(value, names, name) {
  return attempt(name, () => names.every((method) => typeof value?.[method] === "function"));
}

/** By what it can do, as Node does: there is one in each realm. */
function abortSignal(value, name) {
  const methods = ["throwIfAborted", "addEventListener", "removeEventListener"];
  const isSignal = attempt(name, () => typeof value?.aborted === "boolean");
  if (!isSignal || !hasMethods(value, methods, name)) {
    throw invalidType(name, "an instance of AbortSignal", value);
  }
  return value;
}

module.exports = {
  abortSignal,
  absolutePath,
  attempt,
  boolean,
  bytes,
  cString,
  callback,
  entries,
  environment,
  has,
  hasMethods,
  integer,
  isPlainObject,
  isRecord,
  list,
  milliseconds,
  object,
  oneOf,
  optional,
  program,
  reading,
  text,
  time,
};

// Values on their way out: what structured clone can copy, as a list of nodes that JSON can hold. lib/clone.cjs reads it.

import { types } from "node:util";

const clone = structuredClone;
const plain = Object.prototype;

/** Bytes of a value as JSON; more than this is not told to the host, which has given it and counts again. */
export const longestValue = Number(process.argv.splice(1, 1)[0]);

/**
 * @returns {string} JSON.
 * @throws {DOMException} `DataCloneError`, with the name of what cannot be cloned.
 */
export function encode(value) {
  return encodeCopy(cloned(value));
}

/**
 * The same of a value that has nothing but what can be cloned, and that nobody else has: the machinery of
 * `structuredClone` costs the first who uses it some milliseconds.
 */
export function encodeCopy(value) {
  const nodes = [];
  const known = new Map();
  const waiting = [];
  const place = (each) => {
    if (typeof each === "object" && each !== null) {
      const at = known.get(each);
      if (at !== undefined) return at;
      known.set(each, nodes.length);
      waiting.push([nodes.length, each]);
    }
    nodes.push(typeof each === "object" && each !== null ? undefined : leaf(each));
    return nodes.length - 1;
  };
  place(value);
  // A queue, not a recursion: values may be as deep as they like.
  for (let next = 0; next < waiting.length; next += 1) {
    const [at, object] = waiting[next];
    nodes[at] = node(object, place);
  }
  return JSON.stringify(nodes);
}

function cloned(value) {
  try {
    return clone(value);
  } catch (error) {
    // Of objects of Node's own the error does not say which they are.
    if (error?.name !== "DataCloneError" || !/unsupported type/.test(error.message)) throw error;
    const found = unsupported(value);
    if (found === undefined) throw error;
    throw new DOMException(`${found} could not be cloned to the host.`, "DataCloneError");
  }
}

/** The first object in a value that cannot be cloned, by its class and its place. */
function unsupported(value) {
  const seen = new Set();
  const waiting = [[value, ""]];
  for (let [object, path] of waiting) {
    if (typeof object !== "object" || object === null || seen.has(object)) continue;
    seen.add(object);
    const inner = membersOf(object);
    for (const [key, member] of inner ?? []) waiting.push([member, `${path}.${key}`]);
    if (inner === undefined && !isClonable(object)) {
      path = path === "" ? "" : ` at ${path}`;
      return `${object.constructor?.name ?? "An object"}${path}`;
    }
  }
  return undefined;
}

/** What is in an object that is no more than what is in it; undefined for others. */
function membersOf(object) {
  if (types.isProxy(object)) return undefined;
  if (types.isMap(object)) return [...object].flat(1).map((each) => ["(map)", each]);
  if (types.isSet(object)) return [...object].map((each) => ["(set)", each]);
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== plain && prototype !== null && !Array.isArray(object)) return undefined;
  return Object.entries(Object.getOwnPropertyDescriptors(object))
    .filter(([, { enumerable }]) => enumerable)
    .map(([key, descriptor]) => [key, descriptor.value]);
}

function isClonable(object) {
  try {
    clone(object);
    return true;
  } catch {
    return false;
  }
}

function leaf(value) {
  switch (typeof value) {
    case "undefined":
      return ["u"];
    case "bigint":
      return ["b", value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`];
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return ["n", Object.is(value, -0) ? "-0" : String(value)];
    default:
      return value;
  }
}

function node(object, place) {
  if (Array.isArray(object)) return array(object, place);
  if (types.isDate(object)) return ["d", object.getTime()];
  if (types.isRegExp(object)) return ["r", object.source, object.flags];
  if (types.isMap(object)) return ["m", ...[...object].flat(1).map(place)];
  if (types.isSet(object)) return ["s", ...[...object].map(place)];
  if (types.isNativeError(object)) return error(object, place);
  if (types.isArrayBuffer(object)) return ["B", Buffer.from(object).toString("base64")];
  if (ArrayBuffer.isView(object)) return view(object, place);
  if (types.isBoxedPrimitive(object)) return ["O", place(object.valueOf())];
  if (Object.getPrototypeOf(object) === plain) return ["o", ...members(object, place)];
  throw new DOMException(`${object} could not be cloned to the host.`, "DataCloneError");
}

/** Of errors that say that a value is too long: its bytes, or what they are at least. */
export const sizes = new WeakMap();

export function tooLong(size) {
  const limit = "limits.jsRuntime.returnValueLimitBytes";
  const error = new RangeError(`The value has ${size} bytes, ${limit} is ${longestValue}`);
  sizes.set(error, size);
  return error;
}

/** Elements with -1 for holes, then what else the array has. */
function array(object, place) {
  if (object.length > longestValue) throw tooLong(object.length);
  const elements = Array.from(object, (element, index) =>
    Object.hasOwn(object, index) ? place(element) : -1,
  );
  const others = Object.keys(object).filter((key) => !/^(?:0|[1-9]\d{0,9})$/.test(key));
  return ["a", elements, ...others.flatMap((key) => [key, place(object[key])])];
}

function error(object, place) {
  const cause = Object.hasOwn(object, "cause") ? place(object.cause) : -1;
  return ["e", object.name, object.message, String(object.stack), cause];
}

function view(object, place) {
  if (!types.isArrayBuffer(object.buffer)) {
    throw new DOMException("Shared memory could not be cloned to the host.", "DataCloneError");
  }
  const length = types.isDataView(object) ? object.byteLength : object.length;
  return ["t", object[Symbol.toStringTag], place(object.buffer), object.byteOffset, length];
}

function members(object, place) {
  return Object.keys(object).flatMap((key) => [key, place(object[key])]);
}

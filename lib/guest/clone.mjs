// Values on their way out: what structured clone can copy, as a list of nodes that JSON can hold. lib/clone.cjs reads it.

import { types } from "node:util";

const clone = structuredClone;
const plain = Object.prototype;

/** Bytes of a value as JSON; more than this is not told to the host, which has given it and counts again. */
export const longestValue = Number(process.argv.splice(1, 1)[0]);

/** @returns {string} JSON. */
export function encode(value) {
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
  place(clone(value));
  // A queue, not a recursion: values may be as deep as they like.
  for (let next = 0; next < waiting.length; next += 1) {
    const [at, object] = waiting[next];
    nodes[at] = node(object, place);
  }
  return JSON.stringify(nodes);
}

function leaf(value) {
  switch (typeof value) {
    case "undefined":
      return ["u"];
    case "bigint":
      return ["b", value.toString()];
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

/** Elements with -1 for holes, then what else the array has. */
function array(object, place) {
  if (object.length > longestValue) throw new RangeError("The array is too long for the host");
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

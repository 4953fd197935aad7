"use strict";
// Values that a guest has cloned for the host (lib/guest/clone.mjs). Nothing in them is believed: whatever they say, what
// comes of it is plain data of about their size, or an error.

const errors = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const views = Object.fromEntries(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
    // Newer than the oldest Node.js that is supported.
    ...(typeof Float16Array === "undefined" ? [] : [Float16Array]),
  ].map((view) => [view.name, view]),
);

/** What guests have and this Node.js may not. */
const newerViews = new Set(["Float16Array"]);

/** A value of a kind that guests have and this Node.js does not. */
class UnknownTypeError extends Error {
  /** @param {string} what */
  constructor(what) {
    super(`${what} could not be cloned to the host: Node.js ${process.versions.node} has none.`);
    this.name = "DataCloneError";
  }
}

/** Nodes that are made of others, which have to be there before. */
const wrappers = new Set(["t", "O"]);

/**
 * @param {string} text
 * @returns {unknown} The value.
 * @throws {UnknownTypeError}
 * @throws {TypeError} The text is none that a guest of ours has written.
 */
function decode(text) {
  const nodes = JSON.parse(text);
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed();
  const values = new Array(nodes.length);
  const at = (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= nodes.length) throw malformed();
    return values[index];
  };
  const tag = (node) => (Array.isArray(node) ? node[0] : undefined);
  nodes.forEach((node, index) => {
    if (!wrappers.has(tag(node))) values[index] = begin(node);
  });
  nodes.forEach((node, index) => {
    if (wrappers.has(tag(node))) values[index] = wrap(node, at);
  });
  nodes.forEach((node, index) => {
    if (Array.isArray(node)) fill(values[index], node, at);
  });
  return values[0];
}

/** The value of a node as far as it is known without the others. */
function begin(node) {
  if (!Array.isArray(node)) {
    if (typeof node === "object" && node !== null) throw malformed();
    return node;
  }
  const [tag, first, second] = node;
  switch (tag) {
    case "u":
      return undefined;
    case "n":
      return Number(text(first));
    case "b":
      return BigInt(text(first));
    case "d":
      return new Date(typeof first === "number" ? first : Number.NaN);
    case "r":
      return regularExpression(text(first), text(second));
    case "B":
      return Uint8Array.from(Buffer.from(text(first), "base64")).buffer;
    case "a":
      return [];
    case "m":
      return new Map();
    case "s":
      return new Set();
    case "o":
      return {};
    case "e":
      return error(node);
    default:
      throw malformed();
  }
}

/** Syntax that guests have and this Node.js may not: modifiers, and groups of one name in several alternatives. */
const newerSyntax = /\(\?(?=[ims-])[ims]*-?[ims]*:|\(\?<(\w+)>.*\(\?<\1>/s;

function regularExpression(source, flags) {
  try {
    return new RegExp(source, flags);
  } catch (cause) {
    if (!newerSyntax.test(source)) throw cause;
    const shown = `/${source.slice(0, 100)}/${flags.slice(0, 10)}`;
    throw Object.assign(new UnknownTypeError(`RegExp ${shown}`), { cause });
  }
}

function error([, name, message, stack]) {
  const kind = Object.hasOwn(errors, text(name)) ? errors[name] : Error;
  const made = new kind(text(message));
  const hidden = { configurable: true, writable: true };
  Object.defineProperty(made, "stack", { ...hidden, value: text(stack) });
  return made;
}

function wrap([tag, first, second, third, fourth], at) {
  if (tag === "O") {
    const inner = at(first);
    if (inner === null || typeof inner === "object" || inner === undefined) throw malformed();
    return Object(inner);
  }
  if (newerViews.has(first) && !Object.hasOwn(views, first)) throw new UnknownTypeError(first);
  const buffer = at(second);
  if (!Object.hasOwn(views, text(first)) || !(buffer instanceof ArrayBuffer)) throw malformed();
  return new views[first](buffer, third, fourth);
}

function fill(value, [tag, ...rest], at) {
  switch (tag) {
    case "a":
      fillArray(value, rest, at);
      break;
    case "m":
      for (let i = 0; i + 1 < rest.length; i += 2) value.set(at(rest[i]), at(rest[i + 1]));
      break;
    case "s":
      for (const index of rest) value.add(at(index));
      break;
    case "o":
      fillMembers(value, rest, at);
      break;
    case "e":
      if (rest[3] !== -1) define(value, "cause", at(rest[3]), false);
      break;
  }
}

function fillArray(value, [elements, ...others], at) {
  if (!Array.isArray(elements)) throw malformed();
  elements.forEach((index, position) => {
    if (index !== -1) value[position] = at(index);
  });
  value.length = elements.length;
  fillMembers(value, others, at);
}

function fillMembers(value, members, at) {
  for (let i = 0; i + 1 < members.length; i += 2) {
    define(value, text(members[i]), at(members[i + 1]), true);
  }
}

/** Also of a key like `__proto__`. */
function define(object, key, value, enumerable) {
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true });
}

function text(value) {
  if (typeof value !== "string") throw malformed();
  return value;
}

function malformed() {
  return new TypeError("The value is malformed");
}

module.exports = { UnknownTypeError, decode };

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

/** A value that the host does not take. */
class NotClonedError extends Error {
  /**
   * @param {string} what
   * @param {string} why
   */
  constructor(what, why) {
    super(`${what} could not be cloned to the host: ${why}.`);
    this.name = "DataCloneError";
  }
}

/** A value of a kind that guests have and this Node.js does not. */
function unknownType(what, cause) {
  const error = new NotClonedError(what, `Node.js ${process.versions.node} has none`);
  return Object.assign(error, cause && { cause });
}

/** Nodes that are made of others, which have to be there before. */
const wrappers = new Set(["t", "O"]);

/**
 * Runs on the host's main thread: whatever the text is, its cost is bounded by its length.
 *
 * @param {string} text
 * @returns {unknown} The value.
 * @throws {NotClonedError}
 * @throws {TypeError} The text is none that a guest of ours has written.
 */
function decode(text) {
  // Errors get the stacks that the guest tells, and none of this thread's, which takes longer than all the rest.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return build(JSON.parse(text));
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function build(nodes) {
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed();
  const values = new Array(nodes.length);
  const at = (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= nodes.length) throw malformed();
    return values[index];
  };
  const tag = (node) => (Array.isArray(node) ? node[0] : undefined);
  const patterns = new Patterns();
  nodes.forEach((node, index) => {
    if (!wrappers.has(tag(node))) values[index] = begin(node, patterns);
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
function begin(node, patterns) {
  if (!Array.isArray(node)) {
    if (typeof node === "object" && node !== null) throw malformed();
    return node;
  }
  const [tag, first, second] = node;
  switch (tag) {
    case "u":
      return undefined;
    case "n":
      return oddNumber(first);
    case "b":
      return bigInt(text(first));
    case "d":
      return new Date(typeof first === "number" ? first : Number.NaN);
    case "r":
      return patterns.compile(text(first), text(second));
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

const oddNumbers = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

function oddNumber(name) {
  if (name === "-0") return -0;
  if (!Object.hasOwn(oddNumbers, text(name))) throw malformed();
  return oddNumbers[name];
}

/** Hexadecimal: what is written as a decimal number takes longer than its length. */
function bigInt(written) {
  const [, sign, digits] = /^(-?)(0x[0-9a-f]+)$/.exec(written) ?? [];
  if (digits === undefined) throw malformed();
  return sign ? -BigInt(digits) : BigInt(digits);
}

/** Syntax that guests have and this Node.js may not: modifiers, and groups of one name in several alternatives. */
const modifiers = /\(\?(?=[ims-])[ims]{0,3}-?[ims]{0,3}:/;
const groupName = /\(\?<(\w+)>/g;

function hasNewerSyntax(source) {
  const names = Array.from(source.matchAll(groupName), ([, name]) => name);
  return modifiers.test(source) || new Set(names).size < names.length;
}

/** What is expanded when it is compiled: a class of characters, or thousands of sequences of them. */
const property = /\\p\{/gi;
const sequences = /\\p\{RGI_Emoji/g;

/** The regular expressions of a value. Compiling some takes a hundred thousand times as long as reading them. */
class Patterns {
  #characters = 64 * 1024;
  #properties = 64;

  compile(source, flags) {
    const shown = `RegExp /${source.slice(0, 100)}/${flags.slice(0, 10)}`;
    this.#characters -= source.length;
    if (this.#characters < 0)
      throw new NotClonedError(shown, "those of a value are 64 KiB at most");
    // One of sequences takes as long as sixteen others.
    const count = (kind) => source.match(kind)?.length ?? 0;
    if (/[uv]/.test(flags)) this.#properties -= count(property) + 15 * count(sequences);
    if (this.#properties < 0) {
      throw new NotClonedError(shown, "those of a value have 64 properties of characters at most");
    }
    try {
      return new RegExp(source, flags);
    } catch (cause) {
      if (!hasNewerSyntax(source)) throw cause;
      throw unknownType(shown, cause);
    }
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
  if (newerViews.has(first) && !Object.hasOwn(views, first)) throw unknownType(first);
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
      inBatches(rest.length >> 1, (i) => value.set(at(rest[2 * i]), at(rest[2 * i + 1])));
      break;
    case "s":
      inBatches(rest.length, (i) => value.add(at(rest[i])));
      break;
    case "o":
      fillMembers(value, rest, at);
      break;
    case "e":
      if (rest[3] !== -1) define(value, "cause", at(rest[3]), false);
      break;
  }
}

const batchSize = 256;
const longestBuild = 100;

/**
 * Fills a map or a set. Numbers that V8 puts into one place of its tables, which are not random, take as many steps as there
 * are of them: such a collection is given up after a tenth of a second of this process's time.
 */
function inBatches(count, add) {
  const start = performance.now();
  const { user } = process.cpuUsage();
  for (let i = 0; i < count; i += 1) {
    add(i);
    if (i % batchSize !== 0 || performance.now() - start < longestBuild) continue;
    // On a machine that is busy it may be others who took the time.
    if (process.cpuUsage().user - user < longestBuild * 1000) continue;
    throw new NotClonedError(`A collection of ${count} elements`, "its keys collide");
  }
}

/** Indices, which are among the elements, and what would make the array longer than these. */
const isOfArrays = /^(?:\d+|length)$/;

function fillArray(value, [elements, ...others], at) {
  if (!Array.isArray(elements)) throw malformed();
  elements.forEach((index, position) => {
    if (index !== -1) value[position] = at(index);
  });
  value.length = elements.length;
  for (let i = 0; i < others.length; i += 2) if (isOfArrays.test(others[i])) throw malformed();
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

module.exports = { NotClonedError, decode };

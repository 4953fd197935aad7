// What a module exports, without what no value on the host can be: functions, symbols, promises and their like. Nothing of
// it is dropped in silence: each is noted by its place.

import { types } from "node:util";

/** Notes of one value; what comes behind is counted only. */
const mostNotes = 100;
const longestPlace = 200;
const { ownKeys } = Reflect;
const plainPrototype = Object.prototype;

/** What stands for a value that is left out. */
const nothing = Symbol("nothing");

/**
 * @param {unknown} value
 * @param {string} name What it is called in the notes.
 * @returns {{ value: unknown, notes: string[] }} A copy of plain data, as `structuredClone` can copy it; `undefined` if all
 *   of it is left out.
 */
export function prune(value, name) {
  const notes = new Notes();
  const known = new Map();
  const waiting = [];
  const copy = (each, place) => {
    if (typeof each !== "object" || each === null) {
      if (typeof each !== "function" && typeof each !== "symbol") return each;
      notes.add(place, `a ${typeof each}`);
      return nothing;
    }
    if (known.has(each)) return known.get(each);
    const made = shellOf(each);
    if (made === nothing) notes.add(place, `a ${className(each)}`);
    else if (made !== each) waiting.push([each, made, place]);
    if (isEmptied(each, made))
      notes.add(place, `a ${className(each)} has no properties of its own`, "is empty");
    known.set(each, made);
    return made;
  };
  const result = copy(value, name);
  // A queue, not a recursion: values may be as deep as they like.
  for (let next = 0; next < waiting.length; next += 1) fill(waiting[next], copy, notes);
  return { value: result === nothing ? undefined : result, notes: notes.all() };
}

class Notes {
  #notes = [];
  #more = 0;

  add(place, why, what = "is left out") {
    if (this.#notes.length === mostNotes) this.#more += 1;
    else this.#notes.push(`${shortened(place)} ${what}: ${why}`);
  }

  all() {
    return this.#more === 0 ? this.#notes : [...this.#notes, `and ${this.#more} more`];
  }
}

function shortened(place) {
  return place.length > longestPlace ? `${place.slice(0, longestPlace)}...` : place;
}

/** The object that the copies of its members go to, or itself where it has none; `nothing` for what stays here. */
function shellOf(object) {
  if (Array.isArray(object) && !types.isProxy(object)) return new Array(object.length);
  if (types.isMap(object)) return new Map();
  if (types.isSet(object)) return new Set();
  if (types.isNativeError(object)) return new Error("");
  if (ArrayBuffer.isView(object)) return types.isArrayBuffer(object.buffer) ? object : nothing;
  if (types.isArrayBuffer(object) || types.isDate(object) || types.isRegExp(object)) return object;
  if (types.isBoxedPrimitive(object)) return types.isSymbolObject(object) ? nothing : object;
  // Asking whether something is a key loads Node's cryptography.
  if (isPlain(object)) return {};
  return staysHere.some((is) => is(object)) ? nothing : {};
}

/** An object by literal, or a module's namespace. */
function isPlain(object) {
  if (types.isProxy(object)) return false;
  const prototype = Object.getPrototypeOf(object);
  return (prototype === plainPrototype || prototype === null) && !types.isExternal(object);
}

/** What is more than its members. */
const staysHere = [
  types.isProxy,
  types.isPromise,
  types.isWeakMap,
  types.isWeakSet,
  types.isGeneratorObject,
  types.isMapIterator,
  types.isSetIterator,
  types.isSharedArrayBuffer,
  types.isExternal,
  types.isKeyObject,
  types.isCryptoKey,
  (object) => object instanceof WeakRef,
].filter((is) => typeof is === "function");

/** What is an instance of a class, and nothing that can be copied. */
function isEmptied(object, made) {
  if (made === nothing || made === object || isPlain(object)) return false;
  const isKept = [
    Array.isArray,
    types.isMap,
    types.isSet,
    types.isNativeError,
    types.isArgumentsObject,
  ];
  return !isKept.some((is) => is(object)) && Object.keys(object).length === 0;
}

function className(object) {
  try {
    if (types.isProxy(object)) return "Proxy";
    if (types.isGeneratorObject(object)) return "generator";
    return String(object.constructor?.name || "object").slice(0, longestPlace);
  } catch {
    return "object";
  }
}

function fill([object, made, place], copy, notes) {
  if (types.isMap(object)) return fillMap(object, made, place, copy);
  if (types.isSet(object)) return fillSet(object, made, place, copy);
  if (types.isNativeError(object)) return fillError(object, made, place, copy, notes);
  for (const key of ownKeys(object)) {
    if (typeof key === "symbol" || !isEnumerable(object, key)) continue;
    const member = `${place}.${key}`;
    const found = readMember(object, key, member, notes);
    const value = found === nothing ? nothing : copy(found, member);
    if (value !== nothing) set(made, key, value);
  }
}

/** Of a module's namespace it is an error to ask for what has no value yet. */
function isEnumerable(object, key) {
  try {
    return Object.getOwnPropertyDescriptor(object, key)?.enumerable === true;
  } catch {
    return true;
  }
}

function readMember(object, key, place, notes) {
  try {
    return object[key];
  } catch (error) {
    notes.add(place, `reading it throws ${String(error?.name ?? typeof error)}`);
    return nothing;
  }
}

function fillMap(object, made, place, copy) {
  for (const [key, value] of [...object]) {
    const [ownKey, ownValue] = [copy(key, `${place}.(key)`), copy(value, `${place}.(value)`)];
    if (ownKey !== nothing && ownValue !== nothing) made.set(ownKey, ownValue);
  }
}

function fillSet(object, made, place, copy) {
  for (const element of [...object]) {
    const own = copy(element, `${place}.(element)`);
    if (own !== nothing) made.add(own);
  }
}

/** All that structured clone has of an error. */
const ofErrors = ["name", "message", "stack", "cause"];

function fillError(object, made, place, copy, notes) {
  const own = ownKeys(object).filter((key) => typeof key === "string" && isMore(object, key));
  for (const key of own)
    notes.add(`${place}.${key}`, `copies of errors have ${ofErrors.join(", ")}`);
  for (const key of ["name", "message", "stack"]) {
    const value = readMember(object, key, `${place}.${key}`, notes);
    if (value !== nothing) set(made, key, String(value), false);
  }
  if (!Object.hasOwn(object, "cause")) return;
  const found = readMember(object, "cause", `${place}.cause`, notes);
  const cause = found === nothing ? nothing : copy(found, `${place}.cause`);
  if (cause !== nothing) set(made, "cause", cause, false);
}

/** Whether an error has something besides; of an `AggregateError` its errors are. */
function isMore(error, key) {
  return !ofErrors.includes(key) && (key === "errors" || isEnumerable(error, key));
}

/** Also of a key like `__proto__`. */
function set(object, key, value, enumerable = true) {
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true });
}

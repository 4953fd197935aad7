"use strict";
// Errors carry the stack of the caller: they come about in events of the VM, where nothing of the caller's is on the
// stack any more.

const { isOurs } = require("./errors.cjs");

/** Errors that have been told once. The stack stays that of the first who was told. */
const placed = new WeakSet();

/**
 * Does what a public method does. An error that the API made gets the stack of whoever called `method`; one that is
 * the caller's own (an abort's reason, what a callback threw) stays as it is.
 * @template T
 * @param {Function} method The public method, which is called right now.
 * @param {() => T | Promise<T>} action
 * @returns {Promise<T>}
 */
async function fromCaller(method, action) {
  const called = {};
  try {
    const result = action();
    // Behind it: what was asked for is on its way while this takes its time.
    Error.captureStackTrace(called, method);
    return await result;
  } catch (error) {
    if (!("stack" in called)) Error.captureStackTrace(called, method);
    if (isOurs(error) && !placed.has(error)) {
      placed.add(error);
      const waiting = {};
      Error.captureStackTrace(waiting, fromCaller);
      error.stack = head(error) + frames(called, waiting);
    }
    throw error;
  }
}

/** Gives methods of a class callers' stacks. */
function withCallerStacks(target, ...names) {
  for (const name of names) {
    const method = target[name];
    const replacement = {
      [name](...args) {
        return fromCaller(replacement, () => method.apply(this, args));
      },
    }[name];
    Object.defineProperty(replacement, "length", { value: method.length, configurable: true });
    Object.defineProperty(target, name, {
      value: replacement,
      configurable: true,
      writable: true,
    });
  }
}

/**
 * The frames of the functions that wait, if the caller is the first of them: V8 marks them `async`. It is not if it
 * did not wait, or gave the promise on.
 */
function frames(called, waiting) {
  const atCall = tail(called);
  const now = tail(waiting);
  const caller = functionName(atCall);
  return caller !== undefined && functionName(now) === caller ? now : atCall;
}

function functionName(text) {
  return /^\n {4}at (?:async )?([^(\n]*) \(/.exec(text)?.[1];
}

function head({ stack }) {
  const text = String(stack);
  const end = text.indexOf("\n    at ");
  return end < 0 ? text : text.slice(0, end);
}

function tail({ stack }) {
  const text = String(stack);
  const start = text.indexOf("\n    at ");
  return start < 0 ? "" : text.slice(start);
}

module.exports = { fromCaller, withCallerStacks };

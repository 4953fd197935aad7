"use strict";
// Functions of the embedder's that the API calls.

const { AsyncResource } = require("node:async_hooks");

/**
 * Binds a callback to the asynchronous context of the call that is being made, so that an `AsyncLocalStorage` of the
 * caller's is the same inside.
 */
function inContext(callback, resource = new AsyncResource("SECUREEXECCALL")) {
  return callback && ((...args) => resource.runInAsyncScope(callback, undefined, ...args));
}

/** Callbacks, and what has some, whose first error has been told. */
const told = new WeakSet();

/**
 * Calls a callback that no call waits for. What it throws, now or later, never ends the process: the first error is told
 * by a warning.
 * @returns {Promise<void> | undefined} A promise while the callback's own is pending.
 */
function callUnawaited(name, callback, ...args) {
  try {
    const pending = callback(...args);
    if (typeof pending?.then !== "function") return undefined;
    return Promise.resolve(pending).then(
      () => {},
      (error) => warn(name, callback, error),
    );
  } catch (error) {
    warn(name, callback, error);
    return undefined;
  }
}

/** Warns of what a callback has thrown, once for each `source`. */
function warn(name, source, error) {
  warnOnce(source, `The callback ${name} threw`, error);
}

/**
 * Warns of what is wrong with something of the embedder's, once for each `source`.
 * @param {object} source
 * @param {string} what Whose fault it is.
 * @param {unknown} error
 */
function warnOnce(source, what, error) {
  if (told.has(source)) return;
  told.add(source);
  const warning = new Error(`${what}: ${describe(error)}`, { cause: error });
  warning.name = "SecureExecWarning";
  warning.code = "ERR_CALLBACK_THREW";
  process.emitWarning(warning);
}

/** Whatever was thrown, this does not throw. */
function describe(error) {
  try {
    return String(error?.stack ?? error);
  } catch {
    return "something that has no text";
  }
}

module.exports = { callUnawaited, inContext, warn, warnOnce };

"use strict";
// What a runtime tells of what happens in it: to listeners of its own, and on channels of `node:diagnostics_channel`. Without
// anybody who hears of it nothing is made.

const { channel } = require("node:diagnostics_channel");
const { callUnawaited } = require("./callback.cjs");
const check = require("./validate.cjs");

/** Events that listeners can be added for. */
const names = ["exit", "limit", "crash", "tool"];
const isName = check.oneOf(...names);

/** `exec` tells the start of a program, and only there. */
const channels = Object.fromEntries(
  ["exec", ...names].map((name) => [name, channel(`secure-exec:${name}`)]),
);

class RuntimeEvents {
  /** By name. @type {Map<string, { listener: Function, isOnce: boolean }[]>} */
  #listeners = new Map();
  #hasCrashed = false;

  add(name, listener, isOnce) {
    isName(name, "event");
    check.callback(listener, "listener");
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), { listener, isOnce }]);
  }

  /** Takes a listener away, one at a time if it was added more than once. */
  remove(name, listener) {
    isName(name, "event");
    const listeners = this.#listeners.get(name) ?? [];
    const at = listeners.findLastIndex((one) => one.listener === listener);
    if (at >= 0) this.#listeners.set(name, listeners.toSpliced(at, 1));
  }

  /**
   * @param {string} name
   * @param {() => object} make What is told.
   * @param {import("node:async_hooks").AsyncResource} [context] Of the call that it belongs to.
   */
  emit(name, make, context) {
    const listeners = this.#listeners.get(name);
    const { hasSubscribers } = channels[name];
    if (!listeners?.length && !hasSubscribers) return;
    const tell = () => {
      const event = make();
      if (hasSubscribers) channels[name].publish(event);
      for (const { listener, isOnce } of listeners ?? []) {
        if (isOnce) this.remove(name, listener);
        callUnawaited(`of the event ${name}`, listener, event);
      }
    };
    if (context) context.runInAsyncScope(tell);
    else tell();
  }

  /** The VM process has ended: told once, however many calls end with it. */
  crashed(error) {
    if (this.#hasCrashed) return;
    this.#hasCrashed = true;
    setImmediate(() => {
      this.#hasCrashed = false;
    }).unref();
    this.emit("crash", () => ({ error }));
  }
}

module.exports = { RuntimeEvents };

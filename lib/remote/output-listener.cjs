"use strict";
// Callbacks of a command or a line that somebody waits for, as a machine of this process would call them: one that throws ends
// the command and rejects the call, one that gives back a promise holds it up.

const { AsyncResource } = require("node:async_hooks");
const { inContext, warn } = require("../callback.cjs");
const { withResolvers } = require("../machine.cjs");

class OutputListener {
  #callbacks;
  /** Of whose callbacks the promises are pending. */
  #showing = new Set();
  #onFailure;
  #isReleased = false;
  /** What a callback has thrown. @type {{ error: unknown } | undefined} */
  failure;

  /**
   * @param {{ onStdout?: Function, onStderr?: Function }} callbacks
   * @param {() => void} onFailure Ends the command.
   */
  constructor({ onStdout, onStderr }, onFailure) {
    const context = new AsyncResource("SECUREEXECCALL");
    this.#callbacks = {
      onStdout: inContext(onStdout, context),
      onStderr: inContext(onStderr, context),
    };
    this.#onFailure = onFailure;
  }

  /** Names of what is heard; none where nothing is. */
  get hears() {
    const names = Object.keys(this.#callbacks).filter((name) => this.#callbacks[name]);
    return names.length > 0 ? names : undefined;
  }

  /** Shows a piece. Gives back a promise while the command is to wait. */
  show(channel, data) {
    const callback = this.#callbacks[channel];
    if (!callback || this.failure) return undefined;
    try {
      const pending = callback(data);
      if (typeof pending?.then !== "function") return undefined;
      const shown = Promise.resolve(pending)
        .catch((error) => this.#fail(error))
        .finally(() => this.#showing.delete(shown));
      this.#showing.add(shown);
      return shown;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /**
   * Settles when what was shown has been taken, at an abort, or after some time.
   * @param {{ signal?: AbortSignal, timeout: number }} until Milliseconds.
   */
  async taken({ signal, timeout }) {
    if (this.#showing.size > 0 && !signal?.aborted && timeout > 0) {
      const over = withResolvers();
      const timer = setTimeout(over.resolve, timeout);
      signal?.addEventListener("abort", over.resolve, { once: true });
      await Promise.race([Promise.all(this.#showing), over.promise]);
      clearTimeout(timer);
      signal?.removeEventListener("abort", over.resolve);
    }
    this.#isReleased = true;
  }

  #fail(error) {
    if (this.#isReleased) return warn("of a command that is over", this, error);
    if (this.failure) return;
    this.failure = { error };
    this.#onFailure();
  }
}

module.exports = { OutputListener };

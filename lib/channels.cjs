"use strict";
// What is kept of standard output and standard error of something that runs in a process which goes on: a snippet, a line.

const { Output, limitsOf } = require("./output.cjs");

class Channels {
  #outputs;

  /**
   * @param {[number, number]} limits Bytes that are kept of each.
   * @param {[Function | undefined, Function | undefined]} [callbacks] Hear of everything.
   * @param {{ isOwn?: boolean, keep?: "head" | "tail" | "both" }} [settings]
   */
  constructor(limits, callbacks = [undefined, undefined], settings = {}) {
    this.#outputs = limits.map((limit, index) => new Output(limit, callbacks[index], settings));
  }

  /** Gives back what the callback gives. @param {0 | 1} index */
  push(index, chunk) {
    return this.#outputs[index].push(chunk);
  }

  at(index) {
    return this.#outputs[index];
  }

  captured() {
    const [out, err] = this.#outputs;
    const result = { stdout: out.toString(), stderr: err.toString() };
    if (out.truncated) result.stdoutTruncated = true;
    if (err.truncated) result.stderrTruncated = true;
    return result;
  }

  /** Limits that were met, these channels' own among them. */
  limits(others) {
    return limitsOf(this.#outputs, others);
  }
}

module.exports = { Channels };

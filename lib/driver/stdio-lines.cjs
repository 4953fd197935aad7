"use strict";
// Output as events of whole lines.

const { Lines } = require("../lines.cjs");

class StdioLines {
  #hook;
  /** Of what the hook has not taken yet. @type {Promise<void> | undefined} */
  #pending;
  #channels = { stdout: new Lines(), stderr: new Lines() };

  /** @param {(event: { channel: "stdout" | "stderr", message: string }) => unknown} hook */
  constructor(hook) {
    this.#hook = hook;
  }

  /** Takes a chunk. Gives back a promise while the hook wants the program to wait. */
  push(channel, chunk) {
    return this.#tell(channel, this.#channels[channel].push(chunk));
  }

  /** What ended without a line feed. */
  async end() {
    for (const channel of ["stdout", "stderr"]) {
      // A program whose hook is not done has only ended because its machine has: nobody waits for that hook.
      const isGone = this.#pending !== undefined;
      const told = this.#tell(channel, this.#channels[channel].end());
      if (!isGone) await told;
    }
  }

  /** One line after the other: the next is told when the hook has taken the one before. */
  #tell(channel, messages) {
    if (this.#pending) return this.#tellLater(channel, messages);
    for (const [index, message] of messages.entries()) {
      const taken = this.#hook({ channel, message });
      if (typeof taken?.then !== "function") continue;
      this.#pending = Promise.resolve(taken);
      return this.#tellLater(channel, messages.slice(index + 1));
    }
  }

  #tellLater(channel, messages) {
    const told = this.#pending.then(async () => {
      for (const message of messages) await this.#hook({ channel, message });
    });
    this.#pending = told;
    const over = () => {
      if (this.#pending === told) this.#pending = undefined;
    };
    // What the hook rejects with stays, for whoever waits for the last line.
    told.then(over, () => {});
    return told;
  }
}

module.exports = { StdioLines };

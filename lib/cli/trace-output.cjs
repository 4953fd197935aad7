"use strict";
// `--trace`: the lines of system calls, filtered, with times, where they go.

const { createWriteStream } = require("node:fs");
const { CommandError } = require("./failures.cjs");
const { standardError } = require("./outlet.cjs");

/** The name of the call in a line, behind the process's number. */
const call = /^(?:\[(?:pid\s+)?\d+\]\s+)?(\w+)\(/;

class TraceOutput {
  #filter;
  #clock;
  #sink;
  #last = Promise.resolve();
  #file;

  /** @param {Record<string, any>} flags */
  constructor(flags) {
    this.#filter = typeof flags.trace === "function" ? flags.trace : () => true;
    this.#clock = clockOf(flags);
    if (flags.traceOutput === undefined || flags.traceOutput === "-") this.#sink = standardError();
    else this.#file = createWriteStream(flags.traceOutput);
  }

  /** Resolves when the file is there. */
  async open() {
    if (!this.#file) return;
    const file = this.#file;
    await new Promise((resolve, reject) => {
      file.once("open", resolve);
      file.once("error", (error) => {
        reject(new CommandError(`--trace-output: ${file.path} cannot be written: ${error.code}`));
      });
    });
    this.#sink = { write: (text) => new Promise((resolve) => file.write(text, () => resolve())) };
  }

  /** Takes lines; the machine's calls wait while the promise is pending. */
  write(lines) {
    const time = this.#clock();
    let text = "";
    for (const line of lines.split("\n")) {
      const name = call.exec(line)?.[1];
      if (line === "" || (name !== undefined && !this.#filter(name))) continue;
      text += `${time}${line}\n`;
    }
    if (text !== "") this.#last = this.#sink.write(text).catch(() => {});
    return this.#last;
  }

  async close() {
    await this.#last;
    if (this.#file) await new Promise((resolve) => this.#file.end(resolve));
  }
}

/** What stands before each line: as strace's `-t`, `-tt` and `-r`. */
function clockOf({ seconds, microseconds, relativeTimes }) {
  if (relativeTimes) {
    let before = performance.now();
    return () => {
      const now = performance.now();
      const passed = ((now - before) / 1000).toFixed(6).padStart(13);
      before = now;
      return `${passed} `;
    };
  }
  if (!seconds && !microseconds) return () => "";
  return () => {
    const now = new Date();
    const time = [now.getHours(), now.getMinutes(), now.getSeconds()]
      .map((part) => String(part).padStart(2, "0"))
      .join(":");
    if (!microseconds) return `${time} `;
    return `${time}.${String(now.getMilliseconds()).padStart(3, "0")}000 `;
  };
}

module.exports = { TraceOutput };

"use strict";
// `--trace`: the lines of system calls, filtered, with times, where they go.

const { once } = require("node:events");
const { createWriteStream } = require("node:fs");
const { promisify } = require("node:util");
const { CommandError } = require("./failures.cjs");
const { standardError } = require("./outlet.cjs");

/** The number of the process, and what it did: a call, or something in strace's `---` or `+++`. */
const traced = /^(?:\[(?:pid\s+)?(\d+)\]\s+)?((\w+)\(.*|.*)$/;
/** Process 0 is the host that reads and writes files, process 1 the one that cleans up. */
const init = 1;

class TraceOutput {
  #filter;
  #clock;
  #path;
  #file;
  #sink;
  #last = Promise.resolve();
  #own = init;
  #first;
  #several = false;
  #failed;
  /** How often lines have come. */
  batches = 0;

  /** @param {Record<string, any>} flags */
  constructor(flags) {
    this.#filter = typeof flags.trace === "function" ? flags.trace : () => true;
    this.#clock = clockOf(flags);
    this.#path = flags.traceOutput === "-" ? undefined : flags.traceOutput;
  }

  /** Resolves when lines can be written. */
  async open() {
    if (this.#path === undefined) {
      this.#sink = standardError();
      return;
    }
    this.#file = createWriteStream(this.#path);
    try {
      await once(this.#file, "open");
    } catch (error) {
      throw this.#unwritten(error);
    }
    // The write that fails tells it.
    this.#file.on("error", () => {});
    this.#sink = { write: promisify(this.#file.write.bind(this.#file)) };
  }

  /** The program is about to start; what ran before was not it, and had numbers up to `last`. */
  begin(last) {
    this.#own = Math.max(this.#own, last ?? 0);
  }

  /** Takes lines and when they were made; the machine's calls wait while the promise is pending. */
  write(lines, times = []) {
    this.batches++;
    const shown = lines
      .split("\n")
      .map((line, index) => this.#format(line, times[index] ?? Date.now()));
    const text = shown.join("");
    if (text === "" || this.#failed) return undefined;
    this.#last = this.#sink.write(text).catch((error) => {
      this.#failed ??= error;
    });
    return this.#last;
  }

  /** A line as strace prints it, or nothing. */
  #format(line, time) {
    const [, number, rest, name] = traced.exec(line) ?? [];
    if (!rest) return "";
    const pid = Number(number ?? this.#own + 1);
    if (pid <= this.#own || (name !== undefined && !this.#filter(name))) return "";
    this.#first ??= pid;
    this.#several ||= pid !== this.#first;
    return `${this.#label(pid)}${this.#clock(time)}${rest}\n`;
  }

  /** A file says always whose call it is, standard error when there is more than one process. */
  #label(pid) {
    if (this.#path !== undefined) return `${String(pid).padEnd(5)} `;
    return this.#several ? `[pid ${String(pid).padStart(5)}] ` : "";
  }

  #unwritten(error) {
    return new CommandError(`--trace-output: ${this.#path} cannot be written: ${error.code}`);
  }

  /** Resolves when what has come is written. */
  async written() {
    await this.#last;
  }

  /** Resolves when everything is written; rejects when something could not be. */
  async close() {
    await this.#last;
    if (!this.#file) return;
    if (this.#failed) throw this.#unwritten(this.#failed);
    await new Promise((resolve) => this.#file.end(resolve));
  }
}

/** What stands before each line: as strace's `-t`, `-tt` and `-r`, from milliseconds since 1970. */
function clockOf({ seconds, microseconds, relativeTimes }) {
  if (relativeTimes) {
    let before;
    return (time) => {
      const passed = ((time - (before ?? time)) / 1000).toFixed(6).padStart(13);
      before = time;
      return `${passed} `;
    };
  }
  if (!seconds && !microseconds) return () => "";
  return (time) => {
    const date = new Date(time);
    const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
      .map((part) => String(part).padStart(2, "0"))
      .join(":");
    if (!microseconds) return `${clock} `;
    const fraction = Math.floor((time % 1000) * 1000);
    return `${clock}.${String(fraction).padStart(6, "0")} `;
  };
}

module.exports = { TraceOutput };

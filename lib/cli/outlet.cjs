"use strict";
// Standard output and standard error of this process, written as fast as their readers take it.

const { ClosedOutput, CommandError } = require("./failures.cjs");

/** Longer than an engine's last words. */
const tailLength = 1024;

class Outlet {
  #stream;
  #name;
  #failed;
  /** The end of what was written, for whoever wants to know what the program has said already. */
  tail = Buffer.alloc(0);

  /**
   * @param {NodeJS.WriteStream} stream
   * @param {string} name What it is called in a message.
   */
  constructor(stream, name) {
    this.#stream = stream;
    this.#name = name;
    // The failure is told by the write that meets it; without a listener it would end the process.
    stream.on("error", (error) => {
      this.#failed ??= failureOf(error, name);
    });
  }

  /** Resolves when the reader has room again. Rejects when there is no reader any more. */
  write(chunk) {
    const end = Buffer.from(chunk.slice(-tailLength));
    this.tail = Buffer.concat([this.tail, end]).subarray(-tailLength);
    return new Promise((resolve, reject) => {
      if (this.#failed) return reject(this.#failed);
      this.#stream.write(chunk, (error) => {
        if (!error) return resolve();
        this.#failed ??= failureOf(error, this.#name);
        reject(this.#failed);
      });
    });
  }
}

/** Nobody reads any more: a pipe without a reader, a terminal that was closed. */
const gone = new Set(["EPIPE", "EIO", "ERR_STREAM_DESTROYED"]);

function failureOf(error, name) {
  if (gone.has(error.code)) return new ClosedOutput();
  return new CommandError(`${name} cannot be written: ${error.code}`, EX_IOERR);
}

/** sysexits.h. */
const EX_IOERR = 74;

const standardOutput = () => new Outlet(process.stdout, "standard output");
const standardError = () => new Outlet(process.stderr, "standard error");

module.exports = { standardError, standardOutput };

"use strict";
// A live guest process that runs one snippet after another.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { VmError } = require("./errors.cjs");
const { residentOptions } = require("./options.cjs");
const { withResolvers } = require("./machine.cjs");
const check = require("./validate.cjs");

const bootstrap = readFileSync(join(__dirname, "guest", "resident.mjs"), "utf8");

const controlIn = 3;
const SIGKILL = 9;

class ResidentRunner {
  #start;
  /** The live process and what it has said, or undefined until the next snippet. */
  #process;
  #busy = false;
  #disposed = false;

  /** @param {(settings: object) => import("./execution.cjs").Execution} start Starts the guest process. */
  constructor(start) {
    this.#start = start;
  }

  async exec(code, given) {
    check.text(code, "code");
    const { timeout } = residentOptions(given);
    if (this.#disposed) throw runnerError("ERR_VM_DISPOSED", "The resident runner is disposed");
    if (this.#busy) {
      throw runnerError("ERR_RUNNER_BUSY", "The resident runner is running another snippet");
    }
    this.#busy = true;
    let timer;
    try {
      const process = (this.#process ??= this.#launch());
      process.out = [];
      process.err = [];
      process.answer = withResolvers();
      process.execution.writeControl(controlIn, frame(code));
      if (timeout !== undefined) {
        timer = setTimeout(() => this.#expire(process, timeout), timeout);
      }
      const exitCode = await Promise.race([process.answer.promise, process.ended]);
      return { stdout: decode(process.out), stderr: decode(process.err), exitCode };
    } finally {
      clearTimeout(timer);
      this.#busy = false;
    }
  }

  async dispose() {
    this.#disposed = true;
    const process = this.#process;
    if (!process) return;
    process.execution.kill(SIGKILL);
    await process.execution.result.catch(() => {});
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.dispose();
  }

  #launch() {
    const process = { out: [], err: [], answer: withResolvers(), pending: Buffer.alloc(0) };
    process.execution = this.#start({
      argv: [
        "--experimental-vm-modules",
        "--no-warnings",
        "--input-type=module",
        "--eval",
        bootstrap,
      ],
      options: {
        maxOutputBytes: 0,
        onStdout: (chunk) => void process.out.push(chunk),
        onStderr: (chunk) => void process.err.push(chunk),
      },
      onControl: (data) => this.#onControl(process, data),
    });
    // The end of the process settles the snippet that was running, whatever ended it.
    process.ended = process.execution.result.then(({ exitCode }) => {
      this.#forget(process);
      return exitCode;
    });
    process.ended.catch(() => this.#forget(process));
    return process;
  }

  #forget(process) {
    if (this.#process === process) this.#process = undefined;
  }

  /** Frames from the guest: a length and a JSON number, the snippet's status. */
  #onControl(process, data) {
    process.pending = Buffer.concat([process.pending, data]);
    while (process.pending.length >= 4) {
      const length = process.pending.readUInt32LE(0);
      if (length > longestAnswer) return process.execution.kill(SIGKILL);
      if (process.pending.length < 4 + length) return;
      const status = Number(process.pending.toString("utf8", 4, 4 + length));
      process.pending = process.pending.subarray(4 + length);
      process.answer.resolve(Number.isInteger(status) ? status : 1);
    }
  }

  #expire(process, timeout) {
    this.#forget(process);
    process.answer.reject(
      runnerError("ERR_TIMEOUT", `The snippet did not end within ${timeout} ms and was killed`),
    );
    process.execution.kill(SIGKILL);
  }
}

const longestAnswer = 64;

function frame(text) {
  const body = Buffer.from(text, "utf8");
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

function decode(chunks) {
  return Buffer.concat(chunks).toString("utf8");
}

function runnerError(code, message) {
  return new VmError({ code, message, errno: 0, stateLost: false });
}

module.exports = { ResidentRunner };

"use strict";
// A program of the machine with this process's standard streams as pipes.

const { setTimeout: delay } = require("node:timers/promises");
const { limitsOf } = require("../live-handles.cjs");
const { untold } = require("./failures.cjs");
const { inForeground } = require("./foreground.cjs");
const { standardError, standardOutput } = require("./outlet.cjs");
const { forwardSignals } = require("./signals.cjs");

/**
 * Runs a command to its end.
 *
 * @param {import("../node-runtime.cjs").NodeRuntime} runtime
 * @param {string[]} argv
 * @param {{cwd?: string, timeout?: number}} options
 * @returns {Promise<{exitCode: number, limits: object[]}>} Its exit status, and the limits that it has passed.
 */
async function runOnPipes(runtime, [command, ...args], options) {
  const out = standardOutput();
  const err = standardError();
  const program = await runtime.spawnCommand(command, args, {
    ...options,
    maxOutputBytes: 0,
    onStdout: (chunk) => out.write(chunk),
    onStderr: (chunk) => err.write(chunk),
  });
  const stop = forwardSignals(runtime, program);
  try {
    feed(program);
    return { exitCode: await program.wait(), limits: await limitsOf(program) };
  } catch (error) {
    throw untold(error, err.tail);
  } finally {
    stop();
    process.stdin.destroy();
  }
}

/** Milliseconds: nothing tells that a job has come to the foreground. */
const lookAgain = 200;

/** Passes standard input on, as fast as the program reads it. A job in the background must not read its terminal. */
async function feed(program) {
  while (process.stdin.isTTY && !inForeground()) await delay(lookAgain, undefined, { ref: false });
  try {
    for await (const chunk of process.stdin) {
      await program.writeStdin(chunk);
      if (program.exitCode !== null) return;
    }
  } catch (error) {
    // The end of the program closes it under the reader.
    if (program.exitCode === null && error.code !== "ERR_STREAM_PREMATURE_CLOSE") {
      process.stderr.write(`secure-exec: standard input cannot be read: ${error.code}\n`);
    }
  }
  program.closeStdin();
}

module.exports = { runOnPipes };

"use strict";
// One command line from machine to exit status: makes the machine, copies files into it, runs one command, ends it.

const { NodeRuntime } = require("../node-runtime.cjs");
const { filesOf, finish, readCopies } = require("./copies.cjs");
const { createOptions } = require("./machine-options.cjs");
const { runOnPipes } = require("./on-pipes.cjs");
const { runOnTerminal, wantsTerminal } = require("./on-terminal.cjs");
const { workingDirectory, workspace } = require("./project.cjs");
const { TraceOutput } = require("./trace-output.cjs");

/** A shell's statuses for commands that are not there, or are there and cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * @typedef {object} Task
 * @property {string} [program] The host's file to run.
 * @property {(program?: string) => string[]} argv Makes the command from the file's path in the machine.
 * @property {boolean} [shell] It has jobs of its own where it has a terminal.
 */

/**
 * @param {Record<string, any>} flags
 * @param {Task} task
 * @returns {Promise<number>} The exit status.
 */
async function runInMachine(flags, task) {
  const terminal = wantsTerminal(flags);
  const { tree, program, root } = await readCopies(flags, task.program);
  const trace = flags.trace ? new TraceOutput(flags) : undefined;
  await trace?.open();
  const runtime = await NodeRuntime.create({
    ...createOptions(flags),
    files: filesOf(tree),
    ...(trace && { onTrace: (lines) => trace.write(lines) }),
  });
  try {
    await finish(runtime, tree);
    const cwd = flags.cwd ?? (root === undefined ? workspace : workingDirectory(root));
    const options = { cwd, ...(flags.timeout !== undefined && { timeout: flags.timeout }) };
    const started = performance.now();
    const exitCode = await start(runtime, task.argv(program), options, {
      terminal,
      shell: task.shell,
    });
    if (killedByTimeout(flags.timeout, exitCode, started)) {
      process.stderr.write(
        `secure-exec: killed: it ran longer than --timeout ${flags.timeout} ms\n`,
      );
    }
    return exitCode;
  } finally {
    await runtime.dispose();
    await trace?.close();
  }
}

async function start(runtime, argv, options, { terminal, shell }) {
  try {
    if (!terminal) return await runOnPipes(runtime, argv, options);
    return await runOnTerminal(runtime, argv, {
      ...options,
      ...(shell && prompt),
      suspendable: !shell,
    });
  } catch (error) {
    return notStarted(argv[0], error);
  }
}

/** An interactive shell shows where it is. */
const prompt = { env: { PS1: "$PWD$ " } };

/** The machine kills by SIGKILL, and never before the time is over. */
function killedByTimeout(timeout, exitCode, started) {
  return timeout !== undefined && exitCode === 137 && performance.now() - started >= timeout;
}

function notStarted(command, error) {
  if (error.name !== "VmError" || error.syscall !== "spawn") throw error;
  const [reason, exitCode] =
    error.code === "ENOENT"
      ? ["command not found", NOT_FOUND]
      : [`cannot execute: ${error.code}`, NOT_EXECUTABLE];
  process.stderr.write(`secure-exec: ${command}: ${reason}\n`);
  return exitCode;
}

module.exports = { runInMachine };

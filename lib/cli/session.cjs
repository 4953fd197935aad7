"use strict";
// One command line from machine to exit status: makes the machine with its files, runs one command, ends it.

const { basename, dirname } = require("node:path");
const { breachText } = require("../limits.cjs");
const { NodeRuntime } = require("../node-runtime.cjs");
const { filesOf, finish, readCopies } = require("./copies.cjs");
const { CommandError, printable } = require("./failures.cjs");
const { createOptions, translate } = require("./machine-options.cjs");
const { runOnPipes } = require("./on-pipes.cjs");
const { runOnTerminal, wantsTerminal } = require("./on-terminal.cjs");
const { workingDirectory, workspace } = require("./project.cjs");
const { TraceOutput } = require("./trace-output.cjs");
const { lessToCopy } = require("./tree.cjs");

/** A shell's statuses for commands that are not there, or are there and cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** What node ends with after an uncaught error. */
const UNCAUGHT = 1;

/**
 * @typedef {object} Task
 * @property {string} [program] The host's file to run.
 * @property {(program?: string, source?: string) => string[]} argv Makes the command from the file's path in the machine
 *   and on the host.
 * @property {boolean} [shell] It has jobs of its own where it has a terminal.
 */

/**
 * @param {Record<string, any>} flags
 * @param {Task} task
 * @returns {Promise<number>} The exit status.
 */
async function runInMachine(flags, task) {
  const terminal = wantsTerminal(flags);
  const copies = await readCopies(flags, task.program);
  const trace = flags.trace ? new TraceOutput(flags) : undefined;
  await trace?.open();
  const runtime = await makeMachine(flags, copies, {
    environment: terminal ? terminalEnvironment(task) : {},
    ...(trace && { onTrace: (lines, times) => trace.write(lines, times) }),
  });
  try {
    const helper = await finish(runtime, copies.tree);
    trace?.begin(helper);
    const exitCode = await start(runtime, task, flags, { copies, terminal });
    if (exitCode === UNCAUGHT) explainAlone(copies, flags);
    return exitCode;
  } finally {
    if (trace) await lastLines(runtime, trace);
    await runtime.dispose();
    await trace?.close();
  }
}

/** A machine with the files that the flags ask for, but for what `finish` makes. */
async function makeMachine(flags, copies, { environment = {}, ...more }) {
  const { mounts, ...options } = createOptions(flags, environment);
  return await NodeRuntime.create({
    ...options,
    mounts: [...mountsOf(copies), ...mounts],
    files: filesOf(copies.tree),
    ...(flags.cwd !== undefined && { cwd: flags.cwd }),
    ...more,
  }).catch((error) => {
    throw error.code === "ENOSPC"
      ? new CommandError(`${error.message} Raise it, ${lessToCopy}`)
      : error;
  });
}

/** A machine with all files that the flags ask for. */
async function createMachine(flags, copies) {
  const runtime = await makeMachine(flags, copies, {});
  try {
    await finish(runtime, copies.tree);
    return runtime;
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}

/** The program's own folder, which stays as it is. */
function mountsOf({ mounted }) {
  return mounted === undefined ? [] : [{ ...mounted, guestPath: workspace }];
}

/** Lines come by themselves, in order with answers: what was under way is there when nothing came with an answer. */
async function lastLines(runtime, trace) {
  try {
    for (let before = -1; before !== trace.batches; ) {
      before = trace.batches;
      await runtime.getResourceSnapshot();
      await trace.written();
    }
  } catch {
    // The machine has ended, and its lines with it.
  }
}

/** Runs the command to its end. */
async function start(runtime, task, flags, { copies: { program, source, root }, terminal }) {
  const argv = task.argv(program, source);
  const cwd = flags.cwd ?? (root === undefined ? workspace : workingDirectory(root));
  const options = { cwd, ...(flags.timeout !== undefined && { timeout: flags.timeout }) };
  const started = performance.now();
  try {
    const { exitCode, limits } = terminal
      ? await runOnTerminal(runtime, argv, { ...options, suspendable: !task.shell })
      : await runOnPipes(runtime, argv, options);
    if (killedByTimeout(flags.timeout, exitCode, started)) {
      say(`killed: it ran longer than --timeout ${flags.timeout} ms`);
    }
    if (exitCode !== 0) tellLimits(limits);
    return exitCode;
  } catch (error) {
    return notStarted(argv[0], error);
  }
}

/** What programs must know of the terminal that shows them. An interactive shell shows where it is. */
function terminalEnvironment({ shell }) {
  const { TERM, COLORTERM } = process.env;
  return {
    ...(TERM && { TERM }),
    ...(COLORTERM && { COLORTERM }),
    ...(shell && { PS1: "$PWD$ " }),
  };
}

/** A program with an uncaught error may have missed its neighbours. */
function explainAlone({ alone, source }, { noCopy }) {
  if (!alone || noCopy) return;
  say(
    `only ${basename(source)} was copied, for ${dirname(source)} holds the files of many programs: ` +
      "--copy <dir> copies a folder, --file <file> a file",
  );
}

/** A program that failed may have met a limit, of which its errno alone tells little. Two of them may be one flag. */
function tellLimits(limits) {
  const texts = limits.map((breach) => translate(breachText(breach)));
  const flags = new Map(texts.map((text) => [text.split(" ", 1)[0], text]));
  for (const text of flags.values()) say(text);
}

function say(text) {
  process.stderr.write(`secure-exec: ${printable(text).replaceAll("\n", "\\n")}\n`);
}

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
  say(`${command}: ${reason}`);
  return exitCode;
}

module.exports = { createMachine, runInMachine };

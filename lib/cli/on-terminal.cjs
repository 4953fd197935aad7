"use strict";
// A program of the machine on a terminal of its own, shown in the terminal of this process.

const { limitsOf } = require("../live-handles.cjs");
const { untold } = require("./failures.cjs");
const { inForeground, isInForeground } = require("./foreground.cjs");
const { standardOutput } = require("./outlet.cjs");
const { suspend } = require("./pause.cjs");
const { forwardSignals } = require("./signals.cjs");

/** Ctrl-Z. */
const suspendKey = 0x1a;
const newline = 0x0a;

/**
 * Whether a program gets a terminal: where this process has one on all three streams and is not in its background, or
 * where it is asked for.
 */
function wantsTerminal({ tty, noTty }, { stdin, stdout, stderr } = process) {
  if (tty || noTty) return Boolean(tty);
  return stdin.isTTY && stdout.isTTY && stderr.isTTY && inForeground();
}

/**
 * Runs a command to its end.
 *
 * @param {import("../node-runtime.cjs").NodeRuntime} runtime
 * @param {string[]} argv
 * @param {{cwd?: string, timeout?: number, suspendable: boolean}} options
 *   `suspendable`: Ctrl-Z stops the machine and this process, for the program is no shell that has jobs.
 * @returns {Promise<{exitCode: number, limits: object[]}>} Its exit status, and the limits that it has passed.
 */
async function runOnTerminal(runtime, [command, ...args], { suspendable, ...options }) {
  const { stdin, stdout } = process;
  const out = standardOutput();
  // A terminal that is gone is told by SIGHUP.
  stdin.on("error", () => {});
  const [cols, rows] = size();
  const terminal = await runtime.openShell({ ...options, command, args, cols, rows });
  // In raw mode every key goes to the machine, whose terminal does the editing and the signals.
  const host = {
    enter: () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      terminal.resize(...size());
    },
    leave: () => {
      if (stdin.isTTY) stdin.setRawMode(false);
    },
  };
  const resize = () => terminal.resize(...size());
  const stop = forwardSignals(runtime, terminal, host);
  host.enter();
  windowOf(process).on("resize", resize);
  const stopMachine = suspendable ? () => suspend(host) : undefined;
  try {
    type(runtime, terminal, stopMachine);
    for await (const chunk of terminal) {
      await out.write(stdout.isTTY ? withoutReturns(chunk) : chunk);
    }
    return { exitCode: await terminal.wait(), limits: await limitsOf(terminal) };
  } catch (error) {
    throw untold(error, out.tail);
  } finally {
    host.leave();
    windowOf(process).off("resize", resize);
    stop();
    stdin.destroy();
  }
}

/**
 * The machine's terminal has put a carriage return before each newline, and that of this process puts another one there,
 * for raw mode as libuv has it leaves output processing on.
 */
function withoutReturns(chunk) {
  return Buffer.from(Buffer.from(chunk).toString("latin1").replaceAll("\r\n", "\n"), "latin1");
}

/** The stream that knows the window: standard output may go elsewhere. */
function windowOf({ stdout, stderr }) {
  return stdout.isTTY || !stderr.isTTY ? stdout : stderr;
}

/** Columns and lines of the window, or what terminals began with. */
function size({ columns, rows } = windowOf(process)) {
  return [columns || 80, rows || 24];
}

/** Passes the keys on. */
async function type(runtime, terminal, stopMachine) {
  let last = newline;
  try {
    for await (const chunk of process.stdin) {
      last = chunk.at(-1);
      const at = stopMachine ? chunk.indexOf(suspendKey) : -1;
      if (at >= 0 && (await isStoppedByKey(runtime, terminal.pid))) {
        await terminal.write(chunk.subarray(0, at));
        stopMachine();
        await terminal.write(chunk.subarray(at + 1));
      } else {
        await terminal.write(chunk);
      }
    }
    // The end of a file is a key there, which in the middle of a line ends that first.
    await terminal.write(last === newline ? "\x04" : "\x04\x04");
  } catch {
    // The program has ended.
  }
}

/**
 * Whether Ctrl-Z is to stop the program: not if that reads every key itself, and not if the key stops one of its jobs.
 * The machine does not stop the program for it, for nobody there could continue it.
 */
async function isStoppedByKey(runtime, pid) {
  try {
    if (!(await isInForeground(runtime, pid))) return false;
    const { terminal } = (await runtime.processes()).find((process) => process.pid === pid);
    const stty = await runtime.execCommand("stty", ["-F", terminal, "-a"], { cwd: "/" });
    return stty.exitCode === 0 && !/(^|\s)-isig\b/.test(stty.stdout);
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

module.exports = { runOnTerminal, wantsTerminal };

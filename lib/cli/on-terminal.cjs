"use strict";
// A program of the machine on a terminal of its own, shown in the terminal of this process.

const { UsageError } = require("./usage-error.cjs");
const { standardOutput } = require("./outlet.cjs");
const { suspend } = require("./pause.cjs");
const { forwardSignals } = require("./signals.cjs");

/** Ctrl-Z. */
const suspendKey = 0x1a;

/** Whether a program gets a terminal: where this process has one on all three streams, or where it is asked for. */
function wantsTerminal({ tty, noTty }, { stdin, stdout, stderr } = process) {
  if (tty && !stdin.isTTY) throw new UsageError("--tty needs a terminal on standard input");
  return Boolean(tty || (!noTty && stdin.isTTY && stdout.isTTY && stderr.isTTY));
}

/**
 * Runs a command to its end.
 *
 * @param {import("../node-runtime.cjs").NodeRuntime} runtime
 * @param {string[]} argv
 * @param {{cwd?: string, timeout?: number, env?: Record<string, string>, suspendable: boolean}} options
 *   `suspendable`: Ctrl-Z stops the machine and this process, for the program is no shell that has jobs.
 * @returns {Promise<number>} Its exit status.
 */
async function runOnTerminal(runtime, [command, ...args], { suspendable, env, ...options }) {
  const { stdin, stdout } = process;
  const out = standardOutput();
  const size = () => [stdout.columns || 80, stdout.rows || 24];
  const [cols, rows] = size();
  const terminal = await runtime.openShell({
    ...options,
    command,
    args,
    cols,
    rows,
    env: { ...terminalKind(), ...env },
  });
  // In raw mode every key goes to the machine, whose terminal does the editing and the signals.
  const host = {
    enter: () => {
      stdin.setRawMode(true);
      terminal.resize(...size());
    },
    leave: () => stdin.setRawMode(false),
  };
  const resize = () => terminal.resize(...size());
  const stop = forwardSignals(runtime, terminal, host);
  host.enter();
  stdout.on("resize", resize);
  const stopMachine = suspendable ? () => suspend(host) : undefined;
  try {
    type(runtime, terminal, stopMachine);
    for await (const chunk of terminal) await out.write(chunk);
    return await terminal.wait();
  } finally {
    host.leave();
    stdout.off("resize", resize);
    stop();
    stdin.destroy();
  }
}

/** What the machine's programs must know of the terminal that shows them. */
function terminalKind() {
  const { TERM, COLORTERM } = process.env;
  return { ...(TERM && { TERM }), ...(COLORTERM && { COLORTERM }) };
}

/** Passes the keys on. */
async function type(runtime, terminal, stopMachine) {
  try {
    for await (const chunk of process.stdin) {
      const at = stopMachine ? chunk.indexOf(suspendKey) : -1;
      if (at >= 0 && (await hasSignalKeys(runtime, terminal.pid))) {
        await terminal.write(chunk.subarray(0, at));
        stopMachine();
        await terminal.write(chunk.subarray(at + 1));
      } else {
        await terminal.write(chunk);
      }
    }
    // The end of a file is a key there.
    await terminal.write("\x04");
  } catch {
    // The program has ended.
  }
}

/** Whether keys of the program's terminal are signals, as Ctrl-Z is; false where the program reads every key itself. */
async function hasSignalKeys(runtime, pid) {
  const leader = (await runtime.processes()).find((process) => process.pid === pid);
  if (leader?.terminal === undefined) return true;
  const { stdout } = await runtime.execCommand("stty", ["-F", leader.terminal, "-a"], { cwd: "/" });
  return !/(^|\s)-isig\b/.test(stdout);
}

module.exports = { runOnTerminal, wantsTerminal };

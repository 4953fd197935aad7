"use strict";
// Signals that this process gets, passed on to the program in the machine.

const { suspend } = require("./pause.cjs");

/** What asks one process for something. */
const forProcess = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];
/** What a terminal's keys send to a whole group. */
const forGroup = ["SIGINT", "SIGQUIT"];

/**
 * Passes signals on until the function that this gives back is called.
 *
 * @param {import("../node-runtime.cjs").NodeRuntime} runtime
 * @param {{pid: number, kill(signal: string): void}} program
 * @param {{leave(): void, enter(): void}} [terminal] This process's, where the program has one.
 */
function forwardSignals(runtime, program, terminal) {
  const handlers = new Map();
  for (const signal of forProcess) handlers.set(signal, () => program.kill(signal));
  for (const signal of forGroup) {
    handlers.set(signal, () => {
      signalGroup(runtime, program.pid, signal).catch(() => program.kill(signal));
    });
  }
  handlers.set("SIGTSTP", () => suspend(terminal));
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/**
 * Signals the group that a program of the host's leads. Another program of the machine does it, for the methods of
 * the runtime reach the leader alone.
 */
async function signalGroup(runtime, pid, signal) {
  const { exitCode } = await runtime.exec(`process.kill(${-pid}, "${signal}")`, { cwd: "/" });
  if (exitCode !== 0) throw new Error("the group could not be signalled");
}

module.exports = { forwardSignals };

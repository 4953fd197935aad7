"use strict";
// Commands that do not exist or cannot be run, as a shell tells of them.

const { VmError } = require("./errors.cjs");

/** A shell's statuses for a command that does not exist or cannot be run. */
function commandNotStarted(command, error) {
  if (error instanceof VmError && error.syscall === "spawn") {
    if (error.code === "ENOENT") {
      return notStarted(127, notFound(command));
    }
    if (error.code === "EACCES" || error.code === "ENOEXEC") {
      return notStarted(126, `${command}: cannot execute\n`);
    }
  }
  throw error;
}

function notStarted(exitCode, stderr) {
  const usage = { wallMs: 0, cpuMs: 0, peakMemoryBytes: 0 };
  return { stdout: "", stderr, exitCode, signal: null, usage };
}

function notFound(command) {
  const text = `${command}: command not found\n`;
  if (!/\s/.test(command)) return text;
  return `${text}secure-exec: there is no shell between: give the arguments as an array, or run "sh" with ["-c", line]\n`;
}

module.exports = { commandNotStarted };

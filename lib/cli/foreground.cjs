"use strict";
// Who has a terminal: of the host, this process; of the machine, its programs (proc_pid_stat(5)).

const { readFileSync } = require("node:fs");

/** Group and foreground group of the terminal, from the text of a `stat` file. */
function groupsOf(stat) {
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { group: Number(fields[2]), foreground: Number(fields[5]) };
}

/** Whether this process may use its terminal: a job in the background is stopped when it does. */
function inForeground() {
  const { group, foreground } = groupsOf(readFileSync("/proc/self/stat", "utf8"));
  return group === foreground;
}

/** Whether a program of the machine is itself in the foreground of its terminal, and not a job that it started. */
async function isInForeground(runtime, pid) {
  const { group, foreground } = groupsOf(await runtime.readFile(`/proc/${pid}/stat`, "utf8"));
  return group === foreground;
}

module.exports = { inForeground, isInForeground };

"use strict";
// Stopping the machine together with this process, as Ctrl-Z does.

const { readFileSync, readdirSync } = require("node:fs");

/**
 * Stops the machine and then this process; the machine goes on when this process is continued. Machines are processes
 * of the host, all threads of which stop, whatever runs in them.
 *
 * @param {{leave(): void, enter(): void}} [terminal] Gives the terminal back meanwhile.
 */
function suspend(terminal) {
  const machines = children();
  for (const pid of machines) send(pid, "SIGSTOP");
  terminal?.leave();
  process.once("SIGCONT", () => {
    for (const pid of machines) send(pid, "SIGCONT");
    terminal?.enter();
  });
  process.kill(process.pid, "SIGSTOP");
}

/** The child processes of this process: machines, and nothing else (proc_pid_task_children(5)). */
function children() {
  const tasks = `/proc/${process.pid}/task`;
  return readdirSync(tasks).flatMap((task) => {
    try {
      return readFileSync(`${tasks}/${task}/children`, "utf8")
        .split(" ")
        .filter(Boolean)
        .map(Number);
    } catch {
      // The thread has ended meanwhile.
      return [];
    }
  });
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

module.exports = { suspend };

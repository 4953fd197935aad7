"use strict";
// The programs that the host runs by itself in a machine: Node.js for code, and the shell of a terminal. Nobody has asked
// for them by name, so that no `PATH` of the caller's may hide them.

const paths = {
  node: "/usr/bin/node",
  python3: "/usr/bin/python3",
  sh: "/usr/bin/sh",
  bash: "/usr/bin/bash",
};

/**
 * The first word of a command.
 * @param {"node" | "python3" | "sh" | "bash"} name
 * @param {string[][]} environments Names and values in turn, of the call and of the machine.
 * @returns {string} The name, which the machine's own `PATH` leads to; a path, where there is another one.
 */
function ownProgram(name, ...environments) {
  const names = environments.flatMap((flat) => flat.filter((_, index) => index % 2 === 0));
  return names.includes("PATH") ? paths[name] : name;
}

module.exports = { ownProgram };

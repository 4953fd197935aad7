"use strict";
// What runs a script: the program that its first line names, as where the script itself is executed, else the shell.

const { closeSync, openSync, readSync } = require("node:fs");
const { CommandError } = require("./failures.cjs");

/** Linux reads so much of a script to find its interpreter (BINPRM_BUF_SIZE). */
const longestLine = 256;

/**
 * @param {string} script A file of the host.
 * @returns {string[] | undefined} The interpreter and the one argument that it may have; undefined for the shell.
 */
function interpreterOf(script) {
  const [, interpreter, argument] =
    /^#![ \t]*([^ \t\n\0]+)[ \t]*([^\n\0]*?)[ \t]*(?:\n|$)/.exec(beginningOf(script)) ?? [];
  if (interpreter === undefined) return undefined;
  return argument === "" ? [interpreter] : [interpreter, argument];
}

function beginningOf(script) {
  const buffer = Buffer.alloc(longestLine);
  try {
    const file = openSync(script);
    try {
      return buffer.toString("utf8", 0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new CommandError(`${script} cannot be read: ${error.code}`);
  }
}

module.exports = { interpreterOf };

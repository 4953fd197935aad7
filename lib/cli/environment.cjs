"use strict";
// The program's environment from `--env` and `--env-file`.

const { readFileSync } = require("node:fs");
const util = require("node:util");
const { CommandError } = require("./failures.cjs");
const { UsageError } = require("./usage-error.cjs");

/** `NAME=value`, or `NAME` alone: the value that this process has, if it has one. */
function variable(text, flag) {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  if (name === "") throw new UsageError(`${flag} takes NAME=value or NAME`);
  const value = at < 0 ? process.env[name] : text.slice(at + 1);
  return value === undefined ? [] : [[name, value]];
}

/** The variables of a file, as `node --env-file` reads it. */
function variablesOf(file, flag) {
  if (!util.parseEnv) throw new UsageError(`${flag} needs Node.js 20.12 or later`);
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${error.code}`);
  }
  return Object.entries(util.parseEnv(text));
}

module.exports = { variable, variablesOf };

"use strict";
// The options of a sandbox's methods. Its times are seconds.

const check = require("../validate.cjs");

const { invalidType, invalidValue, outOfRange } = require("../errors.cjs");

const { object, optional } = check;

/** Checked by the runtime's method that it is given to. */
const passed = (value) => value;

/** What a timer of the host takes, in seconds. */
const mostSeconds = Math.floor((2 ** 31 - 1) / 1000);

/** Seconds, in milliseconds. */
function seconds(value, name) {
  if (typeof value !== "number") throw invalidType(name, "of type number", value);
  if (!(value > 0 && value <= mostSeconds))
    throw outOfRange(name, `> 0 && <= ${mostSeconds}`, value);
  return Math.ceil(value * 1000);
}

/** A name for a session: it stands in addresses and logs. */
function sessionId(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
  if (!/^[\w.-]{1,64}$/.test(value)) {
    throw invalidValue(name, "must be 1 to 64 letters, digits, '_', '.' or '-'", value);
  }
  return value;
}

/** Which part is kept of more than that. */
const keep = optional(check.oneOf("head", "tail", "both"), "head");

const common = {
  env: passed,
  cwd: optional(check.absolutePath),
  onStdout: optional(check.callback),
  onStderr: optional(check.callback),
};

/** Options of `run`. */
function runOptions(value) {
  return object(value, "options", {
    ...common,
    timeout: optional(seconds, 60_000),
    signal: optional(check.abortSignal),
    stdin: optional(check.bytes),
    maxOutputBytes: optional(check.integer(0)),
    keep,
  });
}

/** Options of `start`. */
function startOptions(value) {
  return object(value, "options", {
    ...common,
    timeout: optional(seconds),
    args: optional(check.list(check.cString)),
    sessionId: optional(sessionId),
    onExit: optional(check.callback),
    onGap: optional(check.callback),
  });
}

/** Options of `attach`. */
function attachOptions(value) {
  const { onStdout, onStderr } = common;
  return object(value, "options", {
    onStdout,
    onStderr,
    onExit: optional(check.callback),
    onGap: optional(check.callback),
    onScrollbackEnd: optional(check.callback),
  });
}

/** Options of `shell`. */
function shellOptions(value) {
  return object(value, "options", {
    ...common,
    shell: optional(check.oneOf("bash", "sh"), "bash"),
  });
}

/** Options of a line of a shell. */
function lineOptions(value) {
  return object(value, "options", {
    timeout: optional(seconds, 60_000),
    signal: optional(check.abortSignal),
    stdin: optional(check.bytes),
    onStdout: common.onStdout,
    onStderr: common.onStderr,
    maxOutputBytes: optional(check.integer(0)),
    keep,
  });
}

module.exports = { attachOptions, lineOptions, runOptions, shellOptions, startOptions };

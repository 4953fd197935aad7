"use strict";
// Errors on their way over the network: the same class, code and message on both sides, and no stack of the server's.

const { VmError, isOurs, markOurs } = require("../errors.cjs");

const classes = { TypeError, RangeError, Error };
/** What errors of the API have beside code and message. */
const details = [
  "errno",
  "syscall",
  "path",
  "dest",
  "port",
  "limit",
  "bound",
  "used",
  "why",
  "stateLost",
  "securityViolation",
];
/** Characters of a program's output that come with an error. */
const mostOutput = 1024 * 1024;

/** An error of the API as JSON. Of others nothing is told but that they were. */
function packFailure(error) {
  const known = isOurs(error) || error?.code === "ERR_UNKNOWN_SIGNAL";
  if (!known) return { name: "VmError", code: "ERR_SERVER", message: "The server failed" };
  const packed = { name: nameOf(error), code: error.code, message: error.message };
  for (const key of details) if (error[key] !== undefined) packed[key] = error[key];
  for (const key of ["stdout", "stderr"]) {
    if (typeof error[key] === "string") packed[key] = error[key].slice(-mostOutput);
  }
  return packed;
}

function nameOf(error) {
  if (error instanceof VmError) return "VmError";
  if (error instanceof RangeError) return "RangeError";
  return error instanceof TypeError ? "TypeError" : "Error";
}

/** The error that JSON of a server tells of. It may be anything. */
function unpackFailure(packed) {
  const { name, code, message, ...rest } = isRecord(packed) ? packed : {};
  const text = {
    code: String(code ?? "ERR_SERVER"),
    message: String(message ?? "The server failed"),
  };
  const error = Object.hasOwn(classes, name)
    ? Object.assign(new classes[name](text.message), { code: text.code })
    : remoteError(text.code, text.message);
  for (const key of [...details, "stdout", "stderr"]) {
    if (["string", "number", "boolean"].includes(typeof rest[key])) error[key] = rest[key];
  }
  markOurs(error);
  return error;
}

function isRecord(value) {
  return typeof value === "object" && value !== null;
}

/** An error of the way between client and server. */
function remoteError(code, message) {
  return new VmError({ code, message, errno: 0, stateLost: false });
}

module.exports = { packFailure, remoteError, unpackFailure };

"use strict";
// Options of file methods, a machine's and those of filesystems.

const { invalidValue } = require("./errors.cjs");
const check = require("./validate.cjs");

const { object, optional } = check;

function mkdirOptions(value) {
  return object(value, "options", { recursive: optional(check.boolean, false) });
}

function removeDirOptions(value) {
  return object(value, "options", { recursive: optional(check.boolean, false) });
}

function removeOptions(value) {
  return object(value, "options", {
    recursive: optional(check.boolean, false),
    force: optional(check.boolean, false),
  });
}

/** `writeFile` has no options; what is given all the same would be silently without effect. */
function noWriteOptions(given, method = "writeFile") {
  if (given.every((value) => value === undefined)) return;
  throw invalidValue("options", `is not taken by ${method}, which writes bytes, or text as UTF-8`);
}

/** Permission bits. */
const mode = check.integer(0, { maximum: 0o7777 });

function copyOptions(value) {
  return object(value, "options", { recursive: optional(check.boolean, false) });
}

function uploadOptions(value) {
  return object(value, "options", {
    filter: optional(check.callback),
    signal: optional(check.abortSignal),
  });
}

function downloadOptions(value) {
  return object(value, "options", { signal: optional(check.abortSignal) });
}

function watchOptions(value) {
  return object(value, "options", {
    recursive: optional(check.boolean, false),
    signal: optional(check.abortSignal),
  });
}

/** How `readFile` decodes. */
function encoding(value) {
  if (value === undefined || value === null) return undefined;
  const isObject = typeof value === "object";
  const name = isObject ? check.attempt("options.encoding", () => value.encoding) : value;
  if (name === undefined || name === null) return undefined;
  if (name !== "utf8" && name !== "utf-8") {
    throw invalidValue("encoding", "must be 'utf8' or absent", name);
  }
  return "utf8";
}

module.exports = {
  copyOptions,
  downloadOptions,
  encoding,
  mkdirOptions,
  mode,
  noWriteOptions,
  removeDirOptions,
  removeOptions,
  uploadOptions,
  watchOptions,
};

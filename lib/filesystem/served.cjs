"use strict";
// Filesystems that machines mount: those of native code, and objects of others with the same methods.

const { invalidType, invalidValue } = require("../errors.cjs");
const { numberOfNative } = require("./native-file-system.cjs");
const { numberOfScript } = require("./script-files.cjs");

/** What an object must have to be a filesystem. */
const methods = [
  "readFile",
  "readTextFile",
  "writeFile",
  "mkdir",
  "readDir",
  "readDirWithTypes",
  "exists",
  "stat",
  "lstat",
  "removeFile",
  "removeDir",
  "rename",
  "realpath",
  "symlink",
  "readlink",
  "link",
  "chmod",
  "chown",
  "utimes",
  "truncate",
  "pread",
  "pwrite",
];

/** Checks that a value is a filesystem. */
function fileSystem(value, name) {
  if (typeof value !== "object" || value === null) throw invalidType(name, "a filesystem", value);
  const lacking = methods.filter((method) => !isFunction(value, method));
  if (lacking.length === 0) return value;
  throw invalidValue(name, `is no filesystem: it has no method ${lacking.join(", ")}`);
}

function isFunction(value, key) {
  try {
    return typeof value[key] === "function";
  } catch {
    return false;
  }
}

/** The number by which mounts name a filesystem. */
function numberOf(value) {
  return numberOfNative(value) ?? numberOfScript(value);
}

module.exports = { fileSystem, numberOf };

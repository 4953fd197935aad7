"use strict";
// A filesystem that asks a permission before each operation.

const { unlist } = require("../filesystem/failure.cjs");
const { createInMemoryFileSystem } = require("../filesystem/in-memory.cjs");
const { unasked } = require("../filesystem/script-files.cjs");
const { allows, decide, denied } = require("./permissions.cjs");

/** Operations by method, as permissions are asked for them; the first arguments of a method are paths. */
const operations = {
  readFile: { op: "read", syscall: "open" },
  readTextFile: { op: "read", syscall: "open" },
  writeFile: { op: "write", syscall: "open" },
  mkdir: { op: "mkdir", syscall: "mkdir" },
  readDir: { op: "readdir", syscall: "scandir" },
  readDirWithTypes: { op: "readdir", syscall: "scandir" },
  exists: { op: "exists", syscall: "access" },
  stat: { op: "stat", syscall: "stat" },
  lstat: { op: "stat", syscall: "lstat" },
  removeFile: { op: "rm", syscall: "unlink" },
  removeDir: { op: "rm", syscall: "rmdir" },
  rename: { op: "rename", syscall: "rename", paths: 2 },
  realpath: { op: "stat", syscall: "realpath" },
  symlink: { op: "symlink", syscall: "symlink", first: 1 },
  readlink: { op: "readlink", syscall: "readlink" },
  link: { op: "link", syscall: "link", paths: 2 },
  chmod: { op: "chmod", syscall: "chmod" },
  chown: { op: "chown", syscall: "chown" },
  utimes: { op: "utimes", syscall: "utime" },
  truncate: { op: "write", syscall: "ftruncate" },
  pread: { op: "read", syscall: "read" },
  pwrite: { op: "write", syscall: "write" },
};

/**
 * @param {object} filesystem
 * @param {Function} permission
 * @param {string} place Where guests have its root, which their paths begin with; empty for `/`.
 * @returns {object} The same files, for guests.
 */
function guarded(filesystem, permission, place) {
  const files = { [unasked]: filesystem };
  for (const [method, operation] of Object.entries(operations)) {
    files[method] = async (...args) => {
      await ask(permission, operation, args, place);
      return await filesystem[method](...args);
    };
  }
  return files;
}

async function ask(permission, { op, syscall, first = 0, paths = 1 }, args, place) {
  for (const own of args.slice(first, first + paths)) {
    const path = own === "/" && place !== "" ? place : place + own;
    const { allow, reason } = await decide(permission, { op, path });
    if (!allow) throw unlist(denied(syscall, path, `fs.${op}`, reason));
  }
}

/**
 * What a machine has as files: those that were given, behind the permission if that must be asked.
 * @param {object | undefined} filesystem
 * @param {Function} permission
 * @param {string} [place] Where they are mounted, if that is not the root.
 */
function machineFiles(filesystem, permission, place = "") {
  if (allows(permission)) return filesystem;
  return guarded(filesystem ?? createInMemoryFileSystem(), permission, place);
}

module.exports = { machineFiles };

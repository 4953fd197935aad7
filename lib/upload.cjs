"use strict";
// Copies a directory of the host into a machine. Native code opens every file below the directory without leaving it,
// wherever links lead.

const { stat } = require("node:fs/promises");
const { posix, resolve } = require("node:path");
const { NodeFileSystem } = require("./filesystem/node-file-system.cjs");

/** Bytes of a file that are on their way at a time. */
const piece = 1024 * 1024;

/** Permission bits that are kept: nobody becomes somebody else by them. */
const modeBits = 0o777;

/**
 * @typedef {object} Target The machine's own methods.
 * @property {(path: string) => Promise<void>} makeDirectory
 * @property {(path: string, data: Uint8Array) => Promise<void>} write
 * @property {(path: string, data: Uint8Array) => Promise<void>} append
 * @property {(target: string, path: string) => Promise<void>} symlink
 * @property {(path: string) => Promise<void>} remove
 * @property {(path: string, mode: number) => Promise<void>} changeMode
 * @property {(path: string, mtimeMs: number) => Promise<void>} changeTime
 */

/**
 * @param {string} hostDir
 * @param {string} guestDir
 * @param {{ filter?: Function, signal?: AbortSignal }} options
 * @param {Target} target
 * @returns {Promise<{ files: number, bytes: number, skipped: string[] }>} What was copied, and what could not be: names
 *   below the directory of what is neither file, directory nor link.
 */
async function upload(hostDir, guestDir, { filter, signal }, target) {
  const root = resolve(hostDir);
  // Node's own error, if it is not there.
  await stat(root);
  const source = new NodeFileSystem({ root });
  const done = { files: 0, bytes: 0, skipped: [] };
  /** Modes of directories, which may forbid to write in them. */
  const modes = [];
  const waiting = [{ name: "", isDirectory: true, isFile: false, isSymbolicLink: false }];
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    signal?.throwIfAborted();
    const { name, isDirectory, isFile, isSymbolicLink } = entry;
    const from = `/${name}`;
    const to = posix.join(guestDir, name);
    if (isDirectory) {
      await target.makeDirectory(to);
      modes.push({ to, ...(await source.lstat(from)) });
      for (const child of await source.readDirWithTypes(from)) {
        const path = name === "" ? child.name : `${name}/${child.name}`;
        const { isDirectory, isFile, isSymbolicLink } = child;
        const kind = isDirectory
          ? "directory"
          : isSymbolicLink
            ? "link"
            : isFile
              ? "file"
              : "other";
        if (filter && !(await filter(path, { kind }))) continue;
        signal?.throwIfAborted();
        if (kind === "other") done.skipped.push(path);
        else waiting.push({ name: path, isDirectory, isFile, isSymbolicLink });
      }
    } else if (isSymbolicLink) {
      await link(target, await source.readlink(from), to);
      done.files += 1;
    } else if (isFile) {
      done.bytes += await file(source, from, to, target, signal);
      done.files += 1;
    }
  }
  signal?.throwIfAborted();
  for (const { to, mode, mtimeMs } of modes.reverse()) {
    await target.changeMode(to, mode & modeBits);
    await target.changeTime(to, mtimeMs);
  }
  return done;
}

/** A link that is there is replaced, as a file is. */
async function link(target, leadsTo, path) {
  try {
    await target.symlink(leadsTo, path);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    await target.remove(path);
    await target.symlink(leadsTo, path);
  }
}

async function file(source, from, to, target, signal) {
  const { mode, mtimeMs } = await source.lstat(from);
  let length = 0;
  for (;;) {
    signal?.throwIfAborted();
    const data = await source.pread(from, length, piece);
    if (length === 0) await target.write(to, data);
    else if (data.length > 0) await target.append(to, data);
    length += data.length;
    if (data.length < piece) break;
  }
  await target.changeMode(to, mode & modeBits);
  await target.changeTime(to, mtimeMs);
  return length;
}

module.exports = { upload };

"use strict";
// Copies a directory of the host into a machine. Native code opens every file below the directory without leaving it,
// wherever links lead.

const { stat } = require("node:fs/promises");
const { posix, resolve } = require("node:path");
const { invalidValue } = require("./errors.cjs");
const { NodeFileSystem } = require("./filesystem/node-file-system.cjs");

/** Files that are on their way at once: the target may be far. */
const mostAtOnce = 8;

/** Permission bits that are kept: nobody becomes somebody else by them. */
const modeBits = 0o777;

/**
 * @typedef {Pick<import("./upload-target.cjs").UploadTarget, "attributes" | "directory" | "pieceLength" | "put" | "remove" | "symlink">} Target
 */

/**
 * @param {string} hostDir
 * @param {string} guestDir
 * @param {{ filter?: Function, signal?: AbortSignal }} options
 * @param {Target} target
 * @returns {Promise<{ files: number, bytes: number, skipped: string[] }>} What was copied, and what could not be: names
 *   below the directory of what is neither file, directory nor link, of links to places of the host, and of what no text names.
 */
async function upload(hostDir, guestDir, options, target) {
  const root = resolve(hostDir);
  // Node's own error, if it is not there.
  const found = await stat(root);
  if (!found.isDirectory()) throw invalidValue("hostDir", "must be a directory", hostDir);
  const work = new AtOnce(mostAtOnce);
  try {
    return await walk(new NodeFileSystem({ root }), guestDir, options, target, work);
  } finally {
    // Nothing of it goes on behind its end.
    await work.settled();
  }
}

async function walk(source, guestDir, { filter, signal }, target, work) {
  const done = { files: 0, bytes: 0, skipped: [] };
  /** Modes of directories, which may forbid to write in them. */
  const modes = [];
  const waiting = [{ name: "", kind: "directory" }];
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    signal?.throwIfAborted();
    const { name, kind } = entry;
    const from = `/${name}`;
    const to = posix.join(guestDir, name);
    if (kind === "directory") {
      await target.directory(to);
      modes.push({ to, ...(await source.lstat(from)) });
      for (const child of await source.readDirWithTypes(from)) {
        const path = name === "" ? child.name : `${name}/${child.name}`;
        const kind = kindOf(child);
        if (filter && !(await filter(path, { kind }))) continue;
        signal?.throwIfAborted();
        if (kind === "other" || !(await hasName(source, path))) done.skipped.push(path);
        else waiting.push({ name: path, kind });
      }
      continue;
    }
    await work.start(async () => {
      if (kind === "link") {
        const leadsTo = await linkTarget(source, from);
        if (leadsTo === undefined) {
          done.skipped.push(name);
          return;
        }
        await link(target, leadsTo, to);
      } else {
        const bytes = await file(source, from, to, target, signal);
        done.bytes += bytes;
      }
      done.files += 1;
    });
  }
  await work.whole();
  signal?.throwIfAborted();
  for (const { to, mode, mtimeMs } of modes.reverse()) {
    await target.attributes(to, { mode: mode & modeBits, mtimeMs });
  }
  return done;
}

function kindOf({ isDirectory, isFile, isSymbolicLink }) {
  if (isDirectory) return "directory";
  if (isSymbolicLink) return "link";
  return isFile ? "file" : "other";
}

/** Work of which so much is done at once. What fails is told by the next call. */
class AtOnce {
  #most;
  /** @type {Set<Promise<void>>} */
  #running = new Set();
  /** @type {{ error: unknown } | undefined} */
  #failure;

  constructor(most) {
    this.#most = most;
  }

  /** Starts it when there is room. @param {() => Promise<void>} work */
  async start(work) {
    while (this.#running.size >= this.#most) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
    const running = work()
      .catch((error) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Settles when all of it has ended, whatever came of it. */
  async settled() {
    await Promise.all(this.#running);
  }

  async whole() {
    await this.settled();
    if (this.#failure) throw this.#failure.error;
  }
}

/** Whether a path is what the file is called: bytes that are no UTF-8 have come as U+FFFD. */
async function hasName(source, path) {
  if (!path.includes("\ufffd")) return true;
  try {
    await source.lstat(`/${path}`);
    return true;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return false;
  }
}

/** Where a link leads. An absolute one that leaves the directory would tell guests of the host, and lead nowhere there. */
async function linkTarget(source, path) {
  try {
    return await source.readlink(path);
  } catch (error) {
    if (error.code !== "EACCES") throw error;
    return undefined;
  }
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
  const attributes = { mode: mode & modeBits, mtimeMs };
  let length = 0;
  for (;;) {
    signal?.throwIfAborted();
    const data = await source.pread(from, length, target.pieceLength);
    const isLast = data.length < target.pieceLength;
    const append = length > 0;
    if (data.length > 0 || !append)
      await target.put(to, data, { append, ...(isLast && attributes) });
    else await target.attributes(to, attributes);
    length += data.length;
    if (isLast) return length;
  }
}

module.exports = { upload };

"use strict";
// A tree of files of the host on its way into a machine: what is read, within which bounds, and what of its links.

const { constants } = require("node:fs");
const { lstat, open, readdir, readlink, realpath } = require("node:fs/promises");
const { dirname, isAbsolute, join, relative, resolve, sep } = require("node:path");
const { CommandError } = require("./failures.cjs");
const { contains } = require("./project.cjs");
const { showBytes } = require("./quantities.cjs");

/** Histories: they are large, hold what is not part of the program any more, and no program reads them. */
const versionControl = new Set([".git", ".hg", ".svn"]);

/** What the machine's filesystem counts in. */
const block = 4096;

const permissions = 0o777;

/** What is copied into one machine. */
class Tree {
  /** @type {Map<string, {data: Uint8Array, mode: number}>} Contents and permissions by guest path. */
  files = new Map();
  /** @type {Map<string, string>} Targets of symbolic links by guest path. */
  links = new Map();
  /** @type {Set<string>} Folders, each behind the one that it is in. */
  folders = new Set();
  #bounds;
  #bytes = 0;
  #inodes = 0;

  /** @param {{bytes: number, inodes: number}} bounds */
  constructor(bounds) {
    this.#bounds = bounds;
  }

  /** Takes one file. */
  async addFile(source, target) {
    const stat = await seen(source, lstat);
    await this.#file(source, target, stat, source);
  }

  /** Takes what is in a folder, as `target`; the source is without links on its way. */
  async addFolder(source, target) {
    await this.#folder(source, target, source, target);
  }

  async #folder(source, target, root, rootTarget) {
    this.folders.add(target);
    for (const bytes of await seen(source, (path) => readdir(path, { encoding: "buffer" }))) {
      const name = textOf(bytes, source);
      if (versionControl.has(name)) continue;
      const [from, to] = [join(source, name), `${target}/${name}`];
      this.#count(root, 0, 1);
      const stat = await seen(from, lstat);
      if (stat.isDirectory()) await this.#folder(from, to, root, rootTarget);
      else if (stat.isSymbolicLink()) this.links.set(to, await linkTarget(from, root, rootTarget));
      else await this.#file(from, to, stat, root);
    }
  }

  async #file(source, target, stat, root) {
    if (!stat.isFile()) {
      throw new CommandError(`${source} is neither a file nor a folder: it cannot be copied`);
    }
    this.#count(root, Math.ceil(stat.size / block) * block, 0);
    this.files.set(target, { data: await seen(source, contentsOf), mode: stat.mode & permissions });
  }

  #count(root, bytes, inodes) {
    this.#bytes += bytes;
    this.#inodes += inodes;
    const { bytes: mostBytes, inodes: mostInodes } = this.#bounds;
    if (this.#bytes > mostBytes) throw tooLarge(root, showBytes(mostBytes), "--disk");
    if (this.#inodes > mostInodes) throw tooLarge(root, `${mostInodes} files`, "--inodes");
  }
}

function tooLarge(root, bound, flag) {
  return new CommandError(
    `${root} does not fit into the machine: it holds more than ${bound}. Raise the bound with ${flag}, ${lessToCopy}`,
  );
}

/** What to do about a folder that is too large. */
const lessToCopy =
  "choose a smaller folder with --copy, or copy what the program needs with --no-copy and --file";

/** The name of a file; one that is no text has no path that a machine takes. */
function textOf(bytes, folder) {
  const name = bytes.toString("utf8");
  if (bytes.equals(Buffer.from(name))) return name;
  throw new CommandError(
    `${join(folder, name)} cannot be copied: its name is no UTF-8. Rename it, ${lessToCopy}`,
  );
}

/** A link's target as it is in the machine. One that leads out of the root has none. */
async function linkTarget(link, root, rootTarget) {
  const target = await seen(link, readlink);
  const place = resolve(dirname(link), target);
  if (contains(root, place)) {
    return isAbsolute(target) ? guestPath(place, root, rootTarget) : target;
  }
  // It may come back by a way that does not exist in the machine.
  const end = await realpath(link).catch(() => undefined);
  if (end !== undefined && contains(root, end)) return guestPath(end, root, rootTarget);
  throw new CommandError(
    `${link} is a link to ${target}, which leads out of the folder that is copied, ${root}. ` +
      "Choose a folder that holds both with --copy, or copy what the program needs with --no-copy and --file",
  );
}

function guestPath(place, root, rootTarget) {
  return join(rootTarget, relative(root, place).split(sep).join("/"));
}

/** Reads a file that is no link, even if it has become one meanwhile. */
async function contentsOf(path) {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Does something with a path of the host; what fails names it. */
async function seen(path, act) {
  try {
    return await act(path);
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${error.code}`);
  }
}

module.exports = { Tree, lessToCopy };

"use strict";
// Which folder of the host belongs to a program, and where it is in the machine.

const { existsSync, realpathSync, statSync } = require("node:fs");
const { homedir, tmpdir } = require("node:os");
const { basename, dirname, join, parse, relative, sep } = require("node:path");
const { CommandError } = require("./failures.cjs");
const { UsageError } = require("./usage-error.cjs");

/** Where the folder is in the machine, and the working directory of what has none. */
const workspace = "/workspace";

/**
 * @typedef {object} Project
 * @property {string} root Folder of the host, without links on its way.
 * @property {string} file The program's path in the machine.
 * @property {boolean} alone Only the file belongs to it.
 */

/**
 * The project of a program: the folder of the nearest package.json, else the folder that the file is in. Home,
 * the directory of temporary files and `/` belong to no program: there the file is alone.
 *
 * @param {string} file
 * @param {{copy?: string, noCopy?: boolean}} flags
 * @returns {Project & {source: string}}
 */
function projectOf(file, { copy, noCopy }) {
  const source = existing(file);
  if (!statSync(source).isFile()) throw new CommandError(`${file} is not a file`);
  const folder = dirname(source);
  if (noCopy) return placed(source, folder, true);
  if (copy !== undefined) {
    const root = folderOf(copy);
    if (!contains(root, source))
      throw new UsageError(`${file} is not in the folder of --copy, ${copy}`);
    return placed(source, root, false);
  }
  const root = nearestPackage(folder) ?? folder;
  return placed(source, root, isShared(root));
}

function placed(source, root, alone) {
  const inside = alone ? basename(source) : relative(root, source);
  return { source, root, alone, file: `${workspace}/${inside.split(sep).join("/")}` };
}

/** A folder that the user names. */
function folderOf(path) {
  const folder = existing(path);
  if (!statSync(folder).isDirectory()) throw new CommandError(`${path} is not a folder`);
  return folder;
}

function existing(path) {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${error.code}`);
  }
}

function nearestPackage(folder) {
  for (let at = folder; !isShared(at); at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return at;
  }
  return undefined;
}

/** Folders where the files of many programs are together, and more than programs. */
function isShared(folder) {
  return folder === parse(folder).root || shared().includes(folder);
}

function shared() {
  return [homedir(), tmpdir(), "/tmp"].flatMap((path) => {
    try {
      return [realpathSync(path)];
    } catch {
      return [];
    }
  });
}

/** Whether a path is a folder or in it; both absolute and without links. */
function contains(folder, path) {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The machine's counterpart of this process's working directory. */
function workingDirectory(root) {
  const here = process.cwd();
  if (!contains(root, here)) return workspace;
  return join(workspace, relative(root, here));
}

module.exports = { contains, existing, folderOf, projectOf, workingDirectory, workspace };

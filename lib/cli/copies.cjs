"use strict";
// Copying files of the host into a machine: the program's folder, `--copy` and `--file`.

const { realpathSync, statSync } = require("node:fs");
const { basename, posix } = require("node:path");
const { CommandError } = require("./failures.cjs");
const { filesystemBounds } = require("./machine-options.cjs");
const { existing, folderOf, projectOf, workspace } = require("./project.cjs");
const { Tree } = require("./tree.cjs");

/**
 * Reads what the flags ask for.
 *
 * @param {Record<string, any>} flags
 * @param {string} [program] The program's file.
 * @returns {Promise<{tree: Tree, program?: string, root?: string}>} The program's path in the machine, and the folder
 *   of the host that `/workspace` is a copy of.
 */
async function readCopies(flags, program) {
  const tree = new Tree(filesystemBounds(flags));
  const copied = {};
  if (program !== undefined) {
    const { source, root, file, alone } = projectOf(program, flags);
    if (alone) await tree.addFile(source, file);
    else await tree.addFolder(root, workspace);
    Object.assign(copied, { program: file, alone, ...(!alone && { root }) });
  } else if (flags.copy !== undefined) {
    copied.root = folderOf(flags.copy);
    await tree.addFolder(copied.root, workspace);
  }
  for (const named of flags.file) await addNamed(tree, named);
  return { tree, ...copied };
}

/** A file or a folder. */
async function addNamed(tree, { host, guest: named }) {
  // As `cp` does: a name that ends in a slash is the folder that it goes to.
  const name = named === "" || named.endsWith("/") ? `${named}${baseOf(host)}` : named;
  const guest = posix.resolve(workspace, name);
  const source = existing(host);
  const stat = statSync(source);
  if (stat.isDirectory()) return await tree.addFolder(source, guest);
  if (!stat.isFile())
    throw new CommandError(`${host} is neither a file nor a folder: it cannot be copied`);
  await tree.addFile(source, guest);
}

/** The name of a file of the host, also where it is given as `.` or `..`. */
function baseOf(host) {
  const name = basename(host);
  return name === "" || name === "." || name === ".." ? basename(realpathSync(host)) : name;
}

/** `files` of `NodeRuntime.create`. */
function filesOf({ files }) {
  return Object.fromEntries(files);
}

/** What `files` cannot say: empty folders, links and permissions. A program of the machine does it. */
async function finish(runtime, tree) {
  const filled = new Set(
    [...tree.files.keys(), ...tree.links.keys()].map((path) => posix.dirname(path)),
  );
  const folders = [...tree.folders].filter((path) => path !== workspace && !filled.has(path));
  if (folders.length + tree.links.size + tree.modes.size === 0) return;
  for (const folder of folders) await runtime.mkdir(folder, { recursive: true });
  const { exitCode, stderr } = await runtime.exec(finisher, {
    stdin: JSON.stringify({ links: [...tree.links], modes: [...tree.modes] }),
    cwd: "/",
  });
  if (exitCode !== 0) throw new CommandError(`the files could not be copied: ${lastLine(stderr)}`);
}

const finisher = `
  import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
  import { dirname } from "node:path";
  import { text } from "node:stream/consumers";
  const { links, modes } = JSON.parse(await text(process.stdin));
  try {
    for (const [path, target] of links) {
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(target, path);
    }
    for (const [path, mode] of modes) chmodSync(path, mode);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
`;

function lastLine(text) {
  return text.trimEnd().split("\n").at(-1);
}

module.exports = { filesOf, finish, readCopies };

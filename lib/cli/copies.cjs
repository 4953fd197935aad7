"use strict";
// What a machine has of the host's files: the program's folder, which it sees, and what `--copy` and `--file` copy.

const { realpathSync, statSync } = require("node:fs");
const { basename, posix } = require("node:path");
const { CommandError } = require("./failures.cjs");
const { filesystemBounds } = require("./machine-options.cjs");
const { contains, existing, folderOf, projectOf, workspace } = require("./project.cjs");
const { Tree } = require("./tree.cjs");

/**
 * Reads what the flags ask for.
 *
 * @param {Record<string, any>} flags
 * @param {string} [program] The program's file.
 * @returns {Promise<{tree: Tree, program?: string, source?: string, alone?: boolean, root?: string, mounted?: {hostPath: string, overlay: boolean}}>}
 *   The program's path in the machine and on the host, whether it was copied alone, the folder that `/workspace` is, and
 *   the same where it is mounted there instead of copied.
 */
async function readCopies(flags, program) {
  const tree = new Tree(filesystemBounds(flags));
  const copied = {};
  if (program !== undefined) {
    const { source, root, file, alone } = projectOf(program, flags);
    if (alone) await tree.addFile(source, file);
    else if (flags.copy !== undefined) await tree.addFolder(root, workspace);
    else copied.mounted = { hostPath: root, overlay: flags.overlay || addsToWorkspace(flags) };
    Object.assign(copied, { program: file, source, alone, ...(!alone && { root }) });
  } else if (flags.copy !== undefined) {
    copied.root = folderOf(flags.copy);
    await tree.addFolder(copied.root, workspace);
  }
  for (const named of flags.file) await addNamed(tree, named);
  return { tree, ...copied };
}

/** Whether something is to come into the program's folder, where it must not be on the host. */
function addsToWorkspace({ file, mounts }) {
  const places = [...file.map(placeOf), ...mounts.map(({ guestPath }) => guestPath)];
  return places.some((path) => contains(workspace, path));
}

/** Where a file or a folder goes. As with `cp`, a name that ends in a slash is the folder that it goes to. */
function placeOf({ host, guest }) {
  const name = guest === "" || guest.endsWith("/") ? `${guest}${baseOf(host)}` : guest;
  return posix.resolve(workspace, name);
}

/** A file or a folder. */
async function addNamed(tree, named) {
  const { host } = named;
  const guest = placeOf(named);
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

/**
 * What `files` cannot say: empty folders and links. A program of the machine makes the links.
 *
 * @returns {Promise<number | undefined>} The program's number in the machine, if there was something to do.
 */
async function finish(runtime, tree) {
  const filled = new Set([...tree.files.keys()].map(posix.dirname));
  const folders = [...tree.folders].filter((path) => path !== workspace && !filled.has(path));
  for (const folder of folders) await runtime.mkdir(folder, { recursive: true });
  if (tree.links.size === 0) return undefined;
  let stderr = "";
  const program = await runtime.spawn(linker, {
    stdin: JSON.stringify([...tree.links]),
    cwd: "/",
    onStderr: (chunk) => {
      stderr += Buffer.from(chunk).toString();
    },
  });
  program.closeStdin();
  if ((await program.wait()) !== 0) {
    throw new CommandError(`the links could not be copied: ${lastLine(stderr)}`);
  }
  return program.pid;
}

const linker = `
  import { symlinkSync } from "node:fs";
  import { text } from "node:stream/consumers";
  try {
    for (const [path, target] of JSON.parse(await text(process.stdin))) symlinkSync(target, path);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
`;

function lastLine(text) {
  return text.trimEnd().split("\n").at(-1);
}

module.exports = { filesOf, finish, readCopies };

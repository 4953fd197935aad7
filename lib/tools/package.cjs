"use strict";
// The package `tools` in a machine: files that guests read and cannot change, at the end of every program's way to its
// packages.

const { InMemoryFileSystem } = require("../filesystem/in-memory.cjs");
const { laterMount } = require("../mounts.cjs");
const { moduleName, packageFiles } = require("./module.cjs");

const folder = `/node_modules/${moduleName}`;

class ToolPackage {
  #machine;
  /** Once it is mounted. @type {InMemoryFileSystem | undefined} */
  #files;
  /** Changes come one after the other. */
  #last = Promise.resolve();

  /** @param {import("../machine.cjs").Machine} machine */
  constructor(machine) {
    this.#machine = machine;
  }

  /**
   * Has programs that are started from now on find these tools. A package of that name that is there already stays what it is:
   * it is the user's.
   * @param {() => object[]} tools Asked for when it is their turn.
   */
  update(tools) {
    const done = this.#last.then(() => this.#update(tools()));
    this.#last = done.catch(() => {});
    return done;
  }

  async #update(tools) {
    if (tools.length === 0 || (!this.#files && (await isTaken(this.#machine)))) return;
    if (this.#files) return await write(this.#files, tools);
    const mount = await packageMount(tools);
    await this.#machine.mount(laterMount(mount, "tools"));
    this.#files = mount.filesystem;
  }
}

/** A mount with the package of these tools. */
async function packageMount(tools) {
  const filesystem = await emptyFiles();
  await write(filesystem, tools);
  return { guestPath: folder, filesystem, readOnly: true };
}

/** By renaming: who reads at the time reads one or the other. */
async function write(files, tools) {
  for (const [name, text] of Object.entries(packageFiles(tools))) {
    await files.writeFile("/new", text);
    await files.rename("/new", `/${name}`);
  }
}

async function emptyFiles() {
  const files = new InMemoryFileSystem();
  for (const name of await files.readDir("/"))
    await files.removeDir(`/${name}`, { recursive: true });
  return files;
}

/** Whether the user has a package of that name there. An empty directory, as a mount leaves it, is none. */
async function isTaken(machine) {
  try {
    const { entries } = await machine.request("readDirectory", folder);
    return entries.length > 0;
  } catch (error) {
    if (error.code === "ENOENT") return false;
    // Something that is no directory.
    if (error.code === "ENOTDIR") return true;
    throw error;
  }
}

module.exports = { ToolPackage, packageMount };

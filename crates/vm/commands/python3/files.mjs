// The machine's files as those of the interpreter, whose own are in memory.

import { lstatSync, readdirSync, readlinkSync } from "node:fs";

/** Directories in which the interpreter has files of its own. */
const ITS_OWN = new Set(["dev", "lib", "proc"]);

/** Mounts each directory of the machine's root; links are links. What lies in the root itself is not seen. */
export function mountAll(FS) {
  for (const name of readdirSync("/")) {
    const path = `/${name}`;
    if (ITS_OWN.has(name)) continue;
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) FS.symlink(readlinkSync(path), path);
    if (!stat.isDirectory()) continue;
    FS.mkdirTree(path);
    FS.mount(FS.filesystems.NODEFS, { root: path }, path);
  }
}

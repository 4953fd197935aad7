"use strict";
// The memory of an interpreter that has started, from which others go on: made once for each package of a process of the host,
// in a machine that never runs anything else, and read-only for all that have it.

const {
  chmodSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { VmError } = require("../errors.cjs");

/** Directories of the host by the package that they are of. */
const directories = new Map();

/** Snapshots that are there or being made, by the package that they are of. */
const made = new Map();

/** Where the snapshot of a package is, as soon as it is made. It is gone with the process. */
function snapshotDirectory(packageDir) {
  const real = realpathSync(packageDir);
  let directory = directories.get(real);
  if (!directory) {
    directory = mkdtempSync(join(tmpdir(), "secure-exec-python-"));
    if (directories.size === 0) process.on("exit", removeAll);
    directories.set(real, directory);
  }
  return directory;
}

function removeAll() {
  for (const directory of directories.values()) rmSync(directory, { recursive: true, force: true });
}

/**
 * Waits until the snapshot of a package is there; the first has it made.
 * @param {string} packageDir
 * @param {() => Promise<import("../node-runtime.cjs").NodeRuntime>} boot A new machine that has the package.
 * @returns {Promise<void>}
 */
async function snapshotMade(packageDir, boot) {
  const real = realpathSync(packageDir);
  if (!made.has(real)) {
    const attempt = make(snapshotDirectory(packageDir), boot);
    made.set(real, attempt);
    // The next machine tries anew.
    attempt.catch(() => made.delete(real));
  }
  await made.get(real);
}

async function make(directory, boot) {
  const runtime = await boot();
  try {
    const memory = "/tmp/memory";
    const { exitCode, stderr } = await runtime.execCommand("python3", [
      "--secure-exec-snapshot",
      memory,
    ]);
    if (exitCode !== 0) throw notStarted(stderr);
    const part = join(directory, "part");
    writeFileSync(part, await runtime.readFile(memory), { mode: 0o600 });
    chmodSync(part, 0o400);
    renameSync(part, join(directory, "memory"));
  } finally {
    await runtime.dispose();
  }
}

function notStarted(stderr) {
  const message = `The interpreter of the package pyodide does not start: ${stderr.slice(-2000)}`;
  return new VmError({ code: "ERR_VM_START", message, errno: 0, stateLost: false });
}

module.exports = { snapshotDirectory, snapshotMade };

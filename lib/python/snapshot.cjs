"use strict";
// The memory of an interpreter that has started, from which others go on, and the machine code of its module: made once for each
// package of a process of the host, in a machine that never runs anything else, and read-only for all that have it. With a
// directory for it, it stays there for the next process.

const { createHash, randomUUID } = require("node:crypto");
const {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { cpus, tmpdir } = require("node:os");
const { join } = require("node:path");
const { version } = require("../../package.json");
const { addonName, binaryFolder } = require("../binary-folder.cjs");
const { VmError } = require("../errors.cjs");

/** What the memory depends on, of the package. */
const parts = [
  "package.json",
  "pyodide.asm.mjs",
  "pyodide.asm.wasm",
  "pyodide.mjs",
  "python_stdlib.zip",
];

/** What is made: crates/vm/commands/python3/package.mjs and crates/node/src/boot/prepared_module.rs look for these. */
const files = ["memory", "module", "script"];

/** @typedef {{ packageDir: string, cacheDir: string | undefined }} Where */

/** Directories of the host by the package, and the directory for snapshots, that they are of. */
const directories = new Map();
/** Those of them that are gone with this process. */
const passing = [];

/** Snapshots that are there or being made, by directory. */
const made = new Map();

/** Where the snapshot of a package is, as soon as it is made. @param {Where} where */
function snapshotDirectory({ packageDir, cacheDir }) {
  const real = realpathSync(packageDir);
  const key = JSON.stringify([real, cacheDir]);
  let directory = directories.get(key);
  if (!directory) {
    directory = cacheDir === undefined ? passingDirectory() : lastingDirectory(real, cacheDir);
    directories.set(key, directory);
  }
  return directory;
}

function passingDirectory() {
  if (passing.length === 0) process.on("exit", removePassing);
  const directory = mkdtempSync(join(tmpdir(), "secure-exec-python-"));
  passing.push(directory);
  return directory;
}

function removePassing() {
  for (const directory of passing) rmSync(directory, { recursive: true, force: true });
}

/** Named by all that the files are made of and for: another version of either package has another, and another processor. */
function lastingDirectory(packageDir, cacheDir) {
  const hash = createHash("sha256");
  const addon = statSync(join(binaryFolder(), addonName)).size;
  hash.update(JSON.stringify([version, addon, processor()]));
  for (const part of parts) hash.update(readFileSync(join(packageDir, part)));
  const directory = join(realpathSync(cacheDir), `python-${hash.digest("hex").slice(0, 32)}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/**
 * Waits until the snapshot of a package is there; the first has it made.
 * @param {Where} where
 * @param {() => Promise<import("../node-runtime.cjs").NodeRuntime>} boot A new machine that has the package.
 * @returns {Promise<void>}
 */
async function snapshotMade(where, boot) {
  const directory = snapshotDirectory(where);
  if (!made.has(directory)) {
    const attempt = isWhole(directory) ? Promise.resolve() : make(directory, boot);
    made.set(directory, attempt);
    // The next machine tries anew.
    attempt.catch(() => made.delete(directory));
  }
  await made.get(directory);
}

/** What machine code is made for. */
function processor() {
  const { model } = cpus()[0] ?? { model: "" };
  try {
    return [
      model,
      /^(?:flags|Features)\s*:.*$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[0],
    ];
  } catch {
    // A system without that file.
    return [model];
  }
}

/** Whether an earlier process has left all files as they were. */
function isWhole(directory) {
  try {
    return files.every((name) => {
      const sum = readFileSync(join(directory, `${name}.sha256`), "latin1");
      return sum === sumOf(readFileSync(join(directory, name)));
    });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return false;
  }
}

async function make(directory, boot) {
  const runtime = await boot();
  try {
    const [memory, module, script] = files.map((name) => `/tmp/${name}`);
    await python(runtime, ["--secure-exec-snapshot", memory]);
    await python(runtime, ["--secure-exec-module", memory, module, script]);
    for (const name of files) {
      const data = await runtime.readFile(`/tmp/${name}`);
      // Another process may do the same: what two of them leave together is not taken for whole, and made anew.
      put(directory, `${name}.sha256`, sumOf(data));
      put(directory, name, data);
    }
  } finally {
    await runtime.dispose();
  }
}

async function python(runtime, args) {
  const { exitCode, stderr } = await runtime.execCommand("python3", args);
  if (exitCode !== 0) throw notStarted(stderr);
}

/** At once: whoever reads the file finds it whole, or not at all. */
function put(directory, name, data) {
  const part = join(directory, `${name}-${randomUUID()}`);
  writeFileSync(part, data, { mode: 0o600 });
  chmodSync(part, 0o400);
  renameSync(part, join(directory, name));
}

function sumOf(data) {
  return createHash("sha256").update(data).digest("hex");
}

function notStarted(stderr) {
  const message = `The interpreter of the package pyodide does not start: ${stderr.slice(-2000)}`;
  return new VmError({ code: "ERR_VM_START", message, errno: 0, stateLost: false });
}

module.exports = { snapshotDirectory, snapshotMade };

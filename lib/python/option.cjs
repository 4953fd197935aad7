"use strict";
// The option `python`: where the npm package `pyodide` of the application is, and where wheels are.

const { existsSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const { invalidType, invalidValue } = require("../errors.cjs");
const { hostDirectory } = require("../mounts.cjs");
const check = require("../validate.cjs");
const { snapshotDirectory } = require("./snapshot.cjs");

/** Where guests have them: crates/vm/commands/python3/package.mjs looks there. */
const guestPaths = {
  package: "/usr/lib/pyodide",
  snapshot: "/usr/lib/pyodide-snapshot",
  wheels: "/usr/lib/pyodide-packages",
};

/** @typedef {{ packageDir: string, wheelsDir: string | undefined, cacheDir: string | undefined }} Python */

/**
 * The option, as directories of the host.
 * @returns {Python | undefined}
 */
function python(value, name) {
  if (value === false) return undefined;
  if (value !== true && !check.isPlainObject(value)) {
    throw invalidType(name, "of type boolean or an object", value);
  }
  const { packageDir, wheelsDir, cacheDir } = check.object(value === true ? {} : value, name, {
    packageDir: check.optional(hostDirectory),
    wheelsDir: check.optional(hostDirectory),
    cacheDir: check.optional(ownDirectory),
  });
  const found = packageDir ?? installed();
  if (found === undefined) {
    throw invalidValue(name, "needs the npm package pyodide: npm install pyodide");
  }
  if (!existsSync(join(found, "pyodide.asm.wasm"))) {
    throw invalidValue(`${name}.packageDir`, "must be the directory of the npm package pyodide");
  }
  return { packageDir: found, wheelsDir, cacheDir };
}

/** A directory that nobody else can write: what lies there is what interpreters begin with. */
function ownDirectory(value, name) {
  const path = hostDirectory(value, name);
  const { mode, uid } = statSync(path);
  if (uid !== process.geteuid() || (mode & 0o022) !== 0) {
    throw invalidValue(name, "must be a directory of this user's that nobody else may write", path);
  }
  return path;
}

/** The application's package, or else the one beside ours. */
function installed() {
  for (const from of [join(process.cwd(), "package.json"), __filename]) {
    try {
      return dirname(createRequire(from).resolve("pyodide/package.json"));
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/** The mount of the package alone: that of the machine in which the snapshot is made. */
function packageMount({ packageDir }) {
  return mount("options.python", guestPaths.package, packageDir);
}

/**
 * What a machine with Python has.
 * @param {Python} settings
 */
function pythonMounts(settings) {
  const { wheelsDir } = settings;
  return [
    packageMount(settings),
    {
      ...mount("options.python", guestPaths.snapshot, snapshotDirectory(settings)),
      prepared: true,
    },
    ...(wheelsDir ? [mount("options.python.wheelsDir", guestPaths.wheels, wheelsDir)] : []),
  ];
}

function mount(name, guestPath, hostPath) {
  return { name, guestPath, hostPath, readOnly: true, overlay: false, followOutside: [] };
}

module.exports = { packageMount, python, pythonMounts };

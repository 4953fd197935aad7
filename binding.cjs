"use strict";
// Loads the addon of this platform and tells it where the files beside it are.

// First of all: in the output of a bundler for ES modules this is not there, and neither is `require`.
if (typeof __dirname === "undefined") throw bundled();

const { existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

// A bundle for CommonJS has this text elsewhere than in the package.
if (!isPackage()) throw bundled();

const { addonName, binaryFolder, unsupported, withCode } = require("./lib/binary-folder.cjs");

module.exports = load();

/** The addon; where there is none that works here, an object that says so when it is used. */
function load() {
  let folder;
  try {
    folder = binaryFolder();
  } catch (error) {
    return unusable(error);
  }
  const addon = join(folder, addonName);
  let binding;
  try {
    binding = require(addon);
  } catch (cause) {
    return unusable(notLoaded(cause));
  }
  const snapshot = join(folder, "node.snapshot");
  const vmUser = userOfVms();
  binding.configure(
    join(folder, "secure-exec-vm"),
    addon,
    existsSync(snapshot) ? snapshot : undefined,
    vmUser,
  );
  return Object.assign(binding, { folder, vmUser });
}

/** Who VM processes are where this process is root: nobody, unless it is said otherwise. */
function userOfVms() {
  const given = process.env.SECURE_EXEC_VM_UID;
  if (given === undefined || given === "") return 65534;
  const id = Number(given);
  if (/^\d+$/.test(given) && id < 2 ** 32 - 1) return id;
  const message = `SECURE_EXEC_VM_UID must be the number of a user, or 0. Received '${given}'`;
  throw Object.assign(new RangeError(message), { code: "ERR_OUT_OF_RANGE" });
}

// A program that only imports the package, for its types or on a path that it never takes, works everywhere.
function unusable({ code, message, cause }) {
  return new Proxy(Object.create(null), {
    // Made anew each time, so that it has the stack of who asks.
    get() {
      throw withCode(code, message, cause);
    },
  });
}

/** Whether this file is where the package has it, and not in somebody's bundle. */
function isPackage() {
  try {
    return JSON.parse(readFileSync(join(__dirname, "package.json"), "utf8")).name === "secure-exec";
  } catch {
    return false;
  }
}

function bundled() {
  const message =
    "secure-exec was bundled, but its binary is not in the bundle. Mark secure-exec as external: " +
    "`external: ['secure-exec']` in esbuild, rolldown, Rollup and Vite, " +
    "`externals: { 'secure-exec': 'node-commonjs secure-exec' }` in webpack, " +
    "`serverExternalPackages: ['secure-exec']` in Next.js";
  return Object.assign(new Error(message), { code: "ERR_BUNDLED" });
}

/** The dynamic linker's message tells whether it is the machine that does not fit. */
function notLoaded(cause) {
  const message = String(cause?.message);
  if (/GLIBC(XX)?_\d|ld-linux|ld-musl|libc\.musl|__\w+: symbol not found/.test(message)) {
    return unsupported(`this system's C library (${message})`, cause);
  }
  return withCode("ERR_DLOPEN_FAILED", `secure-exec cannot load its binary: ${message}`, cause);
}

"use strict";
// A startup snapshot of a heap in which the compiler is loaded and has parsed the language's library, kept in the user's cache: a
// machine that starts from it answers its first request as if it had answered others.

const { execFile } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const { homedir, setPriority, constants } = require("node:os");
const { join } = require("node:path");
const { promisify } = require("node:util");
const { addonName } = require("../binary-folder.cjs");
const { guestCode } = require("../guest-code.cjs");
const { guestFolder } = require("./compiler-package.cjs");

/** The guest modules in it, in the order in which they need each other. */
const modules = ["source-files", "files", "diagnostics", "requests", "prepare"];

/** Snapshots that are kept: a compiler or two, of two releases. */
const mostKept = 3;

/** Milliseconds that making one may take. */
const longest = 300_000;

/** Those that this process makes or has made. */
const begun = new Set();

/** Where they are kept; undefined where nothing is to be. */
function cacheFolder() {
  const { SECURE_EXEC_CACHE: own, XDG_CACHE_HOME: usual } = process.env;
  if (own !== undefined) return own === "" ? undefined : join(own, "compilers");
  return join(usual || join(homedir(), ".cache"), "secure-exec", "compilers");
}

/**
 * The snapshot for a compiler with this package, as it is now on the disk.
 * @param {string} folder The compiler's package.
 * @param {string} binaries The folder of the addon.
 * @returns {string | undefined} Its path, whether it is there or not.
 */
function heapOf(folder, binaries) {
  try {
    const cache = cacheFolder();
    if (cache === undefined) return undefined;
    const hash = createHash("sha256");
    hash.update(fs.readFileSync(join(binaries, "node.snapshot.sha256")));
    hash.update(guestProgram());
    hash.update(fs.realpathSync(folder));
    for (const name of filesOf(folder)) {
      const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(join(folder, name), {
        bigint: true,
      });
      hash.update([name, dev, ino, size, mtimeNs, ctimeNs].join());
    }
    return join(cache, `typescript-${hash.digest("hex")}.snapshot`);
  } catch {
    return undefined;
  }
}

/** Whether it is there, and nobody else can have written it. */
function isUsable(heap) {
  const isOurs = (path) => {
    const { uid, mode } = fs.lstatSync(path);
    return uid === process.geteuid() && (mode & 0o022) === 0;
  };
  try {
    return [join(heap, ".."), heap, `${heap}.sha256`].every(isOurs);
  } catch {
    return false;
  }
}

/**
 * Makes it, in processes of their own that nobody waits for; once in a process of the host's.
 * @returns {Promise<boolean>} Whether it is there now.
 */
async function make(heap, folder, binaries) {
  if (begun.has(heap)) return false;
  begun.add(heap);
  const cache = join(heap, "..");
  const [program, partial] = [`${heap}.js`, `${heap}.partial`];
  try {
    fs.mkdirSync(cache, { recursive: true, mode: 0o700 });
    removeAttempts(cache);
    // Another process is at it if this is there.
    fs.writeFileSync(program, programOf(folder), { mode: 0o600, flag: "wx" });
  } catch {
    return false;
  }
  try {
    await launch(binaries, "--mksnapshot", partial, program);
    await launch(binaries, "--mkcaches", partial);
    const sum = createHash("sha256")
      .update(await fs.promises.readFile(partial))
      .digest("hex");
    fs.chmodSync(partial, 0o600);
    fs.writeFileSync(`${heap}.sha256`, `${sum}\n`, { mode: 0o600 });
    fs.renameSync(partial, heap);
    removeOthers(cache, heap);
    return true;
  } catch {
    // A machine starts without it, only later.
    return false;
  } finally {
    for (const path of [program, partial]) fs.rmSync(path, { force: true });
  }
}

/** Has it made when nobody waits for an answer. */
function makeLater(...heap) {
  setTimeout(() => make(...heap), 1000).unref();
}

async function launch(binaries, mode, ...files) {
  const args = [mode, join(binaries, addonName), ...files];
  const options = { env: {}, timeout: longest };
  const done = promisify(execFile)(join(binaries, "secure-exec-vm"), args, options);
  done.child.unref();
  for (const stream of [done.child.stdout, done.child.stderr]) stream.unref?.();
  setPriority(done.child.pid, constants.priority.PRIORITY_LOW);
  await done;
}

/** Removes those that are oldest. */
function removeOthers(cache, heap) {
  const path = (name) => join(cache, name);
  const age = (name) => Date.now() - fs.statSync(path(name)).mtimeMs;
  const names = fs.readdirSync(cache).filter((name) => name.endsWith(".snapshot"));
  const others = names.filter((name) => path(name) !== heap);
  for (const name of others.sort((one, other) => age(one) - age(other)).slice(mostKept - 1)) {
    for (const gone of [name, `${name}.sha256`]) fs.rmSync(path(gone), { force: true });
  }
}

/** Removes what is left of attempts whose process has ended. */
function removeAttempts(cache) {
  for (const name of fs.readdirSync(cache).filter((name) => /\.(js|partial)$/.test(name))) {
    const path = join(cache, name);
    if (Date.now() - fs.statSync(path).mtimeMs > 2 * longest) fs.rmSync(path, { force: true });
  }
}

/** Files of a compiler that are in the snapshot. */
function filesOf(folder) {
  const libraries = fs
    .readdirSync(join(folder, "lib"))
    .filter((name) => /^lib\..*\.ts$/.test(name));
  return ["package.json", "lib/typescript.js", ...libraries.sort().map((name) => `lib/${name}`)];
}

let guest;

function guestProgram() {
  guest ??= guestCode(modules.map((name) => `typescript/${name}.mjs`)).replaceAll(
    "process.getBuiltinModule(",
    "builtin(",
  );
  return guest;
}

/** What is run in it: a script of one function, which gets the library's own `require`. */
function programOf(folder) {
  const texts = {};
  for (const name of filesOf(folder)) {
    texts[`${guestFolder}/${name}`] = fs.readFileSync(join(folder, name), "utf8");
  }
  const path = `${guestFolder}/lib/typescript.js`;
  const { [path]: compiler, ...others } = texts;
  return `(function (requireBuiltin) {
const files = {};
const modules = {
  "node:fs": { statSync: (...given) => files.statSync(...given) },
  "node:path": requireBuiltin("path"),
  "node:v8": { getHeapStatistics: () => ({ heap_size_limit: 2 ** 29 }) },
};
const builtin = (id) => modules[id];
const load = function (exports, require, module, __filename, __dirname) {${compiler}
};
${guestProgram()}
prepare(requireBuiltin, ${JSON.stringify(path)}, load, ${JSON.stringify(others)}, files);
})`;
}

module.exports = { heapOf, isUsable, make, makeLater, programOf };

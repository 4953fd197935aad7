// Node's own tests: where they are, which files belong to which group, what a file asks for.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cache, root } from "../lib/paths.mjs";
import { capture, run, StepError } from "../lib/steps.mjs";

/** The folders of the suite that are run, every file of them. */
const folders = ["parallel", "sequential", "es-module", "module-hooks", "wasi"];

// Folders that are one group each. The files of the others are grouped by their names.
const wholeFolders = new Set(["es-module", "module-hooks", "wasi"]);

// Groups whose name is not the first word of all their files: `test-<name>*`, the longest that fits.
const namedGroups = [
  "assert",
  "buffer",
  "child-process",
  "console",
  "cpu-prof",
  "dgram",
  "dns",
  "event",
  "eventsource",
  "fs",
  "heap",
  "http",
  "http2",
  "https",
  "module",
  "net",
  "path",
  "process",
  "promise",
  "querystring",
  "readline",
  "repl",
  "require",
  "runner",
  "signal",
  "sqlite",
  "stdin",
  "stdio",
  "stdout",
  "stream",
  "string-decoder",
  "timers",
  "tls",
  "trace-events",
  "url",
  "util",
  "vm",
  "webstream",
  "whatwg",
  "worker",
  "message",
  "zlib",
];

/** The group a file belongs to: a folder, one of the names above, or the first word of its name. */
export function groupOf(path) {
  const [folder, file] = path.split("/");
  if (wholeFolders.has(folder)) return folder;
  const stem = file.replace(/^test-/, "");
  const named = namedGroups.filter((group) => stem.startsWith(group));
  if (named.length > 0) return named.reduce((a, b) => (b.length > a.length ? b : a));
  return stem.match(/^[a-z0-9]+/i)?.[0] ?? stem;
}

/** Environment variable that points at a Node.js source tree (or at its `test` folder). */
const sourceTreeVariable = "SECURE_EXEC_NODE_SOURCE";

/**
 * Finds Node's `test` folder, unpacking the archive beside the clone if there is one.
 * @returns {Promise<string | undefined>}
 */
export async function findSuite() {
  const tree = process.env[sourceTreeVariable];
  if (tree) {
    const found = [join(tree, "test"), tree].find((dir) => existsSync(join(dir, "parallel")));
    if (!found) throw new StepError(`${sourceTreeVariable}: no test/parallel under ${tree}`);
    return resolve(found);
  }
  const archive = await findArchive();
  if (!archive) return undefined;
  const sum = createHash("sha256")
    .update(await readFile(archive))
    .digest("hex");
  const directory = join(cache, "conformance", sum.slice(0, 16));
  if (!existsSync(join(directory, "test"))) await unpack(archive, directory);
  return join(directory, "test");
}

/** What to tell the user when there is no suite. */
export const suiteHint =
  "Node's own tests are not here. Put the archive node-tests-<version>.tar.xz into " +
  "../shared/conformance beside the clone, or set " +
  `${sourceTreeVariable} to an unpacked Node.js source tree (the folder with test/ in it).`;

/**
 * The files that match the filters, group by group. A filter that is the name of a group selects
 * exactly its files, anything else every file whose path contains it.
 */
export function listFiles(suite, filters = []) {
  const files = folders.flatMap((folder) => filesOf(suite, folder));
  const groups = new Set(files.map(({ group }) => group));
  const matches = (text, { group, name }) =>
    groups.has(text) ? text === group : name.includes(text);
  return files
    .filter((file) => filters.length === 0 || filters.some((text) => matches(text, file)))
    .sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name));
}

function filesOf(suite, folder) {
  const path = join(suite, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => /^test-.*\.m?js$/.test(file))
    .map((file) => ({ group: groupOf(`${folder}/${file}`), name: `${folder}/${file}` }));
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The flags of the file's `// Flags:` line. */
export function flagsOf(suite, name) {
  const head = readFileSync(join(suite, name), "utf8").slice(0, 4096);
  const line = head.match(/^\/\/\s*Flags:(.*)$/m)?.[1] ?? "";
  return line.split(/\s+/).filter(Boolean);
}

// What a file uses that guests do not have yet.
const missingFeatures = [
  ["the inspector", /(require\(|from )'(node:)?inspector/],
  ["the permission model", /Flags:.*--permission/],
];

/** Names what a file needs and guests do not have yet, if that is why it fails. */
export function missingFeature(suite, name) {
  const text = readFileSync(join(suite, name), "utf8");
  const found = missingFeatures.filter(([, pattern]) => pattern.test(text));
  return found.length > 0 ? `needs ${found.map(([what]) => what).join(", ")}` : undefined;
}

/** Tells a file's content, to remember what the reference made of it. */
export function contentHash(suite, name) {
  return createHash("sha256")
    .update(readFileSync(join(suite, name)))
    .digest("hex");
}

async function findArchive() {
  const common = await capture("git", ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  const clones = [root, ...(common ? [dirname(common.trim())] : [])];
  for (const clone of clones) {
    const folder = resolve(clone, "..", "shared", "conformance");
    const names = await readdir(folder).catch(() => []);
    const name = names.find((each) => /^node-tests-.*\.tar\.xz$/.test(each));
    if (name) return join(folder, name);
  }
  return undefined;
}

async function unpack(archive, directory) {
  process.stdout.write(`unpacking ${archive} into ${directory}\n`);
  const partial = `${directory}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  await run("tar", ["-xJf", archive, "-C", partial], {
    hint: "tar and xz are needed (Debian: apt-get install xz-utils).",
  });
  await rm(directory, { recursive: true, force: true });
  await rename(partial, directory);
}

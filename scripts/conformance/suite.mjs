// Node's own tests: where they are, which files belong to which group, what a file asks for.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cache, root } from "../lib/paths.mjs";
import { capture, run, StepError } from "../lib/steps.mjs";

// Folders whose files are grouped by their names. Each of the others is one group.
const namedFolders = new Set(["parallel", "sequential"]);

// Folders that are not run: what tests share, what needs the network of the host, and what Node.js itself fails. Others
// that make no sense here (they need a compiler, or the rest of Node's source tree) the reference fails as well.
const otherFolders = new Set(["common", "fixtures", "tools", "internet", "known_issues"]);

/** The folders of the suite that are run, every test of them. */
export function foldersOf(suite) {
  return readdirSync(suite, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !otherFolders.has(entry.name))
    .map(({ name }) => name)
    .filter((name) => testsOf(suite, name).length > 0)
    .sort(compare);
}

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
  if (!namedFolders.has(folder)) return folder;
  const stem = file.replace(/^test-/, "");
  const named = namedGroups.filter((group) => stem.startsWith(group));
  if (named.length > 0) return named.reduce((a, b) => (b.length > a.length ? b : a));
  return stem.match(/^[a-z0-9]+/i)?.[0] ?? stem;
}

// Groups whose files are about the network.
const networkGroups = new Set([
  ...["client", "client-proxy", "cluster", "compression", "dgram", "dns", "eventsource", "fetch"],
  ...["h2", "h2leak", "http", "http2", "https", "listen", "net", "quic", "socket", "system-ca"],
  ...["tcp", "tls", "websocket"],
]);

// Groups whose files are about the inspector.
const inspectorGroups = new Set(["debugger", "inspect", "inspector"]);

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
  const files = foldersOf(suite).flatMap((folder) =>
    testsOf(suite, folder).map((name) => ({ group: groupOf(name), name })),
  );
  const groups = new Set(files.map(({ group }) => group));
  const matches = (text, { group, name }) =>
    groups.has(text) ? text === group : name.includes(text);
  return files
    .filter((file) => filters.length === 0 || filters.some((text) => matches(text, file)))
    .sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name));
}

/** Whether a file's name is that of a test. */
export function isTest(file) {
  return /^test-.*\.[cm]?js$/.test(file);
}

function testsOf(suite, folder) {
  return readdirSync(join(suite, folder))
    .filter(isTest)
    .map((file) => `${folder}/${file}`);
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

// Flags of V8's: those that Node.js does not know itself. `--expose-gc` and its like work in guests and count.
const v8Flags =
  /--(allow-natives-syntax|debug-arraybuffer-allocations|experimental-shadow-realm|gc-interval|harmony\S*|jitless|no-?concurrent\S*|stack-size|trace-gc|use-strict)\b/;

/** What a file is about that the rest of the suite is not: the network, the inspector, or flags of V8's. */
export function subjectOf(suite, { group, name }) {
  if (networkGroups.has(group)) return "network";
  if (inspectorGroups.has(group)) return "inspector";
  const text = readFileSync(join(suite, name), "utf8");
  if (v8Flags.test(flagsOf(suite, name).join(" "))) return "V8's flags";
  if (/skipIfInspectorDisabled|(require\(|from )['"](node:)?inspector\b/.test(text))
    return "inspector";
  if (/(require\(|from )['"](node:)?(net|http|https|http2|tls|dgram|dns)\b/.test(text))
    return "network";
  return undefined;
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

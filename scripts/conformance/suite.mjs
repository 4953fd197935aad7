// Node's own tests: where they are, which files belong to which prefix, what a file asks for.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cache, root } from "../lib/paths.mjs";
import { capture, run, StepError } from "../lib/steps.mjs";

/** Groups of the acceptance criterion: `test-<prefix>*` in `parallel`, and one whole folder. */
export const prefixes = [
  "assert",
  "buffer",
  "child-process",
  "console",
  "dgram",
  "dns",
  "event",
  "fs",
  "http",
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
  "signal",
  "sqlite",
  "stdin",
  "stdio",
  "stdout",
  "stream",
  "string-decoder",
  "timers",
  "tls",
  "url",
  "util",
  "vm",
  "whatwg",
  "zlib",
  "es-module",
  "worker",
  "message",
  "fetch",
  "websocket",
  "eventsource",
];

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

/** The files of the prefixes that match the filters, in order. */
export function listFiles(suite, filters = []) {
  const files = [];
  for (const prefix of prefixes) {
    for (const name of filesOf(suite, prefix)) {
      if (filters.length === 0 || filters.some((text) => matches(text, prefix, name))) {
        files.push({ prefix, name });
      }
    }
  }
  return files;
}

// Parts of the suite that begin like one above, and are not run yet: what they test is not there.
const notYet = ["http2"];

// Prefixes that begin with another one: their files are not that one's.
const longer = ["https"];

function filesOf(suite, prefix) {
  const folder = prefix === "es-module" ? "es-module" : "parallel";
  const start = prefix === "es-module" ? "test-" : `test-${prefix}`;
  return readdirSync(join(suite, folder))
    .filter((name) => name.startsWith(start) && /\.m?js$/.test(name))
    .filter((name) => !notYet.some((other) => name.startsWith(`test-${other}`)))
    .filter((name) => !longer.some((other) => other !== prefix && name.startsWith(`test-${other}`)))
    .sort()
    .map((name) => `${folder}/${name}`);
}

// A bare prefix selects exactly its group, anything else any file whose path contains it.
function matches(text, prefix, name) {
  return prefixes.includes(text) ? text === prefix : name.includes(text);
}

/** The flags of the file's `// Flags:` line. */
export function flagsOf(suite, name) {
  const head = readFileSync(join(suite, name), "utf8").slice(0, 4096);
  const line = head.match(/^\/\/\s*Flags:(.*)$/m)?.[1] ?? "";
  return line.split(/\s+/).filter(Boolean);
}

// What a file uses that guests do not have yet.
const missingFeatures = [
  ["worker threads", /new Worker\b/],
  ["HTTP/2", /(require\(|from )'(node:)?http2'/],
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

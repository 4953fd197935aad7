// Paths of the machine that builds, which compilers put into what they make: into messages of panics, mostly. They
// would tell every guest and every user where, and as whom, somebody built.
//
// They are written over in the finished file. Having rustc map them (`--remap-path-prefix`) would make every call of
// cargo that does not come from these scripts compile everything anew, because the flag counts for what is up to date.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { root, targetDir, wasmTargetDir } from "./paths.mjs";

const cargoHome = resolve(process.env.CARGO_HOME ?? join(homedir(), ".cargo"));

/** Folders of the build, each with the beginning of what is below it in a binary. */
const folders = [
  [cargoHome, "registry/src/[A-Za-z0-9.-]+-[0-9a-f]{16}/|git/checkouts/"],
  [targetDir, "(?:[A-Za-z0-9_-]+/)?(?:release|debug)/"],
  [wasmTargetDir, "(?:[A-Za-z0-9_-]+/)?(?:release|debug)/"],
  [root, "(?:crates|commands|target)/"],
];

/** A path of the build at the beginning of a path; bytes as Latin-1 characters. */
const pattern = new RegExp(
  folders.map(([folder, below]) => `${escaped(latin1(folder))}/(?:${below})`).join("|"),
  "g",
);

/** Any path into somebody's cargo or clone, whoever that is. */
const anybodys = /\/(?:root|home\/[^/\0\s"']+|Users\/[^/\0\s"']+)\/\.?cargo\//g;

/**
 * The same bytes with the build's folders written over, at equal length: what the code knows of its strings is where
 * they begin and how long they are.
 * @param {Buffer} bytes
 * @returns {Buffer}
 */
export function withoutBuildPaths(bytes) {
  const text = bytes.toString("latin1");
  const clean = text.replaceAll(pattern, (found) => `/${"_".repeat(found.length - 2)}/`);
  return clean === text ? bytes : Buffer.from(clean, "latin1");
}

/**
 * The folders of a build that are in a file, each once.
 * @param {Buffer} bytes
 * @returns {string[]}
 */
export function buildPathsIn(bytes) {
  const text = bytes.toString("latin1");
  return [
    ...new Set([...text.matchAll(pattern), ...text.matchAll(anybodys)].map(([path]) => path)),
  ];
}

function latin1(path) {
  return Buffer.from(path, "utf8").toString("latin1");
}

function escaped(text) {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

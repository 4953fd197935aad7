// Paths of the machine that builds, which compilers put into what they make: into messages of panics, mostly. They
// would tell every guest and every user where, and as whom, somebody built.
//
// They are written over in the finished file. Having rustc map them (`--remap-path-prefix`) would make every call of
// cargo that does not come from these scripts compile everything anew, because the flag counts for what is up to date.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { root, targetDir, wasmTargetDir } from "./paths.mjs";

const cargoHome = resolve(process.env.CARGO_HOME ?? join(homedir(), ".cargo"));

/** Folders of the build, each with the beginning of what is below it in a binary. */
const targets = [targetDir, wasmTargetDir];
const folders = [
  [cargoHome, "registry/src/[A-Za-z0-9.-]+-[0-9a-f]{16}/|git/checkouts/"],
  ...[...new Set([...targets, ...targets.flatMap(builtIn)])].map((target) => [
    target,
    "(?:[A-Za-z0-9_-]+/)?(?:release|debug)/",
  ]),
  [root, "(?:crates|commands|target)/"],
];

/** A path of the build at the beginning of a path; bytes as Latin-1 characters. */
const pattern = new RegExp(
  folders.map(([folder, below]) => `${escaped(latin1(folder))}/(?:${below})`).join("|"),
  "g",
);

/** Any path into somebody's cargo, whoever that is. */
const anybodysCargo = /\/(?:root|home\/[^/\0\s"']+|Users\/[^/\0\s"']+)\/\.?cargo\//g;

/** A path into anybody's registry or build. Where its folder begins is not seen: strings are one behind the other. */
const anybodysBuild =
  /(?:\/[\w.@+~%-]+)+\/(?:registry\/src\/[\w.-]+-[0-9a-f]{16}|(?:release|debug)\/build\/[\w-]+-[0-9a-f]{16})\//g;

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
  const found = [pattern, anybodysCargo, anybodysBuild].flatMap((one) => [...text.matchAll(one)]);
  return [...new Set(found.map(([path]) => path))];
}

/**
 * Where cargo has built what is in a folder of its output: that may have been copied from elsewhere, and the paths in it
 * are those of the build.
 * @param {string} target
 * @returns {string[]}
 */
function builtIn(target) {
  const profiles = ["release", "debug", "wasm32-wasip1/release", "wasm32-wasip1/debug"];
  const outputs = profiles.flatMap((profile) => {
    const folder = join(target, profile, "build");
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  });
  const records = outputs.map((output) => join(output, "root-output")).filter(existsSync);
  const end = /\/(?:wasm32-wasip1\/)?(?:release|debug)\/build\/[^/]+\/out\s*$/;
  return records.map((record) => readFileSync(record, "utf8").replace(end, ""));
}

function latin1(path) {
  return Buffer.from(path, "utf8").toString("latin1");
}

function escaped(text) {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

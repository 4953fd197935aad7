// The package that npm works on, and how it reports what is wrong with it.

import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

export { delimiter, existsSync, join, readFileSync };

/** What `npm --version` says: the version whose behaviour this follows. */
export const version = "11.6.2";

/** Ends npm with a message, as npm words them, and a status. */
export class NpmError extends Error {
  constructor(code, lines, status = 1) {
    super(lines.join("\n"));
    this.lines = code ? [`code ${code}`, ...lines] : lines;
    this.status = status;
  }
}

/** The folder of the nearest package.json or node_modules, from `start` up; `start` where there is none. */
export function findPrefix(start) {
  for (let folder = start; ; folder = dirname(folder)) {
    const isPackage =
      existsSync(join(folder, "package.json")) || existsSync(join(folder, "node_modules"));
    if (isPackage) return folder;
    if (folder === dirname(folder)) return start;
  }
}

/** The package.json of a folder; undefined where there is none. */
export function readManifest(folder) {
  const file = join(folder, "package.json");
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw new NpmError(error.code, [`Could not read package.json: ${error.message}`]);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const lines = [
      `JSON.parse ${error.message}`,
      "JSON.parse Failed to parse JSON data.",
      `path ${file}`,
    ];
    throw new NpmError("EJSONPARSE", lines);
  }
}

export function needManifest(folder) {
  const manifest = readManifest(folder);
  if (manifest) return manifest;
  const path = join(folder, "package.json");
  throw new NpmError("ENOENT", [
    "syscall open",
    `path ${path}`,
    "errno -2",
    `enoent Could not read package.json: Error: ENOENT: no such file or directory, open '${path}'`,
    "enoent This is related to npm not being able to find a file.",
  ]);
}

/** `PATH` with the programs of installed packages in front, those of the nearest folder first. */
export function pathWithPrograms(folder) {
  const folders = [];
  for (let at = folder; ; at = dirname(at)) {
    folders.push(join(at, "node_modules", ".bin"));
    if (at === dirname(at)) break;
  }
  return [...folders, process.env.PATH ?? ""].join(delimiter);
}

// Where the interpreter is: the npm package `pyodide`, which the application has or has not.

import { existsSync } from "node:fs";
import { posix } from "node:path";

/** Where the host has it, what it made of it, and packages (`NodeRuntime.create({ python })`). */
const MOUNTED = "/usr/lib/pyodide";
export const SNAPSHOT = "/usr/lib/pyodide-snapshot/memory";
export const WHEELS = "/usr/lib/pyodide-packages";

export const MISSING =
  'the npm package "pyodide" is not here: npm install pyodide, and NodeRuntime.create({ python: true })\n';

/** Its directory in the machine: the host's, or that of the nearest `node_modules`. */
export function packageDirectory(cwd) {
  const places = [MOUNTED];
  for (let at = cwd; ; at = posix.dirname(at)) {
    places.push(posix.join(at, "node_modules/pyodide"));
    if (at === posix.dirname(at)) break;
  }
  return places.find((place) => existsSync(posix.join(place, "pyodide.asm.wasm")));
}

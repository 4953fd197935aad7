"use strict";
// Programs of ours that run in guests: modules of lib/guest as one text, because the guest has no files of ours.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

/** Globals that the programs need later. The global scope is the guest code's: it may define them anew, or delete them. */
const kept = [
  ...["Array", "ArrayBuffer", "Buffer", "DOMException", "Error", "JSON", "Map", "Number", "Object"],
  ...["Promise", "RangeError", "RegExp", "Set", "String", "Symbol", "SyntaxError", "TypeError"],
  ...["Uint8Array", "WeakMap", "process"],
];

/**
 * @param {string[]} modules In the order in which they need each other.
 * @returns {string} An ES module.
 */
function guestCode(modules) {
  const text = [`const { ${kept.join(", ")} } = globalThis;`, ...modules.map(read)].join("\n");
  const imports = new Set();
  // What several of them import is a name once.
  return text.replace(/^import .*\n/gm, (line) => {
    const isKnown = imports.has(line);
    imports.add(line);
    return isKnown ? "" : line;
  });
}

/** Imports between the modules and their exports are names of one scope. */
function read(name) {
  return readFileSync(join(__dirname, "guest", name), "utf8")
    .replace(/^import \{[^}]*\} from "\.\/[^"]*";\n/gm, "")
    .replace(/^export /gm, "");
}

module.exports = { guestCode };

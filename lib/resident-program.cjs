"use strict";
// The program of a resident runner: the modules of lib/guest as one text, because the guest has no files of ours.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

/** In the order in which they need each other. */
const modules = ["clone.mjs", "evaluation.mjs", "resident.mjs"];

/** Globals that the program needs later. The global scope is the snippets': they may define them anew, or delete them. */
const kept = [
  ...[
    "Array",
    "ArrayBuffer",
    "Buffer",
    "DOMException",
    "Error",
    "JSON",
    "Map",
    "Number",
    "Object",
    "Promise",
  ],
  ...[
    "RangeError",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "Uint8Array",
    "WeakMap",
    "process",
  ],
];

let text;

/**
 * The program, whose argument is the number of bytes that a value may have as JSON. It takes a parser from Node's own
 * library and evaluates modules: a program with control pipes can do both.
 * @returns {string} An ES module.
 */
function residentCode() {
  text ??= [`const { ${kept.join(", ")} } = globalThis;`, ...modules.map(read)].join("\n");
  return text;
}

/** Imports between the modules and their exports are names of one scope. */
function read(name) {
  return readFileSync(join(__dirname, "guest", name), "utf8")
    .replace(/^import \{[^}]*\} from "\.\/[^"]*";\n/gm, "")
    .replace(/^export /gm, "");
}

module.exports = { residentCode };

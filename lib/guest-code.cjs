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

/** A default or named imports of a module of Node's own. */
const ofNode = /^import (\w+|\{[^}]*\}) from "(node:[^"]*)";\n/gm;

/**
 * What is imported of Node's own modules is taken from them when the program starts: an ES module would wait until all that
 * they have is loaded, parts of `node:util` too that are loaded when they are asked for.
 *
 * @param {string[]} modules In the order in which they need each other.
 * @returns {string} An ES module.
 */
function guestCode(modules) {
  const text = modules.map(read).join("\n");
  const constants = new Set();
  for (const [, clause, module] of text.matchAll(ofNode)) {
    const names = clause.startsWith("{") ? namesIn(clause).map((name) => `{ ${name} }`) : [clause];
    // What several of them import is a name once.
    for (const name of names) {
      constants.add(`const ${name} = process.getBuiltinModule("${module}");`);
    }
  }
  const globals = `const { ${kept.join(", ")} } = globalThis;`;
  return [globals, ...constants, text.replace(ofNode, "")].join("\n");
}

function namesIn(clause) {
  const names = clause.slice(1, -1).split(",");
  return names.map((name) => name.trim().replace(" as ", ": ")).filter((name) => name !== "");
}

/** Imports between the modules and their exports are names of one scope. */
function read(name) {
  return readFileSync(join(__dirname, "guest", name), "utf8")
    .replace(/^import \{[^}]*\} from "\.\/[^"]*";\n/gm, "")
    .replace(/^export /gm, "");
}

module.exports = { guestCode };

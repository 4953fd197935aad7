"use strict";
// The program of a resident runner: the modules of lib/guest as one text, because the guest has no files of ours.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

/** In the order in which they need each other. */
const modules = ["clone.mjs", "evaluation.mjs", "resident.mjs"];

/** It takes a parser from Node's own library, and evaluates modules. */
const options = ["--expose-internals", "--experimental-vm-modules", "--input-type=module"];

let text;

/**
 * @param {number} longestValue Bytes of a value as JSON.
 * @returns {string[]} What node gets to run the program.
 */
function residentArguments(longestValue) {
  text ??= modules.map(read).join("\n");
  return [...options, "--eval", text, String(longestValue)];
}

/** Imports between the modules and their exports are names of one scope. */
function read(name) {
  return readFileSync(join(__dirname, "guest", name), "utf8")
    .replace(/^import \{[^}]*\} from "\.\/[^"]*";\n/gm, "")
    .replace(/^export /gm, "");
}

module.exports = { residentArguments };

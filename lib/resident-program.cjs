"use strict";
// The program of a resident runner.

const { guestCode } = require("./guest-code.cjs");

let text;

/**
 * The program, whose argument is the number of bytes that a value may have as JSON. It takes a parser from Node's own
 * library and evaluates modules: a program with control pipes can do both.
 * @returns {string} An ES module.
 */
function residentCode() {
  text ??= guestCode(["clone.mjs", "evaluation.mjs", "language.mjs", "resident.mjs"]);
  return text;
}

module.exports = { residentCode };

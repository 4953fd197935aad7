"use strict";
// The program that runs the code of a call in a guest.

const { guestCode } = require("../guest-code.cjs");

let text;

/**
 * @param {{ code: string, filePath?: string, returns: boolean, bindings: string[] }} given
 * @returns {string} An ES module, whose argument is the number of bytes that the exports may have as JSON.
 */
function programCode(given) {
  text ??= guestCode(["clone.mjs", "pruning.mjs", "program.mjs"]);
  return `${text}\nmain(${JSON.stringify(given)});\n`;
}

module.exports = { programCode };

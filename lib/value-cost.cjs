"use strict";
// What a value that a snippet hands back costs the host, as crates/protocol/src/value.rs counts that of a program.

const [quote, backslash, comma, bracket, brace] = [...'"\\,[{'].map((each) => each.charCodeAt(0));

/** What an array or object counts at least. */
const container = 16;

/**
 * @param {string} json
 * @returns {number} Its bytes, or sixteen for each array and object and one for each further element if that is more.
 */
function valueCost(json) {
  let parts = 0;
  let inText = false;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === quote) inText = !inText;
    else if (inText) at += code === backslash ? 1 : 0;
    else if (code === bracket || code === brace) parts += container;
    else if (code === comma) parts += 1;
  }
  return Math.max(Buffer.byteLength(json), parts);
}

module.exports = { valueCost };

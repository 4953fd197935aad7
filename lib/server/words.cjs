"use strict";
// Words of a line, as Python's `shlex.split` finds them: quotes and backslashes as in a shell, and nothing else of one.

const { invalidValue } = require("../errors.cjs");

/** A piece of a word: in single quotes, in double quotes, a character behind a backslash, or others. */
const piece = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/sy;

/** @returns {string[]} */
function words(line) {
  const found = [];
  let word;
  for (let at = 0; at < line.length; ) {
    if (/\s/.test(line[at])) {
      if (word !== undefined) found.push(word);
      word = undefined;
      at += 1;
      continue;
    }
    piece.lastIndex = at;
    const match = piece.exec(line);
    if (!match)
      throw invalidValue(
        "command",
        line[at] === "\\" ? "ends with a backslash" : "has a quotation that does not end",
      );
    const [whole, single, double, escaped, plain] = match;
    // Between double quotes a backslash is special before itself and the quote only.
    word = (word ?? "") + (single ?? double?.replace(/\\(["\\])/g, "$1") ?? escaped ?? plain);
    at += whole.length;
  }
  if (word !== undefined) found.push(word);
  return found;
}

module.exports = { words };

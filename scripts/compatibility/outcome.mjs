// What came of a run, without what differs between two runs on the same system.

import { stripVTControlCharacters } from "node:util";

/** Times, sizes of memory and the like in what programs print. */
const passing = [
  [/\b\d+(\.\d+)? ?(ms|s)\b/g, "TIME"],
  [/\b\d\d:\d\d:\d\d\b/g, "TIME"],
  [/([?&](v|t))=[0-9a-f]+/g, "$1=HASH"],
];

/**
 * @param {string} text
 * @param {string} folder Where the project is.
 */
export function settled(text, folder) {
  const named = stripVTControlCharacters(text).replaceAll(folder, "FOLDER");
  return passing.reduce((all, [pattern, by]) => all.replace(pattern, by), named);
}

/** Errors of a server that only looks whether its port is free, and listens there for a moment. */
export const notYet = ["ECONNREFUSED", "ECONNRESET"];

/**
 * What of an answer is compared.
 * @param {import("./programs.mjs").Request} request
 * @param {{ status: number, body: string }} answer
 */
export function answered({ has }, { status, body }, folder) {
  return has === undefined
    ? { status, body: settled(body, folder) }
    : { status, [has]: body.includes(has) };
}

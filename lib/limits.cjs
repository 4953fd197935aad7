"use strict";
// Limits: their table, how they are worded, and which of them contradict each other.

const mebibyte = 1024 * 1024;

/** @typedef {import("../binding.cjs").LimitRow} LimitRow */

/** @type {LimitRow[] | undefined} */
let rows;

/** Every limit. The addon has the table; where there is none, this says so. @returns {LimitRow[]} */
function table() {
  rows ??= require("../binding.cjs").limitTable();
  return rows;
}

/**
 * A number with the unit that the limit's name tells.
 * @param {string} limit
 * @param {number} value
 */
function amount(limit, value) {
  if (limit.endsWith("Mb")) return `${value} MiB`;
  if (limit.endsWith("Ms")) return `${value} ms`;
  if (!/bytes$/i.test(limit)) return String(value);
  return value < mebibyte ? `${value} bytes` : `${rounded(value / mebibyte)} MiB`;
}

function rounded(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

const remedy = ". NodeRuntime.create({ limits }) sets it";

/** @param {{limit: string, bound: number, used: number}} breach */
function breachText({ limit, bound, used }) {
  const asked = used > bound ? `${amount(limit, used)} would be used` : "it was used up";
  return `${limit} is ${amount(limit, bound)}, ${asked}${remedy}`;
}

/**
 * A message about a limit of a machine that the caller has not made by `create`.
 * @param {string} message
 * @param {string | undefined} setter What sets the limit there, if anything does.
 */
function withSetter(message, setter) {
  return message.replace(remedy, () => (setter === undefined ? "" : `. ${setter} sets it`));
}

const memoryBytes = "limits.resources.maxMemoryBytes";

/** Pairs of limits of which the first is a part of the second. */
const parts = [
  ["limits.jsRuntime.v8HeapLimitMb", memoryBytes],
  ["limits.resources.maxFilesystemBytes", memoryBytes],
  ["limits.wasm.maxMemoryBytes", memoryBytes],
  ["limits.resources.maxFileBytes", "limits.resources.maxFilesystemBytes"],
];

/** Limits whose defaults are at most half of the memory. */
const halves = new Set(parts.filter(([, whole]) => whole === memoryBytes).map(([part]) => part));

/**
 * The limits of a machine by path, as `limits.resources.maxPipes`: what was given, and defaults.
 * @param {Record<string, number | undefined>} given
 * @returns {Record<string, number>}
 */
function complete(given) {
  const paths = Object.fromEntries(table().map((row) => [row.path, row]));
  const memory = given[memoryBytes] ?? paths[memoryBytes].default;
  const standard = (path, { default: usual, unit }) => {
    if (!halves.has(path)) return usual;
    const half = Math.floor(memory / 2);
    return Math.min(usual, unit === "mebibytes" ? Math.floor(half / mebibyte) : half);
  };
  const bounds = Object.entries(paths).map(([path, row]) => [
    path,
    given[path] ?? standard(path, row) ?? Number.POSITIVE_INFINITY,
  ]);
  return Object.fromEntries(bounds);
}

/**
 * Two limits that cannot both hold, the first of which was given.
 * @param {Record<string, number | undefined>} given By path.
 * @returns {{part: string, whole: string, text: string} | undefined}
 */
function contradiction(given) {
  const usual = Object.fromEntries(table().map(({ path, default: bound }) => [path, bound]));
  for (const [part, whole] of parts) {
    if (given[part] === undefined) continue;
    const bound = given[whole] ?? usual[whole];
    const bytes = part.endsWith("Mb") ? given[part] * mebibyte : given[part];
    if (bytes <= bound) continue;
    const text = `${amount(part, given[part])}, more than the ${amount(whole, bound)} of ${whole}`;
    return { part, whole, text };
  }
  return undefined;
}

module.exports = { amount, breachText, complete, contradiction, table, withSetter };

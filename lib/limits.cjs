"use strict";
// Limits: how they are worded, and which of them contradict each other.

const mebibyte = 1024 * 1024;

/** What `create` uses where nothing is said (`VmLimits` of the protocol). */
const defaults = {
  maxMemoryBytes: 512 * mebibyte,
  maxFilesystemBytes: 64 * mebibyte,
  v8HeapLimitMb: 128,
  wasmMaxMemoryBytes: 256 * mebibyte,
};

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

/** @param {{limit: string, bound: number, used: number}} breach */
function breachText({ limit, bound, used }) {
  const asked = used > bound ? `${amount(limit, used)} would be used` : "it was used up";
  return `${limit} is ${amount(limit, bound)}, ${asked}. NodeRuntime.create({ limits }) sets it`;
}

/** Pairs of limits of which the first is a part of the second. */
const parts = [
  ["jsRuntime.v8HeapLimitMb", "resources.maxMemoryBytes"],
  ["resources.maxFilesystemBytes", "resources.maxMemoryBytes"],
  ["wasm.maxMemoryBytes", "resources.maxMemoryBytes"],
  ["resources.maxFileBytes", "resources.maxFilesystemBytes"],
];

/**
 * Two limits that were given and cannot both hold.
 * @param {Record<string, Record<string, number | undefined>>} given By group and name.
 * @returns {{part: string, whole: string, text: string} | undefined}
 */
function contradiction(given) {
  const read = (path) => {
    const [group, name] = path.split(".");
    return given[group][name] ?? (path === "wasm.maxMemoryBytes" ? undefined : defaults[name]);
  };
  for (const [part, whole] of parts) {
    const [group, name] = part.split(".");
    if (given[group][name] === undefined) continue;
    const bytes = name.endsWith("Mb") ? read(part) * mebibyte : read(part);
    if (bytes <= read(whole)) continue;
    const text = `${amount(part, read(part))}, more than the ${amount(whole, read(whole))} of limits.${whole}`;
    return { part, whole, text };
  }
  return undefined;
}

/** Defaults for parts of a memory that is smaller than usual: half of it each. */
function derived({ resources, jsRuntime, wasm }) {
  const memory = resources.maxMemoryBytes ?? defaults.maxMemoryBytes;
  const half = Math.floor(memory / 2);
  return {
    maxFilesystemBytes: resources.maxFilesystemBytes ?? Math.min(defaults.maxFilesystemBytes, half),
    v8HeapLimitMb:
      jsRuntime.v8HeapLimitMb ?? Math.min(defaults.v8HeapLimitMb, Math.floor(half / mebibyte)),
    wasmMaxMemoryBytes: wasm.maxMemoryBytes ?? Math.min(defaults.wasmMaxMemoryBytes, half),
  };
}

module.exports = { amount, breachText, contradiction, derived };

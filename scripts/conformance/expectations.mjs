// The committed knowledge about the suite: what the reference Node.js does with each file, and
// which files are known to fail in a guest and why.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cache, root } from "../lib/paths.mjs";
import { StepError } from "../lib/steps.mjs";

const folder = join(root, "__test__", "conformance");
const baselinePath = join(folder, "baseline.json");
const expectationsPath = join(folder, "expectations.json");
const otherSuitesPath = join(folder, "other-suites.json");
const cachedBaselinePath = join(cache, "conformance", "baseline.json");
const classes = ["gap", "wont", "cannot"];

/** @returns {{node: string, files: Record<string, import("./verdict.mjs").Verdict>}} */
export function readBaseline() {
  return readJson(baselinePath) ?? { node: "", files: {} };
}

export function writeBaseline(baseline) {
  writeFileSync(baselinePath, format({ ...baseline, files: sorted(baseline.files) }));
}

/** Verdicts of the reference for files that are not in the committed baseline, by content. */
export function readCachedBaseline() {
  return readJson(cachedBaselinePath) ?? {};
}

export function writeCachedBaseline(verdicts) {
  mkdirSync(dirname(cachedBaselinePath), { recursive: true });
  writeFileSync(cachedBaselinePath, JSON.stringify(verdicts));
}

/** Verdicts of an earlier part of a long run. @returns {Record<string, {verdict: "pass" | "fail", cause: string}>} */
export function readVerdicts(path) {
  return readJson(path) ?? {};
}

export function writeVerdicts(path, verdicts) {
  writeFileSync(path, format(sorted(verdicts)));
}

/** @returns {Record<string, {class: "gap" | "wont" | "cannot", reason: string}>} */
export function readExpectations() {
  const expectations = readJson(expectationsPath) ?? {};
  for (const [name, entry] of Object.entries(expectations)) {
    if (!classes.includes(entry.class) || !entry.reason?.trim()) {
      const wanted = `a class (${classes.join(", ")}) and a reason`;
      throw new StepError(`expectations.json: ${name} needs ${wanted}`);
    }
  }
  return expectations;
}

/**
 * What suites of others say, by hand: the commit, what judged beside us, cases, how many pass on either side, and why
 * the rest does not.
 * @returns {{suite: string, commit: string, host: string, cases: number, hostPassed: number | "-", passed: number, note: string}[]}
 */
export function readOtherSuites() {
  return readJson(otherSuitesPath) ?? [];
}

export function writeExpectations(expectations) {
  writeFileSync(expectationsPath, format(sorted(expectations)));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw new StepError(`${path}: ${error.message}`);
  }
}

// One file a line: a change of one verdict is a change of one line.
function format(value, indent = "") {
  const lines = Object.entries(value).map(([key, entry]) => {
    const nested = typeof entry === "object" && Object.values(entry).length > 2;
    const text = nested ? format(entry, `${indent}  `).trimEnd() : JSON.stringify(entry);
    return `${indent}  ${JSON.stringify(key)}: ${text}`;
  });
  return lines.length > 0 ? `{\n${lines.join(",\n")}\n${indent}}\n` : "{}\n";
}

function sorted(record) {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

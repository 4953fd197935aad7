// Runs a test runner with its output shown as it comes, and counts what it reports.

import { spawn } from "node:child_process";
import { root } from "./paths.mjs";
import { StepError } from "./steps.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @type {Counts} */
export const noCounts = { passed: 0, failed: 0, skipped: 0 };

/** @returns {Counts} */
export function addCounts(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/**
 * Runs a command, as another user and group if one is given.
 * @returns {Promise<{ counts: Counts, ended: number | string, output: string }>} `ended` is the status, or the signal's name;
 *   `output` what it wrote on stdout.
 */
export async function countTests(command, args, env, user) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    ...(user !== undefined && { uid: user, gid: user }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let counts = noCounts;
  let rest = "";
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    output += text;
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) counts = addCounts(counts, countsOf(line));
  });
  const ended = await new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new StepError(`cannot start ${command}: ${error.message}`)),
    );
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  return { counts: addCounts(counts, countsOf(rest)), ended, output };
}

/**
 * What one line of a report adds: cargo's sum of a test binary, a sum of `node --test`, or our conformance runner's.
 * @returns {Counts}
 */
export function countsOf(line) {
  const plain = withoutColours(line);
  const cargo = plain.match(/^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored;/);
  if (cargo) return counted(cargo[1], cargo[2], cargo[3]);
  const own = plain.match(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/);
  if (own) return counted(own[1], own[2], own[3]);
  const [, kind, number] = plain.match(/^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$/) ?? [];
  switch (kind) {
    case "pass":
      return counted(number, 0, 0);
    case "fail":
    case "cancelled":
      return counted(0, number, 0);
    case "skipped":
    case "todo":
      return counted(0, 0, number);
    default:
      return noCounts;
  }
}

/** Runners colour their output where they believe that somebody looks at it. */
export function withoutColours(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "");
}

function counted(passed, failed, skipped = 0) {
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

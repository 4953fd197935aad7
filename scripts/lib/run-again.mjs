// What failed is run once more, alone: a machine that is busy with other tests may be too slow for one. What passes then is
// counted as passed and named as unstable in the summary, so that it is mended; what fails again has failed.

import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { root } from "./paths.mjs";
import { withoutColours } from "./test-counts.mjs";

/** More than these are no bad moment of the machine's. */
export const mostAgain = 8;

/**
 * @typedef {object} Runner
 * @property {(args: string[], folder: string) => string[]} recording The arguments of a run that leaves its traces in the
 *   folder.
 * @property {(folder: string, output: string) => Promise<string[]>} failed What failed in it, by names that `again` takes.
 * @property {(folder: string, output: string) => Promise<string[]>} told The tests that failed in it, for who reads the summary.
 * @property {(args: string[], failed: string[]) => string[]} again The arguments that run only these, one at a time.
 */

/** @type {Runner} Files of `node --test`; the last argument of the first run is the pattern of all. */
export const nodeFiles = {
  // Files come last. The reporter that the arguments name has the second destination.
  recording: (args, folder) => [
    `--test-reporter=${join(root, "scripts", "lib", "failed-tests.mjs")}`,
    `--test-reporter-destination=${join(folder, "failed")}`,
    "--test-reporter-destination=stdout",
    ...args,
  ],
  async failed(folder) {
    return [...new Set((await failedTests(folder)).map(({ file }) => file))];
  },
  async told(folder) {
    const named = (await failedTests(folder)).filter(({ name }) => name !== undefined);
    return named.map(({ file, name, why }) => `${relative(root, file)}: ${name}: ${why}`);
  },
  again: (args, failed) => [...args.slice(0, -1), "--test-concurrency=1", ...failed],
};

/** @returns {Promise<import("./failed-tests.mjs").FailedTest[]>} What the reporter wrote. */
async function failedTests(folder) {
  const text = await readFile(join(folder, "failed"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** @type {Runner} Tests of `cargo test`. Where a binary ended without a sum, nothing is run again: it names no test. */
export const cargoTests = {
  recording: (args) => args,
  async failed(_folder, output) {
    const plain = withoutColours(output);
    const begun = plain.match(/^running \d+ tests?$/gm)?.length;
    if (begun !== plain.match(/^test result: /gm)?.length) return [];
    const names = plain.matchAll(/^test (\S+)(?: - should panic)? \.\.\. FAILED$/gm);
    return [...new Set([...names].map(([, name]) => name))];
  },
  told(folder, output) {
    return this.failed(folder, output);
  },
  again: (args, failed) => [...args, "--", "--exact", "--test-threads=1", ...failed],
};

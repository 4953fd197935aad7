// Groups of tests, one after the other, and what all of them reported.

import { chown, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { mostAgain } from "./run-again.mjs";
import { say } from "./steps.mjs";
import { addCounts, countTests, noCounts } from "./test-counts.mjs";

/** Names of failed tests in a summary: more are one fault, which the first of them tell. */
const mostTold = 20;

/**
 * @typedef {object} Group
 * @property {string} name What is tested, as the user reads it.
 * @property {boolean} [optional] Whether it runs only if it is asked for by name.
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} [env]
 * @property {number} [user] Who it runs as, with a home of its own, where this process is root.
 * @property {import("./run-again.mjs").Runner} [runner] How what failed is run once more.
 * @property {() => Promise<string | undefined>} [leftOut] Says why it cannot run here.
 */

/**
 * Runs all, whatever fails, and sums up in a last line.
 * @param {[string, Group][]} chosen
 * @returns {Promise<number>} The exit status.
 */
export async function runGroups(chosen) {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-test-"));
  const skippedFile = join(folder, "skipped");
  let total = noCounts;
  const summaries = [];
  try {
    for (const [name, group] of chosen) {
      const reason = await group.leftOut?.();
      const { counts, unstable, told } = reason
        ? { counts: { ...noCounts, skipped: 1 }, unstable: [], told: [] }
        : await runGroup(group, { SECURE_EXEC_SKIPPED: skippedFile });
      if (reason) summaries.push(`  ${name}: left out. ${reason}`);
      else summaries.push(`  ${name}: ${counts.passed} passed, ${counts.failed} failed`);
      for (const test of told.slice(0, mostTold)) summaries.push(`  failed: ${test}`);
      if (told.length > mostTold) summaries.push(`  failed: ${told.length - mostTold} more`);
      for (const test of unstable) summaries.push(`  unstable, passed only alone: ${test}`);
      total = addCounts(total, counts);
    }
    const missing = await readSkipped(skippedFile);
    for (const [tool, cases] of missing) {
      summaries.push(`  skipped: ${cases} cases, the host has no ${tool} to compare with`);
      total = addCounts(total, { ...noCounts, skipped: cases });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  say(`\n${summaries.join("\n")}\n`);
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 ? 1 : 0;
}

/**
 * @typedef {object} Outcome
 * @property {import("./test-counts.mjs").Counts} counts
 * @property {string[]} unstable What passed only alone.
 * @property {string[]} told The tests that failed and why: whoever reads the end of a long report sees nothing else of them.
 */

/** @returns {Promise<Outcome>} */
async function runGroup({ name, command, args, env, user, runner }, variables) {
  say(`\n=== ${name}`);
  const home = user === undefined ? {} : await homeOf(user);
  const traces = await mkdtemp(join(tmpdir(), "secure-exec-failed-"));
  // The traces of one run are read before another one writes its own.
  const run = async (args) => {
    const all = { ...env, ...variables, ...home };
    const recorded = runner?.recording(args, traces) ?? args;
    const { counts, ended, output } = await countTests(command, recorded, all, user);
    if (ended === 0) return { counts, failed: [], told: [] };
    say(`\`${command} ${args.join(" ")}\` ended with ${ended}`);
    // What cannot even be compiled has no failing test to count, and none to run again.
    if (counts.failed === 0) return { counts: { ...counts, failed: 1 }, failed: [], told: [] };
    const failed = (await runner?.failed(traces, output)) ?? [];
    return { counts, failed, told: (await runner?.told(traces, output)) ?? [] };
  };
  try {
    if (user !== undefined) await chown(traces, user, user);
    const { counts, failed, told } = await run(args);
    if (failed.length === 0 || failed.length > mostAgain) return { counts, unstable: [], told };
    say(`\n=== ${name}: ${failed.join(", ")} once more, alone`);
    const second = await run(runner.again(args, failed));
    const { passed, skipped } = counts;
    if (second.counts.failed > 0) {
      const again = { passed, failed: second.counts.failed, skipped };
      return { counts: again, unstable: [], told: second.told };
    }
    // Some of them must have run to be believed.
    if (second.counts.passed === 0) return { counts, unstable: [], told };
    return {
      counts: { passed: passed + counts.failed, failed: 0, skipped },
      unstable: told,
      told: [],
    };
  } finally {
    await rm(traces, { recursive: true, force: true });
    if (home.HOME) await rm(home.HOME, { recursive: true, force: true });
  }
}

/** An empty folder of the user's, for what tests and tools leave, and where the user finds commands. */
async function homeOf(user) {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-user-"));
  await chown(folder, user, user);
  const path = (process.env.PATH ?? "").split(delimiter);
  const closed = await Promise.all(path.map(closedFolder));
  const open = path.filter((_, index) => closed[index] === undefined);
  // `npm test` tells its children of the cache of who called it.
  const cache = { npm_config_cache: join(folder, ".npm") };
  return { HOME: folder, TMPDIR: folder, PATH: open.join(delimiter), ...cache };
}

/** The folder on the way to a path that only its owner may enter, if there is one. What is not there is as good as that. */
export async function closedFolder(path) {
  for (let folder = path; ; folder = dirname(folder)) {
    const mode = await stat(folder).then(
      ({ mode }) => mode,
      () => 0,
    );
    if ((mode & 0o001) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Cases that were skipped, by the tool that the host lacks. */
async function readSkipped(file) {
  const text = await readFile(file, "utf8").catch(() => "");
  const sums = new Map();
  for (const line of text.split("\n").filter(Boolean)) {
    const [tool, cases] = line.split(" ");
    sums.set(tool, (sums.get(tool) ?? 0) + Number(cases));
  }
  return sums;
}

// Groups of tests, one after the other, and what all of them reported.

import { chown, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { say } from "./steps.mjs";
import { addCounts, countTests, noCounts } from "./test-counts.mjs";

/**
 * @typedef {object} Group
 * @property {string} name What is tested, as the user reads it.
 * @property {boolean} [optional] Whether it runs only if it is asked for by name.
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} [env]
 * @property {number} [user] Who it runs as, with a home of its own, where this process is root.
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
      const counts = reason
        ? { ...noCounts, skipped: 1 }
        : await runGroup(group, { SECURE_EXEC_SKIPPED: skippedFile });
      if (reason) summaries.push(`  ${name}: left out. ${reason}`);
      else summaries.push(`  ${name}: ${counts.passed} passed, ${counts.failed} failed`);
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

async function runGroup({ name, command, args, env, user }, variables) {
  say(`\n=== ${name}`);
  const home = user === undefined ? {} : await homeOf(user);
  const all = { ...env, ...variables, ...home };
  const { counts, ended } = await countTests(command, args, all, user);
  if (home.HOME) await rm(home.HOME, { recursive: true, force: true });
  if (ended === 0) return counts;
  say(`\`${command} ${args.join(" ")}\` ended with ${ended}`);
  // What cannot even be compiled has no failing test to count.
  return counts.failed > 0 ? counts : { ...counts, failed: 1 };
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

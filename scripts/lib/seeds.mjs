// The documents that say what the API is, beside the clone in ../shared/seeds.

import { readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { root } from "./paths.mjs";
import { capture } from "./steps.mjs";

/**
 * Their folder, if it is there. That beside a worktree's clone counts as well.
 * @returns {Promise<string | undefined>}
 */
export async function findSeeds() {
  const common = await capture("git", ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  const clones = [root, ...(common ? [dirname(common.trim())] : [])];
  for (const clone of clones) {
    const folder = resolve(clone, "..", "shared", "seeds");
    const names = await readdir(folder).catch(() => []);
    if (names.some((name) => name.endsWith(".txt"))) return folder;
  }
  return undefined;
}

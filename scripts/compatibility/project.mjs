// Projects with what they need from npm: installed once for each lock, outside of the clone.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { cache, root } from "../lib/paths.mjs";
import { run, say } from "../lib/steps.mjs";

const fixtures = join(root, "__test__", "fixtures", "compatibility");

/**
 * @typedef {object} Project
 * @property {string} folder Has its sources and its `node_modules`. Nobody writes there.
 * @property {(name: string) => string} versionOf The version of an installed package.
 */

/**
 * @param {string} name
 * @param {string} [file] What it has beside its sources.
 * @returns {Promise<Project>}
 */
export async function installProject(name, file) {
  const source = join(fixtures, name);
  const lock = readFileSync(join(source, "package-lock.json"));
  const sum = createHash("sha256").update(lock).digest("hex").slice(0, 16);
  const folder = join(cache, `compatibility-${name}-${sum}`);
  if (!existsSync(folder)) {
    say(`installing ${name} into ${folder}`);
    const partial = await mkdtemp(`${folder}.`);
    try {
      await cp(source, partial, { recursive: true });
      // Some packages are asked for in a form that is for WebAssembly, which npm takes for another processor. `npm ci` wants
      // optional packages in the lock that registries do not have.
      const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--force"];
      await run("npm", ["install", ...options], {
        cwd: partial,
        hint: "Is a package registry within reach? `npm ping` tells.",
      });
      await rename(partial, folder);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  // The sources may be newer than what was installed.
  await cp(source, folder, { recursive: true });
  if (file !== undefined) await cp(file, join(folder, basename(file)));
  const versionOf = (of) => {
    const text = readFileSync(join(folder, "node_modules", of, "package.json"), "utf8");
    return JSON.parse(text).version;
  };
  return { folder, versionOf };
}

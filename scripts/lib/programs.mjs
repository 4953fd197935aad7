// Programs from npm that the tests run, most of them inside the machine: installed once for each lock, outside of the clone.
// None of them is shipped, and none runs a script when it is installed.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cache, root } from "./paths.mjs";
import { run, StepError } from "./steps.mjs";

/**
 * @param {string} name
 * @param {string} source the folder with the lock
 */
function installed(name, source = join(root, "__test__", "fixtures", name)) {
  const lock = readFileSync(join(source, "package-lock.json"));
  const sum = createHash("sha256").update(lock).digest("hex").slice(0, 16);
  return { source, folder: join(cache, `${name}-${sum}`) };
}

const programs = installed("programs");
const coverage = installed("coverage");
const matrix = installed("matrix");
const site = installed("site", join(root, "site"));
const playground = installed("playground", join(root, "examples", "playground"));

/** The folder that has the `node_modules` of servers and clients. */
export const programsFolder = programs.folder;

/** The folder that has those of test runners and tools of coverage. */
export const coverageFolder = coverage.folder;

/** The folder that has package managers, runtimes and bundlers, which use the packages of the clone. */
export const matrixFolder = matrix.folder;

/** The folder that has the generators of the site. */
export const siteTools = site.folder;

/** The folder that has the parts of the playground. */
export const playgroundTools = playground.folder;

export const installPrograms = installation(
  "Install the programs that the tests run in the machine",
  [programs, coverage],
);

export const installMatrix = installation(
  "Install the package managers, runtimes and bundlers that use the packages",
  [matrix],
);

export const installSite = installation("Install what makes the site", [site]);

export const installPlayground = installation("Install what the playground is made of", [
  playground,
]);

/** @returns {import("./steps.mjs").Step} */
function installation(name, all) {
  const missing = () => all.filter(({ folder }) => !existsSync(folder));
  return {
    name,
    upToDate: () => (missing().length ? undefined : "up to date"),
    async run(note) {
      const wanted = missing();
      await Promise.all(wanted.map(({ source, folder }) => install(source, folder)));
      note(`in ${wanted.map(({ folder }) => folder).join(" and ")}`);
    },
  };
}

/**
 * Whole or not at all, whoever else installs them.
 *
 * @param {string} source
 * @param {string} folder
 */
async function install(source, folder) {
  const partial = await mkdtemp(`${folder}.`);
  try {
    for (const name of ["package.json", "package-lock.json"]) {
      await copyFile(join(source, name), join(partial, name));
    }
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: partial,
      hint: "Is a package registry within reach? `npm ping` tells.",
    });
    await rename(partial, folder).catch((error) => {
      if (!existsSync(folder)) throw new StepError(error.message);
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

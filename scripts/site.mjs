// Builds the site from `docs`, `site`, `examples` and the declarations into site/.vitepress/dist, which any static host can
// serve. Fails on links that lead nowhere, and on pages that would load something from elsewhere.
//
//   npm run site
//   SITE_BASE=/secure-exec/ npm run site   for a host that has it below a path

import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./lib/paths.mjs";
import { installSite, siteTools } from "./lib/programs.mjs";
import { run, runMain, runSteps, StepError } from "./lib/steps.mjs";
import { foreignAssets } from "./site/foreign.mjs";
import { writeLlms } from "./site/llms.mjs";
import { navigation } from "./site/navigation.mjs";
import { writePages } from "./site/pages.mjs";
import { writeReference } from "./site/reference.mjs";

const settings = join(root, "site", ".vitepress");
const dist = join(settings, "dist");
const vitepress = join(siteTools, "node_modules", "vitepress", "bin", "vitepress.js");
const stage = join(settings, "stage");
const base = process.env.SITE_BASE ?? "/";

await runMain(async () => {
  if (!/^\/(?:[\w.-]+\/)*$/.test(base)) {
    throw new StepError(`SITE_BASE must be a path with a slash at both ends, not ${base}`);
  }
  const sections = await navigation();
  const generated = sections.flatMap(({ pages }) => pages).filter(({ source }) => !source);
  await runSteps([
    installSite,
    { name: "Put the pages together", run: () => putTogether(sections) },
    {
      name: "Make the reference from the types",
      run: () => writeReference(siteTools, stage, generated),
    },
    {
      name: "Build the site",
      run: () => run(process.execPath, [vitepress, "build", stage, "--outDir", dist]),
    },
    { name: "Write llms.txt", run: () => writeLlms(stage, dist, sections, base) },
    { name: "Look for what would be loaded from elsewhere", run: lookForForeign },
  ]);
});

/** VitePress takes its packages from beside the pages. */
async function putTogether(sections) {
  await rm(stage, { recursive: true, force: true });
  await mkdir(join(stage, ".vitepress"), { recursive: true });
  await symlink(join(siteTools, "node_modules"), join(stage, "node_modules"));
  for (const name of ["config.mjs", "theme"]) {
    await cp(join(settings, name), join(stage, ".vitepress", name), { recursive: true });
  }
  await writeFile(join(stage, ".vitepress", "navigation.json"), JSON.stringify({ base, sections }));
  await cp(join(root, "site", "public"), join(stage, "public"), { recursive: true });
  await writePages(stage, sections);
}

async function lookForForeign(note) {
  const found = await foreignAssets(dist);
  if (found.length) throw new StepError(`loaded from elsewhere: ${found.join(", ")}`);
  note(`${dist} is complete`);
}

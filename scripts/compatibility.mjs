// Programs from npm, run by host Node.js and in a machine that has the same project mounted. What they print, make and
// serve is compared, and docs/compatibility.md says what came of it.
//
//   npm run compatibility                 installs and runs all of them, and writes the page
//   npm run compatibility -- vite astro   runs those of some projects, and only says what came of it
//   npm run compatibility -- --pictures out   keeps pictures of the pages that a browser has opened in a machine

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runOnHost } from "./compatibility/host.mjs";
import { runInMachine } from "./compatibility/machine.mjs";
import { compatibilityPage } from "./compatibility/page.mjs";
import { programs } from "./compatibility/programs.mjs";
import { installProject } from "./compatibility/project.mjs";
import { root } from "./lib/paths.mjs";
import { runMain, runSteps, say, StepError } from "./lib/steps.mjs";

await runMain(async () => {
  const { positionals: wanted, values } = parseArgs({
    allowPositionals: true,
    options: { pictures: { type: "string" } },
  });
  const names = [...new Set(programs.map(({ project }) => project))];
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown) throw new StepError(`no project ${unknown}: there are ${names.join(", ")}`);
  const chosen = programs.filter(({ project }) => !wanted.length || wanted.includes(project));
  const results = [];
  for (const program of chosen) {
    if (program.builds) await runSteps(program.builds);
    const project = await installProject(program.project, program.file);
    const expected = await runOnHost(program, project);
    const pictures = values.pictures && join(values.pictures, program.project);
    const got = await runInMachine(program, project, pictures);
    const difference = differenceOf(expected, got);
    const version = project.versionOf(program.package);
    results.push({ program, version, difference, page: got.page });
    say(
      `${difference ? "DIFFERS" : "works"}  ${program.name}${difference ? `\n${difference}` : ""}`,
    );
  }
  if (!wanted.length) {
    await writeFile(join(root, "docs", "compatibility.md"), compatibilityPage(results));
  }
  return results.some(({ difference }) => difference) ? 1 : 0;
});

/**
 * The first part of an outcome that is not the same, with both.
 * @param {Record<string, unknown>} expected
 * @param {Record<string, unknown>} got
 */
function differenceOf(expected, got) {
  for (const part of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const [host, machine] = [expected[part], got[part]].map((value) => JSON.stringify(value));
    if (host !== machine) return `${part}: ${machine} in the machine, ${host} on the host`;
  }
  return undefined;
}

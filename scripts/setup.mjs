// Everything that must be in place before cargo runs. `node scripts/setup.mjs` alone does this, and installs what the tests
// run in the machine.

import { fileURLToPath } from "node:url";
import { fetchJq } from "./lib/jq.mjs";
import { fetchLlhttp } from "./lib/llhttp.mjs";
import { installPackages } from "./lib/packages.mjs";
import { installPrograms } from "./lib/programs.mjs";
import { fetchWheels } from "./lib/python-wheels.mjs";
import { checkPrerequisites } from "./lib/prerequisites.mjs";
import { runMain, runSteps } from "./lib/steps.mjs";
import { unpackV8 } from "./lib/v8.mjs";
import { fetchZig } from "./lib/zig.mjs";

/** @type {import("./lib/steps.mjs").Step[]} */
export const setupSteps = [
  checkPrerequisites,
  installPackages,
  unpackV8,
  fetchLlhttp,
  fetchZig,
  fetchJq,
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(() => runSteps([...setupSteps, installPrograms, fetchWheels]));
}

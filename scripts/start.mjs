// From a fresh clone to the quickstart's output.

import { join } from "node:path";
import { buildSteps } from "./build.mjs";
import { root } from "./lib/paths.mjs";
import { run, runMain, runSteps } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

/** @type {import("./lib/steps.mjs").Step} */
const quickstart = {
  name: "Run examples/quickstart.mjs",
  run: () => run(process.execPath, [join(root, "examples", "quickstart.mjs")]),
};

await runMain(() => runSteps([...setupSteps, ...buildSteps, quickstart]));

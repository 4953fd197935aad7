// Python packages with machine code, and machines that import them.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { NodeRuntime } from "secure-exec";

async function script<Exports>(path: string): Promise<Exports> {
  return await import(pathToFileURL(join(import.meta.dirname, "../../scripts", path)).href);
}

const { numpyWheel } = await script<{ numpyWheel: string }>("numpy/build.mjs");

/** The folder of those that the set-up has fetched. */
export const { wheelsFolder } = await script<{ wheelsFolder: string }>("lib/python-wheels.mjs");

/** Why tests with them are skipped, or `false`. */
export const notFetched = existsSync(wheelsFolder)
  ? false
  : "the wheels are not there: node scripts/setup.mjs fetches them";

/** The folder of the wheel that `npm run numpy` builds: it takes minutes, and no registry of packages has it. */
export const numpyFolder = dirname(numpyWheel);

/** Why tests with it are skipped, or `false`. */
export const notBuilt = existsSync(numpyWheel)
  ? false
  : "NumPy is not built here: npm run numpy does it";

/** A machine with room for what packages do. */
export async function createWithWheels(wheelsDir: string): Promise<NodeRuntime> {
  return await NodeRuntime.create({
    python: { wheelsDir },
    // A package's own tests take much, which is given back a moment after they have ended.
    limits: { jsRuntime: { cpuTimeLimitMs: 120_000 }, resources: { maxMemoryBytes: 2 ** 30 } },
  });
}

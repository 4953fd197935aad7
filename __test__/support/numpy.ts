// The wheel that `npm run numpy` builds, where it was run: it takes minutes, and no registry of packages has it.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const script = join(import.meta.dirname, "../../scripts/numpy/build.mjs");
const { numpyWheel } = (await import(pathToFileURL(script).href)) as { numpyWheel: string };

/** The folder that has it. */
export const numpyFolder = dirname(numpyWheel);

/** Why tests with it are skipped, or `false`. */
export const notBuilt = existsSync(numpyWheel)
  ? false
  : "NumPy is not built here: npm run numpy does it";

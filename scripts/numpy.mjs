// NumPy for the machine's Python, which no registry of packages has: built from the sources that its project publishes.
//
//   npm run numpy             builds the wheel into the cache, unless it is there, and says where it is
//   npm run numpy -- wheels   copies it into a folder, which `python: { wheelsDir }` may name

import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { runMain, runSteps, say } from "./lib/steps.mjs";
import { buildNumpy, numpyWheel } from "./numpy/build.mjs";

await runMain(async () => {
  const [folder] = parseArgs({ allowPositionals: true }).positionals;
  await runSteps(buildNumpy);
  if (folder === undefined) {
    say(numpyWheel);
    return;
  }
  await mkdir(folder, { recursive: true });
  await copyFile(numpyWheel, join(folder, basename(numpyWheel)));
  say(join(folder, basename(numpyWheel)));
});

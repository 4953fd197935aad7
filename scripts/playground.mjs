// Builds the playground into examples/playground/dist, which `secure-exec serve --playground` serves.

import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./lib/paths.mjs";
import { installPlayground, playgroundTools } from "./lib/programs.mjs";
import { run, runMain, runSteps } from "./lib/steps.mjs";

const source = join(root, "examples", "playground", "src");
const dist = join(root, "examples", "playground", "dist");
const esbuild = join(playgroundTools, "node_modules", "esbuild", "bin", "esbuild");

/** Browsers that have what it uses: `Promise.withResolvers`, `light-dark()`. */
const browsers = "chrome123,firefox121,safari17.5";

await runMain(async () => {
  await runSteps([
    installPlayground,
    {
      name: "Build the playground",
      async run(note) {
        await rm(dist, { recursive: true, force: true });
        const files = ["main.js", "main.css"].map((name) => join(source, name));
        const options = ["--bundle", "--minify", "--format=esm", "--legal-comments=external"];
        const args = [...files, ...options, `--target=${browsers}`, `--outdir=${dist}`];
        const env = { NODE_PATH: join(playgroundTools, "node_modules") };
        await run(process.execPath, [esbuild, "--log-level=warning", ...args], { env });
        for (const name of ["index.html", "icon.svg"]) {
          await cp(join(source, name), join(dist, name));
        }
        note("`node lib/cli/main.cjs serve --playground --no-auth` serves it");
      },
    },
  ]);
});

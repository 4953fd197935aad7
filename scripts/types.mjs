// Writes index.d.cts, the types of the CommonJS entry: index.d.ts under the name that TypeScript looks for when a
// CommonJS module requires the package. One text, so that the two never differ.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./lib/paths.mjs";
import { runMain } from "./lib/steps.mjs";

const source = join(root, "index.d.ts");
const copy = join(root, "index.d.cts");

/** @type {import("./lib/steps.mjs").Step} */
export const copyTypes = {
  name: "Copy the types for CommonJS (index.d.cts)",
  async upToDate() {
    const [wanted, found] = await Promise.all([
      readFile(source, "utf8"),
      readFile(copy, "utf8").catch(() => undefined),
    ]);
    return wanted === found ? "up to date" : undefined;
  },
  run: () => write(copy),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(() => write(resolve(process.argv[2] ?? copy)));
}

async function write(target) {
  await writeFile(target, await readFile(source, "utf8"));
}

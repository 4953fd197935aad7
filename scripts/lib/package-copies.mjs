// What several of the published packages must contain, and the clone has once: the licence, the list of software of others,
// and declarations under the name that TypeScript looks for when a CommonJS module requires a package. One text, so that
// copies never differ.

import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { root } from "./paths.mjs";
import { platformPackage, publishedPackages } from "./published.mjs";

/** Pairs of a file and its copy. */
export function packageCopies() {
  const declarations = publishedPackages.flatMap(({ folder }) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".d.ts"))
      .map((name) => join(folder, name)),
  );
  const licences = publishedPackages.map(({ folder }) => join(folder, "LICENSE"));
  return [
    ...declarations.map((path) => [path, path.replace(/\.ts$/, ".cts")]),
    ...licences
      .filter((path) => dirname(path) !== root)
      .map((path) => [join(root, "LICENSE"), path]),
    [join(root, "THIRD-PARTY.md"), join(platformPackage.folder, "THIRD-PARTY.md")],
  ];
}

/** The copies that are not what they are copied from. */
export async function oldCopies() {
  const pairs = packageCopies();
  const same = await Promise.all(
    pairs.map(async ([from, to]) => {
      const [wanted, found] = await Promise.all([
        readFile(from, "utf8"),
        readFile(to, "utf8").catch(() => undefined),
      ]);
      return wanted === found;
    }),
  );
  return pairs.filter((_, index) => !same[index]);
}

/** @type {import("./steps.mjs").Step} */
export const copyPackageFiles = {
  name: "Copy licences and types into the npm packages",
  upToDate: async () => ((await oldCopies()).length > 0 ? undefined : "up to date"),
  async run(note) {
    for (const [from, to] of await oldCopies()) {
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, await readFile(from));
      note(relative(root, to));
    }
  },
};

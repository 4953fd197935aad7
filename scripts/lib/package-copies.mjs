// What several of the published packages must contain, and the clone has once: the licence, the list of software of others,
// and declarations under the name that TypeScript looks for when a CommonJS module requires a package. One text, so that
// copies differ in nothing but the names of the files that they import.

import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { root } from "./paths.mjs";
import { platformPackage, publishedPackages } from "./published.mjs";

/** Folders with declarations: those of the packages, and the parts of the main one's. */
const declarationFolders = [...publishedPackages.map(({ folder }) => folder), join(root, "types")];

/** Pairs of a file and its copy. */
function packageCopies() {
  const declarations = declarationFolders.flatMap((folder) =>
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

/** The text of declarations for CommonJS, whose imports are of declarations for CommonJS. */
export function declarationsForCommonJs(text) {
  return text.replaceAll(/(?<= from "\.[^"]*)\.js(?=";)/g, ".cjs");
}

/** Files that are not the copies that they should be, with what they should have. */
export async function oldCopies() {
  const copies = await Promise.all(
    packageCopies().map(async ([from, to]) => {
      const [text, found] = await Promise.all([
        readFile(from, "utf8"),
        readFile(to, "utf8").catch(() => undefined),
      ]);
      const wanted = to.endsWith(".d.cts") ? declarationsForCommonJs(text) : text;
      return { path: to, wanted, isOld: wanted !== found };
    }),
  );
  return copies.filter(({ isOld }) => isOld);
}

/** @type {import("./steps.mjs").Step} */
export const copyPackageFiles = {
  name: "Copy licences and types into the npm packages",
  upToDate: async () => ((await oldCopies()).length > 0 ? undefined : "up to date"),
  async run(note) {
    for (const { path, wanted } of await oldCopies()) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, wanted);
      note(relative(root, path));
    }
  },
};

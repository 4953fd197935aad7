// The reference of the site, made of the declarations by TypeDoc.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lib/paths.mjs";
import { run } from "../lib/steps.mjs";

const options = {
  excludeExternals: true,
  disableSources: true,
  readme: "none",
  router: "module",
  // Their texts are elsewhere; the type checker of the clone looks at the declarations.
  skipErrorChecking: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  classPropertiesFormat: "table",
  typeDeclarationFormat: "table",
  // What only other declarations refer to is not on a page of its own.
  validation: { notExported: false },
  logLevel: "Warn",
};

/**
 * Writes a page for each file of declarations.
 *
 * @param {string} tools The folder that has TypeDoc in its `node_modules`.
 * @param {string} folder
 * @param {import("./navigation.mjs").SitePage[]} pages
 */
export async function writeReference(tools, folder, pages) {
  const file = join(folder, "typedoc.json");
  await writeFile(
    file,
    JSON.stringify({
      ...options,
      plugin: [join(tools, "node_modules/typedoc-plugin-markdown/dist/index.js")],
      tsconfig: join(root, "tsconfig.json"),
      entryPoints: pages.map(({ declarations }) => join(root, declarations)),
      out: join(folder, "reference"),
    }),
  );
  await run(process.execPath, [join(tools, "node_modules/typedoc/bin/typedoc"), "--options", file]);
  for (const { path, text, about } of pages) {
    const page = join(folder, `${path}.md`);
    const made = await readFile(page, "utf8");
    await writeFile(page, made.replace(/^# .+$/m, `# ${text}\n\n${about}`));
  }
}

// The navigation of the site: what site/navigation.mjs names, and what is there besides.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sections } from "../../site/navigation.mjs";
import { root } from "../lib/paths.mjs";

/** Declarations that only others refer to. */
const inner = ["host.d.ts"];

/**
 * @typedef {object} SitePage
 * @property {string} text
 * @property {string} path Where it is on the site, without an extension.
 * @property {string | undefined} source Where it is in the clone; pages of the reference are generated.
 * @property {string} about
 */

/**
 * @typedef {object} Section
 * @property {string} text
 * @property {boolean} collapsed
 * @property {boolean} optional Whether a reader can do without.
 * @property {SitePage[]} pages
 */

/** @returns {Promise<Section[]>} */
export async function navigation() {
  const named = sections.map(({ text, entries }) => ({
    text,
    collapsed: false,
    optional: false,
    pages: entries.map((entry) => ({ ...entry, path: pathOf(entry.source) })),
  }));
  const known = new Set(named.flatMap(({ pages }) => pages.map(({ source }) => source)));
  const others = (await pagesIn("docs")).filter(({ source }) => !known.has(source));
  return [
    ...named,
    ...(others.length ? [{ text: "More", collapsed: false, optional: false, pages: others }] : []),
    { text: "Reference", collapsed: true, optional: false, pages: await reference() },
    { text: "Design", collapsed: true, optional: true, pages: await pagesIn("docs/design") },
  ];
}

/** @param {string} source */
export function pathOf(source) {
  return source
    .replace(/^site\/pages\//, "")
    .replace(/\.md$/, "")
    .replace(/^[A-Z]+$/, (name) => name.toLowerCase());
}

/** @returns {Promise<SitePage[]>} */
async function pagesIn(folder) {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith(".md")).sort();
  return await Promise.all(
    names.map(async (name) => {
      const source = `${folder}/${name}`;
      const text = await readFile(join(root, source), "utf8");
      const [, title = name] = /^# (.+)$/m.exec(text) ?? [];
      return { text: title.replaceAll("`", ""), source, path: pathOf(source), about: "" };
    }),
  );
}

/** One page for each file of declarations, whose first comment says what it has. */
async function reference() {
  const names = (await readdir(join(root, "types"))).filter(
    (name) => name.endsWith(".d.ts") && !inner.includes(name),
  );
  const files = [...names.sort().map((name) => `types/${name}`), "typescript.d.ts"];
  return await Promise.all(
    files.map(async (declarations) => {
      const text = await readFile(join(root, declarations), "utf8");
      const [, about = ""] = /^\/\/ (.+)$/m.exec(text) ?? [];
      const name = declarations.replace(/\.d\.ts$/, "");
      const title = name.replace(/^types\//, "").replaceAll("-", " ");
      return {
        text: title[0].toUpperCase() + title.slice(1),
        path: `reference/${name}`,
        source: undefined,
        about,
        declarations,
      };
    }),
  );
}

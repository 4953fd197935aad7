// The npm packages that are published together, all of one version: the main one in the root of the clone, thin ones that
// export parts of it by other names, and one with the binary for each platform.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./paths.mjs";

const { triple } = createRequire(import.meta.url)("../../lib/platform.cjs");

/**
 * @typedef {object} Published
 * @property {string} folder
 * @property {Record<string, any>} manifest Its package.json.
 */

/** The main package. */
export const mainPackage = published(root);

/** The package of the binary, whatever platform this is. */
export const platformPackage = published(join(root, "npm", triple));

/** Those that export what the main one has. */
export const thinPackages = readdirSync(join(root, "packages"))
  .sort()
  .map((name) => published(join(root, "packages", name)));

/** In the order in which they are published: what others depend on comes first. */
export const publishedPackages = [platformPackage, mainPackage, ...thinPackages];

/** @returns {Published} */
function published(folder) {
  return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) };
}

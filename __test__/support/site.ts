// What the scripts know of the site, with types.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface SitePage {
  text: string;
  path: string;
  source: string | undefined;
  about: string;
}

export interface Section {
  text: string;
  optional: boolean;
  pages: SitePage[];
}

const load = (name: string) =>
  import(pathToFileURL(join(import.meta.dirname, "../../scripts/site", name)).href);

export const navigation: () => Promise<Section[]> = (await load("navigation.mjs")).navigation;

export const pageText: (source: string, paths: Map<string, string>) => Promise<string> = (
  await load("pages.mjs")
).pageText;

export const llmsText: (sections: Section[], base: string) => string = (await load("llms.mjs"))
  .llmsText;

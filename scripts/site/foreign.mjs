// Finds what pages would load from elsewhere. Links that a reader follows are not meant.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const loaded = [
  /<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc="((?:https?:)?\/\/[^"]+)"/g,
  /<link\b(?=[^>]*\brel="(?:stylesheet|preload|modulepreload|icon|preconnect|dns-prefetch)")[^>]*\bhref="((?:https?:)?\/\/[^"]+)"/g,
  /url\(["']?((?:https?:)?\/\/[^"')]+)/g,
  /@import ["']((?:https?:)?\/\/[^"']+)/g,
];

/**
 * @param {string} dist
 * @returns {Promise<string[]>} The file and the address of each.
 */
export async function foreignAssets(dist) {
  const names = await readdir(dist, { recursive: true });
  const found = [];
  for (const name of names.filter((name) => /\.(html|css)$/.test(name))) {
    const text = await readFile(join(dist, name), "utf8");
    for (const pattern of loaded) {
      for (const [, address] of text.matchAll(pattern)) found.push(`${name}: ${address}`);
    }
  }
  return found;
}

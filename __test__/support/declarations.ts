// The declarations of the main package.

import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./releases.ts";

/** What the build does to them for CommonJS. */
export const { declarationsForCommonJs } = (await import(
  pathToFileURL(join(root, "scripts/lib/package-copies.mjs")).href
)) as { declarationsForCommonJs(text: string): string };

/** The files that the types of `secure-exec` are in. */
export const mainFiles = ["index.d.ts", ...globSync("types/*.d.ts", { cwd: root })];

/** Those, and the ones of `secure-exec/typescript`. */
export const declarationFiles = [...mainFiles, "ai.d.ts", "typescript.d.ts"];

/** The types of `secure-exec` as one text. */
export async function declarations(): Promise<string> {
  const texts = await Promise.all(mainFiles.map((name) => readFile(join(root, name), "utf8")));
  return texts.join("\n");
}

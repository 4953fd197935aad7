// The packages of the clone as archives, for a registry.

import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Release } from "./registry.ts";

const run = promisify(execFile);

export const root = join(import.meta.dirname, "../..");

/** The folders of the packages that export what the main one has. */
export const thinFolders = globSync(join(root, "packages/*")).sort();

/** The folders of what is published together. */
export const packageFolders = [join(root, "npm/linux-x64-gnu"), root, ...thinFolders];

export interface Manifest {
  name: string;
  version: string;
  files?: string[];
  exports?: Record<string, unknown>;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** A package as `npm pack` makes it: what is published. */
export async function packed(folder: string): Promise<Release> {
  const target = await mkdtemp(join(tmpdir(), "secure-exec-packed-"));
  try {
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", target];
    const { stdout } = await run("npm", args, { cwd: folder, maxBuffer: 64 << 20 });
    const [entry] = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>);
    const tarball = await readFile(join(target, entry?.filename ?? ""));
    return { manifest: manifestOf(folder), tarball };
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

/** The same files, but hardly compressed: a hundred megabytes take half a second, and not ten. */
export async function archived(folder: string): Promise<Release> {
  const manifest = manifestOf(folder);
  const patterns = (manifest.files ?? ["**"]).flatMap((each) => [each, `${each}/**`]);
  const always = ["package.json", "README.md", "LICENSE*"];
  const names = globSync([...patterns, ...always], { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const args = ["-cf", "-", "--transform", "s,^,package/,", "--use-compress-program", "gzip -1"];
  const options = { cwd: folder, encoding: "buffer" as const, maxBuffer: 256 << 20 };
  const { stdout } = await run("tar", [...args, ...new Set(names)], options);
  return { manifest, tarball: stdout };
}

// Running the command line as a user does: the real binary, in a folder of its own.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "./suite.ts";

const root = join(import.meta.dirname, "../..");
const manifest = createRequire(import.meta.url)("../../package.json");

export const version: string = manifest.version;
export const cli: string = join(root, manifest.bin["secure-exec"]);

/** A folder of the host for the tests of one file. */
export const folder = mkdtempSync(join(tmpdir(), "secure-exec-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files below {@link folder}; gives back the path of the first. */
export function files(contents: Record<string, string>): string {
  const paths = Object.entries(contents).map(([name, text]) => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  });
  return paths[0] as string;
}

export interface Ended {
  stdout: string;
  stderr: string;
  exitCode: number | null;
}

export interface Options {
  input?: string | Uint8Array;
  cwd?: string;
  env?: Record<string, string>;
}

/** Starts the command line. */
export function start(args: string[], { cwd = folder, env }: Options = {}) {
  return spawn(process.execPath, [cli, ...args], { cwd, env: { ...process.env, ...env } });
}

/** What a started command line writes, and how it ends. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { stdout, stderr, exitCode };
}

/** Runs the command line to its end. */
export async function run(args: string[], options: Options = {}): Promise<Ended> {
  const child = start(args, options);
  // The program may end before it has read its input.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return await ended(child);
}

// A runtime for one test, and programs that must do the same in it as on host Node.js.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { ownedByTest } from "./suite.ts";

export type Files = Record<string, string | Uint8Array>;
export type Outcome = { stdout: string; stderr: string; exitCode: number | null };
type CreateOptions = Parameters<typeof NodeRuntime.create>[0];

/** Gives `work` a runtime of its own and disposes of it whatever happens. */
export async function withRuntime<T>(
  options: CreateOptions,
  work: (runtime: NodeRuntime) => Promise<T>,
): Promise<T> {
  const runtime = ownedByTest(await NodeRuntime.create(options));
  try {
    return await work(runtime);
  } finally {
    await runtime.dispose();
  }
}

/** Runs an ES module in a fresh runtime, with `files` (relative names) in its working directory. */
export async function inGuest(code: string, files: Files = {}): Promise<Outcome> {
  const placed = Object.entries(files).map(([name, data]) => [`/workspace/${name}`, data]);
  return await withRuntime({ files: Object.fromEntries(placed) }, async (runtime) => {
    const { stdout, stderr, exitCode } = await runtime.exec(code, { timeout: 20_000 });
    return { stdout, stderr, exitCode };
  });
}

/** Runs the same ES module on the Node.js that runs the tests, in a folder with the same files. */
export async function onHost(code: string, files: Files = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-test-"));
  try {
    for (const [name, data] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), data);
    }
    return await runNode(["--input-type=module", "-e", code], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs Node.js with its standard input at end of file. */
export function runNode(
  args: string[],
  cwd: string,
  more: Record<string, string> = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH, HOME: cwd, TZ: "UTC", ...more };
    const child = spawn(process.execPath, args, { cwd, env, timeout: 20_000 });
    const outcome: Outcome = { stdout: "", stderr: "", exitCode: null };
    child.stdin.end();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      outcome.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      outcome.stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      outcome.exitCode = signal ? 128 + (signalNumbers[signal] ?? 0) : code;
      resolve(outcome);
    });
  });
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/**
 * Runs a program on both sides and asserts that output and exit code are the same. The program must
 * print something that does not depend on where it runs.
 */
export async function assertSameAsHost(code: string, files: Files = {}): Promise<Outcome> {
  const [host, guest] = await Promise.all([onHost(code, files), inGuest(code, files)]);
  assert.notEqual(host.stdout, "", `the program printed nothing on the host: ${host.stderr}`);
  assert.deepEqual(
    { stdout: guest.stdout, exitCode: guest.exitCode },
    { stdout: host.stdout, exitCode: host.exitCode },
    guest.stderr,
  );
  return guest;
}

/** Asserts that the runtime runs programs, and holds nothing of those before. */
export async function assertIdle(runtime: NodeRuntime): Promise<void> {
  assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
  const { processes, fds, pipes, ptys, bufferedBytes } = await runtime.getResourceSnapshot();
  assert.deepEqual([processes, fds, pipes, ptys, bufferedBytes], [0, 0, 0, 0, 0]);
}

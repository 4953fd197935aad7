// The check after every attack: the host lives, another machine answers at once, nothing has leaked.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NodeRuntime } from "secure-exec";
import { ownedByTest } from "./suite.ts";

const mebibyte = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Another machine, and what the host process used before the attack. */
export class Sentinel {
  readonly #runtime: NodeRuntime;
  readonly #before: ReturnType<typeof usage>;

  private constructor(runtime: NodeRuntime) {
    this.#runtime = runtime;
    this.#before = usage();
  }

  static async start(): Promise<Sentinel> {
    const runtime = await NodeRuntime.create();
    await runtime.exec("1");
    return new Sentinel(runtime);
  }

  /** Asserts that nothing but the attacking guest was harmed. */
  async assertUnharmed(): Promise<void> {
    const start = performance.now();
    const { stdout, exitCode } = await this.#runtime.exec("console.log('sentinel')");
    const ms = performance.now() - start;
    assert.deepEqual([stdout, exitCode], ["sentinel\n", 0]);
    assert.ok(ms < 1000, `the sentinel took ${ms} ms`);
    const { fds, threads, rss } = this.#before;
    const most = { fds: fds + 8, threads: threads + 8, rss: rss + 256 * mebibyte };
    const after = await usageWithin(most);
    assert.ok(after.fds <= most.fds, `fds: ${fds} to ${after.fds}`);
    assert.ok(after.threads <= most.threads, `threads: ${after.threads}`);
    assert.ok(after.rss <= most.rss, `rss: ${after.rss / mebibyte} MiB`);
  }

  async stop(): Promise<void> {
    await this.#runtime.dispose();
  }
}

function usage() {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    fds: readdirSync("/proc/self/fd").length,
    threads: Number(status.match(/^Threads:\s+(\d+)/m)?.[1]),
    rss: process.memoryUsage.rss(),
  };
}

/**
 * What the host process uses once its garbage is gone: bytes given to a guest are, some time behind the call, and what
 * led to a process that has been reaped.
 */
async function usageWithin(most: ReturnType<typeof usage>): Promise<ReturnType<typeof usage>> {
  const deadline = performance.now() + 2000;
  for (;;) {
    const now = usage();
    const isWithin = now.fds <= most.fds && now.threads <= most.threads && now.rss <= most.rss;
    if (isWithin || performance.now() > deadline) return now;
    collectGarbage();
    // The pages of collected buffers are freed on another thread.
    await setImmediate();
  }
}

/** How a call ended: an exit code, or the code of the error it rejected with. */
export type End = { exitCode?: number; timedOut?: boolean; code?: string; stderr: string };

/** The guest failed by itself, hit a limit, or lost its process: anything but success or silence. */
export function assertEnded(end: End): void {
  const isFailure = end.exitCode !== undefined && end.exitCode !== 0;
  assert.ok(isFailure || end.code?.startsWith("ERR_"), JSON.stringify(end));
}

/** Runs an attack in a runtime of its own and tells how it ended. */
export async function attack(
  code: string,
  {
    timeout = 3000,
    limits = {},
    returns = false,
  }: { timeout?: number; limits?: object; returns?: boolean } = {},
): Promise<End & { ms: number }> {
  const runtime = ownedByTest(await NodeRuntime.create({ limits }));
  try {
    const start = performance.now();
    const started = returns ? runtime.run(code, { timeout }) : runtime.exec(code, { timeout });
    const end = await started.then(
      ({ exitCode, timedOut, stderr }): End => ({
        exitCode,
        stderr,
        ...(timedOut === undefined ? {} : { timedOut }),
      }),
      (error): End => ({ code: error.code, stderr: String(error.message) }),
    );
    const ms = performance.now() - start;
    // Whatever happened, the same runtime has to work again.
    const { stdout } = await runtime.exec("console.log('again')");
    assert.equal(stdout, "again\n");
    return { ...end, ms };
  } finally {
    await runtime.dispose();
  }
}

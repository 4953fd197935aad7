// What processes use, and whether it comes back: the numbers behind the tests for leaks.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { NodeRuntime } from "secure-exec";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const kibibyte = 1024;
/** Rounds that must be flat together. */
const window = 3;
/** Rounds after which what still grows is a leak: caches and pools are full long before. */
const mostRounds = 18;

/** What `readStatus` finds of a process of this process's. */
type Status = { pid: number; anonymous: number };

function readStatus(pid: string): Status | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string) => Number(status.match(`\n${name}:\\s+(\\d+)`)?.[1]);
    if (field("PPid") !== process.pid || !status.startsWith("Name:\tsecure-exec")) return undefined;
    return { pid: Number(pid), anonymous: field("RssAnon") * kibibyte };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** Private memory of a VM process, bytes: what it has of its own, without the pages of its files. */
function anonymousBytes(pid: number): number {
  const status = readStatus(String(pid));
  assert.ok(status, `the VM process ${pid} is gone`);
  return status.anonymous;
}

/** The budget of the process that is `runtime`'s. */
export async function ownMemory(runtime: NodeRuntime): Promise<(perIteration: number) => Budget> {
  // So much that its process is told from the one that waits for the next runtime.
  for (let run = 0; run < 20; run++) await runtime.exec("1");
  const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const vms = names.map(readStatus).filter((status) => status !== undefined);
  const [busiest] = vms.sort((a, b) => b.anonymous - a.anonymous);
  assert.ok(busiest, "there is no VM process");
  const read = () => anonymousBytes(busiest.pid);
  return (perIteration) => ({ name: "memory of the VM process", read, perIteration });
}

/** What this process's JavaScript holds, bytes. */
export function hostHeapBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A memory that may grow by so many bytes for each of `iterations`. */
export type Budget = { name: string; read: () => number; perIteration: number };

/**
 * Runs rounds of `iterations` each until a few of them in a row stay within all budgets. A leak is in every round;
 * what fills up or moves about is not.
 */
export async function assertFlat(
  iterations: number,
  budgets: readonly Budget[],
  round: () => Promise<void>,
): Promise<void> {
  const seen: number[][] = [];
  for (let count = 0; count < mostRounds; count++) {
    await round();
    seen.push(budgets.map(({ read }) => read()));
    const from = seen.at(-1 - window);
    const now = seen.at(-1);
    const flat = budgets.every(({ perIteration }, index) => {
      const grown = (now?.[index] ?? 0) - (from?.[index] ?? 0);
      return grown <= perIteration * iterations * window;
    });
    if (from && flat) return;
  }
  const told = budgets.map(
    ({ name, perIteration }, index) =>
      `${name}: ${seen.map((values) => Math.round((values[index] ?? 0) / kibibyte)).join(", ")} kB after rounds of ` +
      `${iterations}, of which each may keep ${perIteration} bytes`,
  );
  assert.fail(told.join("\n"));
}

/** The counts of a runtime, without what it keeps in caches. */
export async function counts(runtime: NodeRuntime): Promise<object> {
  const { heapBytes: _, ...rest } = await runtime.getResourceSnapshot();
  return rest;
}

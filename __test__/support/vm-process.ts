// VM processes as the host's operating system shows them.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const binding = require("../../binding.cjs");

/** The folder of the platform package. */
export const folder: string = binding.folder;

/** Pids of all VM processes of this process, the spare among them. */
export const vmProcessIds = (): number[] => binding.vmProcessIds();

/** A field of a status file (proc_pid_status(5)). */
export function field(status: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "";
}

/** Milliseconds that a process has taken of the processors, in steps of 10 (proc_pid_stat(5)); 0 once it is gone. */
export function vmProcessTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

/** The status of every thread. One that ends meanwhile is left out. */
export function threads(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return [readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")];
    } catch {
      return [];
    }
  });
}

/** Whether a process is there, and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits until it is not. */
export async function ended(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

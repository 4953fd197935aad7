// Private memory of idle runtimes: what one more costs the machine.

import { readdirSync, readFileSync } from "node:fs";

export async function memory({ NodeRuntime, scale }) {
  const rows = [];
  for (const count of scale < 1 ? [1, 10] : [1, 10, 100]) {
    const runtimes = [];
    try {
      for (let i = 0; i < count; i += 1) {
        const runtime = await NodeRuntime.create();
        runtimes.push(runtime);
        await runtime.exec("1");
      }
      rows.push({
        name: `private memory a runtime, ${count} idle`,
        unit: "MB",
        value: privateBytesOfDescendants(process.pid) / count / 1e6,
      });
    } finally {
      await Promise.all(runtimes.map((runtime) => runtime.dispose()));
    }
  }
  return rows;
}

/** Spares and the zygote count too: they are part of what idle runtimes cost. */
export function privateBytesOfDescendants(pid) {
  const parents = new Map(processes().map((each) => [each, parentOf(each)]));
  let bytes = 0;
  for (const each of parents.keys()) {
    let ancestor = parents.get(each);
    while (ancestor && ancestor !== pid) ancestor = parents.get(ancestor);
    if (ancestor === pid) bytes += privateBytes(each);
  }
  return bytes;
}

function processes() {
  const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return names.map(Number);
}

function parentOf(pid) {
  return Number(read(`/proc/${pid}/status`).match(/^PPid:\s+(\d+)/m)?.[1] ?? 0);
}

function privateBytes(pid) {
  const lines = read(`/proc/${pid}/smaps_rollup`).matchAll(/^Private_\w+:\s+(\d+) kB/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}

// A process may be gone by the time it is looked at.
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

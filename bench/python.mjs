// Python: how long a program takes that does nothing, the first of a machine and those that follow, in wall-clock and processor
// time, and what the host waits for once.

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const short = ["-c", "print(1+1)"];

export async function python({ NodeRuntime, scale }) {
  try {
    createRequire(import.meta.url).resolve("pyodide/package.json");
  } catch {
    process.stderr.write("  left out: the npm package pyodide is not here\n");
    return [];
  }
  const rounds = Math.max(3, Math.round(10 * scale));
  const cacheDir = mkdtempSync(join(tmpdir(), "bench-python-"));
  const options = { python: { cacheDir } };
  const rows = [];
  const row = (name, { wall, cpu }) => {
    rows.push({ name, unit: "ms", value: median(wall) });
    if (cpu.length > 0)
      rows.push({ name: `${name}: processor time`, unit: "ms", value: median(cpu) });
  };
  try {
    const making = await measured(1, async () => {
      await (await NodeRuntime.create(options)).dispose();
    });
    row("snapshot of the interpreter, once", making);
    const first = { wall: [], cpu: [] };
    const second = { wall: [], cpu: [] };
    const value = { wall: [], cpu: [] };
    const valueAgain = { wall: [], cpu: [] };
    for (let round = 0; round < rounds; round += 1) {
      const rt = await NodeRuntime.create(options);
      await settled();
      for (const into of [first, second])
        add(into, await run(() => rt.execCommand("python3", short)));
      await rt.dispose();
      const other = await NodeRuntime.create(options);
      await settled();
      for (const into of [value, valueAgain]) add(into, await run(() => other.python.run("1 + 1")));
      await other.dispose();
    }
    row("python3 -c 'print(1+1)', first of a machine", first);
    row("the same again", second);
    row("python.run, first of a machine", value);
    row("the same again", valueAgain);
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
  return rows;
}

/** The isolate that waits for the next program is ready by then. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 200));

async function run(work) {
  const start = performance.now();
  const { exitCode, stderr, usage } = await work();
  if (exitCode !== 0) throw new Error(stderr);
  return { wall: performance.now() - start, cpu: usage.cpuMs };
}

async function measured(rounds, work) {
  const wall = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await work();
    wall.push(performance.now() - start);
  }
  return { wall, cpu: [] };
}

function add(into, { wall, cpu }) {
  into.wall.push(wall);
  into.cpu.push(cpu);
}

function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1];
}

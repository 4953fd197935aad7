// Files that machines share: a snapshot of 64 MiB, machines made from it, forks, and what each takes of the memory.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import binding from "../binding.cjs";

const megabyte = 1024 * 1024;
const count = 64;
/** The files, and those that every machine has. */
const limits = { resources: { maxFilesystemBytes: (count + 16) * megabyte } };

export async function snapshots({ NodeRuntime, scale }) {
  const rounds = Math.max(5, Math.round(20 * scale));
  const rt = await NodeRuntime.create({ limits });
  const empty = await rt.snapshot();
  const rows = [];
  const row = (name, unit, value, against) => rows.push({ name, unit, value, against });
  try {
    const data = randomBytes(4 * megabyte);
    for (let i = 0; i < count / 4; i++) await rt.writeFile(`/workspace/data-${i}`, data);
    const [first, snapshot] = await timed(() => rt.snapshot());
    row(`first snapshot of ${count} MiB`, "ms", first);
    row("snapshot again", "ms", await best(rounds, () => rt.snapshot(), dispose));
    const create = (options) => () => NodeRuntime.create({ limits, ...options });
    const plain = await best(rounds, create({ snapshot: empty }), end);
    const made = await best(rounds, create({ snapshot }), end);
    row(`machine of ${count} MiB`, "ms", made, { "without files": plain });
    row(`fork of ${count} MiB`, "ms", await best(rounds, () => rt.fork(), end));
    const one = await memoryOf(create({ snapshot: empty }));
    const other = await memoryOf(create({ snapshot }));
    row("memory of such a machine", "MB", other, { "without files": one });
    await rt.writeFile("/workspace/data-0", "changed");
    row("diff", "ms", await best(rounds, () => rt.diff(snapshot)));
    row("export as a tar", "ms", await best(3, () => drain(snapshot.export())));
    await dispose(snapshot);
  } finally {
    await rt.dispose();
  }
  return rows;
}

const dispose = (snapshot) => snapshot.dispose();
const end = (rt) => rt.dispose();

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

/** The median. Between two the process that waits for the next machine gets ready. */
async function best(rounds, work, after = () => {}) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const [time, result] = await timed(work);
    times.push(time);
    await after(result);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

/** Megabytes that each of four such machines adds to those of all VM processes; what several have is counted once. */
async function memoryOf(create) {
  const before = await proportionalMegabytes();
  const made = [];
  for (let i = 0; i < 4; i++) made.push(await create());
  const after = await proportionalMegabytes();
  for (const rt of made) await rt.dispose();
  return (after - before) / made.length;
}

/** Of all VM processes, once the one that waits for the next machine is ready. */
async function proportionalMegabytes() {
  await new Promise((resolve) => setTimeout(resolve, 500));
  let kilobytes = 0;
  for (const pid of binding.vmProcessIds()) {
    const [, size] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    kilobytes += Number(size);
  }
  return kilobytes / 1024;
}

async function drain(stream) {
  for await (const piece of stream) void piece;
}

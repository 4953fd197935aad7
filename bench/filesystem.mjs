// Files of the host's memory, read by a guest, against those of the machine's own.

import { createInMemoryFileSystem } from "secure-exec";

const program = `
  import fs from "node:fs";

  function time(path, count) {
    let best = Infinity;
    for (let round = 0; round < 7; round++) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < count; i++) fs.readFileSync(path);
      best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6 / count);
    }
    return best;
  }

  for (const folder of ["/workspace", "/shared"]) {
    fs.writeFileSync(folder + "/large", Buffer.alloc(1 << 20, 1));
    fs.writeFileSync(folder + "/small", Buffer.alloc(1024, 1));
  }
  const times = {};
  for (const [name, count] of [["large", 20], ["small", 200]]) {
    times[name] = { own: time("/workspace/" + name, count), shared: time("/shared/" + name, count) };
  }
  globalThis.__return(times);
`;

const names = { large: "file of 1 MiB: read", small: "file of 1 KiB: read" };

export async function filesystem({ NodeRuntime }) {
  const runtime = await NodeRuntime.create({
    jsRuntime: { highResolutionTime: true },
    mounts: [{ guestPath: "/shared", filesystem: createInMemoryFileSystem() }],
  });
  try {
    const { value, stderr } = await runtime.run(program);
    if (!value) throw new Error(stderr);
    return Object.entries(value).map(([name, { own, shared }]) => ({
      name: `in-memory filesystem, ${names[name]}`,
      unit: "ms",
      value: shared,
      against: { "machine's own": own },
    }));
  } finally {
    await runtime.dispose();
  }
}

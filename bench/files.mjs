// File operations in the virtual filesystem and on the host's tmpfs, by the same program.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNode } from "./host.mjs";

const program = (folder) => `
  import fs from "node:fs";
  import { join } from "node:path";

  const folder = ${JSON.stringify(folder)};
  const small = Buffer.alloc(1024, 1);
  const large = Buffer.alloc(8 * 1024 * 1024, 1);
  const name = (i) => join(folder, "file-" + i);

  function time(work) {
    work();
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = process.hrtime.bigint();
      work();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
    }
    return best;
  }

  const times = {
    "1,000 files of 1 KiB: write": time(() => {
      for (let i = 0; i < 1000; i++) fs.writeFileSync(name(i), small);
    }),
    "1,000 files of 1 KiB: read": time(() => {
      for (let i = 0; i < 1000; i++) fs.readFileSync(name(i));
    }),
    "1,000 files: stat": time(() => {
      for (let i = 0; i < 1000; i++) fs.statSync(name(i));
    }),
    "1,000 files: readdir, unlink, create": time(() => {
      for (const entry of fs.readdirSync(folder)) {
        fs.unlinkSync(join(folder, entry));
        fs.closeSync(fs.openSync(join(folder, entry), "w"));
      }
    }),
    "file of 8 MiB: write": time(() => fs.writeFileSync(name("large"), large)),
    "file of 8 MiB: read": time(() => fs.readFileSync(name("large"))),
  };
`;

export async function files({ NodeRuntime }) {
  const own = await inGuest(NodeRuntime);
  const host = await onHost();
  return Object.entries(own).map(([name, value]) => ({
    name,
    unit: "ms",
    value,
    against: { "host tmpfs": host[name] },
  }));
}

async function inGuest(NodeRuntime) {
  const runtime = await NodeRuntime.create({ jsRuntime: { highResolutionTime: true } });
  try {
    const code = `${program("/workspace")} globalThis.__return(times);`;
    const { value, stderr } = await runtime.run(code);
    if (!value) throw new Error(stderr);
    return value;
  } finally {
    await runtime.dispose();
  }
}

async function onHost() {
  const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const folder = mkdtempSync(join(base, "secure-exec-bench-"));
  try {
    return JSON.parse(await runInNode(`${program(folder)} console.log(JSON.stringify(times));`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

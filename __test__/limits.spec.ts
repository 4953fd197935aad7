// Each limit of the table, passed through the public API: the host is told its name, its bound and the use.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NodeRuntime, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { assemble, op } from "./support/wasm-module.ts";

type Breach = { limit: string; bound: number; used: number };
type Row = { path: string; least: number };
type Case = {
  /** What `limits` is; a small number unless the test needs another. */
  bound: number;
  /** Bound as it is told, if it is told in another unit. */
  told?: number;
  other?: Record<string, Record<string, number>>;
  /** A directory of the host is at `/mnt/disk`, to be written. */
  disk?: true;
  run: (runtime: NodeRuntime) => Promise<unknown>;
};

const { limitTable } = createRequire(import.meta.url)("../binding.cjs") as {
  limitTable: () => Row[];
};

const mebibyte = 1024 * 1024;
const echo = { description: "", inputSchema: {}, handler: (input: unknown) => input };
const endless = { ...echo, handler: () => new Promise<never>(() => {}) };
const tools = { echo, endless, large: { ...echo, handler: () => "x".repeat(5000) } };

const exec = (code: string) => (runtime: NodeRuntime) => runtime.exec(code, { timeout: 20_000 });
const shell = (line: string) => (runtime: NodeRuntime) =>
  runtime.execCommand("sh", ["-c", line], { timeout: 20_000 });

/** A command of bytes that the guest brings along. */
const module = (bytes: Uint8Array) => async (runtime: NodeRuntime) => {
  await runtime.writeFile("/tmp/program", bytes);
  await runtime.execCommand("chmod", ["+x", "/tmp/program"]);
  return await runtime.execCommand("/tmp/program");
};

/** Instructions that ask for so many pages of 64 KiB more. */
const grown = (pages: number) => [...op.i32(pages), ...op.grow, ...op.drop];

/** A request to a server of a guest that does this with each connection. */
const fetched = (answer: string) => async (runtime: NodeRuntime) => {
  await runtime.spawn(
    `import net from "node:net"; net.createServer((socket) => { ${answer} }).listen(3000);`,
  );
  await runtime.waitForListener({ port: 3000 });
  return await runtime.fetch(3000);
};

const cases: Record<string, Case> = {
  "limits.resources.maxProcesses": {
    bound: 4,
    run: shell("for i in 1 2 3 4 5 6; do sleep 5 & done; kill $(jobs -p); wait"),
  },
  "limits.resources.maxOpenFds": {
    bound: 30,
    run: exec(
      `import { openSync } from "node:fs"; try { for (;;) openSync("/etc/passwd"); } catch {}`,
    ),
  },
  "limits.resources.maxPipes": {
    bound: 3,
    run: shell("mkfifo /tmp/f; exec 3<>/tmp/f 4<>/tmp/f 5<>/tmp/f 6<>/tmp/f"),
  },
  "limits.resources.maxPtys": {
    bound: 1,
    run: async (runtime) => {
      const first = await runtime.openShell();
      try {
        return await runtime.openShell();
      } finally {
        await first.dispose();
      }
    },
  },
  "limits.resources.maxSockets": {
    bound: 1,
    run: exec(`import net from "node:net";
      for (const name of ["/tmp/a", "/tmp/b", "/tmp/c"]) {
        const server = net.createServer().on("error", () => {}).listen(name, () => server.unref());
        server.unref();
      }
      setTimeout(() => process.exit(0), 200);`),
  },
  "limits.resources.maxFilesystemBytes": {
    bound: 4 * mebibyte,
    other: { resources: { maxFileBytes: 4 * mebibyte } },
    run: (runtime) => runtime.writeFile("/tmp/a", new Uint8Array(4 * mebibyte)),
  },
  "limits.resources.maxInodeCount": {
    bound: 600,
    run: shell("i=0; while [ $i -lt 600 ] && : > /tmp/$i; do i=$((i + 1)); done"),
  },
  "limits.resources.maxFileBytes": {
    bound: 100_000,
    run: (runtime) => runtime.writeFile("/tmp/a", new Uint8Array(100_001)),
  },
  "limits.resources.maxMountBytes": {
    bound: 8192,
    disk: true,
    run: exec(`
      import { writeFileSync } from "node:fs";
      try { writeFileSync("/mnt/disk/a", Buffer.alloc(20_000)); } catch {}
    `),
  },
  "limits.resources.maxProcessArgvBytes": {
    bound: 10_000,
    run: (runtime) => runtime.execCommand("echo", ["x".repeat(20_000)]),
  },
  "limits.resources.maxProcessEnvBytes": {
    bound: 10_000,
    run: (runtime) => runtime.execCommand("true", [], { env: { LONG: "x".repeat(20_000) } }),
  },
  "limits.resources.maxMemoryBytes": {
    bound: 128 * mebibyte,
    run: exec(
      "const kept = []; try { for (;;) kept.push(new Uint8Array(1 << 23).fill(1)); } catch {}",
    ),
  },
  "limits.resources.maxConnections": {
    bound: 2,
    run: exec(`
      import net from "node:net";
      const server = net.createServer().listen(3000, () => {
        for (let at = 0; at < 4; at++) net.connect(3000, "127.0.0.1").on("error", () => process.exit(0));
      });
    `),
  },
  "limits.resources.maxSocketBufferedBytes": {
    bound: 10_000,
    run: exec(`
      import net from "node:net";
      net.createServer({ pauseOnConnect: true }).listen(3000, () => {
        const socket = net.connect(3000, "127.0.0.1").on("error", () => process.exit(0));
        const more = () => socket.write(Buffer.alloc(1000), more);
        socket.on("connect", more);
      });
    `),
  },
  "limits.jsRuntime.v8HeapLimitMb": {
    bound: 16,
    run: exec("const kept = []; for (;;) kept.push(new Array(100).fill({}));"),
  },
  "limits.jsRuntime.cpuTimeLimitMs": { bound: 200, run: exec("for (;;);") },
  "limits.jsRuntime.wallClockLimitMs": { bound: 200, run: exec("setInterval(() => {}, 1000);") },
  "limits.jsRuntime.capturedOutputLimitBytes": {
    bound: 100,
    run: exec("process.stdout.write('x'.repeat(1000));"),
  },
  "limits.jsRuntime.stdinBufferLimitBytes": {
    bound: 10,
    run: async (runtime) => {
      const process = await runtime.spawn("setInterval(() => {}, 1000);");
      const writes = Array.from({ length: 4 }, () => process.writeStdin("x".repeat(200_000)));
      try {
        await Promise.all(writes);
      } finally {
        process.kill("SIGKILL");
      }
    },
  },
  "limits.jsRuntime.returnValueLimitBytes": {
    bound: 100,
    run: (runtime) => runtime.run("__return('x'.repeat(1000));"),
  },
  "limits.jsRuntime.maxTimers": {
    bound: 10,
    run: exec("try { for (;;) setTimeout(() => {}, 1).unref(); } catch {}"),
  },
  "limits.wasm.maxMemoryBytes": {
    bound: 16 * mebibyte,
    run: module(assemble({ functions: [{ body: [grown(220), grown(1000)].flat() }] })),
  },
  "limits.wasm.maxModuleBytes": {
    bound: 8,
    run: module(assemble({ functions: [{ body: [] }] })),
  },
  "limits.wasm.maxStackBytes": {
    bound: 65536,
    run: module(assemble({ functions: [{ body: op.call(0) }] })),
  },
  "limits.http.maxFetchResponseBytes": {
    bound: 100,
    run: fetched('socket.end("HTTP/1.1 200 OK\\r\\n\\r\\n" + "x".repeat(200));'),
  },
  "limits.http.fetchTimeoutMs": { bound: 50, run: fetched("") },
  "limits.tools.defaultToolTimeoutMs": {
    bound: 50,
    run: exec(`await callTool("endless").catch(() => {});`),
  },
  "limits.tools.maxPayloadBytes": {
    bound: 1000,
    run: exec(`await callTool("large").catch(() => {});`),
  },
  "limits.tools.maxPending": {
    bound: 1,
    run: exec(`callTool("endless").catch(() => {});
      await callTool("endless").catch(() => {}); process.exit(0);`),
  },
  "limits.tools.maxPendingBytes": {
    bound: 100,
    run: exec(`callTool("endless", "x".repeat(90)).catch(() => {});
      await callTool("echo", "x".repeat(90)).catch(() => {}); process.exit(0);`),
  },
};

/** What a call says of limits, whichever way it says it. */
async function told(call: Promise<unknown>): Promise<Breach[]> {
  try {
    const result = await call;
    return (result as { limits?: Breach[] } | undefined)?.limits ?? [];
  } catch (error) {
    assert.ok(error instanceof VmError, String(error));
    const { limit, bound, used } = error as VmError & Partial<Breach>;
    return limit === undefined ? [] : [{ limit, bound: Number(bound), used: Number(used) }];
  }
}

describe("the host is told of", () => {
  for (const { path } of limitTable()) {
    // Not passed by anybody: so many processors are there for a machine, and no more.
    if (path === "limits.resources.cpuCount") continue;
    test(path, async () => {
      const found = cases[path];
      assert.ok(found, `no test passes ${path}`);
      const [, group, name] = path.split(".") as [string, string, string];
      const { bound, other = {}, disk, run } = found;
      const limits = { ...other, [group]: { ...other[group], [name]: bound } };
      const hostPath = mkdtempSync(join(tmpdir(), "secure-exec-disk-"));
      const mounts = disk ? [{ guestPath: "/mnt/disk", hostPath, readOnly: false }] : [];
      try {
        await withRuntime({ limits, mounts, tools, onToolError() {} }, async (runtime) => {
          const breaches = await told(run(runtime));
          const breach = breaches.find(({ limit }) => limit === path);
          assert.ok(breach, `told of ${JSON.stringify(breaches)}`);
          assert.equal(breach.bound, found.told ?? bound);
          assert.ok(breach.used >= breach.bound, JSON.stringify(breach));
        });
      } finally {
        rmSync(hostPath, { recursive: true });
      }
    });
  }
});

/** Those of which the host hears before they are met. */
const warned = [
  "limits.resources.maxProcesses",
  "limits.resources.maxOpenFds",
  "limits.resources.maxPipes",
  "limits.resources.maxPtys",
  "limits.resources.maxSockets",
  "limits.resources.maxConnections",
  "limits.resources.maxSocketBufferedBytes",
  "limits.resources.maxFilesystemBytes",
  "limits.resources.maxInodeCount",
  "limits.resources.maxMemoryBytes",
  "limits.jsRuntime.v8HeapLimitMb",
  "limits.jsRuntime.cpuTimeLimitMs",
  "limits.jsRuntime.wallClockLimitMs",
  "limits.jsRuntime.capturedOutputLimitBytes",
  "limits.jsRuntime.maxTimers",
  "limits.wasm.maxMemoryBytes",
  "limits.tools.maxPending",
  "limits.tools.maxPendingBytes",
];

describe("the host is warned of", () => {
  for (const path of warned) {
    test(path, async () => {
      const { bound, other = {}, run } = cases[path] as Case;
      const [, group, name] = path.split(".") as [string, string, string];
      const limits = { ...other, [group]: { ...other[group], [name]: bound } };
      const warnings: Breach[] = [];
      const onLimitWarning = (warning: Breach) => void warnings.push(warning);
      await withRuntime({ limits, tools, onToolError() {}, onLimitWarning }, async (runtime) => {
        await told(run(runtime));
        const near = warnings.filter(({ limit }) => limit === path);
        assert.ok(near.length > 0, JSON.stringify(warnings));
        for (const { bound: of, used } of near) {
          assert.equal(of, bound);
          assert.ok(used >= bound * 0.8 && used <= bound, `${used} of ${bound}`);
        }
      });
    });
  }
});

test("a warning comes once for each call, in its context, and what it throws ends nothing", async () => {
  const calls = new AsyncLocalStorage<string>();
  const heard: [string | undefined, string][] = [];
  const onLimitWarning = ({ limit }: Breach) => {
    heard.push([calls.getStore(), limit]);
    throw new Error("the warning of a warning");
  };
  const quiet = process.listeners("warning");
  process.removeAllListeners("warning");
  process.once("warning", () => {});
  try {
    const limits = { resources: { maxPipes: 5 } };
    await withRuntime({ limits, onLimitWarning }, async (runtime) => {
      const line =
        "mkfifo /tmp/f; exec 3<>/tmp/f 4<>/tmp/f 5<>/tmp/f 6<>/tmp/f; exec 6<&- 6<>/tmp/f";
      await calls.run("first", () => shell(line)(runtime));
      await calls.run("second", () => shell(line.replace("mkfifo /tmp/f;", ""))(runtime));
      await calls.run("third", () => shell("true")(runtime));
    });
  } finally {
    for (const listener of quiet) process.on("warning", listener);
  }
  const path = "limits.resources.maxPipes";
  assert.deepEqual(heard, [
    ["first", path],
    ["second", path],
  ]);
});

// What a result tells besides the output: signal, usage, and limits that were passed.

import assert from "node:assert/strict";
import type { NodeRuntimeExecResult } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const mebibyte = 1024 * 1024;

describe("signal", () => {
  test("tells a death by signal from an exit with its status", async () => {
    await withRuntime({}, async (runtime) => {
      const of = async (code: string) => {
        const { exitCode, signal } = await runtime.exec(code);
        return [exitCode, signal];
      };
      assert.deepEqual(await of("process.exit(137)"), [137, null]);
      assert.deepEqual(await of("process.kill(process.pid, 'SIGKILL')"), [137, "SIGKILL"]);
      assert.deepEqual(
        await of("process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1e3)"),
        [143, "SIGTERM"],
      );
      assert.deepEqual(await of("process.abort()"), [134, "SIGABRT"]);
      assert.deepEqual(await of("throw 1"), [1, null]);
      assert.deepEqual(await of("1"), [0, null]);
      const shell = async (line: string) => {
        const { exitCode, signal } = await runtime.execCommand("sh", ["-c", line]);
        return [exitCode, signal];
      };
      assert.deepEqual(await shell("kill -SEGV $$"), [139, "SIGSEGV"]);
      assert.deepEqual(await shell("sh -c 'kill -9 $$'; exit $?"), [137, null]);
      const missing = await runtime.execCommand("no-such-command");
      assert.deepEqual([missing.exitCode, missing.signal, missing.usage.cpuMs], [127, null, 0]);
    });
  });

  test("of a timeout, a kill and a disposal", async () => {
    await withRuntime({}, async (runtime) => {
      const late = await runtime.exec("setInterval(() => {}, 1e3)", { timeout: 50 });
      assert.deepEqual([late.exitCode, late.signal, late.timedOut], [137, "SIGKILL", true]);
      const live = await runtime.spawn("setInterval(() => {}, 1e3)");
      assert.equal(live.signal, null);
      live.kill("SIGINT");
      assert.equal(await live.wait(), 130);
      assert.deepEqual([live.exitCode, live.signal], [130, "SIGINT"]);
      const exited = await runtime.spawn("process.exit(130)");
      assert.equal(await exited.wait(), 130);
      assert.equal(exited.signal, null);
      const running = runtime.exec("console.log('up'); setInterval(() => {}, 1e3)", {
        onStdout: () => void runtime.dispose(),
      });
      const { exitCode, signal } = await running;
      assert.deepEqual([exitCode, signal], [143, "SIGTERM"]);
    });
  });
});

describe("usage", () => {
  test("counts time, processor time and memory, of children too", async () => {
    await withRuntime({}, async (runtime) => {
      const rest = await runtime.exec("await new Promise((done) => setTimeout(done, 300))");
      assert.ok(rest.usage.wallMs >= 290, `${rest.usage.wallMs} ms`);
      assert.ok(rest.usage.cpuMs > 0 && rest.usage.cpuMs < rest.usage.wallMs);
      const spin =
        "const end = process.cpuUsage().user + 200e3; while (process.cpuUsage().user < end);";
      const busy = await runtime.exec(spin);
      assert.ok(busy.usage.cpuMs >= 190, `${busy.usage.cpuMs} ms`);
      const child = await runtime.execCommand("sh", ["-c", `node -e '${spin}'`]);
      assert.ok(child.usage.cpuMs >= 190, `${child.usage.cpuMs} ms of a child`);
      const worker = await runtime.exec(
        `import { Worker } from "node:worker_threads"; new Worker(${JSON.stringify(spin.replaceAll("process.cpuUsage().user", "process.threadCpuUsage().user"))}, { eval: true });`,
      );
      assert.ok(worker.usage.cpuMs >= 190, `${worker.usage.cpuMs} ms of a worker`);
      // About what it has seen of it itself, some of which may have come behind the timeout: nobody knows what a busy machine gives it until then.
      const stopped = await runtime.exec(
        `for (let seen = 0; ; ) {
          const { user, system } = process.cpuUsage();
          if (user + system > seen + 10e3) console.log((seen = user + system));
        }`,
        { timeout: 500 },
      );
      assert.ok(stopped.timedOut);
      const seen = Number(stopped.stdout.trimEnd().split("\n").at(-1)) / 1000;
      assert.ok(
        stopped.usage.cpuMs >= 0.9 * seen,
        `${stopped.usage.cpuMs} ms of ${seen} until the timeout`,
      );
      const small = await runtime.exec("1");
      const large = await runtime.exec(
        "const held = Array.from({ length: 20 }, () => Buffer.alloc(2 ** 20, 1)); globalThis.held = held;",
      );
      const gone = await runtime.exec(
        "for (let i = 0; i < 40; i += 1) new Uint8Array(2 ** 20).fill(1);",
      );
      assert.ok(
        small.usage.peakMemoryBytes > mebibyte && small.usage.peakMemoryBytes < 40 * mebibyte,
      );
      assert.ok(large.usage.peakMemoryBytes > small.usage.peakMemoryBytes + 19 * mebibyte);
      assert.ok(gone.usage.peakMemoryBytes > mebibyte);
      const sorted = await runtime.execCommand("sh", [
        "-c",
        "head -c 20000000 /dev/zero | tr '\\0' '\\n' | sort | wc -l",
      ]);
      assert.ok(
        sorted.usage.peakMemoryBytes > 10 * mebibyte,
        `${sorted.usage.peakMemoryBytes} bytes of commands`,
      );
    });
  });
});

const breaches: [string, object, string, { bound: number; least: number }, string][] = [
  [
    "bytes of files",
    { resources: { maxFilesystemBytes: 4 * mebibyte } },
    "fs.writeFileSync('/tmp/a', Buffer.alloc(3 << 20)); fs.writeFileSync('/tmp/b', Buffer.alloc(3 << 20));",
    { bound: 4 * mebibyte, least: 4 * mebibyte + 1 },
    "limits.resources.maxFilesystemBytes",
  ],
  [
    "bytes that are no whole blocks",
    { resources: { maxFilesystemBytes: 1_000_000 } },
    "fs.writeFileSync('/tmp/a', Buffer.alloc(2 << 20));",
    { bound: 1_000_000, least: 1_000_001 },
    "limits.resources.maxFilesystemBytes",
  ],
  [
    "inodes",
    { resources: { maxInodeCount: 400 } },
    "for (let i = 0; ; i++) fs.writeFileSync('/tmp/f' + i, '');",
    { bound: 400, least: 401 },
    "limits.resources.maxInodeCount",
  ],
  [
    "one file",
    { resources: { maxFileBytes: mebibyte } },
    "fs.writeFileSync('/tmp/a', Buffer.alloc(3 << 20));",
    { bound: mebibyte, least: mebibyte + 1 },
    "limits.resources.maxFileBytes",
  ],
  [
    "descriptors",
    { resources: { maxOpenFds: 32 } },
    "for (;;) fs.openSync('/etc/passwd');",
    { bound: 32, least: 33 },
    "limits.resources.maxOpenFds",
  ],
  [
    "processes",
    { resources: { maxProcesses: 4 } },
    "for (let i = 0; i < 8; i++) { const p = spawn('sleep', ['9']); p.on('error', () => process.exit()); }",
    { bound: 4, least: 5 },
    "limits.resources.maxProcesses",
  ],
  [
    "arguments",
    {},
    "const { error } = spawnSync('echo', ['x'.repeat(3 << 20)]); if (error) throw error;",
    { bound: 2 * mebibyte, least: 3 * mebibyte },
    "limits.resources.maxProcessArgvBytes",
  ],
  [
    "heap of a child",
    { jsRuntime: { v8HeapLimitMb: 32 } },
    "spawnSync('node', ['-e', 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5));']);",
    { bound: 32, least: 32 },
    "limits.jsRuntime.v8HeapLimitMb",
  ],
  [
    "memory, by buffers",
    { resources: { maxMemoryBytes: 128 * mebibyte } },
    "const held = []; for (;;) held.push(Buffer.alloc(8 << 20, 1));",
    { bound: 128 * mebibyte, least: 128 * mebibyte },
    "limits.resources.maxMemoryBytes",
  ],
];

describe("limits", () => {
  for (const [what, limits, code, { bound, least }, name] of breaches) {
    test(`${what}: passed and survived, it is told`, { timeout: 60_000 }, async () => {
      await withRuntime({ limits }, async (runtime) => {
        const program = `import fs from "node:fs"; import { spawn, spawnSync } from "node:child_process"; try { ${code} } catch (error) { console.log(error.message); }`;
        const result: NodeRuntimeExecResult = await runtime.exec(program);
        const told = (result.limits ?? []).find(({ limit }) => limit === name);
        assert.ok(
          told,
          `${name} is not in ${JSON.stringify(result.limits)}: ${result.stdout}${result.stderr}`,
        );
        assert.equal(told.bound, bound);
        assert.ok(told.used >= least, `${told.used} is the use`);
        const next = await runtime.exec("console.log(1)");
        assert.deepEqual([next.stdout, next.limits], ["1\n", undefined]);
      });
    });
  }

  test("of commands: pipes, memory of one process", { timeout: 60_000 }, async () => {
    const limits = { resources: { maxPipes: 4 }, wasm: { maxMemoryBytes: 16 * mebibyte } };
    await withRuntime({ limits }, async (runtime) => {
      const pipes = await runtime.execCommand("sh", [
        "-c",
        "echo | cat | cat | cat | cat | cat | cat | cat",
      ]);
      assert.deepEqual(
        pipes.limits?.map(({ limit }) => limit),
        ["limits.resources.maxPipes"],
      );
      const memory = await runtime.execCommand(
        "sh",
        ["-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"],
        { timeout: 20_000 },
      );
      const told = memory.limits?.find(({ limit }) => limit === "limits.wasm.maxMemoryBytes");
      assert.ok(
        told && told.bound === 16 * mebibyte && told.used > told.bound,
        JSON.stringify(memory),
      );
    });
  });

  test("are those of their own program among many", async () => {
    const limits = { resources: { maxFileBytes: mebibyte } };
    await withRuntime({ limits }, async (runtime) => {
      const long =
        "import fs from 'node:fs'; try { fs.writeFileSync('/tmp/a', Buffer.alloc(2 << 20)); } catch {}";
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, i) => runtime.exec(i % 2 ? long : "1")),
      );
      assert.deepEqual(
        results.map(({ limits }) => limits?.length),
        [undefined, 1, undefined, 1, undefined, 1, undefined, 1],
      );
    });
  });

  test("of a terminal that cannot be had", async () => {
    await withRuntime({ limits: { resources: { maxPtys: 1 } } }, async (runtime) => {
      await using shell = await runtime.openShell();
      assert.ok(shell.pid > 0);
      await assert.rejects(runtime.openShell(), {
        code: "ENOSPC",
        limit: "limits.resources.maxPtys",
        bound: 1,
        used: 2,
      });
    });
  });

  test("that a program does not survive are errors with the use", { timeout: 60_000 }, async () => {
    const limits = { jsRuntime: { v8HeapLimitMb: 32, cpuTimeLimitMs: 400 } };
    await withRuntime({ limits }, async (runtime) => {
      await assert.rejects(runtime.exec("for (;;);"), (error: Error & { used: number }) => {
        assert.ok(error.used >= 400, `${error.used}`);
        assert.match(error.message, /cpuTimeLimitMs is 400 ms/);
        return true;
      });
      await assert.rejects(
        runtime.exec("const a = []; for (;;) a.push(new Array(1e5).fill(1.5));"),
        {
          code: "ERR_RESOURCE_LIMIT",
          message: /v8HeapLimitMb is 32 MiB/,
        },
      );
    });
  });
});

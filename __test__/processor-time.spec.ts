// Processor time of a program: that of all threads that work for it, and of everything that it starts.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { vmProcessIds, vmProcessTime } from "./support/vm-process.ts";

/** A module with so many functions that compiling it takes a while. */
const bigModule = `
  const leb = (n) => { const out = []; do { const b = n & 127; n >>>= 7; out.push(n ? b | 128 : b); } while (n); return out; };
  const count = leb(20000);
  const body = [0, 0x41, 7, 0x1a, 0x0b];
  const bodies = Array.from({ length: 20000 }, () => [body.length, ...body]).flat();
  const functions = new Uint8Array(20000);
  const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];
  const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [...count, ...functions]), ...section(10, [...count, ...bodies])]);`;

const programs = {
  "its own thread": "for (;;);",
  "its workers": `
    import { Worker } from "node:worker_threads";
    for (let i = 0; i < 3; i++) new Worker("for (;;);", { eval: true });`,
  "jobs of crypto on the thread pool": `
    import { pbkdf2 } from "node:crypto";
    const again = () => pbkdf2("a", "b", 1e5, 64, "sha512", again);
    for (let i = 0; i < 4; i++) again();`,
  "one long job on the thread pool": `
    import { pbkdf2 } from "node:crypto";
    pbkdf2("a", "b", 2e7, 64, "sha512", () => {});`,
  "jobs of zlib on the thread pool": `
    import { brotliCompress } from "node:zlib";
    const data = Buffer.alloc(2e6, "abcdef");
    const again = () => brotliCompress(data, again);
    again();`,
  "compilation in the background": `${bigModule}
    const again = async () => { for (;;) await WebAssembly.compile(bytes); };
    again();`,
  "commands one after the other": `
    import { spawn } from "node:child_process";
    const again = () => spawn("sh", ["-c", "for i in 1 2 3 4 5 6 7 8 9; do :; done"]).on("exit", again);
    again();`,
  "commands at a time": `
    import { spawn } from "node:child_process";
    for (let i = 0; i < 4; i++) spawn("sh", ["-c", "while :; do :; done"]);`,
  "programs one after the other": `
    import { spawn } from "node:child_process";
    const again = () => spawn("node", ["-e", "for (let i = 0; i < 2e8; i++);"]).on("exit", again);
    again();`,
  "grandchildren, in sessions of their own": `
    import { spawn } from "node:child_process";
    const child = "require('child_process').spawn('sh', ['-c', 'while :; do :; done'], { detached: true })";
    for (let i = 0; i < 2; i++) spawn("node", ["-e", child]);
    setInterval(() => {}, 1000);`,
};

describe("limits.jsRuntime.cpuTimeLimitMs counts", () => {
  const cpuTimeLimitMs = 400;
  const limits = { jsRuntime: { cpuTimeLimitMs } };
  for (const [what, code] of Object.entries(programs)) {
    test(what, { timeout: 90_000 }, async () => {
      await withRuntime({ limits }, async (runtime) => {
        await assert.rejects(runtime.exec(code, { timeout: 60_000 }), (error: Error) => {
          const { code, limit, bound, used } = error as Error & Record<string, unknown>;
          assert.deepEqual(
            [code, limit, bound],
            ["ERR_RESOURCE_LIMIT", "limits.jsRuntime.cpuTimeLimitMs", cpuTimeLimitMs],
          );
          assert.ok(
            typeof used === "number" && used >= cpuTimeLimitMs && used < 4 * cpuTimeLimitMs,
            `${used} ms`,
          );
          return true;
        });
        // The others die right after the first. Should one not, the test does not end.
        while ((await runtime.getResourceSnapshot()).processes > 0);
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      });
    });
  }

  test("what a shell starts, whichever of them it is", { timeout: 90_000 }, async () => {
    await withRuntime({ limits }, async (runtime) => {
      const lines = [
        "node -e 'for (;;);'; echo on",
        "while :; do node -e 1; done",
        "while :; do :; done | cat",
      ];
      for (const line of lines) {
        await assert.rejects(runtime.execCommand("sh", ["-c", line], { timeout: 60_000 }), {
          code: "ERR_RESOURCE_LIMIT",
          limit: "limits.jsRuntime.cpuTimeLimitMs",
        });
      }
    });
  });

  test("making and unmaking what a program starts", { timeout: 90_000 }, async () => {
    const again = (args: string) => `import { spawn } from "node:child_process";
      const again = () => spawn(${args}).on("exit", again);
      again();`;
    const shell = (line: string) =>
      `import { spawn } from "node:child_process"; spawn("sh", ["-c", "${line}"]);`;
    for (const code of [
      again('"true"'),
      again('"node", ["-e", "0"]'),
      shell("while :; do /bin/true; done"),
      shell("while :; do (:); done"),
    ]) {
      await withRuntime({ limits }, async (runtime) => {
        await runtime.exec("");
        const time = () => vmProcessIds().reduce((sum, pid) => sum + vmProcessTime(pid), 0);
        const before = time();
        await assert.rejects(runtime.exec(code, { timeout: 60_000 }), {
          limit: "limits.jsRuntime.cpuTimeLimitMs",
        });
        const spent = time() - before;
        assert.ok(spent < 2.5 * cpuTimeLimitMs, `${spent} ms for ${code}`);
      });
    }
  });

  test("programs each by themselves", { timeout: 90_000 }, async () => {
    // Looks at the clock rarely: system calls take time of their own.
    const code = `const end = process.cpuUsage().user + 100_000;
      while (process.cpuUsage().user < end) for (let i = 0; i < 1e6; i++);`;
    await withRuntime({ limits }, async (runtime) => {
      const results = await Promise.all(
        Array.from({ length: 5 }, () => runtime.exec(code, { timeout: 60_000 })),
      );
      assert.deepEqual(
        results.map(({ exitCode }) => exitCode),
        [0, 0, 0, 0, 0],
      );
    });
  });
});

// VM processes: where they are, what their end costs, what replaces them.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const stuck = "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";

describe("a guest that V8 cannot interrupt", () => {
  test("costs its VM process, but not the VM's files", async () => {
    await withRuntime({ files: { "/workspace/given": "given" } }, async (runtime) => {
      await runtime.writeFile("/workspace/written", "written by the host");
      await runtime.exec(`
        import fs from "node:fs";
        fs.mkdirSync("deep/er", { recursive: true });
        fs.writeFileSync("deep/er/file", Buffer.alloc(3_000_000, "x"));
        fs.symlinkSync("er/file", "deep/link");
        fs.rmSync("given");
      `);
      const start = performance.now();
      const result = await runtime.exec(`console.log("before"); ${stuck}`, { timeout: 300 });
      const ms = performance.now() - start;
      assert.deepEqual([result.exitCode, result.timedOut], [137, true]);
      assert.ok(ms < 300 + 3000, `took ${ms} ms`);
      assert.equal(await runtime.readFile("/workspace/written", "utf8"), "written by the host");
      assert.equal(await runtime.exists("/workspace/given"), false);
      const { stdout } = await runtime.exec(`
        import fs from "node:fs";
        console.log(fs.statSync("deep/er/file").size, fs.readlinkSync("deep/link"));
      `);
      assert.equal(stdout, "3000000 er/file\n");
    });
  });

  test("and is aborted rejects with the reason", async () => {
    await withRuntime({}, async (runtime) => {
      const signal = AbortSignal.timeout(200);
      await assert.rejects(runtime.exec(stuck, { signal }), { name: "TimeoutError" });
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  test("is disposed of in time", async () => {
    const runtime = await NodeRuntime.create();
    const pending = runtime.exec(stuck);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    await runtime.dispose();
    assert.ok(performance.now() - start < 3000);
    assert.equal((await pending).exitCode, 143);
  });
});

describe("isolation", () => {
  for (const isolation of ["process", "shared", "in-process"] as const) {
    test(`${isolation}: programs, values and files`, async () => {
      const [one, two] = await Promise.all([
        NodeRuntime.create({ isolation, files: { "/workspace/name": "one" } }),
        NodeRuntime.create({ isolation, files: { "/workspace/name": "two" } }),
      ]);
      try {
        const read = `
          import { readFileSync } from "node:fs";
          globalThis.__return(readFileSync("name", "utf8"));
        `;
        const values = await Promise.all([one.run(read), two.run(read)]);
        assert.deepEqual(
          values.map(({ value }) => value),
          ["one", "two"],
        );
        const late = await one.exec("for (;;);", { timeout: 200 });
        assert.deepEqual([late.exitCode, late.timedOut], [137, true]);
        assert.equal((await two.exec("console.log(1)")).stdout, "1\n");
      } finally {
        await Promise.all([one.dispose(), two.dispose()]);
      }
      await assert.rejects(one.exec("1"), { code: "ERR_VM_DISPOSED" });
    });
  }
});

describe("a runtime", () => {
  test("tells how long its boot took", async () => {
    const phases: { phase: string; durationMs: number }[] = [];
    await withRuntime({ onBootTiming: (timing) => void phases.push(timing) }, async () => {});
    assert.ok(phases.some(({ phase }) => phase === "total"));
    for (const { phase, durationMs } of phases) {
      assert.equal(typeof phase, "string");
      assert.ok(durationMs >= 0);
    }
  });

  test("tells what it holds, and ends with what it began with", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.exec("1");
      const before = await runtime.getResourceSnapshot();
      const ready = Promise.withResolvers();
      const program = await runtime.spawn("console.log(1); setInterval(() => {}, 1000);", {
        onStdout: ready.resolve,
      });
      await ready.promise;
      const during = await runtime.getResourceSnapshot();
      assert.equal(during.processes, before.processes + 1);
      assert.ok(during.fds > before.fds);
      assert.ok(during.heapBytes > 1_000_000, `${during.heapBytes} bytes of heap`);
      program.kill("SIGKILL");
      await program.wait();
      await runtime.writeFile("/tmp/file", new Uint8Array(100_000));
      const after = await runtime.getResourceSnapshot();
      assert.equal(after.processes, before.processes);
      assert.equal(after.fds, before.fds);
      assert.ok(after.filesystemBytes >= before.filesystemBytes + 100_000);
      assert.equal(after.inodes, before.inodes + 1);
    });
  });

  test("moves files of any size", async () => {
    await withRuntime({}, async (runtime) => {
      const data = Buffer.alloc(9_500_000, "0123456789abcdef");
      await runtime.writeFile("/workspace/large", data);
      assert.equal((await runtime.stat("/workspace/large")).size, data.length);
      assert.deepEqual(Buffer.from(await runtime.readFile("/workspace/large")), data);
      await assert.rejects(runtime.writeFile("/workspace/huge", Buffer.alloc(40_000_000)), {
        code: "EFBIG",
      });
    });
  });

  test("cannot be made by new without a driver", () => {
    assert.throws(() => new (NodeRuntime as never as new () => unknown)(), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /options\.systemDriver/,
    });
  });

  test("says of options that are not there yet that they are not", async () => {
    for (const option of ["permissions"]) {
      await assert.rejects(NodeRuntime.create({ [option]: {} } as never), {
        code: "ERR_FEATURE_UNAVAILABLE",
      });
    }
  });
});

// A value that is larger than any heap may be ends the program that makes it, and no other.

import assert from "node:assert/strict";
import { VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const programs: Record<string, string> = {
  "a text that is split into characters": `"x".repeat(2 ** 28).split("");`,
  "one element more than V8's arrays have": `"x".repeat(2 ** 27 + 5).split("");`,
  "all matches of a letter": `"x".repeat(2 ** 28).match(/x/g);`,
  "in an inner function that cleans up": `
    try { (() => { try { "x".repeat(2 ** 28).split(""); } finally { console.log("caught"); } })(); }
    catch { console.log("caught"); }
    console.log("behind");`,
  "in a callback of native code": `[1].map(() => JSON.stringify({ toJSON() { return "x".repeat(2 ** 28).split(""); } }));`,
  "in a promise": `await Promise.resolve().then(() => "x".repeat(2 ** 28).match(/x/g)).catch(() => console.log("caught"));`,
  "in a timer": `setTimeout(() => "x".repeat(2 ** 28).split(""), 1);`,
  "in a generator": `[...(function* () { yield "x".repeat(2 ** 28).split(""); })()];`,
  "in a vm context": `process.getBuiltinModule("vm").runInNewContext("'x'.repeat(2 ** 28).split('')");`,
  "in a worker": `
    const { Worker } = process.getBuiltinModule("worker_threads");
    new Worker("'x'.repeat(2 ** 28).split('')", { eval: true }).on("error", () => console.log("caught"));`,
};

describe("what no heap can hold is the heap's limit:", () => {
  for (const [name, code] of Object.entries(programs)) {
    test(name, { timeout: 120_000 }, async () => {
      await withRuntime({ files: { "/workspace/kept": "kept" } }, async (runtime) => {
        const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
        await assert.rejects(runtime.exec(code), (error: unknown) => {
          assert.ok(error instanceof VmError, String(error));
          assert.equal(error.code, "ERR_RESOURCE_LIMIT", error.message);
          assert.equal(error.limit, "limits.jsRuntime.v8HeapLimitMb");
          assert.equal(error.bound, 128);
          assert.doesNotMatch(error.stdout ?? "", /caught|behind/);
          assert.match(error.stderr ?? "", /^FATAL ERROR: .*heap out of memory.*\n$/);
          return true;
        });
        assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
        await other.writeStdin("still here");
        other.closeStdin();
        assert.equal(await other.wait(), 0);
        assert.equal(other.captured.stdout, "still here");
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      });
    });
  }

  test("or that of the memory, where native code needs it first", {
    timeout: 120_000,
  }, async () => {
    await withRuntime({}, async (runtime) => {
      const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
      await assert.rejects(
        runtime.exec(`new Array(2 ** 28).join("x").split("x");`),
        (error: unknown) => {
          assert.ok(error instanceof VmError, String(error));
          assert.equal(error.code, "ERR_RESOURCE_LIMIT", error.message);
          assert.match(error.limit ?? "", /maxMemoryBytes|v8HeapLimitMb/);
          return true;
        },
      );
      other.closeStdin();
      assert.equal(await other.wait(), 0);
    });
  });

  test("again and again in one machine", { timeout: 120_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
      for (let at = 0; at < 10; at++) {
        const ended = runtime.exec(`"x".repeat(2 ** 27 + 5).split("");`);
        await assert.rejects(ended, { limit: "limits.jsRuntime.v8HeapLimitMb" });
      }
      other.closeStdin();
      assert.equal(await other.wait(), 0);
    });
  });

  test("a child ends with the status of a heap that is full", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout } = await runtime.exec(`
        import { spawnSync } from "node:child_process";
        const { status, signal, stderr } =
          spawnSync("node", ["-e", "'x'.repeat(2 ** 28).split('')"], { encoding: "utf8" });
        console.log(status, signal, stderr.includes("v8HeapLimitMb is 128"));`);
      assert.equal(stdout, "null SIGABRT true\n");
    });
  });
});

describe("memories that do not fit are a RangeError:", () => {
  const small = { limits: { resources: { maxMemoryBytes: 128 << 20 } } };
  const cases: Record<string, string> = {
    "one that grows": `const memory = new WebAssembly.Memory({ initial: 1 });
      try { for (;;) memory.grow(100); } catch (error) { console.log(error.name); }
      console.log(memory.buffer.byteLength > 1 << 24);`,
    "many that are kept": `const kept = [];
      try { for (;;) kept.push(new WebAssembly.Memory({ initial: 160 })); } catch (error) { console.log(error.name); }
      console.log(kept.length > 2);`,
    "many that are written": `const kept = [];
      try {
        for (;;) {
          const memory = new WebAssembly.Memory({ initial: 160 });
          new Uint8Array(memory.buffer).fill(1);
          kept.push(memory);
        }
      } catch (error) { console.log(error.name); }
      console.log(kept.length > 2);`,
    "a buffer that grows": `const buffer = new ArrayBuffer(1 << 20, { maxByteLength: 2 ** 31 });
      try { for (let size = 2; ; size++) buffer.resize(size << 20); } catch (error) { console.log(error.name); }
      console.log(buffer.byteLength > 1 << 24);`,
    "a shared buffer that grows": `const buffer = new SharedArrayBuffer(1 << 20, { maxByteLength: 2 ** 31 });
      try { for (let size = 2; ; size++) buffer.grow(size << 20); } catch (error) { console.log(error.name); }
      console.log(buffer.byteLength > 1 << 24);`,
    "a buffer that grows at once": `const buffer = new SharedArrayBuffer(1 << 20, { maxByteLength: 2 ** 31 });
      try { buffer.grow(2 ** 31 - 8); } catch (error) { console.log(error.name); }
      console.log(buffer.byteLength === 1 << 20);`,
    "one that is too large": `try { new WebAssembly.Memory({ initial: 4096 }); } catch (error) { console.log(error.name); }
      console.log(new WebAssembly.Memory({ initial: 16 }).grow(16) === 16);`,
  };
  for (const [name, code] of Object.entries(cases)) {
    test(name, async () => {
      await withRuntime(small, async (runtime) => {
        const { stdout, limits } = await runtime.exec(code);
        assert.equal(stdout, "RangeError\ntrue\n");
        assert.deepEqual(
          limits?.map(({ limit }) => limit),
          ["limits.resources.maxMemoryBytes"],
        );
      });
    });
  }

  test("memories that nothing refers to do not count", { timeout: 120_000 }, async () => {
    await withRuntime(small, async (runtime) => {
      const { stdout } = await runtime.exec(`
        for (let at = 0; at < 60; at++) {
          const memory = new WebAssembly.Memory({ initial: 160 });
          new Uint8Array(memory.buffer).fill(1);
        }
        console.log("end");`);
      assert.equal(stdout, "end\n");
    });
  });
});

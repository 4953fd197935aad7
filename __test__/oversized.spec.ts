// Behaviour 40: what is too large fails with a code and harms nothing; what is within the limits arrives as it was sent.

import assert from "node:assert/strict";
import { assertIdle, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const mebibyte = 1 << 20;

describe("40 what is too large", () => {
  test("of a returned value is a limit with a name", async () => {
    await withRuntime({}, async (runtime) => {
      const value = (json: string) => runtime.run(`globalThis.__return(${json})`);
      const fits = mebibyte - 2;
      assert.equal((await value(`"x".repeat(${fits})`)).value, "x".repeat(fits));
      const limit = "limits.jsRuntime.returnValueLimitBytes";
      const named = { code: "ERR_RESOURCE_LIMIT", limit, bound: mebibyte };
      await assert.rejects(value(`"x".repeat(${fits + 1})`), { ...named, used: mebibyte + 1 });
      // Parsed, an object is larger than its text.
      await assert.rejects(value("Array(70_000).fill({})"), named);
      await assert.rejects(value("Array(70_000).fill([])"), named);
      assert.equal((await value("Array(60_000).fill([])")).exitCode, 0);
      await assertIdle(runtime);
    });
  });

  test("of a returned value may be set", async () => {
    const eight = { jsRuntime: { returnValueLimitBytes: 8 * mebibyte } };
    await withRuntime({ limits: eight }, async (runtime) => {
      const value = (bytes: number) => runtime.run(`globalThis.__return("x".repeat(${bytes}))`);
      assert.equal((await value(7 * mebibyte)).value, "x".repeat(7 * mebibyte));
      await assert.rejects(value(8 * mebibyte), { bound: 8 * mebibyte });
      await using runner = await runtime.createResidentRunner();
      const snippet = (bytes: number) => `"x".repeat(${bytes})`;
      assert.equal((await runner.evaluate(snippet(5e6))).value, "x".repeat(5e6));
      assert.equal((await runner.run(`__return(${snippet(5e6)})`)).value, "x".repeat(5e6));
      const { exitCode, limits } = await runner.evaluate(snippet(9e6));
      assert.deepEqual([exitCode, limits?.[0]?.bound], [1, 8 * mebibyte]);
      const objects = (count: number) => `__return(Array(${count}).fill({}))`;
      assert.equal((await runner.run<object[]>(objects(400_000))).value?.length, 400_000);
      await assert.rejects(runner.run(objects(600_000)), { bound: 8 * mebibyte });
      assert.equal((await runner.run(`__return("{[".repeat(1e6))`)).value, "{[".repeat(1e6));
    });
    const small = { jsRuntime: { returnValueLimitBytes: 10 } };
    await withRuntime({ limits: small }, async (runtime) => {
      assert.equal((await runtime.run("globalThis.__return('12345678')")).value, "12345678");
      await assert.rejects(runtime.run("globalThis.__return('123456789')"), {
        bound: 10,
        used: 11,
      });
      await using runner = await runtime.createResidentRunner();
      assert.equal((await runner.run("__return(1)")).value, 1);
      await assert.rejects(runner.run("__return('123456789')"), { bound: 10, used: 11 });
    });
  });

  test("of a file is EFBIG", async () => {
    await withRuntime({ limits: { resources: { maxFileBytes: mebibyte } } }, async (runtime) => {
      const fits = Buffer.alloc(mebibyte, 7);
      await runtime.writeFile("/tmp/fits", fits);
      assert.ok(fits.equals(await runtime.readFile("/tmp/fits")));
      const large = runtime.writeFile("/tmp/large", Buffer.alloc(mebibyte + 1));
      await assert.rejects(large, { code: "EFBIG" });
      await assertIdle(runtime);
    });
  });

  test("of arguments and variables is refused before anything starts, of code what is no text", async () => {
    await withRuntime({}, async (runtime) => {
      const comment = (bytes: number) => `//${"x".repeat(bytes)}\nconsole.log("ran");`;
      assert.equal((await runtime.exec(comment(40 * mebibyte))).stdout, "ran\n");
      await assert.rejects(runtime.exec(comment(64 * mebibyte)), { code: "ERR_OUT_OF_RANGE" });
      const text = "y".repeat(3 * mebibyte);
      await assert.rejects(runtime.execCommand("echo", [text]), { code: "E2BIG" });
      await assert.rejects(runtime.exec("", { env: { TEXT: text } }), { code: "E2BIG" });
      await assertIdle(runtime);
    });
  });

  test("of a folder is ENOSPC, and all that fits is listed", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout } = await runtime.exec(`
        import fs from "node:fs";
        fs.mkdirSync("/tmp/full");
        let made = 0;
        try {
          for (;;) fs.writeFileSync("/tmp/full/" + "n".repeat(240) + made++, "");
        } catch (error) {
          console.log(error.code, fs.readdirSync("/tmp/full").length === made - 1);
          console.log(made - 1);
        }
      `);
      const [outcome, made] = stdout.split("\n");
      assert.equal(outcome, "ENOSPC true");
      assert.equal((await runtime.readDir("/tmp/full")).length, Number(made));
      await runtime.remove("/tmp/full", { recursive: true });
      await assertIdle(runtime);
    });
  });
});

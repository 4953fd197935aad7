// Which part is kept of output that is longer than `maxOutputBytes`.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const program = "for (let i = 0; i < 100; i++) process.stdout.write('line ' + i + '\\n');";
const whole = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join("");

describe("of output over the bound", () => {
  test("the first, the last, or half of each is kept", async () => {
    await withRuntime({}, async (runtime) => {
      const kept = async (keep: "head" | "tail" | "both" | undefined, maxOutputBytes: number) => {
        const { stdout, stdoutTruncated } = await runtime.exec(program, { keep, maxOutputBytes });
        return [stdout, stdoutTruncated];
      };
      const { length } = whole;
      for (const keep of ["head", "tail", "both", undefined] as const) {
        assert.deepEqual(await kept(keep, length), [whole, undefined]);
        assert.deepEqual(await kept(keep, 10 * length), [whole, undefined]);
      }
      assert.deepEqual(await kept(undefined, 16), ["line 0\nline 1\nli", true]);
      assert.deepEqual(await kept("head", 16), ["line 0\nline 1\nli", true]);
      assert.deepEqual(await kept("tail", 16), ["line 98\nline 99\n", true]);
      assert.deepEqual(await kept("both", 16), [
        `line 0\nl\n[${length - 16} bytes left out]\nline 99\n`,
        true,
      ]);
      assert.deepEqual(await kept("both", 14), [
        `line 0\n[${length - 14} bytes left out]\nine 99\n`,
        true,
      ]);
      assert.deepEqual(await kept("tail", 0), ["", true]);
      assert.deepEqual(await kept("both", 0), ["", true]);
    });
  });

  test("texts are cut between characters", async () => {
    await withRuntime({}, async (runtime) => {
      const smileys = `process.stdout.write("😀".repeat(1000));`;
      for (let maxOutputBytes = 9; maxOutputBytes < 22; maxOutputBytes++) {
        const tail = await runtime.exec(smileys, { keep: "tail", maxOutputBytes });
        assert.equal(tail.stdout, "😀".repeat(Math.floor(maxOutputBytes / 4)));
        const both = await runtime.exec(smileys, { keep: "both", maxOutputBytes });
        const head = Math.floor(Math.ceil(maxOutputBytes / 2) / 4);
        const last = Math.floor(Math.floor(maxOutputBytes / 2) / 4);
        const leftOut = 4 * (1000 - head - last);
        assert.equal(
          both.stdout,
          `${"😀".repeat(head)}\n[${leftOut} bytes left out]\n${"😀".repeat(last)}`,
        );
      }
    });
  });

  test("of megabytes in small and large pieces no more than the bound is there", async () => {
    await withRuntime({}, async (runtime) => {
      const large = `
        import { writeSync } from "node:fs";
        for (let i = 0; i < 64; i++) writeSync(1, Buffer.alloc(100_000, 97 + (i % 26)));
        for (let i = 0; i < 5000; i++) writeSync(1, "<" + i + ">");
      `;
      const { stdout: all } = await runtime.exec(large);
      for (const maxOutputBytes of [1, 1000, 70_001, 3_000_000, 6_400_000]) {
        const tail = await runtime.exec(large, { keep: "tail", maxOutputBytes });
        assert.ok(tail.stdout === all.slice(-maxOutputBytes), `the last ${maxOutputBytes}`);
        const both = await runtime.exec(large, { keep: "both", maxOutputBytes });
        const half = Math.ceil(maxOutputBytes / 2);
        const leftOut = all.length - maxOutputBytes;
        const last = maxOutputBytes > 1 ? all.slice(half - maxOutputBytes) : "";
        const marked = `${all.slice(0, half)}\n[${leftOut} bytes left out]\n${last}`;
        assert.ok(both.stdout === marked, `both ends, ${maxOutputBytes}`);
      }
    });
  });

  test("commands, live programs, lines of a shell and snippets keep it too", async () => {
    await withRuntime({}, async (runtime) => {
      const settings = { keep: "tail", maxOutputBytes: 5 } as const;
      const line = "seq 1000; seq 1000 >&2";
      const { stdout, stderr } = await runtime.execCommand("sh", ["-c", line], settings);
      assert.deepEqual([stdout, stderr], ["1000\n", "1000\n"]);
      const { value, ...run } = await runtime.run<number>(`${program} __return(1);`, settings);
      assert.deepEqual([value, run.stdout, run.stdoutTruncated], [1, "e 99\n", true]);
      const live = await runtime.spawn(program, settings);
      assert.equal(await live.wait(), 0);
      assert.equal(live.captured.stdout, "e 99\n");
      await using shell = await runtime.shell();
      assert.equal((await shell.run("seq 1000", settings)).stdout, "1000\n");
      await using runner = await runtime.createResidentRunner();
      const snippet = await runner.exec("for (let i = 0; i < 9; i++) console.log(i);", settings);
      assert.deepEqual([snippet.stdout, snippet.stdoutTruncated], ["\n7\n8\n", true]);
      await assert.rejects(runtime.exec("", { keep: "middle" as never }), {
        code: "ERR_INVALID_ARG_VALUE",
        message: /options\.keep.*'head', 'tail', 'both'/,
      });
    });
  });

  test("an error of a limit has it as well", async () => {
    const limits = { jsRuntime: { v8HeapLimitMb: 24, capturedOutputLimitBytes: 1000 } };
    await withRuntime({ limits }, async (runtime) => {
      const code = `
        import { writeSync } from "node:fs";
        writeSync(1, "x".repeat(5000) + "the end");
        const all = [];
        for (;;) all.push({ all });
      `;
      const error = await runtime.exec(code, { keep: "tail" }).catch((reason) => reason);
      assert.equal(error.code, "ERR_RESOURCE_LIMIT");
      assert.ok(error.stdout.endsWith("xthe end"), error.stdout.slice(-20));
      const result = await runtime.exec("console.log('x'.repeat(5000));", { keep: "both" });
      const breach = {
        limit: "limits.jsRuntime.capturedOutputLimitBytes",
        bound: 1000,
        used: 5001,
      };
      assert.deepEqual(result.limits, [breach]);
    });
  });
});

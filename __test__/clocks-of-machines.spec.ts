// The monotonic clock of a machine starts with the machine.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const program = `
  import { execFileSync } from "node:child_process";
  import os from "node:os";
  const uptime = Number(execFileSync("cat", ["/proc/uptime"], { encoding: "utf8" }).split(" ")[0]);
  console.log(JSON.stringify({
    hrtime: Number(process.hrtime.bigint()) / 1e9, os: os.uptime(), uptime, now: performance.now(),
  }));`;

describe("monotonic clocks", () => {
  test("tell nothing of the host, and differ between machines", async () => {
    await withRuntime({}, async (first) => {
      await first.exec("await new Promise((done) => setTimeout(done, 1200))");
      await withRuntime({}, async (second) => {
        const [older, younger] = await Promise.all(
          [first, second].map(async (runtime) => JSON.parse((await runtime.exec(program)).stdout)),
        );
        for (const { hrtime, os, uptime, now } of [older, younger]) {
          assert.ok(hrtime < 300 && os < 300 && uptime < 300, `${hrtime} s, ${os} s, ${uptime} s`);
          assert.ok(now >= 0 && now < 60_000, `${now} ms`);
        }
        assert.ok(older.hrtime - younger.hrtime > 1, `${older.hrtime} and ${younger.hrtime}`);
      });
    });
  });

  test("go on while programs come and go", async () => {
    await withRuntime({}, async (runtime) => {
      const read = async () =>
        BigInt(
          (await runtime.exec("console.log(process.hrtime.bigint())")).stdout.trim().slice(0, -1) ||
            0,
        );
      const before = await read();
      const sleep =
        "const start = process.hrtime.bigint(); setTimeout(() => console.log(process.hrtime.bigint() - start >= 100_000_000n), 110)";
      assert.equal((await runtime.exec(sleep)).stdout, "true\n");
      assert.ok((await read()) - before > 1_000_000n);
    });
  });

  test("wake what waits for a time", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout } = await runtime.execCommand("sh", [
        "-c",
        "sleep 0.1; read -t 0.1 line < /dev/tty; echo woken",
      ]);
      assert.equal(stdout, "woken\n");
    });
  });
});

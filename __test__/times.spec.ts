// Times of files, from what a program sets to what it reads: nanoseconds are kept, as on the host.

import assert from "node:assert/strict";
import { assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("times of files", () => {
  // Times that every filesystem of a host can hold.
  const seconds =
    "[0, 1, 1.5, 0.1, 0.7, 1e-9, 1e-7, 1.123456789, 1234.000000999, 1700000000.123456789]";

  test("utimes, futimes and lutimes keep what a double holds, as on the host", async () => {
    await assertSameAsHost(`
      import fs from "node:fs";
      import fsp from "node:fs/promises";
      fs.writeFileSync("file", "");
      fs.symlinkSync("file", "link");
      const fd = fs.openSync("file", "r+");
      const handle = await fsp.open("file", "r+");
      const show = (...parts) => console.log(parts.map(String).join(" "));
      const both = (name) => {
        const [exact, plain] = [fs.lstatSync(name, { bigint: true }), fs.lstatSync(name)];
        const millis = [exact.atimeMs, exact.mtimeMs, plain.atimeMs, plain.mtimeMs, +plain.mtime];
        show(name, exact.atimeNs, exact.mtimeNs, ...millis);
      };
      for (const time of ${seconds}) {
        fs.utimesSync("file", time, time / 3);
        both("file");
        fs.futimesSync(fd, time / 7, time);
        both("file");
        fs.lutimesSync("link", time, time / 9);
        both("link");
        await fsp.utimes("file", time / 11, String(time));
        both("file");
        await handle.utimes(new Date(time * 1000), time / 13);
        show((await handle.stat({ bigint: true })).mtimeNs);
        await fsp.lutimes("link", time / 3, time);
        both("link");
      }
      await handle.close();
    `);
  });

  test("copies keep the times where they are asked to, as on the host", async () => {
    await assertSameAsHost(`
      import fs from "node:fs";
      fs.mkdirSync("from");
      fs.writeFileSync("from/file", "");
      fs.utimesSync("from/file", 1700000000.123456789, 1700000001.987654321);
      fs.cpSync("from", "to", { recursive: true, preserveTimestamps: true });
      console.log(String(fs.statSync("to/file", { bigint: true }).mtimeNs));
    `);
  });

  test("a watcher tells of a difference of nanoseconds, with the exact times", async () => {
    await assertSameAsHost(`
      import fs from "node:fs";
      // A watcher tells at once of a file that is missing; each next step waits for what it has seen.
      const steps = [
        () => {
          fs.writeFileSync("new", "");
          fs.utimesSync("new", 5, 1.5);
          fs.renameSync("new", "file");
        },
        () => fs.utimesSync("file", 5, 1.500000006),
      ];
      await new Promise((resolve) => {
        fs.watchFile("file", { bigint: true, interval: 5 }, (now, before) => {
          console.log(String(before.mtimeNs), String(now.mtimeNs));
          const step = steps.shift();
          if (step) step();
          else resolve();
        });
      });
      fs.unwatchFile("file");
    `);
  });

  test("an interval that is no number is refused, and nothing else happens", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        import fs from "node:fs";
        const watcher = fs.watchFile("/tmp", () => {});
        const Native = watcher._handle.constructor;
        for (const interval of [NaN, -Infinity, Infinity, -1, 2 ** 64, "5", undefined]) {
          const native = new Native(false);
          try {
            console.log(String(interval), native.start("/tmp", interval));
          } catch (error) {
            console.log(String(interval), error.code);
          }
          native.close();
        }
        fs.unwatchFile("/tmp");
      `;
      const { stdout, exitCode } = await runtime.exec(code, { timeout: 20_000 });
      const refused = "ERR_INVALID_ARG_TYPE";
      const taken = ["-Infinity 0", "Infinity 0", "-1 0", "18446744073709552000 0"];
      const lines = [`NaN ${refused}`, ...taken, `5 ${refused}`, `undefined ${refused}`];
      assert.deepEqual([stdout.trim().split("\n"), exitCode], [lines, 0]);
    });
  });
});

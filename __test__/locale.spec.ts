// The default locale and time zone of a program, by its environment: as on the host.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { runNode, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const show = `console.log([
  (1234.5).toLocaleString(), new Date(0).toLocaleDateString(), navigator.language,
  Intl.NumberFormat().resolvedOptions().locale, Intl.DateTimeFormat().resolvedOptions().locale,
  ["z", "ä", "a"].sort((a, b) => a.localeCompare(b)).join(),
].join(" | "))`;

type Environment = Record<string, string>;

describe("the default locale", () => {
  const environments: Environment[] = [
    { LC_ALL: "de_DE.UTF-8" },
    { LC_ALL: "de" },
    { LANG: "sv_SE.utf8" },
    { LC_MESSAGES: "fr_FR", LANG: "de_DE" },
    { LC_ALL: "pt_BR", LC_MESSAGES: "fr_FR", LANG: "de_DE" },
    { LC_ALL: "", LANG: "de_DE" },
    { LC_ALL: "C", LANG: "de_DE" },
    { LANG: "C.UTF-8" },
    { LANG: "POSIX" },
    { LC_CTYPE: "de_DE" },
    { LC_ALL: "sr_RS@latin" },
    { LC_ALL: "de_DE@euro" },
    { LC_ALL: "no@nynorsk" },
    { LC_ALL: "ja_JP.eucJP" },
    { LC_ALL: "zh-TW" },
    { LC_ALL: "ar_EG.UTF-8" },
    { LC_ALL: "aa/bb" },
  ];

  test("is what LC_ALL, LC_MESSAGES or LANG name, as on the host", async () => {
    await withRuntime({}, async (runtime) => {
      for (const env of environments) {
        const host = await runNode(["-e", show], tmpdir(), env);
        // The machine's own LANG is not the host's.
        const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
        const clean = ["-u", "LANG", ...pairs, "node", "-e", show];
        const guest = await runtime.execCommand("env", clean);
        assert.equal(guest.stdout, host.stdout, pairs.join(" "));
      }
    });
  });

  test("is each program's own, of its workers and children too, whatever others have", async () => {
    const program = `
      import { fork } from "node:child_process";
      import { Worker } from "node:worker_threads";
      import { once } from "node:events";
      const code = "console.log((1234.5).toLocaleString())";
      for (let i = 0; i < 3; i += 1) {
        console.log((1234.5).toLocaleString());
        await once(new Worker(code, { eval: true }), "exit");
        await once(fork("child.cjs"), "exit");
      }`;
    const files = { "/workspace/child.cjs": "console.log((1234.5).toLocaleString())" };
    await withRuntime({ files }, async (runtime) => {
      const expected = { de_DE: "1.234,5", C: "1,234.5", fr_FR: "1\u202f234,5", en_GB: "1,234.5" };
      const all = Object.entries(expected).map(async ([LC_ALL, text]) => {
        const { stdout, stderr } = await runtime.exec(program, { env: { LC_ALL } });
        assert.equal(stderr, "");
        assert.equal(stdout, `${text}\n`.repeat(9), LC_ALL);
      });
      await Promise.all(all);
    });
  });

  test("is fixed when a program starts, and takes names of any kind", async () => {
    await withRuntime({}, async (runtime) => {
      const late = "process.env.LC_ALL = 'de_DE'; console.log((1234.5).toLocaleString())";
      assert.equal((await runtime.exec(late)).stdout, "1,234.5\n");
      for (const LC_ALL of [
        "x".repeat(5000),
        "ü",
        "a@b@c.d@",
        "_",
        "@",
        ".",
        "1234567890_1234567890",
      ]) {
        const { exitCode, stderr } = await runtime.exec(show, { env: { LC_ALL } });
        assert.deepEqual([exitCode, stderr], [0, ""], LC_ALL.slice(0, 30));
      }
      const restored = await runtime.exec("console.log((1234.5).toLocaleString())");
      assert.equal(restored.stdout, "1,234.5\n");
    });
  });
});

test("zones have their names in the locale", async () => {
  const code = `const show = () => console.log(String(new Date(0)), String(new Date(1751328000000)));
    show(); process.env.TZ = "Europe/Berlin"; show(); delete process.env.TZ; show();`;
  await withRuntime({}, async (runtime) => {
    for (const LC_ALL of ["de_DE", "fr_FR.UTF-8", "C"]) {
      const env = { LC_ALL, TZ: "America/New_York" };
      const { stdout } = await runNode(
        ["-e", code.replace("delete process.env.TZ", "process.env.TZ = 'UTC'")],
        tmpdir(),
        env,
      );
      assert.equal((await runtime.exec(code, { env })).stdout, stdout, LC_ALL);
    }
  });
});

test("TZ takes names and offsets, as on the host", async () => {
  const zones = [
    "UTC",
    "Asia/Tokyo",
    ":Europe/Berlin",
    "EST5",
    "XYZ-3",
    "GMT+5",
    "abc11",
    "EST5EDT",
    "nope",
  ];
  await withRuntime({}, async (runtime) => {
    for (const TZ of zones) {
      const date = "console.log(String(new Date(0)))";
      const host = await runNode(["-e", date], tmpdir(), { TZ });
      const guest = await runtime.exec(date, { env: { TZ } });
      assert.equal(guest.stdout, host.stdout, TZ);
    }
  });
});

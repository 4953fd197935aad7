// Every option of `node`: each does what it does on the host, or is refused by name. The table is walked, so that an
// option that Node gets with a new version cannot be accepted and ignored.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { NodeRuntime } from "secure-exec";
import { compared, type OptionCase, refused, withoutEffect } from "./fixtures/node-options.ts";
import { runNode, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

type Row = { name: string; type: number; default: unknown };
const [v8Option, boolean] = [1, 2];

/** The options of the host's Node.js, as its binary lists them. */
const table: Row[] = JSON.parse(
  execFileSync(
    process.execPath,
    [
      "--expose-internals",
      "--no-warnings",
      "-p",
      `const { internalBinding } = require("internal/test/binding");
       const binding = internalBinding("options");
       const values = binding.getCLIOptionsValues();
       const rows = [...binding.getCLIOptionsInfo().options].map(([name, { type }]) => (
         { name, type, default: values[name] }
       ));
       JSON.stringify(rows.filter(({ name }) => name.startsWith("-")))`,
    ],
    { encoding: "utf8" },
  ),
);

/** The option as it is written to ask for something else than the default. */
function given({ name, type, default: value }: Row) {
  if (type === boolean) return value === true ? name.replace("--", "--no-") : name;
  return type === v8Option || type === 0 ? name : `${name}=1`;
}

/** Runs a case on the host and in the guest, each in a folder of its own, and gives what both say. */
async function both(runtime: NodeRuntime, name: string, { args, files, env }: OptionCase) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-options-"));
  const place = `/workspace/${name}`;
  try {
    await runtime.mkdir(place, { recursive: true });
    for (const [path, text] of Object.entries(files ?? {})) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
      await runtime.mkdir(dirname(`${place}/${path}`), { recursive: true });
      await runtime.writeFile(`${place}/${path}`, text);
    }
    const [host, guest] = await Promise.all([
      runNode(args, folder, env),
      runtime.execCommand("node", args, {
        cwd: place,
        env: { TZ: "UTC", ...env },
        timeout: 20_000,
      }),
    ]);
    const plain = (text: string, at: string, executable: string) =>
      text
        .replaceAll(at, "/here")
        .replaceAll(executable, "node")
        .replaceAll("/usr/bin/node", "node")
        .replace(/\(node:\d+/g, "(node:1")
        .replace(/(duration_ms:? )[\d.]+/g, "$10")
        .replace(/ \([\d.]+ms\)/g, "");
    return {
      host: {
        ...host,
        stdout: plain(host.stdout, folder, process.execPath),
        stderr: plain(host.stderr, folder, process.execPath),
      },
      guest: {
        exitCode: guest.exitCode,
        stdout: plain(guest.stdout, place, "node"),
        stderr: plain(guest.stderr, place, "node"),
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("options of node", () => {
  test("every option is compared with the host or refused, and none is forgotten", () => {
    const known = new Set([...Object.keys(compared), ...refused, ...withoutEffect]);
    const missing = table.map(({ name }) => name).filter((name) => !known.has(name));
    assert.deepEqual(missing, []);
    const names = new Set(table.map(({ name }) => name));
    assert.deepEqual(
      [...known].filter((name) => name.startsWith("--") && !names.has(name)),
      [],
    );
  });

  test("what is refused is refused by name, with status 9", { timeout: 120_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      for (const row of table.filter(({ name }) => refused.includes(name))) {
        const { stdout, stderr, exitCode } = await runtime.execCommand("node", [
          given(row),
          "-p",
          "1",
        ]);
        assert.deepEqual([stdout, exitCode], ["", 9], row.name);
        assert.match(stderr, /^node: (--[\w-]+) is not available in this machine: .+\n$/);
        assert.ok(stderr.startsWith(`node: ${row.name} `), stderr);
      }
    });
  });

  test("flags of V8 that are not Node's are refused by name, or bad options", async () => {
    await withRuntime({}, async (runtime) => {
      for (const flag of [
        "--trace-gc",
        "--stack-size=9000",
        "--allow-natives-syntax",
        "--no-opt",
      ]) {
        const { stderr, exitCode } = await runtime.execCommand("node", [flag, "-p", "1"]);
        const name = flag.replace("--no-", "--").replace(/=.*/, "");
        assert.equal(exitCode, 9);
        assert.ok(stderr.startsWith(`node: ${name} is not available in this machine: `), stderr);
      }
      const { stderr } = await runtime.execCommand("node", ["--no-such-flag"]);
      assert.equal(stderr, "node: bad option: --no-such-flag\n");
    });
  });

  for (const [name, cases] of Object.entries(compared)) {
    test(`${name} does what it does on the host`, async () => {
      await withRuntime({}, async (runtime) => {
        for (const [index, each] of cases.entries()) {
          const folder = `${name.replace(/^--/, "")}-${index}`;
          const { host, guest } = await both(runtime, folder, each);
          const what = JSON.stringify(each.args);
          assert.equal(guest.exitCode, host.exitCode, `${what}: ${guest.stderr}`);
          assert.equal(guest.stdout, host.stdout, what);
          if (each.stderr !== false) assert.equal(guest.stderr, host.stderr, what);
          assert.ok(
            each.quiet || host.stdout !== "" || host.stderr !== "",
            `${what} shows nothing`,
          );
        }
      });
    });
  }

  test("options without an effect on the host are taken", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout } = await runtime.execCommand("node", [...withoutEffect, "-p", "'runs'"]);
      assert.equal(stdout, "runs\n");
    });
  });

  test("children and workers have their own", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        import { execFileSync, fork } from "node:child_process";
        import { Worker } from "node:worker_threads";
        import { once } from "node:events";
        import v8 from "node:v8";
        import fs from "node:fs";
        fs.writeFileSync("child.cjs", "process.send([typeof gc, Error.stackTraceLimit])");
        const child = fork("child.cjs", { execArgv: ["--expose-gc", "--stack-trace-limit=3"] });
        console.log(JSON.stringify((await once(child, "message"))[0]));
        const refused = fork("child.cjs", { execArgv: ["--inspect-brk-node"], silent: true });
        console.log((await once(refused, "exit"))[0]);
        try {
          new Worker("0", { eval: true, execArgv: ["--max-old-space-size=20"] });
        } catch (error) {
          console.log(error.code);
        }
        try {
          new Worker("0", { eval: true, execArgv: ["--experimental-worker-inspection"] });
        } catch (error) {
          console.log(error.code);
        }
        try {
          v8.setFlagsFromString("--no-opt");
        } catch (error) {
          console.log(error.code, error.message);
        }
      `;
      const { stdout } = await runtime.exec(code, { timeout: 20_000 });
      assert.deepEqual(stdout.split("\n"), [
        '["function",3]',
        "9",
        "ERR_WORKER_INVALID_EXEC_ARGV",
        "ERR_WORKER_INVALID_EXEC_ARGV",
        "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM v8.setFlagsFromString() cannot change V8's flags in this VM: --no-opt",
        "",
      ]);
    });
  });

  test("a program's own heap limit ends it as in Node, and is no limit of the machine", async () => {
    await withRuntime({}, async (runtime) => {
      const fill = "const all = []; for (;;) all.push({ a: [1, 2, 3] })";
      for (const option of ["--max-old-space-size=40", "--max-old-space-size-percentage=30"]) {
        const { exitCode, stderr } = await runtime.execCommand("node", [option, "-e", fill]);
        assert.equal(exitCode, 134);
        assert.match(stderr, /heap out of memory$/m);
        assert.doesNotMatch(stderr, /v8HeapLimitMb/);
      }
      const code = "Math.round(v8.getHeapStatistics().heap_size_limit / 2 ** 20)";
      const limit = async (...options: string[]) =>
        Number((await runtime.execCommand("node", [...options, "-p", code])).stdout);
      const machine = await limit();
      assert.ok((await limit("--max-old-space-size=40")) < machine);
      assert.equal(await limit("--max-old-space-size=100000"), machine);
    });
  });

  test("NODE_OPTIONS is inert, also in a file of variables", async () => {
    const files = { "/workspace/.env": "NODE_OPTIONS=--no-such-option\nA=1\n" };
    await withRuntime({ files }, async (runtime) => {
      const code = "process.env.NODE_OPTIONS + process.env.A";
      const { stdout } = await runtime.execCommand("node", ["--env-file=.env", "-p", code]);
      assert.equal(stdout, "--no-such-option1\n");
    });
  });
});

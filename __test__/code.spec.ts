// The code of exec, run and spawn: of any size, no argument of the process, and as with `node --eval` otherwise.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const megabyte = 1_000_000;
const padding = (bytes: number, text = "x") =>
  `//${text.repeat(bytes / Buffer.byteLength(text))}\n`;

/** Host Node.js given the same code as an argument; stack frames of its library left out. */
function onHost(code: string) {
  const args = ["--input-type=module", "--eval", code];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { stdout, stderr: frames(stderr), exitCode: status };
}

/** Places in the program's own code. */
function frames(stderr: string): string[] {
  return stderr.match(/\[eval\d*\]:\d+(:\d+)?/g) ?? [];
}

describe("code", () => {
  test("runs whatever PATH says", async () => {
    const PATH = "/app/bin";
    const print = "console.log(process.env.PATH, process.execPath)";
    const expected = "/app/bin /usr/bin/node\n";
    for (const [created, env] of [
      [{}, { PATH }],
      [{ PATH }, {}],
      [{ PATH: "" }, { PATH }],
    ]) {
      await withRuntime({ env: created }, async (runtime) => {
        assert.equal((await runtime.exec(print, { env })).stdout, expected);
        const { stdout } = await runtime.run(print, { env });
        assert.equal(stdout, expected);
        const program = await runtime.spawn(print, { env });
        assert.equal(await program.wait(), 0);
        assert.equal(program.captured.stdout, expected);
        const terminal = await runtime.openShell({ env });
        await terminal.write("exit 3\n");
        assert.equal(await terminal.wait(), 3);
        const command = await runtime.execCommand("node", ["-e", print], { env });
        assert.equal(command.exitCode, 127);
      });
    }
    await withRuntime({ env: { PATH } }, async (runtime) => {
      const runner = await runtime.createResidentRunner();
      assert.equal((await runner.exec(print)).stdout, expected);
    });
  });

  test("of 1, 20 and 60 MB runs", { timeout: 120_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      for (const megabytes of [1, 1.1, 5, 20, 60]) {
        const code = `${padding(megabytes * megabyte)}console.log("ok", process.argv.length);`;
        const { stdout, stderr, exitCode } = await runtime.exec(code, { args: ["a", "b"] });
        assert.deepEqual([stdout, stderr, exitCode], ["ok 3\n", "", 0], `${megabytes} MB`);
      }
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  test("of many functions, and of letters beyond ASCII and Latin-1, runs", {
    timeout: 120_000,
  }, async () => {
    await withRuntime({}, async (runtime) => {
      const functions = Array.from(
        { length: 60_000 },
        (_, i) => `function f${i}(a, b) { return a + b + ${i}; }\n`,
      );
      const many = await runtime.run<number>(
        `${functions.join("")}globalThis.__return(f59999(1, 2));`,
      );
      assert.deepEqual([many.value, many.stderr], [60_002, ""]);
      for (const text of ["é", "√", "😀"]) {
        const code = `${padding(2.4 * megabyte, text)}console.log("${text}".length, "${text}");`;
        assert.equal((await runtime.exec(code)).stdout, `${text.length} ${text}\n`);
      }
      const broken = await runtime.exec(
        'console.log("\\ud800".length, "a\ud800b".length, "\0".length)',
      );
      assert.equal(broken.stdout, "1 3 1\n");
    });
  });

  test("of many programs at a time is each program's own", { timeout: 120_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      const runs = Array.from({ length: 12 }, (_, i) =>
        runtime.run<number>(`${padding(3 * megabyte)}globalThis.__return(${i});`),
      );
      const values = (await Promise.all(runs)).map(({ value }) => value);
      assert.deepEqual(values, [...Array(12).keys()]);
      const live = await runtime.spawn(
        `${padding(3 * megabyte)}process.stdin.on("data", (d) => process.exit(d.length));`,
      );
      await live.writeStdin("abc");
      assert.equal(await live.wait(), 3);
    });
  });

  test("that there is no memory for is an error that names the limit", {
    timeout: 60_000,
  }, async () => {
    const limits = { resources: { maxMemoryBytes: 64 * 1024 * 1024 } };
    await withRuntime({ limits }, async (runtime) => {
      await runtime.writeFile("/workspace/kept", "x");
      // What the machine has beside its limit does not hold it either.
      await runtime.writeFile("/workspace/large", new Uint8Array(30 * megabyte));
      await assert.rejects(runtime.exec(padding(60 * megabyte)), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.resources.maxMemoryBytes",
        bound: 64 * 1024 * 1024,
      });
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "x");
    });
  });

  test("is no argument: not in argv, execArgv, ps, /proc and what a child inherits", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout } = await runtime.exec(
        `/* marker */ import fs from "node:fs"; import { execSync, fork } from "node:child_process";
        console.log(JSON.stringify([process.argv.slice(1), process.execArgv, fs.readFileSync("/proc/self/cmdline", "utf8")]));
        console.log(execSync("ps -ef; cat /proc/*/cmdline").includes("marker"));
        fs.writeFileSync("child.mjs", "console.log(process.execArgv.length, process.argv.length, process._eval)");
        fork("child.mjs");`,
        { args: ["--help", "-e", "x"] },
      );
      assert.equal(
        stdout,
        '[["--help","-e","x"],[],"node\\u0000--help\\u0000-e\\u0000x\\u0000"]\nfalse\n0 2 undefined\n',
      );
      const live = await runtime.spawn("/* marker */ setTimeout(() => {}, 1e6)");
      const processes = await runtime.processes();
      assert.deepEqual(
        processes.map(({ argv }) => argv),
        [["node"]],
      );
      live.kill();
      await live.wait();
    });
  });

  test("has the line numbers of the caller's string", async () => {
    const programs = [
      "\n\n  throw new Error('third line');",
      "const a = 1;\nfunction f() {\n  null.x;\n}\nf();",
      "let x = ;\n",
      "\nawait import('./nothing.mjs');",
      "import './nothing.mjs';",
      "setTimeout(() => {\n  throw new Error('later');\n}, 1);",
    ];
    await withRuntime({}, async (runtime) => {
      for (const code of programs) {
        const host = onHost(code);
        const guest = await runtime.exec(code);
        assert.deepEqual(
          [frames(guest.stderr), guest.exitCode],
          [host.stderr, host.exitCode],
          code,
        );
        assert.ok(host.exitCode === 1);
      }
    });
  });

  test("resolves what it imports from the working directory", async () => {
    const files = {
      "/app/lib.mjs": "export default 'relative';",
      "/app/node_modules/dep/package.json": '{"exports":"./main.mjs"}',
      "/app/node_modules/dep/main.mjs": "export default 'bare';",
      "/node_modules/far/index.js": "module.exports = 'root';",
    };
    await withRuntime({ files }, async (runtime) => {
      const code = `import a from "./lib.mjs"; import b from "dep"; import c from "far";
        console.log(a, b, c, import.meta.url.replace(/\\[eval\\d*\\]$/, ""), typeof require);`;
      const { stdout, stderr } = await runtime.exec(code, { cwd: "/app" });
      assert.deepEqual([stdout, stderr], ["relative bare root file:///app/ undefined\n", ""]);
    });
  });

  test("is there for workers that evaluate, and for process._eval, as in Node.js", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(
        `import { Worker } from "node:worker_threads"; import { parseArgs } from "node:util";
        console.log(process._eval.startsWith("import"), parseArgs({ strict: false, allowPositionals: true }).positionals.join());
        new Worker("import('node:fs').then((fs) => console.log(typeof fs.readFileSync, process.execArgv.length))", { eval: true });`,
        { args: ["one", "two"] },
      );
      assert.deepEqual([stdout, stderr], ["true one,two\nfunction 0\n", ""]);
    });
  });

  test("arguments that are too long are E2BIG with the limit", async () => {
    await withRuntime({}, async (runtime) => {
      for (const bytes of [2.5 * megabyte, 5 * megabyte]) {
        await assert.rejects(runtime.execCommand("node", ["-e", padding(bytes)]), {
          code: "E2BIG",
        });
        await assert.rejects(runtime.exec("1", { env: { A: padding(bytes) } }), { code: "E2BIG" });
      }
      await assert.rejects(runtime.execCommand("echo", ["x".repeat(2.5 * megabyte)]), {
        limit: "limits.resources.maxProcessArgvBytes",
        bound: 2 * 1024 * 1024,
        message: /maxProcessArgvBytes is 2 MiB, 2\.38 MiB would be used/,
      });
    });
  });

  test("snippets of a resident runner may be as long", { timeout: 60_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      for (const megabytes of [1, 5, 40]) {
        const { stdout, exitCode } = await runner.exec(
          `${padding(megabytes * megabyte)}console.log("ok");`,
        );
        assert.deepEqual([stdout, exitCode], ["ok\n", 0], `${megabytes} MB`);
      }
    });
  });
});

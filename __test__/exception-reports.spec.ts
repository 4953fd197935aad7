// What Node.js says of a program that an exception ends, on standard error: as on the host, to the byte.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runNode, withRuntime } from "./support/guest.ts";
import { after, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-exceptions-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const own = (text: string) =>
  text
    .replaceAll(`file://${folder}/`, "file:///workspace/")
    .replaceAll(/\(node:\d+/g, "(node:PID")
    // A file of the library that is not the host's to the line.
    .replaceAll(/(node:internal\/timers):\d+/g, "$1");

describe("the report of", () => {
  const cases: [string, string[]][] = [
    ["an object", ["-e", "throw { a: 1 }"]],
    ["a function", ["-e", "throw function f() {}"]],
    ["null", ["-e", "throw null"]],
    ["an object of a timer", ["-e", "setTimeout(() => {\n throw { a: 1 } })"]],
    ["an object of a tick", ["-e", "process.nextTick(() => {\n throw [1] })"]],
    ["an error of a timer", ["-e", "setTimeout(() => { const e = new Error('x');\n throw e })"]],
    ["an object in a module", ["--input-type=module", "-e", "throw { a: 1 }"]],
    ["a rejection", ["-e", "Promise.reject({ a: 1 })"]],
    ["an error of no stack", ["-e", "const e = new RangeError('x'); e.stack = undefined; throw e"]],
    [
      "an error of a listener",
      [
        "-e",
        "process.on('uncaughtException', () => { const e = new Error('x');\n throw e }); throw 1",
      ],
    ],
    [
      "a value of a listener",
      ["-e", "process.on('uncaughtException', () => { throw { b: 2 } }); throw 1"],
    ],
    [
      "an error at exit",
      ["-e", "process.on('exit', () => { const e = new Error('x');\n throw e })"],
    ],
    ["an await that never settles", ["--input-type=module", "-e", "await new Promise(() => {})"]],
    ["an end that is traced", ["--trace-exit", "-e", "throw 1"]],
    [
      "an end by a listener that is traced",
      ["--trace-exit", "-e", "process.on('uncaughtException', () => { throw 2 }); throw 1"],
    ],
    ["where it was thrown", ["--trace-uncaught", "-e", "throw 1"]],
  ];
  for (const [name, args] of cases) {
    test(`${name} is the host's`, async () => {
      const host = await runNode(args, folder);
      await withRuntime({}, async (runtime) => {
        const { stderr, exitCode } = await runtime.execCommand("node", args);
        assert.deepEqual([own(stderr), exitCode], [own(host.stderr), host.exitCode]);
      });
    });
  }
});

test("an empty name stands for standard input", async () => {
  await withRuntime({}, async (runtime) => {
    for (const [args, stdin, stdout] of [
      [[""], "console.log(process.argv.length)", "2\n"],
      [["", "a"], "console.log(process.argv.slice(1))", "[ '', 'a' ]\n"],
      [["-p", ""], "1 + 1", "2\n"],
      [["-p", ""], "", "undefined\n"],
    ] as const) {
      const result = await runtime.execCommand("node", [...args], { stdin });
      assert.deepEqual([result.stdout, result.stderr], [stdout, ""], JSON.stringify(args));
    }
  });
});

test("without addons loading one has Node's code", async () => {
  await withRuntime({}, async (runtime) => {
    const code = "try { process.dlopen({}, '/x.node') } catch (error) { console.log(error.code) }";
    const codes = [];
    for (const flags of [[], ["--no-addons"]]) {
      codes.push((await runtime.execCommand("node", [...flags, "-e", code])).stdout);
    }
    assert.deepEqual(codes, ["ERR_DLOPEN_FAILED\n", "ERR_DLOPEN_DISABLED\n"]);
  });
});

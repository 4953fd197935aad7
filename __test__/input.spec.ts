// Every option of every call, with everything that is wrong with it.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { rejectsArgument } from "./support/arguments.ts";
import { after, before, describe, test } from "./support/suite.ts";

let runtime: NodeRuntime;
before(async () => {
  runtime = await NodeRuntime.create();
});
after(() => runtime.dispose());

const wrongNumbers = [Number.NaN, -1, 2 ** 53, "1", {}, [], null, true, 1n, Symbol("s")];
const wrongStrings = [1, {}, [], null, true, Symbol("s"), "with\0nul"];
const wrongRecords = [1, "text", [], null, { key: 1 }, { key: null }, new Map()];
const wrongFunctions = [1, "f", {}, null];

describe("create", () => {
  const wrong: Record<string, unknown[]> = {
    unknownOption: [1],
    env: [...wrongRecords, { "A=B": "x" }, { A: "x\0y" }],
    cwd: [...wrongStrings, "relative/path", "/".repeat(5000)],
    files: [...wrongRecords, { "relative/path": "x" }, { "/a\0b": "x" }],
    limits: [1, "text", null, { unknown: {} }, { resources: { unknown: 1 } }],
    isolation: ["unknown", 1, null, ""],
    jsRuntime: [1, { unknown: true }, { highResolutionTime: "yes" }, { timingMitigation: "slow" }],
    onBootTiming: wrongFunctions,
  };
  for (const [option, values] of Object.entries(wrong)) {
    test(`rejects a wrong ${option}`, async () => {
      for (const value of values) {
        await rejectsArgument((options) => NodeRuntime.create(options), { [option]: value });
      }
    });
  }

  test("rejects options that are not an object", async () => {
    for (const value of [1, "text", true, Symbol("s"), () => {}]) {
      await rejectsArgument((options) => NodeRuntime.create(options), value);
    }
  });

  test("survives hostile objects", async () => {
    const thrower = {
      get env() {
        throw new Error("from the getter");
      },
    };
    await assert.rejects(NodeRuntime.create(thrower as never), /from the getter/);
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    await assert.rejects(NodeRuntime.create(revoked.proxy as never));
    const frozen = Object.freeze({ env: Object.freeze({ A: "1" }) });
    const made = await NodeRuntime.create(frozen);
    await made.dispose();
    const nullPrototype = Object.assign(Object.create(null), { cwd: "/tmp" });
    await (await NodeRuntime.create(nullPrototype)).dispose();
  });
});

describe("exec, run, spawn", () => {
  const wrong: Record<string, unknown[]> = {
    unknownOption: [1],
    stdin: [1, {}, [], null, true],
    env: wrongRecords,
    cwd: wrongStrings,
    timeout: wrongNumbers,
    signal: [1, {}, "abort", null],
    onStdout: wrongFunctions,
    onStderr: wrongFunctions,
    args: [1, "text", [1], [null], ["with\0nul"]],
    maxOutputBytes: wrongNumbers,
  };
  for (const [option, values] of Object.entries(wrong)) {
    test(`reject a wrong ${option}`, async () => {
      for (const value of values) {
        for (const method of ["exec", "run", "spawn"] as const) {
          await rejectsArgument((options) => runtime[method]("1", options), { [option]: value });
        }
      }
    });
  }

  test("reject code that is not a string", async () => {
    for (const value of [undefined, null, 1, {}, [], Symbol("s"), Buffer.from("1")]) {
      for (const method of ["exec", "run", "spawn"] as const) {
        await rejectsArgument((code) => runtime[method](code), value);
      }
    }
  });

  test("take what is unusual and right", async () => {
    const surrogate = await runtime.exec(`console.log("\ud800".length)`);
    assert.equal(surrogate.stdout, "1\n");
    assert.equal((await runtime.exec("")).exitCode, 0);
    assert.equal((await runtime.exec("// \0")).exitCode, 0);
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(97);
    const echo = "process.stdin.pipe(process.stdout)";
    assert.equal((await runtime.exec(echo, { stdin: shared })).stdout, "aaa");
    const view = new Uint8Array(8).fill(98).subarray(2, 4);
    assert.equal((await runtime.exec(echo, { stdin: view })).stdout, "bb");
    const detached = new Uint8Array(4);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    assert.equal((await runtime.exec(echo, { stdin: detached })).stdout, "");
    const frozen = Object.freeze({ args: Object.freeze(["a", "b"]) as string[] });
    const { stdout } = await runtime.exec("console.log(process.argv.slice(-2).join())", frozen);
    assert.equal(stdout, "a,b\n");
  });
});

describe("file methods", () => {
  test("reject wrong paths and data", async () => {
    for (const path of [...wrongStrings.filter((each) => each !== "with\0nul"), undefined]) {
      await rejectsArgument((value) => runtime.readFile(value), path);
      await rejectsArgument((value) => runtime.writeFile(value, "x"), path);
      await rejectsArgument((value) => runtime.stat(value), path);
    }
    for (const data of [1, {}, null, undefined, true]) {
      await rejectsArgument((value) => runtime.writeFile("/tmp/x", value), data);
    }
    await rejectsArgument((value) => runtime.readFile(value), "/with\0nul");
  });
});

describe("values", () => {
  const values: unknown[] = [
    42,
    -0.5,
    "text",
    "",
    true,
    null,
    [1, [2, [3]]],
    { a: { b: ["c"] } },
    "grüße 🎉 \u2028",
    JSON.parse('{"constructor": 1, "prototype": 2, "then": 3, "toJSON": 4}'),
    JSON.parse('{"__proto__": {"polluted": true}}'),
  ];
  test("come back as they were given", async () => {
    for (const value of values) {
      const code = `globalThis.__return(JSON.parse(${JSON.stringify(JSON.stringify(value))}))`;
      const result = await runtime.run(code);
      assert.equal(JSON.stringify(result.value), JSON.stringify(value), result.stderr);
    }
    assert.equal((Object.prototype as { polluted?: boolean }).polluted, undefined);
  });

  test("the last call wins, undefined is null, no call is undefined", async () => {
    const last = await runtime.run("__return(1); __return(2); setTimeout(() => __return(3), 5);");
    assert.equal(last.value, 3);
    assert.equal((await runtime.run("__return(undefined)")).value, null);
    const none = await runtime.run("1");
    assert.equal(none.value, undefined);
    const failed = await runtime.run("__return(1); process.exit(2)");
    assert.deepEqual([failed.value, failed.exitCode], [undefined, 2]);
  });

  test("that are not JSON throw in the guest at the call", async () => {
    const cycle = await runtime.run(
      "const a = {}; a.a = a; try { __return(a) } catch (e) { __return(e.name) }",
    );
    assert.equal(cycle.value, "TypeError");
    const big = await runtime.run("try { __return(1n) } catch (e) { __return(e.name) }");
    assert.equal(big.value, "TypeError");
  });

  test("exec has no __return", async () => {
    const { stdout } = await runtime.exec("console.log(typeof globalThis.__return)");
    assert.equal(stdout, "undefined\n");
  });
});

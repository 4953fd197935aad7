// Tools as functions of the module `tools`: how guests import them, and what no guest can do to that.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInMemoryFileSystem, NodeRuntime, ToolError, type ToolDefinition } from "secure-exec";
import { z } from "zod";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const echo = { description: "Echoes.", inputSchema: {}, handler: (input: unknown) => input };

const orders = {
  description: "Lists orders.",
  inputSchema: z.object({ customer: z.string(), limit: z.number().max(9).default(2) }),
  outputSchema: z.array(z.object({ id: z.string() })),
  handler: ({ customer, limit }: { customer: string; limit: number }) =>
    Array.from({ length: limit }, (_, n) => ({ id: `${customer}${n}`, cost: "secret" })),
};

/** Runs guest code that reports by `__return`. */
async function inGuest(
  tools: Record<string, ToolDefinition>,
  code: string,
  options: Parameters<typeof NodeRuntime.create>[0] = {},
) {
  return await withRuntime({ ...options, tools }, async (runtime) => {
    const { value, exitCode, stderr } = await runtime.run(code, { timeout: 20_000 });
    assert.equal(exitCode, 0, stderr);
    assert.equal(stderr, "");
    return value;
  });
}

const expected = [{ id: "a0" }, { id: "a1" }];

describe("the module tools", () => {
  test("has each tool by name, as default, as namespace and by require", async () => {
    const code = `import { createRequire } from "node:module";
      import all, { orders } from "tools";
      import * as namespace from "tools";
      const required = createRequire(import.meta.url)("tools");
      const results = [];
      for (const call of [orders, all.orders, namespace.orders, required.orders]) results.push(await call({ customer: "a" }));
      globalThis.__return([results, required === all, orders.name, Object.keys(all)]);`;
    const results = [expected, expected, expected, expected];
    assert.deepEqual(await inGuest({ orders }, code), [results, true, "orders", ["orders"]]);
  });

  test("fails as callTool does", async () => {
    const wrong = {
      ...echo,
      handler: () => {
        throw new ToolError("no", { code: "NO", data: { a: 1 } });
      },
    };
    const code = `import { orders, wrong, echo } from "tools";
      const told = ({ code, message, data }) => ({ code, message, data });
      const calls = [
        [() => orders({ customer: 1 }), () => callTool("orders", { customer: 1 })],
        [() => wrong({}), () => callTool("wrong", {})],
        [() => echo({ text: "x".repeat(5000) }), () => callTool("echo", { text: "x".repeat(5000) })],
        [() => echo(1n), () => callTool("echo", 1n)],
        [() => echo({ a: NaN }), () => callTool("echo", { a: NaN })],
      ];
      const pairs = [];
      for (const pair of calls) pairs.push(await Promise.all(pair.map((call) => call().then(() => "done", told))));
      globalThis.__return(pairs);`;
    const limits = { tools: { maxPayloadBytes: 1000 } };
    const pairs = (await inGuest({ orders, wrong, echo }, code, { limits, onToolError() {} })) as {
      code: string;
    }[][];
    for (const [one, other] of pairs) assert.deepEqual(one, other);
    const codes = pairs.map(([one]) => one?.code);
    const type = "ERR_INVALID_ARG_TYPE";
    assert.deepEqual(codes, ["ERR_TOOL_FAILED", "NO", "ERR_TOOL_FAILED", type, type]);
  });

  test("is there in programs of all kinds", async () => {
    await withRuntime({ tools: { orders } }, async (runtime) => {
      const print = `import { orders } from "tools"; console.log(JSON.stringify(await orders({ customer: "a" })))`;
      const wanted = `${JSON.stringify(expected)}\n`;
      assert.equal((await runtime.exec(print)).stdout, wanted);
      const child = await runtime.spawn(print);
      await child.wait();
      assert.equal(child.captured.stdout, wanted);
      await using runner = await runtime.createResidentRunner();
      assert.equal((await runner.exec(print)).stdout, wanted);
      const { value } = await runner.evaluate(
        `import { orders } from "tools"; orders({ customer: "a" })`,
      );
      assert.deepEqual(value, expected);
      const inWorker = `import { Worker } from "node:worker_threads"; import { once } from "node:events";
        const source = 'import { orders } from "tools"; import { parentPort } from "node:worker_threads"; parentPort.postMessage(await orders({ customer: "a" }))';
        const url = new URL("data:text/javascript,");
        console.log(JSON.stringify((await once(new Worker(source, { eval: true }), "message"))[0]));`;
      assert.equal((await runtime.exec(inWorker)).stdout, wanted);
      const inChild = `import { execFileSync } from "node:child_process";
        process.stdout.write(execFileSync(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(print)}]));`;
      assert.equal((await runtime.exec(inChild, { cwd: "/tmp" })).stdout, wanted);
      await runtime.writeFile(
        "/tmp/a.ts",
        `${print.replace("{ orders }", "{ orders, type OrdersInput }")} satisfies void`,
      );
      assert.equal((await runtime.execCommand("node", ["/tmp/a.ts"])).stdout, wanted);
      await runtime.writeFile(
        "/tmp/a.cjs",
        `require("tools").orders({ customer: "a" }).then((all) => console.log(JSON.stringify(all)))`,
      );
      assert.equal((await runtime.execCommand("node", ["/tmp/a.cjs"])).stdout, wanted);
      assert.equal((await runtime.getResourceSnapshot()).processes, 1);
    });
  });

  test("knows tools that came later, and is not there before", async () => {
    await withRuntime({}, async (runtime) => {
      const names = `console.log(Object.keys((await import("tools")).default).join())`;
      const { stderr, exitCode } = await runtime.exec(names);
      assert.equal(exitCode, 1);
      assert.match(stderr, /ERR_MODULE_NOT_FOUND/);
      await Promise.all([
        runtime.registerTools({ one: echo }),
        runtime.registerTools({ two: echo }),
      ]);
      assert.equal((await runtime.exec(names)).stdout, "one,two\n");
      await runtime.registerTools({ "th-ree": echo });
      assert.equal((await runtime.exec(names)).stdout, "one,two,th-ree,thRee\n");
    });
  });

  test("a package of that name of the user's stays what it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-tools-"));
    try {
      await mkdir(join(folder, "tools"));
      await mkdir(join(folder, "other"));
      await writeFile(join(folder, "tools/index.js"), "module.exports = { mine: 1 }");
      await writeFile(join(folder, "other/index.js"), "module.exports = 5");
      const mine = "module.exports = { mine: 1 }";
      const filesystem = createInMemoryFileSystem();
      await filesystem.mkdir("/node_modules/tools", { recursive: true });
      await filesystem.writeFile("/node_modules/tools/index.js", mine);
      const code = `import tools from "tools"; globalThis.__return(Object.keys(tools));`;
      for (const options of [
        { nodeModules: folder },
        { mounts: [{ guestPath: "/node_modules/tools", hostPath: join(folder, "tools") }] },
        { files: { "/node_modules/tools/index.js": mine } },
        { files: { "/workspace/node_modules/tools/index.js": mine } },
        { filesystem },
      ]) {
        assert.deepEqual(
          await inGuest({ orders }, code, options),
          ["mine"],
          JSON.stringify(options),
        );
      }
      await rm(join(folder, "tools"), { recursive: true });
      const both = `import other from "other"; import { orders } from "tools"; globalThis.__return([other, orders.name]);`;
      const found = await inGuest({ orders }, both, { nodeModules: folder });
      assert.deepEqual(found, [5, "orders"]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("names of tools", () => {
  test("that are no identifiers are exported as they are, and in camel case", async () => {
    const tools = Object.fromEntries(
      ["my-tool", "a.b", "7zip", "delete", "taken", "ta-ken", "taKen", "x-y", "x.y"].map((name) => [
        name,
        { ...echo, handler: () => name },
      ]),
    );
    const code = `import * as tools from "tools";
      import { "my-tool" as one, myTool, delete as remove } from "tools";
      const names = {};
      for (const [name, tool] of Object.entries(tools.default)) names[name] = await tool();
      globalThis.__return([names, one === myTool, await remove(), Object.keys(tools).length - Object.keys(names).length]);`;
    const names = {
      ...{ "my-tool": "my-tool", myTool: "my-tool", "a.b": "a.b", aB: "a.b", "7zip": "7zip" },
      ...{ _7zip: "7zip", delete: "delete", taken: "taken", "ta-ken": "ta-ken", taKen: "taKen" },
      ...{ "x-y": "x-y", "x.y": "x.y" },
    };
    assert.deepEqual(await inGuest(tools, code), [names, true, "delete", 2]);
  });

  test("that mean something to who imports get an underscore, and harm nobody", async () => {
    const names = [
      ...[
        "default",
        "then",
        "module.exports",
        "__esModule",
        "__proto__",
        "constructor",
        "toString",
      ],
      ...[
        "call",
        "all",
        "tools",
        "globalThis",
        "Object",
        "Promise",
        "hasOwnProperty",
        "await",
        "import",
      ],
    ];
    const tools = Object.fromEntries(names.map((name) => [name, { ...echo, handler: () => name }]));
    assert.equal(Object.keys(tools).length, names.length);
    const code = `const namespace = await import("tools");
      const tools = namespace.default;
      const awaited = await tools;
      const results = [];
      for (const name of Object.keys(tools)) results.push([name, await tools[name](), tools[name] === namespace[name]]);
      globalThis.__return([awaited === tools, Object.getPrototypeOf(tools), results, {}.call === undefined]);`;
    const renamed = new Map([
      ["default", "default_"],
      ["then", "then_"],
      ["module.exports", "moduleExports"],
      ["__esModule", "__esModule_"],
    ]);
    const results = names.map((name) => [renamed.get(name) ?? name, name, true]);
    assert.deepEqual(await inGuest(tools, code), [true, null, results, true]);
  });
});

describe("what a guest may do to the module", () => {
  test("it cannot be changed, replaced, moved or hidden where it is", async () => {
    const code = `import fs from "node:fs";
      const folder = "/node_modules/tools";
      const attempts = [
        () => fs.writeFileSync(folder + "/index.js", "export const orders = 1"),
        () => fs.writeFileSync(folder + "/new.js", ""),
        () => fs.unlinkSync(folder + "/index.js"),
        () => fs.chmodSync(folder + "/index.js", 0o777),
        () => fs.rmSync(folder, { recursive: true }),
        () => fs.renameSync(folder, "/node_modules/other"),
        () => fs.symlinkSync("/tmp", folder),
        () => fs.renameSync("/node_modules", "/other"),
      ];
      globalThis.__return(attempts.map((attempt) => { try { attempt(); return "done"; } catch ({ code }) { return code; } }));`;
    assert.deepEqual(await inGuest({ orders }, code), [
      ...["EROFS", "EROFS", "EROFS", "EROFS", "EROFS", "EBUSY", "EEXIST"],
      "EACCES",
    ]);
  });

  test("what a program does to its own globals reaches no tool that it has imported", async () => {
    const code = `import tools, { orders } from "tools";
      globalThis.callTool = () => "forged";
      Promise.prototype.then = undefined;
      Object.prototype.polluted = 1;
      Object.prototype.get = () => "forged";
      const codes = [];
      for (const attempt of [() => { tools.orders = 1; }, () => { tools.other = 1; }, () => { delete tools.orders; }]) {
        try { attempt(); codes.push("done"); } catch (error) { codes.push(error.name); }
      }
      const result = await orders({ customer: "a" });
      globalThis.__return([codes, Object.keys(result[0]), result.length]);`;
    const refused = ["TypeError", "TypeError", "TypeError"];
    assert.deepEqual(await inGuest({ orders }, code), [refused, ["id"], 2]);
  });
});

describe("a program that has spoilt its own globals before", () => {
  test("gets the tools all the same", async () => {
    const code = `Object.prototype.get = () => "forged";
      Object.prototype.orders = "forged";
      Object.defineProperty = () => { throw new Error("no"); };
      Array.prototype[Symbol.iterator] = undefined;
      const namespace = await import("tools");
      const { default: tools } = namespace;
      const result = await tools.orders({ customer: "a" });
      globalThis.__return([result.length, namespace.orders === tools.orders]);`;
    assert.deepEqual(await inGuest({ orders }, code), [2, true]);
  });
});

describe("outputSchema", () => {
  test("says what a guest gets, as the schema gives it out", async () => {
    const schema = {
      type: "object",
      properties: { a: { type: "number" }, b: { type: "string", default: "filled" } },
    };
    const json = { ...echo, outputSchema: schema };
    const date = {
      ...echo,
      outputSchema: z.date().transform((day) => day.toISOString()),
      handler: () => new Date(0),
    };
    const code = `import { json, date } from "tools"; globalThis.__return([await json({ a: 1 }), await date()]);`;
    const wanted = [{ a: 1, b: "filled" }, "1970-01-01T00:00:00.000Z"];
    assert.deepEqual(await inGuest({ json, date }, code), wanted);
  });

  test("another result fails the call, and only the host hears why", async () => {
    const heard: string[] = [];
    const wrong = {
      json: { ...echo, outputSchema: { type: "object", required: ["password"] } },
      zod: { ...echo, outputSchema: z.object({ password: z.string() }) },
      nothing: { ...echo, outputSchema: { type: "number" }, handler: () => undefined },
    };
    const code = `import * as tools from "tools";
      const told = [];
      for (const name of ["json", "zod", "nothing"]) told.push(await tools[name]({ a: 1 }).catch(({ code, message }) => [code, message]));
      globalThis.__return(told);`;
    const onToolError = (error: unknown) => heard.push(String(error));
    const why = "the result is not what the tool's outputSchema says";
    const told = ["json", "zod", "nothing"].map((name) => ["ERR_TOOL_FAILED", `${name}: ${why}`]);
    assert.deepEqual(await inGuest(wrong, code, { onToolError }), told);
    assert.match(heard[0] ?? "", /outputSchema says: "password" is a required property/);
    assert.match(heard[1] ?? "", /outputSchema says: \/password: /);
    assert.equal(heard.length, 3);
  });

  test("is checked at registration, under its own name", async () => {
    const tools = { t: { ...echo, outputSchema: { type: 5 } } };
    await assert.rejects(NodeRuntime.create({ tools }), {
      code: "ERR_INVALID_ARG_VALUE",
      message: /options\.tools\.t\.outputSchema/,
    });
  });
});

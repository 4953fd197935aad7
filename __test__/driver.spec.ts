// `new NodeRuntime()`: code that is run for its result, from a driver.

import assert from "node:assert/strict";
import { mock } from "node:test";
import {
  allowAll,
  allowAllNetwork,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  createV8Runtime,
  NodeRuntime,
} from "secure-exec";
import { driverRuntime, recorder } from "./support/driver.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { isAlive, vmProcessIds } from "./support/vm-process.ts";

describe("exec", () => {
  test("tells output line by line, also the line without end", async () => {
    const { lines, onStdio } = recorder();
    const code = `
      console.log("one\\ntwo");
      console.error("oops");
      process.stdout.write("a");
      process.stdout.write("b\\n\\nlast");
    `;
    assert.deepEqual(await driverRuntime().exec(code, { onStdio }), { code: 0 });
    const of = (channel: string) => lines.filter((line) => line.startsWith(channel));
    assert.deepEqual(
      of("stdout"),
      ["one", "two", "ab", "", "last"].map((line) => `stdout:${line}`),
    );
    assert.deepEqual(of("stderr"), ["stderr:oops"]);
  });

  test("a line that does not end comes in pieces", async () => {
    const { lines, onStdio } = recorder();
    await driverRuntime({ onStdio }).exec("process.stdout.write('x'.repeat(150_000) + '\\ny')");
    const lengths = lines.map((line) => line.length - "stdout:".length);
    assert.deepEqual(lengths, [65_536, 65_536, 150_000 - 2 * 65_536, 1]);
  });

  test("the hook of a call stands for that of the runtime", async () => {
    const [own, all] = [recorder(), recorder()];
    const runtime = driverRuntime({ onStdio: all.onStdio });
    await runtime.exec("console.log(1)");
    await runtime.exec("console.log(2)", { onStdio: own.onStdio });
    await runtime.run("console.log(3)");
    assert.deepEqual(all.lines, ["stdout:1", "stdout:3"]);
    assert.deepEqual(own.lines, ["stdout:2"]);
  });

  test("without a hook output is dropped, however much there is", async () => {
    const code = 'process.stdout.write("x".repeat(20 << 20)); process.exitCode = 4;';
    assert.deepEqual(await driverRuntime().exec(code), { code: 4 });
  });

  test("what a hook throws ends the program and rejects", async () => {
    const runtime = driverRuntime();
    const onStdio = () => {
      throw new Error("mine");
    };
    await assert.rejects(runtime.exec("console.log(1); setInterval(() => {}, 9)", { onStdio }), {
      message: "mine",
    });
    assert.deepEqual(await runtime.exec("1"), { code: 0 });
  });

  test("a hook that takes its time hears one line after the other, of both channels", async () => {
    const heard: string[] = [];
    let under = 0;
    const onStdio = async ({ message }: { message: string }) => {
      under += 1;
      heard.push(`${message} ${under}`);
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
      under -= 1;
      if (message === "end") throw new Error("mine");
    };
    const code = "for (let i = 0; i < 99; i++) (i % 9 ? console.log : console.error)(i % 9)";
    assert.deepEqual(await driverRuntime().exec(code, { onStdio }), { code: 0 });
    assert.equal(heard.length, 99);
    assert.deepEqual([...new Set(heard.map((line) => line.split(" ")[1]))], ["1"]);
    const lines = heard.map((line) => line.split(" ")[0]).filter((line) => line !== "0");
    assert.equal(lines.join(""), "12345678".repeat(11));
    const failing = "console.log('first\\nend\\nnever'); setInterval(() => {}, 9)";
    await assert.rejects(driverRuntime().exec(failing, { onStdio }), { message: "mine" });
    assert.deepEqual(heard.slice(99), ["first 1", "end 1"]);
  });

  test("a hook that never answers does not outlive its machine", async () => {
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const runtime = driverRuntime();
    const heard: string[] = [];
    const onStdio = ({ message }: { message: string }) => {
      heard.push(message);
      resolve();
      return new Promise(() => {});
    };
    const code = "process.stdout.write('a\\nb\\nc'); process.stderr.write('d')";
    const running = runtime.exec(code, { onStdio });
    await up;
    runtime.dispose();
    assert.equal(typeof (await running).code, "number");
    assert.deepEqual(heard, [heard[0]]);
  });

  test("a working directory that is not there is why the program failed, and no signal", async () => {
    assert.deepEqual(await driverRuntime().exec("1", { cwd: "/none" }), {
      code: 1,
      errorMessage: "ENOENT: no such file or directory, chdir '/none'",
    });
  });

  test("env, cwd and stdin are those of the call", async () => {
    const { lines, onStdio } = recorder();
    const runtime = driverRuntime({
      driver: { processConfig: { env: { A: "driver", B: "driver" }, argv: ["x"] } },
      onStdio,
    });
    const code = `
      const { A, B } = process.env;
      process.stdin.on("data", (data) => console.log(A, B, process.cwd(), String(data), process.argv.at(-1)));
    `;
    await runtime.exec(code, { env: { B: "call" }, cwd: "/workspace", stdin: "input" });
    await runtime.exec("console.log(process.env.B, process.cwd())");
    assert.deepEqual(lines, ["stdout:driver call /workspace input x", "stdout:driver /root"]);
  });

  test("code is CommonJS or a module by its syntax, and neither has options of ours", async () => {
    const { lines, onStdio } = recorder();
    const runtime = driverRuntime({ onStdio });
    const common = `
      console.log(typeof require, require.main === module, __filename, process.argv.length);
      console.log(process.execArgv.length, require("node:os").EOL === "\\n");
    `;
    await runtime.exec(common, { filePath: "/root/dir/main.js" });
    await runtime.exec("await null; console.log(typeof require, import.meta.url)");
    assert.deepEqual(lines, [
      "stdout:function true /root/dir/main.js 2",
      "stdout:0 true",
      "stdout:undefined file:///root/[eval]",
    ]);
  });

  test("nothing of the program that runs it is seen by the code", async () => {
    const code = `
      export const traces = [process._eval, process.execArgv, process.argv.length].join();
      export const { stack } = new Error("here");
      export const later = await new Promise((resolve) => setTimeout(() => resolve(new Error("here").stack)));
    `;
    const { exports } = await driverRuntime().run<Record<string, string>>(code);
    assert.equal(exports?.traces, ",,1");
    for (const stack of [exports?.stack ?? "", exports?.later ?? ""]) {
      assert.match(stack, /^Error: here\n {4}at .*file:\/\/\/root\/\[eval\]:\d/);
      assert.doesNotMatch(stack, /\[eval1\]/);
    }
  });

  test("each call is an isolate of its own", async () => {
    const runtime = driverRuntime();
    await runtime.exec("globalThis.left = 1; require('node:fs').writeFileSync('kept', 'file')");
    const code =
      "export const left = typeof globalThis.left; import fs from 'node:fs'; export const kept = fs.readFileSync('kept', 'utf8')";
    assert.deepEqual((await runtime.run(code)).exports, { kept: "file", left: "undefined" });
  });

  test("calls at a time do not mix their output", async () => {
    const runtime = driverRuntime();
    const outputs = await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const { lines, onStdio } = recorder();
        await runtime.exec(`for (let i = 0; i < 9; i++) console.log(${number})`, { onStdio });
        return new Set(lines);
      }),
    );
    assert.deepEqual(
      outputs.map((lines) => [...lines]),
      [1, 2, 3, 4].map((n) => [`stdout:${n}`]),
    );
  });
});

describe("failures are results", () => {
  test("uncaught errors, with what they say", async () => {
    const runtime = driverRuntime();
    const failing: [string, { code: number; errorMessage?: string }][] = [
      ["throw new TypeError('boom')", { code: 1, errorMessage: "TypeError: boom" }],
      ["await null; throw new Error('late')", { code: 1, errorMessage: "Error: late" }],
      ["Promise.reject(new RangeError('r'))", { code: 1, errorMessage: "RangeError: r" }],
      ["throw 'text'", { code: 1, errorMessage: "Uncaught 'text'" }],
      ["process.exit(3)", { code: 3 }],
      [
        "await new Promise(() => {})",
        { code: 13, errorMessage: "Detected unsettled top-level await" },
      ],
      [
        "process.kill(process.pid, 'SIGKILL')",
        { code: 137, errorMessage: "The program was ended by SIGKILL" },
      ],
    ];
    for (const [code, expected] of failing)
      assert.deepEqual(await runtime.exec(code), expected, code);
    const { code, errorMessage } = await runtime.exec("let let = 1");
    assert.equal(code, 1);
    assert.match(errorMessage ?? "", /^SyntaxError: /);
    const missing = await runtime.exec("import 'no-such-package'");
    assert.match(missing.errorMessage ?? "", /no-such-package/);
  });

  test("errors that the code catches are none", async () => {
    const code = "process.on('uncaughtException', () => {}); throw new Error('caught')";
    assert.deepEqual(await driverRuntime().exec(code), { code: 0 });
  });

  test("CPU time over the limit of the runtime, or of the call, is code 124", async () => {
    const runtime = driverRuntime({ cpuTimeLimitMs: 300 });
    const spin = "for (;;);";
    for (const options of [{}, { cpuTimeLimitMs: 100 }]) {
      const { code, errorMessage } = await runtime.exec(spin, options);
      assert.equal(code, 124);
      assert.match(errorMessage ?? "", /CPU time limit exceeded/);
    }
    const more = await runtime.exec(
      "const end = process.cpuUsage().user + 450_000; while (process.cpuUsage().user < end);",
      {
        cpuTimeLimitMs: 20_000,
        timingMitigation: "off",
      },
    );
    assert.deepEqual(more, { code: 0 });
  });

  test("CPU time of a call is that of its children too", async () => {
    const code = "require('node:child_process').execFileSync('node', ['-e', 'for (;;);'])";
    const { code: status } = await driverRuntime().exec(code, { cpuTimeLimitMs: 200 });
    assert.equal(status, 124);
  });

  test("memory over the limit, and the runtime is usable", async () => {
    const runtime = driverRuntime({ memoryLimit: 32 });
    const { code, errorMessage } = await runtime.exec(
      "const all = []; for (;;) all.push(new Array(1e5).fill(0.5))",
    );
    assert.notEqual(code, 0);
    assert.match(errorMessage ?? "", /Memory limit exceeded: .* of 32 MB/);
    assert.deepEqual((await runtime.run("export default 1")).exports, { default: 1 });
  });
});

describe("timing mitigation", () => {
  const elapsed = `
    const start = performance.now();
    for (let i = 0; i < 2e7; i++);
    export default performance.now() - start;
  `;
  test("freezes clocks unless it is said otherwise", async () => {
    assert.deepEqual((await driverRuntime().run(elapsed)).exports, { default: 0 });
    const { exports } = await driverRuntime({ timingMitigation: "off" }).run<{ default: number }>(
      elapsed,
    );
    assert((exports?.default ?? 0) > 0);
  });

  test("is that of the call", async () => {
    const { lines, onStdio } = recorder();
    const runtime = driverRuntime({ onStdio });
    const code =
      "await null; const a = performance.now(); for (let i = 0; i < 2e7; i++); console.log(performance.now() > a)";
    await runtime.exec(code, { timingMitigation: "off" });
    await runtime.exec(code, { timingMitigation: "freeze" });
    assert.deepEqual(lines, ["stdout:true", "stdout:false"]);
  });
});

describe("the end of a runtime", () => {
  test("dispose ends what runs, at once, and is final", async () => {
    const runtime = driverRuntime();
    const { promise: started, resolve } = Promise.withResolvers<void>();
    const running = runtime.exec("console.log('up'); setInterval(() => {}, 1000)", {
      onStdio: () => resolve(),
    });
    await started;
    assert.equal(runtime.dispose(), undefined);
    assert.equal((await running).code, 143);
    runtime.dispose();
    for (const call of [
      () => runtime.exec("1"),
      () => runtime.run("1"),
      () => runtime.network.fetch("http://localhost/"),
    ]) {
      await assert.rejects(call, {
        name: "VmError",
        message: "NodeExecutionDriver has been disposed",
      });
    }
    await runtime.terminate();
  });

  test("dispose before the first call, and while the machine is made", async () => {
    driverRuntime().dispose();
    const runtime = driverRuntime();
    const call = runtime.exec("1");
    runtime.dispose();
    await assert.rejects(call, { message: "NodeExecutionDriver has been disposed" });
  });

  test("terminate lets a server finish its answer", async () => {
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const runtime = driverRuntime();
    const serving = runtime.exec(
      `
        const server = require("node:http").createServer((request, response) => {
          console.log("asked");
          server.on("close", () => console.log("closed"));
          process.on("SIGTERM", () => setImmediate(() => response.end("whole")));
        });
        server.listen(8080, () => console.log("listening"));
      `,
      { onStdio: ({ message }) => (message === "asked" ? ask() : resolve()) },
    );
    await listening;
    const answer = runtime.network.fetch("http://127.0.0.1:8080/path");
    await asked;
    await runtime.terminate();
    const { ok, status, body, url } = await answer;
    assert.deepEqual(
      { ok, status, body, url },
      { ok: true, status: 200, body: "whole", url: "http://127.0.0.1:8080/path" },
    );
    assert.deepEqual(await serving, { code: 0 });
    await assert.rejects(runtime.exec("1"), { message: "NodeExecutionDriver has been disposed" });
  });

  test("terminate waits ten seconds for one that does not end, and no longer", async () => {
    const { promise: serving, resolve: serve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const runtime = driverRuntime();
    const running = runtime.exec(
      `
        process.on("SIGTERM", () => console.log("asked"));
        setInterval(() => {}, 1000);
        require("node:http").createServer(() => {}).listen(8080, () => console.log("serving"));
      `,
      { onStdio: ({ message }) => (message === "asked" ? ask() : serve()) },
    );
    await serving;
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let isOver = false;
      const terminated = runtime.terminate().then(() => {
        isOver = true;
      });
      // Whoever has heard of the signal is waited for by now.
      await asked;
      mock.timers.tick(9_999);
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
      assert.equal(isOver, false);
      mock.timers.tick(1);
      await terminated;
      assert.equal((await running).code, 143);
    } finally {
      mock.timers.reset();
    }
    await assert.rejects(runtime.exec("1"), { message: "NodeExecutionDriver has been disposed" });
  });
});

describe("the end of a runtime", () => {
  test("dispose does not wait for a terminate that does", async () => {
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const runtime = driverRuntime();
    const code = `
      process.on("SIGTERM", () => console.log("asked"));
      console.log("up");
      setInterval(() => {}, 1000);
    `;
    const onStdio = ({ message }: { message: string }) => (message === "up" ? resolve() : ask());
    const running = runtime.exec(code, { onStdio });
    await up;
    const before = performance.now();
    const terminated = runtime.terminate();
    await asked;
    runtime.dispose();
    assert.equal((await running).code, 143);
    await terminated;
    assert.ok(performance.now() - before < 8_000, "not the ten seconds of terminate");
  });

  test("is told to those who wait for a session, and their place is another's", async () => {
    await using v8Runtime = createV8Runtime({ maxSessions: 1 });
    const [busy, gone, next] = [1, 2, 3].map(() => driverRuntime({ v8Runtime }));
    assert.ok(busy && gone && next);
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const running = busy.exec("console.log(1); setInterval(() => {}, 1000)", {
      onStdio: () => resolve(),
    });
    await up;
    const refused = assert.rejects(gone.exec("1"), { code: "ERR_VM_DISPOSED" });
    const alsoRefused = assert.rejects(gone.run("1"), /NodeExecutionDriver has been disposed/);
    const waiting = next.run("export default 1");
    gone.dispose();
    await Promise.all([refused, alsoRefused]);
    busy.dispose();
    assert.equal((await running).code, 143);
    assert.deepEqual((await waiting).exports, { default: 1 });
  });
});

describe("network", () => {
  test("is denied outward, at once", async () => {
    const { network } = driverRuntime();
    await assert.rejects(network.fetch("https://example.com/x"), {
      code: "EACCES",
      message:
        "EACCES: permission denied, connect 'https://example.com/x': blocked by network.fetch policy",
    });
    await assert.rejects(network.httpRequest("http://10.0.0.1/"), {
      code: "EACCES",
      syscall: "connect",
    });
    await assert.rejects(network.dnsLookup("example.com"), {
      code: "EACCES",
      syscall: "getaddrinfo",
    });
    assert.deepEqual(await network.dnsLookup("localhost"), { address: "127.0.0.1", family: 4 });
  });

  test("asks the permission, and then the adapter", async () => {
    const requests: object[] = [];
    const networkAdapter = {
      fetch: async (url: string) => ({
        ok: true,
        status: 200,
        statusText: "OK",
        headers: {},
        body: "adapted",
        url,
        redirected: false,
      }),
      httpRequest: async (url: string) => ({
        status: 204,
        statusText: "",
        headers: {},
        body: "",
        url,
      }),
      dnsLookup: async () => ({ address: "192.0.2.1", family: 4 }),
    };
    const permissions = {
      network: (request: { hostname?: string }) => {
        requests.push(request);
        return (
          request.hostname === "allowed.example" || { allow: false, reason: "not on the list" }
        );
      },
    };
    const { network } = driverRuntime({ driver: { permissions, networkAdapter } });
    assert.equal((await network.fetch("https://allowed.example/")).body, "adapted");
    assert.deepEqual(await network.dnsLookup("allowed.example"), {
      address: "192.0.2.1",
      family: 4,
    });
    await assert.rejects(network.fetch("https://other.example/", { method: "POST" }), {
      message: "EACCES: permission denied, connect 'https://other.example/': not on the list",
    });
    assert.deepEqual(requests, [
      { op: "fetch", url: "https://allowed.example/", hostname: "allowed.example", method: "GET" },
      { op: "dns", hostname: "allowed.example" },
      { op: "fetch", url: "https://other.example/", hostname: "other.example", method: "POST" },
    ]);
    const allowed = driverRuntime({ driver: { permissions: allowAllNetwork } });
    await assert.rejects(allowed.network.fetch("https://example.com/"), {
      code: "EACCES",
      message: /not available/,
    });
  });
});

describe("permissions and bindings", () => {
  test("env is asked for each variable that the host gives", async () => {
    const permissions = { env: ({ key = "" }) => key !== "SECRET" };
    const runtime = driverRuntime({
      driver: { permissions, processConfig: { env: { SECRET: "1", OPEN: "2" } } },
    });
    const code = "export default [process.env.SECRET, process.env.OPEN]";
    assert.deepEqual((await runtime.run(code)).exports, { default: [undefined, "2"] });
  });

  test("allowAll allows", async () => {
    const runtime = driverRuntime({ driver: { permissions: allowAll } });
    const code =
      "module.exports = String(require('node:child_process').execFileSync('echo', ['1']))";
    assert.equal((await runtime.run(code)).exports, "1\n");
  });

  test("a tree of functions of the host is called by its names", async () => {
    const calls: unknown[] = [];
    const bindings = {
      greet: (name: string) => `hello ${name}`,
      db: {
        query: async (...args: unknown[]) => {
          calls.push(args);
          return { rows: args.length };
        },
        nothing: () => undefined,
      },
    };
    const runtime = driverRuntime({ bindings });
    const { exports } = await runtime.run(`
      const { greet, db } = SecureExec.bindings;
      export const values = [await greet("you"), await db.query("select", [1]), await db.nothing()];
      export const kind = typeof SecureExec.bindings.db.query;
    `);
    assert.deepEqual(exports, { kind: "function", values: ["hello you", { rows: 2 }, undefined] });
    assert.deepEqual(calls, [["select", [1]]]);
  });
});

describe("names of bindings", () => {
  test("may be those that all objects have", async () => {
    const say = (word: string) => () => word;
    const bindings = {
      toString: say("toString"),
      constructor: { name: say("constructor.name") },
      ["__proto__"]: { a: say("__proto__.a") },
    };
    const { exports } = await driverRuntime({ bindings }).run(`
      const { toString, constructor, ["__proto__"]: proto } = SecureExec.bindings;
      export const values = [await toString(), await constructor.name(), await proto.a()];
      export const clean = [{}.a, Object.keys(Object), typeof Object.name];
    `);
    const values = ["toString", "constructor.name", "__proto__.a"];
    assert.deepEqual(exports, { clean: [undefined, [], "string"], values });
  });

  test("are own names: an instance of a class has none, which is told", () => {
    class Api {
      query() {}
    }
    assert.throws(() => driverRuntime({ bindings: new Api() as never }), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /options\.bindings.*plain object of functions/,
    });
  });

  test("what nothing is left of in JSON is no result", async () => {
    const bindings = { stream: () => new ReadableStream(), empty: () => ({}), list: () => [] };
    const { exports } = await driverRuntime({ bindings }).run(`
      const { stream, empty, list } = SecureExec.bindings;
      export default [await empty(), await list(), await stream().catch(({ message }) => message)];
    `);
    const why =
      "stream: the result is not what JSON can hold: 'value' is a ReadableStream, which has no properties of its own";
    assert.deepEqual(exports, { default: [{}, [], why] });
  });
});

describe("where runtimes live", () => {
  test("in one process, and in one of their own with a V8Runtime", async () => {
    await using v8Runtime = createV8Runtime();
    const [shared, other, own, second] = [
      driverRuntime(),
      driverRuntime(),
      driverRuntime({ v8Runtime }),
      driverRuntime({ v8Runtime }),
    ];
    await shared.exec("1");
    const before = vmProcessIds();
    const added = () => vmProcessIds().filter((pid) => !before.includes(pid));
    await other.exec("1");
    assert.deepEqual(added(), [], "one process for both");
    await own.exec("1");
    const [pid, ...more] = added();
    assert.deepEqual(more, []);
    await second.exec("1");
    assert.deepEqual(added(), [pid], "and one for the other two");
  });

  test("the end of a process reaches nobody in another", async () => {
    await using v8Runtime = createV8Runtime();
    const [shared, own] = [driverRuntime(), driverRuntime({ v8Runtime })];
    const waits = `
      const server = require("node:http").createServer(() => process.exit(7));
      server.listen(8080, () => console.log("up"));
    `;
    await shared.exec("1");
    const before = vmProcessIds();
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const crashing = own.exec("console.log('up'); setInterval(() => {}, 1000)", {
      onStdio: () => resolve(),
    });
    await up;
    const [pid = 0] = vmProcessIds().filter((each) => !before.includes(each));
    const { promise: alsoUp, resolve: resolveOther } = Promise.withResolvers<void>();
    const unharmed = shared.exec(waits, { onStdio: () => resolveOther() });
    await alsoUp;
    process.kill(pid, "SIGKILL");
    const { code, errorMessage } = await crashing;
    assert.notEqual(code, 0);
    assert.match(errorMessage ?? "", /VM process ended: signal SIGKILL/);
    assert.equal(isAlive(pid), false);
    await assert.rejects(shared.network.fetch("http://127.0.0.1:8080/"), { code: "ECONNRESET" });
    assert.deepEqual(await unharmed, { code: 7 });
    assert.deepEqual(
      (await own.run("export default 1")).exports,
      { default: 1 },
      "it gets a new process",
    );
  });

  test("maxSessions calls run at a time", async () => {
    await using v8Runtime = createV8Runtime({ maxSessions: 1 });
    const events: string[] = [];
    const call = async (name: string) => {
      const onStdio = ({ message }: { message: string }) => void events.push(`${name} ${message}`);
      const code = "console.log('begins'); setTimeout(() => console.log('ends'), 50)";
      await driverRuntime({ v8Runtime }).exec(code, { onStdio });
    };
    await Promise.all([call("a"), call("b")]);
    const [first = "", second = "", third = "", fourth = ""] = events;
    assert.equal(first.replace("begins", "ends"), second);
    assert.equal(third.replace("begins", "ends"), fourth);
  });

  test("a disposed V8Runtime ends what is in it, and takes nothing more", async () => {
    const v8Runtime = createV8Runtime();
    const runtime = driverRuntime({ v8Runtime });
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const running = runtime.exec("console.log(1); setInterval(() => {}, 1000)", {
      onStdio: () => resolve(),
    });
    await up;
    await v8Runtime.dispose();
    assert.equal((await running).code, 143);
    await assert.rejects(runtime.exec("1"), { code: "ERR_VM_DISPOSED" });
  });

  test("create takes one, too", async () => {
    await using v8Runtime = createV8Runtime();
    const machine = ownedByTest(await NodeRuntime.create({ v8Runtime }));
    assert.equal(machine.isolation.level, "shared");
    assert.equal((await machine.exec("console.log(1)")).stdout, "1\n");
    await assert.rejects(NodeRuntime.create({ v8Runtime, isolation: "process" }), {
      code: "ERR_INVALID_ARG_VALUE",
    });
    await v8Runtime.dispose();
    await assert.rejects(machine.exec("1"), { code: "ERR_VM_DISPOSED" });
  });
});

describe("options", () => {
  const good = {
    systemDriver: createNodeDriver(),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  };

  test("wrong ones are told by name, before anything starts", async () => {
    const wrong: [object, RegExp][] = [
      [{}, /options\.systemDriver/],
      [{ systemDriver: {} }, /options\.systemDriver.*createNodeDriver\(\)/],
      [{ ...good, runtimeDriverFactory: 1 }, /options\.runtimeDriverFactory/],
      [{ ...good, memoryLimit: 0 }, /options\.memoryLimit/],
      [{ ...good, cpuTimeLimitMs: Number.NaN }, /options\.cpuTimeLimitMs/],
      [{ ...good, timingMitigation: "on" }, /options\.timingMitigation/],
      [{ ...good, onStdio: 1 }, /options\.onStdio/],
      [{ ...good, resourceBudgets: { maxTimer: 1 } }, /maxTimer.*Did you mean maxTimers/],
    ];
    for (const [options, message] of wrong) {
      // @ts-expect-error: that is the point
      assert.throws(() => new NodeRuntime(options), { message });
    }
    const runtime = driverRuntime();
    // @ts-expect-error: that is the point
    await assert.rejects(runtime.exec(1), { code: "ERR_INVALID_ARG_TYPE" });
    // @ts-expect-error: that is the point
    await assert.rejects(runtime.exec("1", { onstdio: () => {} }), /Did you mean onStdio/);
    assert.throws(() => createV8Runtime({ maxSessions: 0 }), { code: "ERR_OUT_OF_RANGE" });
  });

  test("a runtime of either face is a NodeRuntime", async () => {
    const machine = ownedByTest(await NodeRuntime.create());
    assert(driverRuntime() instanceof NodeRuntime);
    assert(machine instanceof NodeRuntime);
    assert(!({} instanceof NodeRuntime));
  });

  test("budgets and payload limits hold", async () => {
    const { lines, onStdio } = recorder();
    const runtime = driverRuntime({
      onStdio,
      resourceBudgets: { maxOutputBytes: 6, maxTimers: 2 },
      payloadLimits: { jsonPayloadBytes: 100 },
    });
    await runtime.exec("console.log('one'); console.log('two')");
    assert.deepEqual(lines, ["stdout:one"]);
    const timers = await runtime.exec("for (let i = 0; i < 9; i++) setTimeout(() => {}, 1)");
    assert.notEqual(timers.code, 0);
    const { code, errorMessage, exports } = await runtime.run("export default 'x'.repeat(200)");
    assert.deepEqual([code, exports], [1, undefined]);
    assert.match(errorMessage ?? "", /exports are too long.* 100 bytes/);
  });
});

// Resident runners: whose output and whose errors are whose, values, what ends the process and what is said of it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { AsyncLocalStorage } from "node:async_hooks";
import { text } from "node:stream/consumers";
import type { NodeRuntime, ResidentRunner } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

type CreateOptions = Parameters<typeof NodeRuntime.create>[0];

async function withRunner<T>(
  options: CreateOptions,
  work: (runner: ResidentRunner, runtime: NodeRuntime) => Promise<T>,
): Promise<T> {
  return await withRuntime(options, async (runtime) => {
    const runner = await runtime.createResidentRunner();
    return await work(runner, runtime);
  });
}

const done = { stderr: "", exitCode: 0 };

describe("the output of a snippet", () => {
  test("is its own, whole and in order, however much and by whatever way", async () => {
    await withRunner({}, async (runner) => {
      const ways = {
        stream: "process.stdout.write(text)",
        pieces: "for (let i = 0; i < 300; i++) process.stdout.write(text.slice(0, 1000))",
        descriptor: "import { writeSync } from 'node:fs'; writeSync(1, text)",
        child: `import { execFileSync } from 'node:child_process';
          execFileSync('seq', ['60000'], { stdio: ['ignore', 'inherit', 'inherit'] })`,
        console: "console.log(text)",
      };
      for (const [name, code] of Object.entries(ways)) {
        const { stdout } = await runner.exec(`const text = "y".repeat(300_000); ${code}`);
        const expected = { child: 348_894, console: 300_001 }[name] ?? 300_000;
        assert.equal(stdout.length, expected, name);
        assert.deepEqual(await runner.exec("console.log('b')"), { stdout: "b\n", ...done }, name);
      }
      const errors = await runner.exec("process.stderr.write('e'.repeat(200_000)); console.log(1)");
      assert.deepEqual([errors.stdout, errors.stderr.length], ["1\n", 200_000]);
    });
  });

  test("is bounded as that of exec, and cut at a character", async () => {
    const limits = { jsRuntime: { capturedOutputLimitBytes: 1 << 20 } };
    await withRunner({ limits }, async (runner) => {
      const flood = `import { writeSync } from "node:fs";
        const b = Buffer.alloc(1 << 20, "y"); for (let i = 0; i < 50; i++) writeSync(1, b);`;
      const result = await runner.exec(flood);
      assert.deepEqual([result.stdout.length, result.stdoutTruncated], [1 << 20, true]);
      const next = await runner.exec("console.log('ü'.repeat(10))", { maxOutputBytes: 5 });
      assert.deepEqual(next, { stdout: "üü", stdoutTruncated: true, ...done });
      const none = await runner.exec("console.log(1); console.error(2)", { maxOutputBytes: 0 });
      assert.deepEqual(
        [none.stdout, none.stdoutTruncated, none.stderr, none.stderrTruncated],
        ["", true, "", true],
      );
    });
  });

  test("comes as it is written, in the context of the call, and makes the snippet wait", async () => {
    const tenant = new AsyncLocalStorage<string>();
    await withRunner({}, async (runner) => {
      for (const name of ["one", "two"]) {
        await tenant.run(name, async () => {
          const chunks: string[] = [];
          const contexts = new Set<string | undefined>();
          const { stdout } = await runner.exec("console.log('a'); console.log('b');", {
            onStdout: async (chunk) => {
              contexts.add(tenant.getStore());
              await null;
              chunks.push(Buffer.from(chunk).toString());
            },
          });
          assert.equal(chunks.join(""), stdout);
          assert.deepEqual([...contexts], [name]);
        });
      }
    });
  });

  test("of earlier snippets is told apart, also while another one runs", async () => {
    await withRunner({}, async (runner) => {
      await runner.exec(`globalThis.gate = Promise.withResolvers();
        gate.promise.then(() => { console.log("late"); console.error("late error"); });`);
      const { background, ...own } = await runner.exec(`console.log("now");
        gate.resolve(); await new Promise((resolve) => setTimeout(resolve, 5)); console.log("end");`);
      assert.deepEqual(own, { stdout: "now\nend\n", ...done });
      assert.deepEqual(background, { stdout: "late\n", stderr: "late error\n" });
      const next = await runner.exec("console.log('next')");
      assert.deepEqual(next, { stdout: "next\n", ...done });
    });
  });

  test("between snippets goes to no snippet", async () => {
    await withRunner({}, async (runner, runtime) => {
      await runner.exec(`import { existsSync, writeFileSync } from "node:fs";
        const asked = setInterval(() => {
          if (!existsSync("/tmp/go")) return;
          clearInterval(asked);
          console.log("late"); process.stdout.write("é"); writeFileSync("/tmp/done", "");
        }, 1);`);
      await runtime.writeFile("/tmp/go", "");
      while (!(await runtime.exists("/tmp/done"))) await runtime.exec("1");
      const { background, ...own } = await runner.exec("console.log('n')");
      assert.deepEqual(own, { stdout: "n\n", ...done });
      assert.deepEqual(background, { stdout: "late\né", stderr: "" });
    });
  });
});

describe("the errors of a snippet", () => {
  test("have their place, and its own frames only", async () => {
    await withRunner({}, async (runner) => {
      const syntax = await runner.exec("const a = 1;\n\nlet x = ;");
      assert.equal(syntax.exitCode, 1);
      assert.match(
        syntax.stderr,
        /^snippet-1\.mjs:3\nlet x = ;\n {8}\^\nSyntaxError: Unexpected token ';'\n$/,
      );
      const thrown = await runner.exec(
        "function f() {\n  throw new TypeError('bad', { cause: 1 });\n}\nf();",
      );
      assert.match(
        thrown.stderr,
        /^TypeError: bad\n {4}at f \(snippet-2\.mjs:2:9\)\n {4}at snippet-2\.mjs:4:1 \{\n {2}\[cause\]: 1\n\}\n$/,
      );
      const later = await runner.exec("await null;\nnull.x;");
      assert.match(later.stderr, /^TypeError: .*\n {4}at snippet-3\.mjs:2:6\n$/);
      const value = await runner.exec("throw { a: 1 };");
      assert.equal(value.stderr, "Uncaught { a: 1 }\n");
      const missing = await runner.exec("import './nothing.mjs';");
      assert.match(missing.stderr, /ERR_MODULE_NOT_FOUND.*nothing\.mjs/s);
      for (const { stderr } of [syntax, thrown, later, missing]) {
        assert.doesNotMatch(stderr, /\[eval1\]:|node:/);
      }
      const stack = await runner.exec("console.log(new Error('e').stack)");
      assert.doesNotMatch(stack.stdout, /eval1/);
    });
  });

  test("are its own whatever brings them, and the process goes on", async () => {
    await withRunner({}, async (runner) => {
      await runner.exec("globalThis.kept = 7");
      const wait = "await new Promise((resolve) => setTimeout(resolve, 20));";
      for (const code of [
        "Promise.reject(new Error('boom'))",
        `Promise.reject(new Error('boom')); ${wait}`,
        `setTimeout(() => { throw new Error('boom') }, 1); ${wait}`,
        `setImmediate(() => { throw new Error('boom') }); ${wait}`,
        `process.nextTick(() => { throw new Error('boom') }); ${wait}`,
        `queueMicrotask(() => { throw new Error('boom') }); ${wait}`,
        "await Promise.reject(new Error('boom'))",
      ]) {
        const { stdout, stderr, exitCode } = await runner.exec(code);
        assert.deepEqual([stdout, exitCode], ["", 1], code);
        assert.match(stderr, /^Error: boom\n/, code);
        const next = await runner.exec("console.log(kept); await null; console.log('ok')");
        assert.deepEqual(
          { ...next, background: undefined },
          { stdout: "7\nok\n", ...done, background: undefined },
        );
      }
    });
  });

  test("never fail a later one, and are told with it", async () => {
    await withRunner({}, async (runner) => {
      const starts = {
        timer: "setTimeout(() => { throw new Error('boom') }, 1)",
        rejection: "setTimeout(() => { Promise.reject(new Error('boom')) }, 1)",
        "async function": "(async () => { await null; throw new Error('boom'); })()",
        emitter: "setTimeout(() => new EventEmitter().emit('error', new Error('boom')), 1)",
      };
      for (const [name, start] of Object.entries(starts)) {
        const begin = `import { EventEmitter } from "node:events";
          globalThis.gate = Promise.withResolvers(); gate.promise.then(() => { ${start}; });`;
        assert.deepEqual(await runner.exec(begin), { stdout: "", ...done }, name);
        const { background, ...own } = await runner.exec(`gate.resolve();
          await new Promise((resolve) => setTimeout(resolve, 30)); console.log("fine")`);
        assert.deepEqual(own, { stdout: "fine\n", ...done }, name);
        assert.match(background?.stderr ?? "", /^(?:node:events:\d+\n.*)?Error: boom\n/s, name);
      }
    });
  });

  test("can be taken care of by listeners of the snippets", async () => {
    await withRunner({}, async (runner) => {
      await runner.exec("process.on('unhandledRejection', (e) => console.log('heard', e.message))");
      const heard = await runner.exec(
        "Promise.reject(new Error('x')); await new Promise((r) => setTimeout(r, 5));",
      );
      assert.deepEqual(heard, { stdout: "heard x\n", ...done });
    });
  });

  test("are the runner's also when snippets have removed all listeners", async () => {
    const removals = [
      "process.removeAllListeners()",
      "process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')",
      "for (const e of process.eventNames()) for (const l of process.listeners(e)) process.removeListener(e, l)",
      "process.on('uncaughtException', () => {}); process.removeAllListeners('uncaughtException')",
    ];
    const errors = {
      timer:
        "setTimeout(() => { throw new Error('timer') }, 1); await new Promise((r) => setTimeout(r, 20))",
      microtask: "queueMicrotask(() => { throw new Error('microtask') })",
      rejection: "Promise.reject(new Error('rejection'))",
      tick: "process.nextTick(() => { throw new Error('tick') })",
    };
    for (const removal of removals) {
      for (const together of [true, false]) {
        await withRunner({}, async (runner) => {
          await runner.exec("globalThis.kept = 1");
          for (const [name, code] of Object.entries(errors)) {
            if (!together) assert.equal((await runner.exec(removal)).exitCode, 0);
            const result = await runner.exec(together ? `${removal}; ${code}` : code);
            assert.deepEqual([result.exitCode, result.restarted], [1, undefined], removal);
            assert.match(result.stderr, new RegExp(`^Error: ${name}\n`), removal);
          }
          assert.equal((await runner.evaluate("kept")).value, 1);
        });
      }
    }
  });

  test("of callbacks reject the call and end the process", async () => {
    await withRunner({}, async (runner) => {
      const error = new Error("mine");
      for (const onStdout of [
        () => {
          throw error;
        },
        async () => {
          throw error;
        },
      ]) {
        await assert.rejects(runner.exec("console.log(1)", { onStdout }), error);
        const next = await runner.exec("console.log(2)");
        assert.deepEqual([next.stdout, next.restarted], ["2\n", true]);
      }
    });
  });
});

describe("after the end of its process a runner says that it has a new one", () => {
  const ends: Record<string, [string, number, RegExp]> = {
    "process.exit": ["console.log('x'); process.exit(3)", 3, /^$/],
    "process.exit with much output": ["process.stdout.write('x'); process.exit(0)", 0, /^$/],
    "a signal": [
      "console.log('x'); process.kill(process.pid, 'SIGTERM'); await new Promise(() => setInterval(() => {}, 9))",
      143,
      /^$/,
    ],
    "an await that never settles": [
      "console.log('x'); await new Promise(() => {})",
      13,
      /unsettled top-level await/,
    ],
    "an abort": ["console.log('x'); process.abort()", 134, /.*/],
  };
  for (const [name, [code, status, stderr]] of Object.entries(ends)) {
    test(`by ${name}`, async () => {
      await withRunner({}, async (runner) => {
        await runner.exec("globalThis.kept = 1");
        const ended = await runner.exec(code);
        assert.equal(ended.exitCode, status);
        assert.match(ended.stdout, /^x/);
        assert.match(ended.stderr, stderr);
        assert.equal(ended.restarted, undefined);
        const next = await runner.exec("console.log(typeof kept)");
        assert.deepEqual(next, { stdout: "undefined\n", ...done, restarted: true });
        assert.equal((await runner.exec("1")).restarted, undefined);
      });
    });
  }

  test("between snippets", async () => {
    await withRunner({}, async (runner, runtime) => {
      await runner.exec("setTimeout(() => process.exit(5), 1)");
      while ((await runtime.processes()).length > 0) await runtime.exec("1");
      const next = await runner.exec("console.log(1)");
      assert.deepEqual([next.stdout, next.exitCode, next.restarted], ["1\n", 0, true]);
    });
  });

  test("by a timeout, with what was written", async () => {
    await withRunner({}, async (runner) => {
      const endless = "console.log('before'); for (;;);";
      await assert.rejects(runner.exec(endless, { timeout: 300 }), {
        code: "ERR_TIMEOUT",
        stdout: "before\n",
      });
      assert.equal((await runner.exec("1")).restarted, true);
    });
  });

  test("by a signal that aborts, which is the reason", async () => {
    await withRunner({}, async (runner) => {
      const controller = new AbortController();
      const onStdout = () => controller.abort(new Error("enough"));
      const code = "console.log('up'); setInterval(() => {}, 1000); await new Promise(() => {})";
      const { signal } = controller;
      await assert.rejects(runner.exec(code, { signal, onStdout }), /enough/);
      await assert.rejects(runner.exec("1", { signal }), /enough/);
      assert.equal((await runner.exec("1")).restarted, true);
    });
  });

  test("by a heap that is full, which is the limit of exec", async () => {
    await withRunner({ limits: { jsRuntime: { v8HeapLimitMb: 32 } } }, async (runner, runtime) => {
      const full = "const a = []; for (;;) a.push(new Array(1e5).fill(1.5))";
      const limit = { code: "ERR_RESOURCE_LIMIT", limit: "limits.jsRuntime.v8HeapLimitMb" };
      await assert.rejects(runtime.exec(full), limit);
      await assert.rejects(runner.exec(full), limit);
      assert.equal((await runner.exec("1")).restarted, true);
      await assert.rejects(runner.evaluate(full), limit);
    });
  });
});

describe("values", () => {
  test("of run are what was handed back, as JSON", async () => {
    await withRunner({}, async (runner) => {
      const { value, stdout } = await runner.run<{ a: number[] }>(
        "console.log(1); __return({ a: [1] }); __return({ a: [2] });",
      );
      assert.deepEqual([value, stdout], [{ a: [2] }, "1\n"]);
      assert.equal((await runner.run("__return(undefined)")).value, null);
      assert.equal("value" in (await runner.run("1")), false);
      const failed = await runner.run("__return(1); throw 1");
      assert.deepEqual([failed.exitCode, "value" in failed], [1, false]);
      for (const wrong of [
        "1n",
        "() => {}",
        "Symbol()",
        "(() => { const a = {}; a.a = a; return a })()",
      ]) {
        const { exitCode, stderr } = await runner.run(`__return(${wrong})`);
        assert.equal(exitCode, 1, wrong);
        assert.match(stderr, /TypeError/, wrong);
      }
      assert.equal((await runner.exec("console.log(typeof __return)")).stdout, "undefined\n");
      const large = "__return('x'.repeat(17 * 1024 * 1024))";
      await assert.rejects(runner.run(large), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.jsRuntime.returnValueLimitBytes",
      });
      const next = await runner.run("__return(1)");
      assert.deepEqual([next.value, next.restarted], [1, undefined]);
    });
  });

  test("of evaluate are those of the last expression", async () => {
    await withRunner({}, async (runner) => {
      const values: Record<string, unknown> = {
        "1 + 1": 2,
        "const a = 1; let b = 2; a + b": 3,
        "if (true) { 'yes' }": "yes",
        "await Promise.resolve(5)": 5,
        "Promise.resolve(6)": 6,
        "const c = await 7; c * 2": 14,
        "{ a: 1, b: [2] }": { a: 1, b: [2] },
        "({}).x": undefined,
        "let z = 1;": undefined,
        "": undefined,
        null: null,
        "-0": -0,
        NaN: Number.NaN,
        "2n ** 70n": 2n ** 70n,
        "'\\ud83c\\udf89 \\u2028'": "🎉 \u2028",
        "new Date(5)": new Date(5),
        "/a\\/b/gi": /a\/b/gi,
        "new Map([[1, new Set(['x'])], [{ k: 1 }, undefined]])": new Map<unknown, unknown>([
          [1, new Set(["x"])],
          [{ k: 1 }, undefined],
        ]),
        "new Uint8Array([1, 2, 3]).subarray(1)": new Uint8Array([2, 3]),
        "Buffer.from('hi')": new Uint8Array([104, 105]),
        "new Float64Array([0.1, NaN])": new Float64Array([0.1, Number.NaN]),
        "new ArrayBuffer(3)": new ArrayBuffer(3),
        "[1, , 3]": [1, undefined, 3].map((x) => x),
        "Object.assign([1], { extra: 2 })": Object.assign([1], { extra: 2 }),
        "class Point { x = 1 }; new Point()": { x: 1 },
        'JSON.parse(\'{"__proto__": 1, "constructor": 2}\')': JSON.parse(
          '{"__proto__": 1, "constructor": 2}',
        ),
      };
      for (const [code, expected] of Object.entries(values)) {
        const { value, exitCode, stderr } = await runner.evaluate(code);
        assert.equal(exitCode, 0, `${code}: ${stderr}`);
        if (code.startsWith("[1, ,")) assert.equal(1 in (value as unknown[]), false);
        else assert.deepEqual(value, expected, code);
      }
      const { value } = await runner.evaluate<{ self: unknown; twice: unknown[] }>(
        "const o = {}; o.self = o; o.twice = [o.self, o]; o",
      );
      assert.equal(value?.self, value);
      assert.equal(value?.twice[0], value?.twice[1]);
      const error = (await runner.evaluate<Error>("new RangeError('r', { cause: [1] })")).value;
      assert.ok(error instanceof RangeError);
      assert.deepEqual([error.message, error.cause], ["r", [1]]);
      assert.match(String(error.stack), /snippet-\d+\.mjs/);
      const deep = await runner.evaluate(
        "let d = []; for (let i = 0; i < 1e5; i++) d = [d]; [[d].length]",
      );
      assert.deepEqual(deep.value, [1]);
    });
  });

  test("of evaluate that cannot be cloned fail the snippet", async () => {
    await withRunner({}, async (runner) => {
      for (const code of [
        "() => 1",
        "Symbol('s')",
        "new WeakMap()",
        "({ f() {} })",
        "new SharedArrayBuffer(8)",
      ]) {
        const { exitCode, stderr, ...rest } = await runner.evaluate(
          `let kept = 1; ${code.replace(/^\(\{/, ";({")}`,
        );
        assert.equal(exitCode, 1, code);
        assert.match(stderr, /DataCloneError|could not be cloned/, code);
        assert.equal("value" in rest, false);
      }
      assert.equal((await runner.evaluate("kept")).value, 1);
    });
  });

  test("of evaluate that cannot be cloned are named", async () => {
    await withRunner({}, async (runner) => {
      const named: Record<string, RegExp> = {
        "new URL('http://a')": /^DOMException \[DataCloneError\]: URL could not be cloned/,
        "({ a: { b: [1, new Response()] } })": /: Response at \.a\.b\.1 could not be cloned/,
        "new Map([['x', new Headers()]])": /: Headers at /,
        "[new Blob([])]": /Blob/,
        "export const e = 5": /^SyntaxError: evaluate\(\) takes no export: .*\n$/,
        "export default 5": /^SyntaxError: evaluate\(\) takes no export/,
      };
      for (const [code, message] of Object.entries(named)) {
        const { exitCode, stderr } = await runner.evaluate(code);
        assert.equal(exitCode, 1, code);
        assert.match(stderr, message, code);
      }
    });
  });

  test("of evaluate that are too long fail the snippet, and nothing else", async () => {
    const limits = { jsRuntime: { returnValueLimitBytes: 1000 } };
    await withRunner({ limits }, async (runner) => {
      await runner.evaluate("let kept = 1");
      const limit = "limits.jsRuntime.returnValueLimitBytes";
      for (const [code, used] of [
        ["'x'.repeat(1001)", 1005],
        ["new Array(5000)", 5000],
        ["'ü'.repeat(600)", 1204],
      ] as const) {
        const { exitCode, stderr, ...rest } = await runner.evaluate(code);
        assert.equal(exitCode, 1, code);
        assert.match(stderr, new RegExp(`^RangeError: .*${used} bytes, ${limit} is 1000`), code);
        assert.deepEqual(rest, { stdout: "", limits: [{ limit, bound: 1000, used }] });
      }
      // Short as it travels, and more when it is parsed.
      const many = await runner.evaluate("Array.from({ length: 70 }, () => [])");
      assert.deepEqual([many.exitCode, many.limits?.[0]?.limit], [1, limit]);
      assert.match(many.stderr, /^RangeError: The value of the snippet is too long: .*\n$/);
      assert.equal((await runner.evaluate("'x'.repeat(kept)")).value, "x");
    });
  });

  test("of evaluate that the host's Node.js has no type for fail the snippet", async () => {
    // As Node.js 20 and 22 are.
    const program = `
      delete globalThis.Float16Array;
      const { NodeRuntime } = await import("secure-exec");
      const runtime = await NodeRuntime.create();
      const runner = await runtime.createResidentRunner();
      await runner.evaluate("let kept = 1");
      let shown = "";
      const onStderr = (chunk) => { shown += Buffer.from(chunk); };
      const failed = await runner.evaluate("({ a: new Float16Array([1.5]) })", { onStderr });
      console.log(JSON.stringify([failed, shown, await runner.evaluate("kept")]));
      await runtime.dispose();`;
    const host = spawn(process.execPath, ["--input-type=module", "-e", program], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [failed, shown, next] = JSON.parse(await text(host.stdout));
    assert.match(
      failed.stderr,
      /^DOMException \[DataCloneError\]: Float16Array could not be cloned/,
    );
    assert.deepEqual([failed.exitCode, failed.stderr], [1, shown]);
    assert.deepEqual([next.value, next.restarted], [1, undefined]);
  });
});

describe("evaluate", () => {
  test("takes code that ends in a comment or begins with a hash bang, as a REPL does", async () => {
    await withRunner({}, async (runner) => {
      const values: Record<string, unknown> = {
        "1 + 1 // sum": 2,
        "// nothing": undefined,
        "import os from 'node:os' // its name": undefined,
        "const x = await 3 // three": undefined,
        "x // again": 3,
        "await x // and again": 3,
        "#!/usr/bin/env node\n4": 4,
        "{ a: 1 } // an object": { a: 1 },
        "({ a: 2 }) /* one */": { a: 2 },
      };
      for (const [code, expected] of Object.entries(values)) {
        const { value, exitCode, stderr } = await runner.evaluate(code);
        assert.deepEqual({ value, exitCode, stderr }, { value: expected, exitCode: 0, stderr: "" });
      }
    });
  });

  test("has require, from the working directory on, which may be declared again", async () => {
    const files = { "/workspace/lib.cjs": "module.exports = 7;" };
    await withRunner({ files }, async (runner) => {
      assert.equal((await runner.exec("console.log(typeof require)")).stdout, "undefined\n");
      const { value } = await runner.evaluate("[require('fs') === fs, require('./lib.cjs')]");
      assert.deepEqual(value, [true, 7]);
      assert.equal(
        (await runner.evaluate("Object.keys(globalThis).includes('require')")).value,
        false,
      );
      assert.equal((await runner.evaluate("const require = 5; require")).value, 5);
      assert.equal((await runner.evaluate("require")).value, 5);
    });
  });

  test("keeps declarations and imports for the next, which may declare them again", async () => {
    const files = { "/workspace/lib.mjs": "export default 6; export const seven = 7;" };
    await withRunner({ files }, async (runner) => {
      await runner.evaluate(
        "const a = 1; let b = 2; var c = 3; function d() { return a + b + c } class E { v = d() }",
      );
      assert.equal((await runner.evaluate("new E().v")).value, 6);
      await runner.evaluate("const a = 10; b = 20;");
      assert.equal((await runner.evaluate("d()")).value, 33);
      await runner.evaluate(
        "let b; const { x, y: [z] } = await Promise.resolve({ x: 1, y: [2] });",
      );
      assert.deepEqual((await runner.evaluate("[b, x, z]")).value, [undefined, 1, 2]);
      await runner.evaluate(`import six, { seven as s } from "./lib.mjs";
        import * as os from "node:os"; import "node:path";`);
      assert.deepEqual((await runner.evaluate("[six, s, os.platform()]")).value, [6, 7, "linux"]);
      const { stdout } = await runner.exec("console.log(s, typeof d)");
      assert.equal(stdout, "7 function\n");
    });
  });

  test("says where its errors are", async () => {
    await withRunner({}, async (runner) => {
      const syntax = await runner.evaluate("1;\nlet x = ;");
      assert.match(
        syntax.stderr,
        /^snippet-1\.mjs:2\nlet x = ;\n {8}\^\n+SyntaxError: Unexpected token ';'\n$/,
      );
      const thrown = await runner.evaluate("import 'node:fs';\n\nnull.x");
      assert.match(thrown.stderr, /^TypeError: .*\n {4}at snippet-2\.mjs:3:\d+\n$/);
      const awaited = await runner.evaluate("const v = 1;\nawait null;\nundefinedName");
      assert.match(awaited.stderr, /^ReferenceError: .*\n {4}at snippet-3\.mjs:3:\d+\n$/);
      const plain = await runner.evaluate("\nthrow new Error('x')");
      assert.match(plain.stderr, /^Error: x\n {4}at snippet-4\.mjs:2:7\n$/);
    });
  });
});

describe("a runner", () => {
  test("has standard input at its end, and hides how it was started", async () => {
    await withRunner({}, async (runner) => {
      const { stdout } =
        await runner.exec(`let n = 0; for await (const c of process.stdin) n += c.length;
        console.log(n, process.execArgv.length, process.argv.length);`);
      assert.equal(stdout, "0 0 1\n");
    });
  });

  test("takes snippets of 40 MB", { timeout: 120_000 }, async () => {
    await withRunner(
      { limits: { jsRuntime: { v8HeapLimitMb: 400 }, resources: { maxMemoryBytes: 1 << 30 } } },
      async (runner) => {
        const { stdout } = await runner.exec(`/*${"x".repeat(40_000_000)}*/ console.log("end")`);
        assert.equal(stdout, "end\n");
      },
    );
  });

  test("counts processor time for each snippet", { timeout: 120_000 }, async () => {
    await withRunner({ limits: { jsRuntime: { cpuTimeLimitMs: 500 } } }, async (runner) => {
      const busy = `const used = () => { const { user, system } = process.cpuUsage(); return user + system; };
        for (const start = used(); used() - start < 200_000; );`;
      for (let i = 0; i < 5; i++) {
        const { exitCode, restarted } = await runner.exec(busy);
        assert.deepEqual([exitCode, restarted], [0, undefined]);
      }
      const limit = "limits.jsRuntime.cpuTimeLimitMs";
      await assert.rejects(runner.exec("for (;;);"), { code: "ERR_RESOURCE_LIMIT", limit });
    });
  });

  test("runs one snippet at a time and refuses what is wrong", async () => {
    await withRunner({}, async (runner) => {
      const slow = runner.exec("await new Promise((resolve) => setTimeout(resolve, 20))");
      for (const method of ["exec", "run", "evaluate"] as const) {
        await assert.rejects(runner[method]("1"), { code: "ERR_RUNNER_BUSY" });
        await assert.rejects(runner[method](1 as never), TypeError);
        await assert.rejects(runner[method]("1", { timeout: -1 }), RangeError);
        await assert.rejects(runner[method]("1", { stdin: "x" } as never), TypeError);
      }
      await slow;
      await runner.dispose();
      await assert.rejects(runner.evaluate("1"), { code: "ERR_VM_DISPOSED" });
    });
  });

  test("that is idle does not keep the host's process alive; a snippet does", async () => {
    const code = `import { NodeRuntime } from "secure-exec";
      const runtime = await NodeRuntime.create();
      const runner = await runtime.createResidentRunner();
      await runner.exec("setInterval(() => {}, 1000)");
      runner.exec("await new Promise((resolve) => setTimeout(resolve, 50)); console.log('over')")
        .then(({ stdout }) => process.stdout.write(stdout));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      cwd: new URL(".", import.meta.url),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    const status = await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual([status, output], [0, "over\n"]);
  });
});

describe("a guest that forges answers", () => {
  const frame = `import { writeSync } from "node:fs";
    const send = (type, body) => {
      const head = Buffer.alloc(5); head.writeUInt32LE(body.length + 1); head[4] = type;
      writeSync(4, Buffer.concat([head, Buffer.from(body)]));
    };`;

  test("does not settle other snippets", async () => {
    await withRunner({}, async (runner) => {
      const id = "00000000-0000-0000-0000-000000000000";
      const forged = await runner.exec(
        `${frame} for (let i = 0; i < 100; i++) send(0, '${id}{"status":9}'); console.log("own");`,
      );
      assert.deepEqual(forged, { stdout: "own\n", ...done });
      await runner.exec(`${frame} setTimeout(() => send(0, '${id}{"status":9}'), 1)`);
      const next = await runner.exec(
        "await new Promise((r) => setTimeout(r, 10)); console.log('next')",
      );
      assert.deepEqual(next, { stdout: "next\n", ...done });
    });
  });

  for (const [name, code] of Object.entries({
    "a length that is too much": "writeSync(4, Buffer.alloc(64, 0xff))",
    "a length of nothing": "writeSync(4, Buffer.alloc(8))",
    "a kind that does not exist": "send(77, 'x')",
  })) {
    test(`is ended for ${name}`, async () => {
      await withRunner({}, async (runner) => {
        const wait = "setInterval(() => {}, 1000); await new Promise(() => {});";
        assert.equal((await runner.exec(`${frame} ${code}; ${wait}`)).exitCode, 137);
        assert.deepEqual(await runner.exec("console.log(1)"), {
          stdout: "1\n",
          ...done,
          restarted: true,
        });
      });
    });
  }

  test("gives values that are none only to itself", async () => {
    await withRunner({}, async (runner) => {
      const forge = (text: string) =>
        runner.evaluate(`JSON.stringify = () => ${JSON.stringify(text)}; 1`);
      const wrong = [
        "",
        "1",
        "[]",
        "[{}]",
        '[["x"]]',
        '[["a", 1]]',
        '[["a", [5]]]',
        '[["a", ["0"]]]',
        '[["m", 0, -1]]',
        '[["o", 1, 0]]',
        '[["t", "Uint8Array", 0, 0, 1]]',
        '[["t", "Uint8Array", 1, 0, 9], ["B", "AA=="]]',
        '[["t", "constructor", 1, 0, 1], ["B", "AA=="]]',
        '[["O", 0]]',
        '[["B", 5]]',
        '[["r", "(", ""]]',
        '[["b", "x"]]',
        '[["e", 1, 2, 3, -1]]',
      ];
      for (const text of wrong) {
        await assert.rejects(forge(text), { code: "ERR_INVALID_VALUE" }, text);
      }
      const { value } = await forge('[["o", "__proto__", 1], ["o", "polluted", 2], true]');
      assert.deepEqual(Object.keys(value as object), ["__proto__"]);
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    });
  });

  test("does not fill the host by what it writes between snippets", async () => {
    const limits = { jsRuntime: { capturedOutputLimitBytes: 100_000 } };
    await withRunner({ limits }, async (runner) => {
      await runner.exec(`${frame} globalThis.send = send;
        const flood = setInterval(() => { send(1, "x".repeat(60_000)); console.log("y".repeat(60_000)); }, 0);`);
      await runner.exec("await new Promise((r) => setTimeout(r, 100))");
      const { background } = await runner.exec("await new Promise((r) => setTimeout(r, 100))");
      assert.equal(background?.stdout.length, 100_000);
      assert.equal(background?.stdoutTruncated, true);
    });
  });
});

test("a runner works on with globals that snippets define anew or delete", async () => {
  await withRunner({}, async (runner) => {
    await runner.evaluate(
      "class Map {}; class Set {}; var Buffer = 1, JSON = null, Number = null, String = null, Error = null, Promise = null",
    );
    const deleted = await runner.evaluate("delete globalThis.process; delete globalThis.Buffer; 2");
    assert.deepEqual([deleted.value, deleted.stderr], [2, ""]);
    for (const [code, value] of [
      ["[typeof process, JSON]", ["undefined", null]],
      ["({ a: [1, 2n] })", { a: [1, 2n] }],
      ["new Uint8Array([7])", new Uint8Array([7])],
    ] as const) {
      assert.deepEqual((await runner.evaluate(code)).value, value, code);
    }
    const failed = await runner.exec("throw 1");
    assert.deepEqual(
      [failed.exitCode, failed.stderr, failed.restarted],
      [1, "Uncaught 1\n", undefined],
    );
  });
});

test("the program of a runner is no argument of its process", async () => {
  await withRunner({}, async (runner, runtime) => {
    const seen = await runner.evaluate<string[][]>("[process.argv, process.execArgv]");
    assert.deepEqual(seen.value, [["/usr/bin/node"], []]);
    const [runnerProcess] = await runtime.processes();
    assert.equal(runnerProcess?.argv.length, 2);
    const { stdout } = await runtime.execCommand("sh", ["-c", "ps -o args= -e"]);
    assert.doesNotMatch(stdout, /expose-internals|import /);
  });
});

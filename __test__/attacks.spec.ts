// Guests that try to exhaust memory and time. Each harms only its own machine, which works again
// afterwards, and ends in a typed way.

import assert from "node:assert/strict";
import { attack, type End, Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

/** The guest failed by itself, hit a limit, or lost its process: anything but success or silence. */
function assertEnded(end: End): void {
  const isFailure = end.exitCode !== undefined && end.exitCode !== 0;
  assert.ok(isFailure || end.code?.startsWith("ERR_"), JSON.stringify(end));
}

describe("memory", () => {
  const limits = {
    jsRuntime: { v8HeapLimitMb: 64 },
    resources: { maxMemoryBytes: 384 * 1024 * 1024 },
  };
  const attacks: Record<string, string> = {
    "1 objects": "const a = []; for (;;) a.push({});",
    "2 a filled array": "const a = []; for (;;) a.push(Array(1e8).fill(0));",
    "3 spread of a long string": "[...'.'.repeat(5e8)]; for (;;) [...'.'.repeat(5e8)];",
    "4 a map": "const m = new Map(); for (let i = 0; ; i++) m.set(i, 'v' + i);",
    "4 keys": "const o = {}; for (let i = 0; ; i++) o['k' + i] = i;",
    "5 clones": "let o = { a: [1, 2, 3] }; for (;;) o = structuredClone({ o, p: o });",
    "6 a sorted array":
      "for (const k = []; ; k.push(Array.from({ length: 1e7 }, Math.random).sort()));",
    "7 a replacement":
      "const a = []; for (;;) a.push('a'.repeat(1e6).replace(/a/g, '$&'.repeat(500)));",
    "7 a split": "const a = []; for (;;) a.push('x'.repeat(2 ** 28).split(''));",
    "8 filled buffers": "const a = []; for (;;) a.push(new Uint8Array(1e8).fill(1));",
    "9 an impossible buffer": "new ArrayBuffer(2 ** 40);",
    "10 a resizable buffer": `
      const b = new ArrayBuffer(0, { maxByteLength: 8 * 2 ** 30 });
      for (let n = 0; ; n += 2 ** 26) { b.resize(n); new Uint8Array(b).fill(1); }
    `,
    "11 a growable shared buffer": `
      const b = new SharedArrayBuffer(0, { maxByteLength: 8 * 2 ** 30 });
      for (let n = 0; ; n += 2 ** 26) { b.grow(n); new Uint8Array(b).fill(1); }
    `,
    "12 WebAssembly memories": `
      const a = [];
      for (;;) { const m = new WebAssembly.Memory({ initial: 1024 }); new Uint8Array(m.buffer).fill(1); a.push(m); }
    `,
    "14 Intl":
      "const a = []; for (;;) a.push(new Intl.DateTimeFormat('de', { dateStyle: 'full' }));",
    "15 nested JSON": "const a = []; for (;;) a.push(JSON.parse('['.repeat(5e7)));",
    "17 promises": "const a = []; for (;;) a.push(new Promise((r) => a.push(r)));",
    "18 doubled strings": "let s = 'x'; for (;;) { s += s; s.charCodeAt(0); }",
    "19 a regular expression":
      "new RegExp(Array.from({ length: 2e6 }, (_, i) => 'a' + i).join('|')).test('b'); for (;;);",
    "nested arrays in a microtask":
      "const f = (a) => Promise.resolve().then(() => f([a, a.slice()])); await f([1]);",
    "buffers without a reference": "for (;;) Buffer.allocUnsafeSlow(5e7).fill(1), await null;",
  };
  for (const [name, code] of Object.entries(attacks)) {
    test(name, async () => {
      assertEnded(await attack(code, { limits, timeout: 5000 }));
      await sentinel.assertUnharmed();
    });
  }

  test("16 weak references", async () => {
    const end = await attack(
      "const r = new FinalizationRegistry(() => {}); for (let i = 0; i < 1e6; i++) { const o = {}; r.register(o, i); new WeakRef(o); }",
      { limits, timeout: 20_000 },
    );
    if (end.exitCode !== 0) assertEnded(end);
    await sentinel.assertUnharmed();
  });

  test("13 types of WebAssembly cost their own VM process only", async () => {
    // A module with 400,000 distinct function types; V8 has room for 2,000,000 in a process.
    const code = `
      const leb = (n) => { const b = []; do { b.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7; } while (n); return b; };
      const values = [0x7f, 0x7e, 0x7d, 0x7c];
      for (let round = 0; round < 6; round++) {
        const body = [...leb(400000)];
        for (let i = 0; i < 400000; i++) {
          const parameters = [];
          for (let n = i + round * 400000, k = 0; k < 11; k++, n >>>= 2) parameters.push(values[n & 3]);
          body.push(0x60, 11, ...parameters, 0);
        }
        const bytes = new Uint8Array(8 + 1 + leb(body.length).length + body.length);
        bytes.set([0, 97, 115, 109, 1, 0, 0, 0, 1]);
        bytes.set(leb(body.length), 9);
        bytes.set(body, 9 + leb(body.length).length);
        new WebAssembly.Module(bytes);
      }
    `;
    assertEnded(await attack(code, { timeout: 20_000 }));
    const fresh = await attack(
      "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0]));",
    );
    assert.equal(fresh.exitCode, 0, JSON.stringify(fresh));
    await sentinel.assertUnharmed();
  });

  test("20 many greedy machines at a time all end in a typed way", async () => {
    const greedy =
      "const a = []; for (let i = 0; i < 16; i++) a.push(new Uint8Array(4e6).fill(1)); console.log('fed');";
    const ends = await Promise.all(
      Array.from({ length: 40 }, () => attack(greedy, { timeout: 30_000 })),
    );
    for (const end of ends) if (end.exitCode !== 0) assertEnded(end);
    await sentinel.assertUnharmed();
  });
});

describe("CPU", () => {
  const interruptible: Record<string, string> = {
    "21 a loop": "for (;;);",
    "22 a loop in finally": "try { for (;;); } finally { for (;;); }",
    "23 microtasks": "const f = () => queueMicrotask(f); f();",
    "23 ticks": "const f = () => process.nextTick(f); f();",
    "23 immediates": "const f = () => setImmediate(f); f();",
    "23 promises": "for (;;) await null;",
    "24 backtracking": "/^(a+)+$/.test('a'.repeat(40) + 'b');",
    "26 proxy traps":
      "globalThis.__return?.(new Proxy({}, { ownKeys() { for (;;); } })); for (;;);",
    "27 conversions":
      "console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); } });",
    "27 toString": "process.stdout.write(String({ toString() { for (;;); } }));",
    "28 a wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    "30 a caught termination": "for (;;) try { for (;;); } catch {}",
    "32 waiting": "await new Promise((r) => setTimeout(r, 1e8));",
  };
  for (const [name, code] of Object.entries(interruptible)) {
    test(name, async () => {
      const end = await attack(code, { timeout: 400 });
      assert.deepEqual([end.exitCode, end.timedOut], [137, true], JSON.stringify(end));
      assert.ok(end.ms < 400 + 600, `took ${end.ms} ms`);
      await sentinel.assertUnharmed();
    });
  }

  const uninterruptible: Record<string, string> = {
    "29 a power": "3n ** 600000000n;",
    "25 multiplied integers": "let n = 7n ** 10000000n; for (;;) n = n * n % (7n ** 9999999n);",
    "25 a printed integer": "(7n ** 30000000n).toString();",
    "25 a search in nothing": "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);",
    "25 a joined hole": "Array(2 ** 27).join('ab'); for (;;) Array(2 ** 27).join('ab').length;",
    "25 a sorted hole": "const a = []; a.length = 2 ** 32 - 1; a.sort();",
    "25 a copied range": "Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 1, 0);",
    "25 a filled object": "Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 0);",
    "25 a reversed object": "Array.prototype.reverse.call({ length: 2 ** 53 - 1 });",
    "25 a search of strings":
      "const s = 'a'.repeat(2 ** 28); for (;;) s.lastIndexOf('a'.repeat(1e6) + 'b');",
    "25 normalised text": "const s = 'e\\u0301'.repeat(2 ** 26); for (;;) s.normalize('NFC');",
    "25 compared text": "const s = 'é'.repeat(2 ** 26); for (;;) s.localeCompare(s + 'a');",
    "25 parsed JSON": "const s = '[' + '1,'.repeat(5e7) + '1]'; for (;;) JSON.parse(s);",
    "25 a typed array":
      "const a = new Float64Array(2 ** 24).map(Math.random); for (;;) a.slice().sort();",
  };
  for (const [name, code] of Object.entries(uninterruptible)) {
    test(name, async () => {
      const end = await attack(code, { timeout: 400 });
      assertEnded(end);
      assert.ok(end.ms < 400 + 2000, `took ${end.ms} ms`);
      await sentinel.assertUnharmed();
    });
  }

  test("31 nothing runs after a timeout", async () => {
    const end = await attack(
      `
        process.on("exit", () => console.error("exit ran"));
        setTimeout(() => console.error("timer ran"), 1);
        Promise.resolve().then(() => console.error("microtask ran"));
        try { for (;;); } finally { console.error("finally ran"); }
      `,
      { timeout: 200 },
    );
    assert.equal(end.stderr, "");
    assert.equal(end.timedOut, true);
  });

  const deep: Record<string, string> = {
    calls: "const f = () => f() + 1; f();",
    proxies: "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x;",
    "nested JSON": "JSON.stringify(JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)));",
    parentheses: "eval('('.repeat(1e6) + ')'.repeat(1e6));",
    "a regular expression": "new RegExp('('.repeat(1e6) + ')'.repeat(1e6));",
    conversions: "const o = { toString() { return '' + o; } }; String(o);",
    inspection: "let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; structuredClone(o);",
  };
  for (const [name, code] of Object.entries(deep)) {
    test(`33 too deep: ${name}`, async () => {
      const end = await attack(
        `try { ${code} } catch (e) { console.error(e.name); process.exit(9); }`,
      );
      // A catchable error, or the end of that guest; never the end of more.
      assert.ok(
        end.exitCode === 0 || end.exitCode === 9 || end.code?.startsWith("ERR_"),
        JSON.stringify(end),
      );
      await sentinel.assertUnharmed();
    });
  }
});

describe("escapes", () => {
  /** What is refused, or reaches only what is the guest's own: the program goes on to its end. */
  const harmless: Record<string, string> = {
    "34 the constructor of everything": `
      const run = (0, eval)("this").constructor.constructor;
      if (run("return process")().pid !== process.pid) throw 1;
    `,
    "37 a walk over every error": `
      import fs from "node:fs";
      const seen = new Set();
      const walk = (value) => {
        if (value === null || !["object", "function"].includes(typeof value) || seen.has(value)) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) try { walk(value[key]); } catch {}
        walk(Object.getPrototypeOf(value));
      };
      try { fs.readFileSync("/none"); } catch (error) { walk(error); }
      await fs.promises.readFile("/none").catch(walk);
    `,
    "38 callers": `
      import { createRequire } from "node:module";
      createRequire("/workspace/x")("node:fs").writeFileSync("sloppy.cjs",
        "module.exports = function f() { return [f.caller, f.arguments?.callee?.caller]; };");
      const callers = createRequire("/workspace/x")("./sloppy.cjs");
      for (const caller of [[1].map(callers), await Promise.resolve(1).then(callers)].flat(2))
        if (typeof caller === "function") caller.constructor("return process")().exit(3);
    `,
    "41 flags and other realms": `
      import v8 from "node:v8";
      import vm from "node:vm";
      for (const flag of ["--allow-natives-syntax", "--expose-gc", "--jitless", "--stack-size=1000000", "--no-flush-bytecode"])
        try { v8.setFlagsFromString(flag); } catch {}
      const f = () => f() + 1;
      try { f(); } catch {}
      vm.runInNewContext("const g = () => g() + 1; try { g(); } catch {}");
      try { new ShadowRealm().evaluate("1"); } catch {}
    `,
    "42 imports of other schemes": `
      for (const url of ["file:///etc/shadow", "http://127.0.0.1/", "data:text/javascript,1", "node:internal/x", "blob:x"])
        await import(url).catch(() => {});
    `,
    "43 source maps of the host": `
      import { findSourceMap } from "node:module";
      process.setSourceMapsEnabled(true);
      try { (0, eval)("throw new Error('x')\\n//# sourceMappingURL=file:///etc/passwd"); } catch (e) { e.stack; }
      findSourceMap("/etc/passwd");
    `,
    "44 a builtin's name": `
      import vm from "node:vm";
      new vm.Script("process", { filename: "node:internal/process" });
      (0, eval)("(function () { try { require('internal/bootstrap/realm'); } catch {} })()\\n//# sourceURL=node:internal/x");
    `,
    "46 serialized values that are none": `
      import v8 from "node:v8";
      const good = v8.serialize({ a: [1, "two", new Map([[1, { b: 2n }]]), new Uint8Array(9), new Date(0), /x/g] });
      for (let i = 0; i < 20000; i++) {
        const bytes = Buffer.from(good);
        for (let k = 0; k < 3; k++) bytes[Math.floor(Math.random() * bytes.length)] = Math.random() * 256;
        try { v8.deserialize(bytes); } catch {}
      }
    `,
  };
  for (const [name, code] of Object.entries(harmless)) {
    test(name, async () => {
      const end = await attack(code, { timeout: 10_000 });
      assert.equal(end.exitCode, 0, JSON.stringify(end));
      await sentinel.assertUnharmed();
    });
  }

  const selfHarm: Record<string, string> = {
    "45 code caches that are none": `
      import vm from "node:vm";
      const source = "function f() { return 1 } f()";
      const good = new vm.Script(source).createCachedData();
      for (let i = 0; i < 400; i++) {
        const cachedData = Buffer.from(good);
        for (let k = 0; k < 8; k++) cachedData[Math.floor(Math.random() * good.length)] ^= 1 << (k & 7);
        const script = new vm.Script(source, { cachedData });
        if (!script.cachedDataRejected) try { script.runInThisContext(); } catch {}
      }
    `,
    "36 prepareStackTrace": "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');",
    "39 a thenable everywhere":
      "Object.prototype.then = function (r) { r?.(1); }; await import('node:fs');",
    "40 broken primordials": `
      for (const o of [Object.prototype, Array.prototype, Promise.prototype, Function.prototype, String.prototype])
        for (const k of Reflect.ownKeys(o)) try { o[k] = () => { throw 1; }; } catch {}
      JSON.stringify = JSON.parse = () => { throw 1; };
      console.log(1);
    `,
    "40 getters on Object.prototype": `
      for (const k of ['get', 'set', 'value', 'then', 'toJSON', 'length', 'code', 'stdout', 'exitCode'])
        Object.defineProperty(Object.prototype, k, { get() { throw new Error(k); }, configurable: true });
      globalThis.__return?.({ a: 1 });
      console.log(1);
    `,
    "40 broken iteration":
      "Array.prototype[Symbol.iterator] = function* () { for (;;) yield 1; }; console.log(...[1]);",
    "35 closed descriptors":
      "import fs from 'node:fs'; for (let i = 0; i < 300; i++) try { fs.closeSync(i); } catch {}",
    "35 the exit function": "process.reallyExit = () => {}; process.exit(0); for (;;);",
    "47 signals to everybody":
      "for (const p of [-1, 0, 1, 2]) try { process.kill(p, 'SIGKILL'); } catch {} process.exit(3);",
  };
  for (const [name, code] of Object.entries(selfHarm)) {
    test(name, async () => {
      await attack(code, { timeout: 1500 });
      await sentinel.assertUnharmed();
    });
  }
});

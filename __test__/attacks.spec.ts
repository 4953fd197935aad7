// Guests that try to exhaust memory and time. Each harms only its own machine, which works again
// afterwards, and ends in a typed way.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { assertEnded, attack, Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

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

  // As in Node.js. Nothing of it is missing to the programs behind it, although the machine is the same.
  test("8 memory outside the heap can be caught, again and again", async () => {
    const allocations: Record<string, string> = {
      "many small": "new ArrayBuffer(1e4)",
      "some of a middle size": "new Uint8Array(1e6)",
      "a few large": "new Uint8Array(1e8)",
      shared: "new SharedArrayBuffer(1e6)",
      buffers: "Buffer.alloc(1e7)",
      unsafe: "Buffer.allocUnsafeSlow(3e6)",
      copies: "new Uint8Array(1e7).slice()",
      encoded: "new TextEncoder().encode('x'.repeat(1e7))",
    };
    const fill = (allocation: string) => `
      let kept = [];
      try { for (;;) kept.push(${allocation}); } catch (error) { console.log(error.name); }
      kept = undefined;
      console.log(Array.from({ length: 1e5 }, (_, index) => ({ index })).length);`;
    await withRuntime({ limits: { resources: limits.resources } }, async (runtime) => {
      for (const [name, allocation] of Object.entries(allocations)) {
        const { stdout, stderr } = await runtime.exec(fill(allocation), { timeout: 20_000 });
        assert.equal(stdout, "RangeError\n100000\n", `${name}: ${stderr}`);
      }
      const worker = `import { Worker } from "node:worker_threads";
        const worker = new Worker(${JSON.stringify(fill("new ArrayBuffer(1e6)"))}, { eval: true });
        worker.on("error", (error) => console.log(error));`;
      assert.equal((await runtime.exec(worker)).stdout, "RangeError\n100000\n");
      const large = await runtime.exec(
        "const { arrayBuffers } = process.memoryUsage(); const kept = new ArrayBuffer(1e8); " +
          "console.log(process.memoryUsage().arrayBuffers - arrayBuffers, kept.byteLength);",
      );
      assert.equal(large.stdout, "100000000 100000000\n");
    });
    await sentinel.assertUnharmed();
  });

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
    "26 proxy traps": "globalThis.__return(new Proxy({}, { ownKeys() { for (;;); } }));",
    "26 traps of what is printed": "console.log(new Proxy([], { get() { for (;;); } }).join());",
    "27 toJSON": "globalThis.__return({ toJSON() { for (;;); } });",
    "27 a getter": "globalThis.__return({ get a() { for (;;); } });",
    "27 toPrimitive": "Buffer.from({ [Symbol.toPrimitive]() { for (;;); } });",
    "27 conversions":
      "console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); } });",
    "27 toString": "process.stdout.write(String({ toString() { for (;;); } }));",
    "28 a wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    "30 a caught termination": "for (;;) try { for (;;); } catch {}",
    "30 a loop whose steps are natives alone":
      "let a = []; for (;;) { a.push(new Array(1000).fill({})); if (a.length > 100) a = []; }",
    "30 natives in a function": "(() => { let a; for (;;) a = [...Array(50)]; })();",
    "30 a chain that is dropped":
      "let l = null, i = 0; for (;;) { l = { l, v: new Array(200).fill(0.5) }; if (i++ > 1000) l = i = null; }",
    "32 waiting": "await new Promise((r) => setTimeout(r, 1e8));",
  };
  for (const [name, code] of Object.entries(interruptible)) {
    test(name, async () => {
      const end = await attack(code, { timeout: 400, returns: true });
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
    ...Object.fromEntries(
      ["includes", "lastIndexOf", "unshift", "splice", "slice", "flat", "every", "sort", "map"].map(
        (name) => [
          `25 ${name} of an object`,
          `for (;;) try { Array.prototype.${name}.call({ length: 2 ** 53 - 1 }, () => true); } catch {}`,
        ],
      ),
    ),
    "25 an array of holes": "for (;;) Array.from({ length: 2 ** 32 - 1 }, () => {});",
    "25 raw strings": "String.raw({ raw: { length: 2 ** 53 - 1 } });",
    "25 own keys":
      "const o = {}; for (let i = 0; i < 1e6; i++) o[i] = o['k' + i] = i; for (;;) Reflect.ownKeys(new Proxy(o, {}));",
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
    await sentinel.assertUnharmed();
  });

  test("33 too deep: modules that import modules", async () => {
    const chain = Array.from({ length: 5000 }, (_, n) => [
      `/workspace/m${n}.mjs`,
      n === 4999 ? "console.log('the last');" : `import "./m${n + 1}.mjs";`,
    ]);
    await withRuntime({ files: Object.fromEntries(chain) }, async (runtime) => {
      // Host Node.js overflows its stack, too, somewhere on the way.
      const end = await runtime.exec('import "./m0.mjs";', { timeout: 20_000 }).then(
        ({ stdout, stderr }) => stdout + stderr,
        (error) => error.code,
      );
      assert.match(end, /^the last\n$|RangeError: Maximum call stack size exceeded|^ERR_/);
      assert.equal((await runtime.exec("console.log('again')")).stdout, "again\n");
    });
    await sentinel.assertUnharmed();
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

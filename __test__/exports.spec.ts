// What `run` of the driver API gives back: the exports of a module, as structured clone can copy them.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { driverRuntime, recorder } from "./support/driver.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

/** Whatever a guest exports. */
// biome-ignore lint/suspicious/noExplicitAny: assertions look at what it is
type Exports = Record<string, any>;

describe("which exports", () => {
  test("those of a module, and those of CommonJS", async () => {
    const runtime = driverRuntime();
    const of = async (code: string, path?: string) => await runtime.run(code, path);
    assert.deepEqual(await of("export default 40 + 2"), { code: 0, exports: { default: 42 } });
    assert.deepEqual(await of("export const a = 1, b = await Promise.resolve(2)"), {
      code: 0,
      exports: { a: 1, b: 2 },
    });
    assert.deepEqual(await of("module.exports = 7"), { code: 0, exports: 7 });
    assert.deepEqual(await of("exports.a = require('node:path').sep"), {
      code: 0,
      exports: { a: "/" },
    });
    assert.deepEqual(await of("1 + 1"), { code: 0, exports: {} });
    assert.deepEqual(await of("export {}"), { code: 0, exports: {} });
  });

  test("by extension, the nearest package's type, or else by syntax", async () => {
    const runtime = driverRuntime();
    const kind = "export const kind = 'module'";
    const common = "exports.kind = 'commonjs'";
    const kindOf = async (code: string, path: string) => {
      const { exports, errorMessage } = await runtime.run<{ kind: string }>(code, path);
      return exports?.kind ?? errorMessage;
    };
    const make = `
      import { mkdirSync, writeFileSync } from "node:fs";
      for (const type of ["module", "commonjs"]) {
        mkdirSync("/tmp/" + type + "/deep", { recursive: true });
        writeFileSync("/tmp/" + type + "/package.json", JSON.stringify({ type }));
      }
    `;
    assert.deepEqual(await runtime.exec(make), { code: 0 });
    assert.equal(await kindOf(kind, "/root/a.mjs"), "module");
    assert.equal(await kindOf(common, "/root/a.cjs"), "commonjs");
    assert.equal(await kindOf(kind, "/root/a.js"), "module");
    assert.equal(await kindOf(common, "/root/a.js"), "commonjs");
    assert.equal(await kindOf(kind, "/tmp/module/deep/a.js"), "module");
    assert.equal(await kindOf(common, "/tmp/commonjs/deep/a.js"), "commonjs");
    assert.match((await kindOf(common, "/tmp/module/deep/a.js")) ?? "", /exports is not defined/);
    assert.match((await kindOf(kind, "/tmp/commonjs/deep/a.js")) ?? "", /SyntaxError/);
    assert.match((await kindOf(kind, "/root/a.cjs")) ?? "", /SyntaxError/);
  });

  test("TypeScript by extension, its types taken away", async () => {
    const code = "export const answer: number = 42; interface Nothing {}";
    assert.deepEqual(await driverRuntime().run(code, "/root/a.ts"), {
      code: 0,
      exports: { answer: 42 },
    });
  });

  test("TypeScript that is more than types says so", async () => {
    const { code, errorMessage } = await driverRuntime().run("enum A { B }", "/root/a.ts");
    assert.equal(code, 1);
    assert.match(errorMessage ?? "", /SyntaxError.*enum is not supported/);
  });

  test("a path is where the code finds what is beside it", async () => {
    const runtime = driverRuntime();
    await runtime.exec(
      "require('node:fs').writeFileSync('/tmp/beside.mjs', 'export const beside = 1')",
    );
    const code = "export { beside } from './beside.mjs'; export const url = import.meta.url";
    assert.deepEqual((await runtime.run(code, "/tmp/main.mjs")).exports, {
      beside: 1,
      url: "file:///tmp/main.mjs",
    });
  });

  test("are those at the end of evaluation; what comes later is waited for and not seen", async () => {
    const { lines, onStdio } = recorder();
    const code = "export let n = 1; setTimeout(() => { n = 2; console.log('later'); }, 1)";
    assert.deepEqual((await driverRuntime({ onStdio }).run(code)).exports, { n: 1 });
    assert.deepEqual(lines, ["stdout:later"]);
  });

  test("there are none where the code fails", async () => {
    const runtime = driverRuntime();
    assert.deepEqual(await runtime.run("export const a = 1; throw new Error('no')"), {
      code: 1,
      errorMessage: "Error: no",
    });
    assert.deepEqual(await runtime.run("export const a = 1; process.exitCode = 2"), { code: 2 });
    assert.deepEqual(await runtime.run("export const a = 1; process.exit(0)"), { code: 0 });
  });
});

describe("the default export of compiled CommonJS", () => {
  const compiled = `
    "use strict";
    Object.defineProperty(exports, "__esModule", { value: true });
    exports.answer = void 0;
    exports.answer = 42;
  `;
  const entry = "export { default as answer } from './dist/index.js';";
  const withCompiled = async (name: string, content: string) => {
    const runtime = driverRuntime();
    const code = `
      const fs = require("node:fs");
      fs.mkdirSync("/tmp/dist", { recursive: true });
      fs.writeFileSync(${JSON.stringify(name)}, ${JSON.stringify(content)});
    `;
    assert.deepEqual(await runtime.exec(code), { code: 0 });
    return runtime;
  };

  test("is unwrapped for the host where it is exported by the name of a member", async () => {
    const runtime = await withCompiled("/tmp/dist/index.js", compiled);
    const { exports } = await runtime.run<{ answer: number }>(entry, "/tmp/entry.mjs");
    assert.deepEqual(exports, { answer: 42 });
  });

  test("is what Node.js says inside the machine", async () => {
    const runtime = await withCompiled("/tmp/dist/index.js", compiled);
    await runtime.exec(
      `require("node:fs").writeFileSync("/tmp/entry.mjs", ${JSON.stringify(entry)})`,
    );
    const code =
      "import { answer } from './entry.mjs'; export const json = JSON.stringify(answer); export const type = typeof answer";
    const { exports } = await runtime.run(code, "/tmp/main.mjs");
    assert.deepEqual(exports, { json: '{"answer":42}', type: "object" });
  });

  test("is not unwrapped under another name, or where it is no compiled module", async () => {
    const runtime = await withCompiled("/tmp/dist/index.js", compiled);
    const other = "export { default as other } from './dist/index.js';";
    assert.deepEqual((await runtime.run(other, "/tmp/entry.mjs")).exports, {
      other: { answer: 42 },
    });
    const plain = await withCompiled("/tmp/dist/index.js", "exports.answer = 42");
    assert.deepEqual((await plain.run(entry, "/tmp/entry.mjs")).exports, {
      answer: { answer: 42 },
    });
    const made = "export const answer = { __esModule: true, answer: 42 };";
    assert.deepEqual((await plain.run(made)).exports, { answer: { __esModule: true, answer: 42 } });
  });
});

describe("what exports can hold", () => {
  test("everything that structured clone copies", async () => {
    const code = `
      export const plain = { a: [1, "two", null, true], b: { c: undefined } };
      export const big = 2n ** 70n;
      export const odd = [NaN, -0, Infinity];
      export const date = new Date(1e12);
      export const pattern = /a+/gi;
      export const map = new Map([["k", { v: 1n }], [new Date(0), new Set([1, [2]])]]);
      export const set = new Set(["a", { b: 1 }]);
      export const bytes = new Uint8Array([1, 2, 3]);
      export const floats = new Float64Array([0.5]);
      export const view = new DataView(new ArrayBuffer(2), 1);
      export const boxed = Object("text");
      export const error = new TypeError("told", { cause: new Error("why") });
      const cycle = { name: "cycle" };
      cycle.self = cycle;
      cycle.list = [cycle];
      export { cycle };
    `;
    const { code: status, exports, notes } = await driverRuntime().run<Exports>(code);
    assert.equal(status, 0);
    assert.equal(notes, undefined);
    assert(exports);
    const { error, cycle, view, ...rest } = exports;
    assert.deepEqual(rest, {
      plain: { a: [1, "two", null, true], b: { c: undefined } },
      big: 2n ** 70n,
      odd: [Number.NaN, -0, Number.POSITIVE_INFINITY],
      date: new Date(1e12),
      pattern: /a+/gi,
      map: new Map<unknown, unknown>([
        ["k", { v: 1n }],
        [new Date(0), new Set([1, [2]])],
      ]),
      set: new Set(["a", { b: 1 }]),
      bytes: new Uint8Array([1, 2, 3]),
      floats: new Float64Array([0.5]),
      boxed: Object("text"),
    });
    assert(error instanceof TypeError);
    assert.equal(error.message, "told");
    assert.match(String(error.stack), /^TypeError: told\n {4}at file:\/\/\/root\/\[eval\]/);
    assert.equal((error.cause as Error).message, "why");
    assert.equal(cycle.self, cycle);
    assert.equal(cycle.list[0], cycle);
    assert.deepEqual([view.byteLength, view.byteOffset], [1, 1]);
  });

  test("functions and what lives in the machine are left out, with a note", async () => {
    const code = `
      export function greet() {}
      export const deep = { list: [1, () => {}, 3], [Symbol("s")]: 1, sign: Symbol("x"), kept: "k" };
      export const later = Promise.resolve(1);
      export const weak = new WeakMap();
      export const proxy = new Proxy({ a: 1 }, {});
      export const shared = { get broken() { throw new RangeError("no"); }, ok: 1 };
      export const failure = new Error("e", { cause: () => {} });
      class Point { constructor() { this.x = 1; } get y() { return 2; } move() {} }
      export const point = new Point();
      export const server = require("node:http").createServer;
    `.replace("require(", "process.getBuiltinModule(");
    const { exports, notes } = await driverRuntime().run<Exports>(code);
    assert(exports);
    const { deep, failure, ...rest } = exports;
    assert.deepEqual(rest, { point: { x: 1 }, shared: { ok: 1 } });
    assert.deepEqual(Object.keys(deep), ["list", "kept"]);
    assert.deepEqual(
      [deep.list.length, deep.list[0], 1 in deep.list, deep.list[2]],
      [3, 1, false, 3],
    );
    assert.equal(failure.cause, undefined);
    assert.deepEqual(notes?.sort(), [
      "exports.deep.list.1 is left out: a function",
      "exports.deep.sign is left out: a symbol",
      "exports.failure.cause is left out: a function",
      "exports.greet is left out: a function",
      "exports.later is left out: a Promise",
      "exports.proxy is left out: a Proxy",
      "exports.server is left out: a function",
      "exports.shared.broken is left out: reading it throws RangeError",
      "exports.weak is left out: a WeakMap",
    ]);
  });

  test("what errors have besides is noted", async () => {
    const { exports, notes } = await driverRuntime().run<Exports>(`
      const fs = require("node:fs");
      try { fs.readFileSync("/none") } catch (error) { exports.missing = error }
      exports.several = new AggregateError([new Error("one")], "several");
      exports.made = (function* () {})();
    `);
    assert(exports?.missing instanceof Error && exports.several instanceof Error);
    assert.match(exports.missing.message, /^ENOENT/);
    const left = [
      "missing.code",
      "missing.errno",
      "missing.path",
      "missing.syscall",
      "several.errors",
    ];
    const why = "copies of errors have name, message, stack, cause";
    assert.deepEqual(notes?.sort(), [
      "exports.made is left out: a generator",
      ...left.map((place) => `exports.${place} is left out: ${why}`),
    ]);
  });

  test("a value that is a function as a whole is undefined, with its note", async () => {
    const result = await driverRuntime().run("module.exports = class Thing {}");
    assert.deepEqual(result, {
      code: 0,
      exports: undefined,
      notes: ["exports is left out: a function"],
    });
  });

  test("an object whose class has all of it leaves a note", async () => {
    const code = `
      export const url = new URL("http://x/");
      export const list = [new Blob(["x"]), new (class Empty {})(), {}, [], new Map(), Object.create(null)];
      export const bytes = new Uint8Array();
    `;
    const { exports, notes } = await driverRuntime().run<Exports>(code);
    assert.deepEqual(exports?.url, {});
    assert.deepEqual(notes?.sort(), [
      "exports.list.0 is empty: a Blob has no properties of its own",
      "exports.list.1 is empty: a Empty has no properties of its own",
      "exports.url is empty: a URL has no properties of its own",
    ]);
  });

  test("many notes are counted", async () => {
    const { notes = [] } = await driverRuntime().run(
      "module.exports = Array.from({ length: 500 }, () => () => {})",
    );
    assert.equal(notes.length, 101);
    assert.equal(notes.at(-1), "and 400 more");
  });

  test("keys like __proto__ are data, and no prototype of the host's is reached", async () => {
    const code =
      'module.exports = JSON.parse(\'{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}\')';
    const { exports } = await driverRuntime().run<object>(code);
    assert(exports);
    assert.deepEqual(Object.keys(exports), ["__proto__", "constructor"]);
    assert.equal(Object.getPrototypeOf(exports), Object.prototype);
    assert.equal(Reflect.get({}, "polluted"), undefined);
  });

  test("deep values and values of the greatest size come through; longer ones fail", async () => {
    const runtime = driverRuntime({ payloadLimits: { jsonPayloadBytes: 4 << 20 } });
    const deep = "let at = exports; for (let i = 0; i < 2000; i++) at = at.a = {};";
    let at = (await runtime.run<Exports>(deep)).exports;
    let depth = 0;
    for (; at?.a; at = at.a) depth += 1;
    assert.equal(depth, 2000);
    const { exports } = await runtime.run<string>("module.exports = 'x'.repeat(4e6)");
    assert.equal(exports?.length, 4e6);
    const { code, errorMessage } = await runtime.run("module.exports = 'x'.repeat(5e6)");
    assert.equal(code, 1);
    assert.match(errorMessage ?? "", /exports are too long: .* is 4 MiB, 4\.77 MiB would/);
  });
});

describe("a guest that writes the answer itself", () => {
  const says = (...lines: unknown[]) => `
    const { writeSync } = require("node:fs");
    for (const line of ${JSON.stringify(lines)}) writeSync(4, line + "\\n");
    process.reallyExit(0);
  `;

  test("gives data, or an error, and nothing else", async () => {
    const runtime = driverRuntime();
    const bad = [
      says("no json"),
      says("null"),
      says('{"exports":3,"notes":7,"error":{}}'),
      says('{"exports":"[]"}'),
      says('{"exports":"[[\\"t\\",\\"constructor\\",0]]"}'),
      says('{"exports":"[[\\"o\\",\\"a\\",7]]","notes":[1,{}]}'),
    ];
    for (const code of bad) {
      const result = await runtime.run(code);
      assert(
        result.code === 0
          ? result.exports === undefined
          : /cannot be read/.test(result.errorMessage ?? ""),
        code,
      );
    }
    const made = says('{"exports":"[[\\"a\\",[1]],5]","notes":["mine",2]}');
    assert.deepEqual(await runtime.run(made), { code: 0, exports: [5], notes: ["mine"] });
  });

  test("is ended when it says more than any program of ours", async () => {
    const code = `
      const piece = Buffer.alloc(1 << 16, "x");
      for (;;) require("node:fs").writeSync(4, piece);
    `;
    const { code: status } = await driverRuntime().run(code);
    assert.equal(status, 137);
  });
});

test("the face that makes machines has values as before", async () => {
  const runtime = ownedByTest(await NodeRuntime.create());
  assert.equal((await runtime.run("globalThis.__return(42)")).value, 42);
});

// Guests that look for a way out of JavaScript, or break what they run on. What they reach is their own.

import assert from "node:assert/strict";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { attack, Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

/** Where the host keeps what it runs: a text that no guest may come to know. */
const root = join(import.meta.dirname, "..");

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

describe("escapes", () => {
  /** What is refused, or reaches only what is the guest's own: the program goes on to its end. */
  const harmless: Record<string, string> = {
    "34 the constructor of everything": `
      const run = (0, eval)("this").constructor.constructor;
      if (run("return process")().pid !== process.pid) throw 1;
    `,
    "36 call sites": `
      Error.stackTraceLimit = Infinity;
      let frames;
      Error.prepareStackTrace = (_, sites) => (frames = sites, "");
      const fail = () => new Error("x").stack;
      await new Promise((resolve) => setTimeout(() => { fail(); resolve(); }, 1));
      for (const frame of frames)
        for (const method of ["getThis", "getFunction", "getTypeName", "getEvalOrigin", "getScriptNameOrSourceURL"]) {
          const value = frame[method]();
          if (typeof value === "function" && value.constructor("return process")().pid !== process.pid) throw 1;
          console.log(String(value));
        }
      if (frames.length < 2) throw frames.length;
    `,
    "37 a walk over every error": `
      import fs from "node:fs";
      import { spawnSync } from "node:child_process";
      const seen = new Set();
      const walk = (value) => {
        if (value === null || !["object", "function"].includes(typeof value) || seen.has(value)) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) try { walk(value[key]); } catch {}
        walk(Object.getPrototypeOf(value));
      };
      try { fs.readFileSync("/none"); } catch (error) { walk(error); }
      await fs.promises.readFile("/none").catch(walk);
      await callTool("fails").catch(walk);
      await callTool("no-such-tool").catch(walk);
      walk(spawnSync("no-such-command").error);
      walk(new WebAssembly.RuntimeError("x"));
      for (const value of seen) {
        if (typeof value !== "function") continue;
        let made;
        try { made = Reflect.apply(Reflect.get(value, "constructor"), undefined, ["return typeof process === 'object' && process.pid"])(); } catch { continue; }
        if (made !== process.pid) throw value;
      }
      if (seen.size < 20) throw seen.size;
    `,
    "39 promises and iterators of the host's making": `
      const own = (value) => value.constructor.constructor("return process")().pid === process.pid;
      const call = callTool("echo", { a: 1 });
      if (!own(call) || !own(call.then) || !(call instanceof Promise)) throw 1;
      class Spy extends Promise { static get [Symbol.species]() { return function (run) { run(() => {}, () => {}); }; } }
      call.constructor = { [Symbol.species]: Spy };
      const result = await callTool("echo", { then: "data", __proto__: { a: 1 } });
      if (!own(result) || result.then !== "data") throw 2;
      async function* inner() { const got = yield callTool("echo", { b: 2 }); return got; }
      async function* outer() { yield* { [Symbol.asyncIterator]: () => ({ next: (v) => callTool("echo", { done: false, value: v ?? 1 }), return: (v) => ({ get then() { return (f) => f({ done: true, value: v }); } }) }) }; }
      for await (const value of inner()) if (!own(value) || value.b !== 2) throw 3;
      for await (const value of outer()) { if (!own([value])) throw 4; break; }
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
      const tools = {
        echo: { description: "", inputSchema: {}, handler: (input: unknown) => input },
        fails: {
          description: "",
          inputSchema: {},
          handler: () => {
            throw Object.assign(new TypeError("failed"), {
              cause: process,
              path: root,
            });
          },
        },
      };
      await withRuntime({ tools }, async (runtime) => {
        const { exitCode, stdout, stderr } = await runtime.exec(code, { timeout: 10_000 });
        assert.equal(exitCode, 0, stderr);
        assert.ok(!(stdout + stderr).includes(root));
        assert.equal((await runtime.exec("console.log('again')")).stdout, "again\n");
      });
      await sentinel.assertUnharmed();
    });
  }

  const selfHarm: Record<string, string> = {
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
      await attack(code, { timeout: 1500, returns: true });
      await sentinel.assertUnharmed();
    });
  }
});

// Code caches: V8 trusts their bytes, so it only ever sees those that this VM process has made for the same source.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Every way in which a program can hand a cache over: how it is made, and whether another one is taken. */
const ways = `
  import vm from "node:vm";
  const ways = {
    Script: {
      make: (source) => new vm.Script(source).createCachedData(),
      use(source, cachedData) {
        const script = new vm.Script(source, { cachedData });
        return { rejected: script.cachedDataRejected, value: script.runInThisContext() };
      },
    },
    produced: {
      make: (source) => new vm.Script(source, { produceCachedData: true }).cachedData,
      use(source, cachedData) {
        const script = new vm.Script(source, { cachedData });
        return { rejected: script.cachedDataRejected, value: script.runInThisContext() };
      },
    },
    compileFunction: {
      make: (source) => vm.compileFunction(source, ["a"], { produceCachedData: true }).cachedData,
      use(source, cachedData) {
        const made = vm.compileFunction(source, ["a"], { cachedData });
        return { rejected: made.cachedDataRejected, value: made(1) };
      },
    },
    SourceTextModule: {
      make: (source) => new vm.SourceTextModule(source).createCachedData(),
      async use(source, cachedData) {
        let made;
        try {
          made = new vm.SourceTextModule(source, { cachedData });
        } catch (error) {
          if (error.code !== "ERR_VM_MODULE_CACHED_DATA_REJECTED") throw error;
          return { rejected: true };
        }
        await made.link(() => {});
        await made.evaluate();
        return { rejected: false };
      },
    },
  };
  // Of one length, and never the same twice: V8 remembers what it has compiled.
  let count = 0;
  const fresh = () => "/*" + String(count++).padStart(8, "0") + "*/ function f(a) { const o = { x: a, y: [1, 2, 3] }; return o.x + o.y[1] } f(5)";
`;

const node = ["--experimental-vm-modules", "--no-warnings", "--input-type=module", "-e"];

async function run(program: string): Promise<unknown> {
  return await withRuntime({}, async (runtime) => {
    const command = [...node, ways + program];
    const { stdout, stderr, exitCode } = await runtime.execCommand("node", command);
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout);
  });
}

describe("code caches", () => {
  test("a genuine one is taken", async () => {
    const taken = await run(`
      const taken = {};
      for (const [name, { make, use }] of Object.entries(ways)) {
        const source = fresh();
        taken[name] = (await use(source, await make(source))).rejected;
      }
      console.log(JSON.stringify(taken));`);
    const all = { Script: false, produced: false, compileFunction: false, SourceTextModule: false };
    assert.deepEqual(taken, all);
  });

  test("45 one with any changed bit is refused, and changes nothing", async () => {
    const wrong = await run(`
      const wrong = [];
      for (const [name, { make, use }] of Object.entries(ways)) {
        const good = await make(fresh());
        for (let at = 0; at < good.length; at++) {
          const source = fresh();
          const changed = Buffer.from(await make(source));
          changed[at % changed.length] ^= 1 << (at % 8);
          const { rejected, value } = await use(source, changed);
          if (!rejected || ![undefined, 7].includes(value)) wrong.push([name, at, rejected, value]);
        }
      }
      console.log(JSON.stringify(wrong));`);
    assert.deepEqual(wrong, []);
  });

  test("one of another source of the same length, of another way, cut or empty is refused", async () => {
    const taken = await run(`
      const taken = [];
      for (const [name, { make, use }] of Object.entries(ways)) {
        const source = fresh();
        const own = await make(source);
        const others = {
          "another source": await make(fresh()),
          cut: own.subarray(0, own.length - 1),
          longer: Buffer.concat([own, Buffer.alloc(1)]),
          empty: Buffer.alloc(0),
          zeros: Buffer.alloc(own.length),
        };
        for (const [other, way] of Object.entries(ways)) {
          if (other !== name && name !== "produced" && other !== "produced") others[other] = await way.make(source);
        }
        for (const [kind, cache] of Object.entries(others)) {
          if (!(await use(source, cache)).rejected) taken.push([name, kind]);
        }
      }
      const source = fresh();
      const cachedData = vm.compileFunction(source, ["a"], { produceCachedData: true }).cachedData;
      if (!vm.compileFunction(source, ["b"], { cachedData }).cachedDataRejected) taken.push("parameters");
      console.log(JSON.stringify(taken));`);
    assert.deepEqual(taken, []);
  });

  test("one that a machine wrote down is refused by another", async () => {
    const make = `const { writeFileSync } = await import("node:fs");
      for (const [name, { make }] of Object.entries(ways)) writeFileSync(name, await make(fresh()));
      console.log(0);`;
    const use = `const { readFileSync } = await import("node:fs");
      const rejected = [];
      for (const [name, { use }] of Object.entries(ways)) rejected.push((await use(fresh(), readFileSync(name))).rejected);
      console.log(JSON.stringify(rejected));`;
    await withRuntime({}, async (first) => {
      await first.execCommand("node", [...node, ways + make]);
      await withRuntime({}, async (second) => {
        for (const name of await first.readDir("/workspace")) {
          const path = `/workspace/${name}`;
          await second.writeFile(path, await first.readFile(path));
        }
        const { stdout } = await second.execCommand("node", [...node, ways + use]);
        assert.deepEqual(JSON.parse(stdout), [true, true, true, true]);
      });
    });
  });

  test("nothing else hands bytes to V8 that it trusts", () => {
    const root = join(import.meta.dirname, "..", "crates");
    const trusting = /CachedData::new|new_with_cached_data|StartupData::from|from_unchecked_bytes/;
    const found = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".rs"))
      .filter((name) => trusting.test(readFileSync(join(root, name), "utf8")))
      .sort();
    assert.deepEqual(found, [
      // The library's own caches, of the installed package.
      "node/src/binding/builtins.rs",
      // Behind code_seal.
      "node/src/binding/contextify/compile.rs",
      "node/src/binding/module_wrap/mod.rs",
      // The startup snapshot of the installed package.
      "node/src/boot/snapshot.rs",
    ]);
  });
});

test("a compile cache on disk is taken as this process has written it, and no other", async () => {
  await withRuntime({}, async (runtime) => {
    await runtime.writeFile("/workspace/a.cjs", "console.log([1, 2].map((x) => x * 2).join());");
    const env = { NODE_COMPILE_CACHE: "/workspace/cache", NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
    const start = async () => {
      const { stdout, stderr } = await runtime.execCommand("node", ["a.cjs"], { env });
      assert.equal(stdout, "2,4\n");
      return stderr;
    };
    assert.match(await start(), /writing cache for CommonJS .*a\.cjs.*success/);
    assert.match(await start(), /for CommonJS .*a\.cjs was accepted/);
    // One byte of the code cache is another, with a sum that fits.
    const forged = await runtime.exec(`
      import fs from "node:fs";
      import { crc32 } from "node:zlib";
      const [folder] = fs.readdirSync("cache");
      for (const name of fs.readdirSync("cache/" + folder)) {
        const file = fs.readFileSync("cache/" + folder + "/" + name);
        file[20 + (file.length - 20) / 2 | 0] ^= 1;
        file.writeUInt32LE(crc32(file.subarray(20)), 16);
        fs.writeFileSync("cache/" + folder + "/" + name, file);
      }
    `);
    assert.equal(forged.exitCode, 0, forged.stderr);
    const again = await start();
    assert.match(again, /a\.cjs\.\.\.cache was not made by this process/);
    assert.match(again, /a\.cjs was not initialized/);
  });
});

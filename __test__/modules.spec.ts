// ES modules and CommonJS, resolution, TypeScript. Each program must do what it does on host Node.js.

import assert from "node:assert/strict";
import { assertSameAsHost, type Files, inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const cases: Record<string, { code: string; files?: Files }> = {
  "top-level await in the entry, in static and in dynamic imports": {
    code: `
      import { value } from "./static.mjs";
      const { other } = await import("./dynamic.mjs");
      console.log(value, other, await Promise.resolve("entry"));
    `,
    files: {
      "static.mjs": `export const value = await new Promise((r) => setTimeout(r, 5, "static"));`,
      "dynamic.mjs": `export const other = await new Promise((r) => setTimeout(r, 5, "dynamic"));`,
    },
  },
  "dynamic import is lazy and cached": {
    code: `
      console.log("before");
      const a = await import("./once.mjs");
      const b = await import("./once.mjs");
      console.log(a === b);
    `,
    files: { "once.mjs": `console.log("evaluated"); export {};` },
  },
  "missing modules, syntax errors and evaluation errors stay apart": {
    code: `
      for (const name of ["./missing.mjs", "./syntax.mjs", "./throws.mjs", "no-such-package"]) {
        await import(name).catch((error) => console.log(name, error.name, error.code));
      }
      const again = await import("./throws.mjs").catch((error) => error);
      console.log(again === (await import("./throws.mjs").catch((error) => error)));
    `,
    files: {
      "syntax.mjs": "export const = 1;",
      "throws.mjs": `throw new RangeError("from evaluation");`,
    },
  },
  "CommonJS that exports null or a primitive can be imported": {
    code: `
      for (const name of ["null", "number", "string", "function"]) {
        const namespace = await import("./" + name + ".cjs");
        console.log(name, typeof namespace.default, Object.keys(namespace).join());
      }
    `,
    files: {
      "null.cjs": "module.exports = null;",
      "number.cjs": "module.exports = 42;",
      "string.cjs": `module.exports = "text";`,
      "function.cjs": "module.exports = function named() {}; module.exports.extra = 1;",
    },
  },
  "import and export in comments and strings leave CommonJS alone": {
    code: `
      import { createRequire } from "node:module";
      const require = createRequire(process.cwd() + "/");
      console.log(require("./looks-like-esm.js").kind, require("./template.js").kind);
    `,
    files: {
      "looks-like-esm.js": `
        // import x from "y"; export default 1;
        const text = 'export const a = 1';
        /* export { text }; */
        exports.kind = typeof module;
      `,
      "template.js":
        "const text = `\nimport x from 'y'\nexport default x\n`;\nexports.kind = typeof module;",
    },
  },
  "exports with different import and require targets in one run": {
    code: `
      import { createRequire } from "node:module";
      import which, { deep } from "dual";
      const require = createRequire(process.cwd() + "/");
      console.log(which, deep, require("dual").which, require("dual/feature/a").which);
      await import("dual/hidden.js").catch((error) => console.log(error.code));
    `,
    files: {
      "node_modules/dual/package.json": JSON.stringify({
        name: "dual",
        exports: {
          ".": { import: "./index.mjs", require: "./index.cjs" },
          "./feature/*": "./features/*.cjs",
          "./feature/a": "./features/special.cjs",
        },
        imports: { "#deep": { import: "./deep.mjs", default: "./deep.cjs" } },
      }),
      "node_modules/dual/index.mjs": `export { deep } from "#deep"; export default "esm";`,
      "node_modules/dual/index.cjs": `exports.which = "cjs+" + require("#deep").deep;`,
      "node_modules/dual/deep.mjs": `export const deep = "deep esm";`,
      "node_modules/dual/deep.cjs": `exports.deep = "deep cjs";`,
      "node_modules/dual/features/a.cjs": `exports.which = "pattern";`,
      "node_modules/dual/features/special.cjs": `exports.which = "exact";`,
      "node_modules/dual/hidden.js": "",
    },
  },
  "a package can import itself by name": {
    code: `const { self } = await import("./lib/user.mjs"); console.log(self);`,
    files: {
      "package.json": JSON.stringify({ name: "me", exports: { "./api": "./lib/api.mjs" } }),
      "lib/api.mjs": `export const api = "my own api";`,
      "lib/user.mjs": `import { api } from "me/api"; export const self = api;`,
    },
  },
  "file: URLs with a query and with escapes": {
    code: `
      import { pathToFileURL } from "node:url";
      const base = pathToFileURL(process.cwd() + "/").href;
      const a = await import(base + "with%20space.mjs?one");
      const b = await import(base + "with%20space.mjs?two");
      console.log(a.count, b.count, a === b, new URL(a.url).search);
    `,
    files: {
      "with space.mjs": `
        globalThis.count = (globalThis.count ?? 0) + 1;
        export const { count } = globalThis;
        export const url = import.meta.url;
      `,
    },
  },
  "JSON and WebAssembly": {
    code: `
      import data from "./data.json" with { type: "json" };
      import { readFileSync } from "node:fs";
      const { instance } = await WebAssembly.instantiate(readFileSync("add.wasm"));
      console.log(data.list.length, instance.exports.add(40, 2));
      await import("./data.json").catch((error) => console.log(error.code));
    `,
    files: {
      "data.json": `{ "list": [1, 2, 3] }`,
      "add.wasm": Uint8Array.from([
        0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97,
        100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
      ]),
    },
  },
  "WebAssembly as a module": {
    code: `
      import { add } from "./add.wasm";
      import source Add from "./add.wasm";
      console.log(add(40, 2), Add instanceof WebAssembly.Module);
      console.log(Object.keys(await import("./add.wasm")).join());
      await import("./broken.wasm").catch((error) => console.log(error.name));
    `,
    files: {
      "add.wasm": Uint8Array.from([
        0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97,
        100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
      ]),
      "broken.wasm": Uint8Array.from([0, 97, 115, 109, 9]),
    },
  },
  "layouts of npm, yarn and workspaces resolve": {
    code: `
      import { mkdirSync, symlinkSync } from "node:fs";
      import { createRequire } from "node:module";
      mkdirSync("node_modules/@scope", { recursive: true });
      symlinkSync("../../packages/app", "node_modules/@scope/app");
      symlinkSync("../packages/lib", "node_modules/lib");
      const { app } = await import("@scope/app");
      const require = createRequire(process.cwd() + "/packages/app/index.js");
      console.log(app, require("hoisted").version, require("nested").version);
      console.log(createRequire(process.cwd() + "/")("nested").version, (await import("@scope/app/deep/x.js")).x);
      console.log(require.resolve("lib").endsWith("packages/lib/main.js"));
    `,
    files: {
      "package.json": JSON.stringify({ workspaces: ["packages/*"] }),
      "node_modules/hoisted/package.json": `{ "version": "1.0.0", "main": "./lib" }`,
      "node_modules/hoisted/lib/index.js": `exports.version = "hoisted 1";`,
      "node_modules/nested/index.js": `exports.version = "nested 1";`,
      "packages/app/node_modules/nested/index.js": `exports.version = "nested 2";`,
      "packages/app/package.json": `{ "name": "@scope/app", "type": "module" }`,
      "packages/app/index.js": `import lib from "lib"; export const app = "app+" + lib;`,
      "packages/app/deep/x.js": `export const x = "deep";`,
      "packages/lib/package.json": `{ "name": "lib", "main": "main" }`,
      "packages/lib/main.js": `module.exports = "lib+" + require("hoisted").version;`,
    },
  },
  "types are stripped from TypeScript": {
    code: `
      import { total } from "./invoice.ts";
      console.log(total([{ price: 2, count: 3 }, { price: 4, count: 5 }]));
    `,
    files: {
      "invoice.ts": `
        export interface Line { price: number; count: number }
        export function total(lines: readonly Line[]): number {
          return lines.reduce((sum: number, { price, count }: Line) => sum + price * count, 0);
        }
      `,
    },
  },
  "import.meta, require.resolve and circular modules": {
    code: `
      import { basename } from "node:path";
      import { createRequire } from "node:module";
      import { order } from "./a.mjs";
      const require = createRequire(import.meta.url);
      console.log(order.join(), basename(require.resolve("./c.cjs")), require("./c.cjs").partial);
      console.log(typeof import.meta.resolve, basename(import.meta.resolve("./a.mjs")));
    `,
    files: {
      "a.mjs": `import "./b.mjs"; export const order = (globalThis.order ??= []); order.push("a");`,
      "b.mjs": `import "./a.mjs"; (globalThis.order ??= []).push("b");`,
      "c.cjs": `exports.early = 1; exports.partial = require("./d.cjs").seen;`,
      "d.cjs": `exports.seen = Object.keys(require("./c.cjs")).join();`,
    },
  },
  "symbolic links of a store layout resolve": {
    code: `
      import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
      mkdirSync("node_modules/.store/outer@1/node_modules/outer", { recursive: true });
      mkdirSync("node_modules/.store/inner@1/node_modules/inner", { recursive: true });
      writeFileSync(
        "node_modules/.store/outer@1/node_modules/outer/index.js",
        "module.exports = 'outer+' + require('inner');",
      );
      writeFileSync("node_modules/.store/inner@1/node_modules/inner/index.js", "module.exports = 'inner';");
      symlinkSync("../../inner@1/node_modules/inner", "node_modules/.store/outer@1/node_modules/inner");
      symlinkSync(".store/outer@1/node_modules/outer", "node_modules/outer");
      console.log((await import("outer")).default);
    `,
  },
};

describe("modules", () => {
  for (const [name, { code, files }] of Object.entries(cases)) {
    test(name, async () => {
      await assertSameAsHost(code, files);
    });
  }

  test("a graph of 1,000 modules loads", async () => {
    const files: Files = {};
    // A tree: Node.js itself overflows its stack on a chain that long.
    for (let i = 0; i < 1000; i += 1) {
      const children = [2 * i + 1, 2 * i + 2].filter((child) => child < 1000);
      const imports = children.map((child) => `import { n as n${child} } from "./m${child}.mjs";`);
      const sum = ["1", ...children.map((child) => `n${child}`)].join(" + ");
      files[`/workspace/m${i}.mjs`] = `${imports.join(" ")} export const n = ${sum};`;
    }
    await withRuntime({ files }, async (runtime) => {
      const start = performance.now();
      const { stdout, stderr } = await runtime.exec(
        `import { n } from "./m0.mjs"; console.log(n);`,
      );
      assert.equal(stdout, "1000\n", stderr);
      assert.ok(performance.now() - start < 10_000);
    });
  });

  test("a limit holds while a module awaits at its top level, whoever imports it", async () => {
    const files = {
      "/workspace/loops.mjs": "await 1; for (;;) {}",
      "/workspace/waits.mjs": "await new Promise((resolve) => setTimeout(resolve, 1e8));",
    };
    await withRuntime({ files }, async (runtime) => {
      for (const file of ["loops", "waits"]) {
        for (const code of [
          `import "./${file}.mjs";`,
          `await import("./${file}.mjs");`,
          files[`/workspace/${file}.mjs` as keyof typeof files],
        ]) {
          const { exitCode, timedOut } = await runtime.exec(code, { timeout: 200 });
          assert.deepEqual([exitCode, timedOut], [137, true], code);
        }
      }
    });
  });
});

test("every public module of Node.js can be imported", async () => {
  const { stdout, stderr } = await inGuest(`
    import { builtinModules } from "node:module";
    const failed = [];
    for (const name of builtinModules) {
      const id = name.startsWith("node:") ? name : "node:" + name;
      await import(id).catch((error) => failed.push(id + " " + error.message));
    }
    console.log(builtinModules.length > 60, failed);
  `);
  assert.equal(stdout, "true []\n", stderr);
});

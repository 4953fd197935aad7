// What code is taken for: `language` and `filename` of exec, run and spawn.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("language", () => {
  test("cjs is a script with what scripts have", async () => {
    await withRuntime(
      { files: { "/workspace/lib/a.js": "module.exports = __filename;" } },
      async (runtime) => {
        const code = `
        const { basename } = require("node:path");
        exports.x = 1;
        var local = 5;
        console.log(typeof module, require.main === module, module.exports.x, basename(__filename));
        console.log(__dirname, require("./lib/a.js"), this === exports, globalThis.local, process.argv.length);
        import("node:os").then((os) => console.log(typeof os.cpus));
      `;
        const { stdout, stderr, exitCode } = await runtime.exec(code, { language: "cjs" });
        assert.equal(stderr, "");
        assert.equal(
          stdout,
          "object true 1 [eval1]\n/workspace /workspace/lib/a.js true undefined 1\nfunction\n",
        );
        assert.equal(exitCode, 0);
        const { value } = await runtime.run<number>("__return(require('os').EOL.length)", {
          language: "cjs",
        });
        assert.equal(value, 1);
        const wrong = await runtime.exec("import fs from 'node:fs';", { language: "cjs" });
        assert.match(wrong.stderr, /SyntaxError: Cannot use import statement outside a module/);
        assert.equal(wrong.exitCode, 1);
      },
    );
  });

  test("js has no types, ts has", async () => {
    await withRuntime({}, async (runtime) => {
      const typed = "const n: number = 1; console.log(n, typeof import.meta.url);";
      const js = await runtime.exec(typed, { language: "js" });
      assert.match(js.stderr, /SyntaxError/);
      assert.equal((await runtime.exec(typed, { language: "ts" })).stdout, "1 string\n");
      assert.equal((await runtime.exec(typed)).stdout, "1 string\n");
      const wrong = await runtime.exec("enum A { b }", { language: "ts" });
      assert.match(wrong.stderr, /enum is not supported/);
      await assert.rejects(runtime.exec("", { language: "python" as never }), {
        code: "ERR_INVALID_ARG_VALUE",
        message: /options\.language/,
      });
    });
  });

  test("auto runs each as what it is, once", async () => {
    await withRuntime({}, async (runtime) => {
      for (const [code, expected] of [
        ["console.log(typeof require, typeof module)", "function object\n"],
        ["import fs from 'node:fs'; console.log(typeof fs, typeof require)", "object undefined\n"],
        ["await 1; console.log(typeof require)", "undefined\n"],
        ["const a: number = 1; console.log(a, typeof require)", "1 function\n"],
        ["import fs from 'node:fs'; const a: number = 1; console.log(a)", "1\n"],
        ["console.log(1); JSON.parse('{') as any", "1\n"],
      ] as const) {
        const { stdout } = await runtime.exec(code, { language: "auto" });
        assert.equal(stdout, expected, code);
      }
      const thrown = await runtime.exec("console.log('once'); new Function('a b');", {
        language: "auto",
      });
      assert.equal(thrown.stdout, "once\n");
      assert.match(thrown.stderr, /SyntaxError/);
      const wrong = await runtime.exec("let let = ;", { language: "auto" });
      assert.match(wrong.stderr, /SyntaxError/);
      assert.equal(wrong.exitCode, 1);
    });
  });
});

describe("filename", () => {
  const files = {
    "sub/neighbour.mjs": "export default 'neighbour';",
    "sub/neighbour.cjs": "module.exports = 'neighbour';",
    "esm/package.json": '{"type":"module"}',
    "cjs/package.json": '{"type":"commonjs"}',
  };
  const module = `
    import neighbour from "./neighbour.mjs";
    console.log(neighbour, import.meta.url.split("/").at(-1), import.meta.main, import.meta.dirname.split("/").at(-1));
    console.log(process.argv.slice(2), process.argv[1] === import.meta.filename);
    throw new Error("told");
  `;
  const script = `
    const { basename, dirname } = require("node:path");
    console.log(require("./neighbour.cjs"), basename(__filename), basename(dirname(__filename)));
    console.log(process.argv.slice(2), process.argv[1] === __filename, require.main === module);
    throw new Error("told");
  `;
  const kind = "console.log(typeof require)";
  const cases: [string, string][] = [
    ["sub/main.mjs", module],
    ["sub/main.js", module],
    ["sub/main.mts", module.replace("import neighbour", "const a: number = 1; import neighbour")],
    ["sub/main.cjs", script],
    ["sub/main.js", script],
    ["sub/main.cts", `const a: number = 1; ${script}`],
    ["esm/main.js", kind],
    ["cjs/main.js", kind],
    ["esm/main.cjs", kind],
    ["cjs/main.mjs", kind],
    ["sub/main.ts", `const a: string = typeof require; console.log(a);`],
    ["esm/main.ts", `const a: string = typeof require; console.log(a);`],
  ];

  test("is what Node.js makes of a file of that name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "secure-exec-language-"));
    try {
      for (const [name, data] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), data);
      }
      const placed = Object.entries(files).map(([name, data]) => [`/app/${name}`, data]);
      await withRuntime({ files: Object.fromEntries(placed) }, async (runtime) => {
        for (const [name, code] of cases) {
          writeFileSync(join(folder, name), code);
          const host = spawnSync(process.execPath, [join(folder, name), "a", "b"], {
            encoding: "utf8",
            cwd: folder,
          });
          rmSync(join(folder, name));
          const guest = await runtime.exec(code, { filename: name, cwd: "/app", args: ["a", "b"] });
          assert.equal(guest.stdout, host.stdout, name);
          assert.equal(guest.exitCode, host.status, name);
          const place = (text: string) =>
            /[^/\s(]*:\d+:\d+/.exec(text.split("Error: told")[1] ?? "")?.[0];
          assert.equal(place(guest.stderr), place(host.stderr), `${name}\n${guest.stderr}`);
        }
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("is in the report of a syntax error, and language goes before it", async () => {
    await withRuntime({}, async (runtime) => {
      const wrong = await runtime.exec("let a = ;", { filename: "/workspace/wrong.mjs" });
      assert.match(wrong.stderr, /file:\/\/\/workspace\/wrong\.mjs:1/);
      const { stdout } = await runtime.exec("console.log(typeof require)", {
        filename: "main.mjs",
        language: "cjs",
      });
      assert.equal(stdout, "function\n");
      const live = await runtime.spawn("console.log(import.meta.url)", { filename: "a b.mjs" });
      assert.equal(await live.wait(), 0);
      assert.equal(live.captured.stdout, "file:///workspace/a%20b.mjs\n");
      for (const filename of ["", "a/", "a\0"]) {
        await assert.rejects(runtime.exec("", { filename }), { code: "ERR_INVALID_ARG_VALUE" });
      }
      await assert.rejects(runtime.execCommand("true", [], { filename: "a" } as never), {
        code: "ERR_INVALID_ARG_VALUE",
      });
    });
  });

  test("of an await that never settles is status 13, as without one", async () => {
    await withRuntime({}, async (runtime) => {
      const { exitCode } = await runtime.exec("await new Promise(() => {})", { filename: "x.mjs" });
      assert.equal(exitCode, 13);
    });
  });
});

describe("a resident runner", () => {
  const files = {
    "/app/sub/neighbour.mjs": "export default 'neighbour';",
    "/app/sub/neighbour.cjs": "module.exports = 'neighbour';",
    "/app/esm/package.json": '{"type":"module"}',
    "/app/cjs/package.json": '{"type":"commonjs"}',
  };
  const module = `import neighbour from "./neighbour.mjs";
    console.log(neighbour, import.meta.url, import.meta.main, import.meta.dirname);
    console.log((await import("./neighbour.cjs")).default, import.meta.resolve("./x"));
    throw new Error("told");`;
  const script = `console.log(require("./neighbour.cjs"), __filename, __dirname, this === exports, require.main === module);
    import("./neighbour.mjs").then(({ default: name }) => console.log(name));
    throw new Error("told");`;
  const kind = "console.log(typeof require)";
  const cases: [string, { language?: "js" | "ts" | "cjs" | "auto"; filename?: string }][] = [
    [module, { filename: "sub/main.mjs" }],
    [module, { filename: "/app/sub/main.js" }],
    [`const a: number = 1; ${module}`, { filename: "sub/main.mts" }],
    [module, { filename: "sub/main.cjs", language: "js" }],
    [script, { filename: "sub/main.cjs" }],
    [script, { filename: "sub/main.js" }],
    [`const a: number = 1; ${script}`, { filename: "sub/main.cts" }],
    [kind, { filename: "esm/main.js" }],
    [kind, { filename: "cjs/main.js" }],
    [kind, { filename: "esm/main.cjs" }],
    [kind, { filename: "cjs/main.mjs" }],
    ["const a: string = typeof require; console.log(a);", { filename: "esm/main.ts" }],
    [kind, { language: "cjs" }],
    [kind, { language: "auto" }],
    [`await 1; ${kind}`, { language: "auto" }],
    [`const a: number = 1; ${kind}`, { language: "auto" }],
    [`const a: number = 1; ${kind}`, { language: "ts" }],
    [`const a: number = 1; ${kind}`, { language: "js" }],
    [`const a: number = 1; ${kind}`, {}],
    ["enum A { b }", { language: "ts" }],
    ["let a = ;", { filename: "sub/main.mjs" }],
    ["import fs from 'node:fs';", { language: "cjs" }],
  ];

  test("takes code for what exec takes it for", async () => {
    await withRuntime({ files, cwd: "/app" }, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const place = (text: string) => /[^/\s(]*:\d+:\d+/.exec(text)?.[0];
      for (const [code, options] of cases) {
        const [once, again] = [await runtime.exec(code, options), await runner.exec(code, options)];
        const name = `${code}\n${JSON.stringify(options)}\n${again.stderr}`;
        // What is imported behind an error does not come any more where the program ends with it.
        assert(again.stdout.startsWith(once.stdout), `${again.stdout}\n${once.stdout}\n${name}`);
        assert.equal(again.exitCode, once.exitCode, name);
        if (options.filename && /told/.test(once.stderr)) {
          assert.equal(place(again.stderr), place(once.stderr.split("Error: told")[1] ?? ""), name);
        }
        assert.equal(/SyntaxError.*/.test(again.stderr), /SyntaxError/.test(once.stderr), name);
      }
      assert.equal((await runner.exec(kind)).restarted, undefined);
    });
  });

  test("knows whose late errors are whose, by the names of files", async () => {
    await withRuntime({ files, cwd: "/app" }, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const late = "setTimeout(() => { throw new Error('late') }); console.log('first');";
      const first = await runner.exec(late, { filename: "sub/late.cjs" });
      assert.deepEqual([first.stdout, first.exitCode], ["first\n", 0]);
      const wait = "await new Promise((resolve) => setTimeout(resolve, 50));";
      const second = await runner.exec(wait, { filename: "sub/other.mjs" });
      assert.deepEqual([second.stderr, second.exitCode], ["", 0]);
      // It may have come between the two.
      const told = `${first.background?.stderr ?? ""}${second.background?.stderr ?? ""}`;
      assert.match(told, /Error: late\n.*sub\/late\.cjs:1:/);
    });
  });

  test("evaluates with types and names of files, and no scripts", async () => {
    await withRuntime({ files, cwd: "/app" }, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const code = "import name from './neighbour.mjs'; const n: number = 5; [n, name]";
      const options = { language: "ts", filename: "sub/e.ts" } as const;
      assert.deepEqual((await runner.evaluate(code, options)).value, [5, "neighbour"]);
      assert.equal((await runner.evaluate("n + 1")).value, 6);
      const wrong = await runner.evaluate("null.x", { filename: "sub/e.js" });
      assert.match(wrong.stderr, /TypeError.*\n.*sub\/e\.js:1:6/);
      const typed = await runner.evaluate("const m: number = 1", { language: "js" });
      assert.match(typed.stderr, /SyntaxError/);
      for (const given of [{ language: "cjs" }, { filename: "x/" }, { language: 5 }]) {
        await assert.rejects(runner.evaluate("1", given as never), {
          code: "ERR_INVALID_ARG_VALUE",
          message: /options\.(language|filename)/,
        });
      }
    });
  });
});

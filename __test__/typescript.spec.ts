// Tools for TypeScript: what they say is what the host's compiler says, of sources and of projects.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import {
  createInMemoryFileSystem,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  createV8Runtime,
} from "secure-exec";
import { createTypeScriptTools } from "secure-exec/typescript";
import { after, describe, ownedByTest, test } from "./support/suite.ts";
import { onHost, toolsOver } from "./support/typescript.ts";

const root = "/workspace";
/** What a busy machine takes for many programs, or large ones. */
const slow = { timeout: 240_000 };

function project(compilerOptions: object, sources: Record<string, string>, more: object = {}) {
  const files: Record<string, string> = {};
  for (const [name, text] of Object.entries(sources)) files[`${root}/${name}`] = text;
  const config = { compilerOptions: { types: [], ...compilerOptions }, ...more };
  return { [`${root}/tsconfig.json`]: JSON.stringify(config), ...files };
}

describe("a source", () => {
  // One for all, which is what it is there for.
  const tools = createTypeScriptTools();
  after(() => tools.dispose());

  test("is checked as the documents say", async () => {
    const result = await tools.typecheckSource({
      filePath: "/root/snippet.ts",
      sourceText: `
export function greet(name: string) {
return "hello " + missingValue;
}
`,
    });
    assert.deepEqual(result, {
      success: false,
      diagnostics: [
        {
          code: 2304,
          category: "error",
          message: "Cannot find name 'missingValue'.",
          filePath: "/root/snippet.ts",
          line: 3,
          column: 19,
        },
      ],
    });
    const right = await tools.typecheckSource({ sourceText: "export const a: number = 1;" });
    assert.deepEqual(right, { success: true, diagnostics: [] });
  });

  test("is compiled as the documents say", async () => {
    const compiled = await tools.compileSource({
      filePath: "/root/example.ts",
      sourceText: "export default 40 + 2;",
      compilerOptions: { module: "esnext", target: "es2022" },
    });
    assert.deepEqual(compiled, {
      success: true,
      diagnostics: [],
      outputText: "export default 40 + 2;\n",
    });
  });

  test("has the same diagnostics as on the host, whatever is wrong with it", slow, async () => {
    const strict = { strict: true, target: "es2022", module: "esnext", skipLibCheck: true };
    const options = { ...strict, moduleResolution: "bundler", types: [] };
    for (const [name, text] of Object.entries(programs)) {
      const filePath = `/${name}`;
      const expected = onHost(filePath, text, options);
      const request = { filePath, sourceText: text, cwd: "/", compilerOptions: options };
      const { diagnostics, success } = await tools.typecheckSource(request);
      assert.deepEqual(diagnostics, expected, name);
      assert.equal(success, expected.length === 0, name);
    }
  });

  test("becomes what the compiler makes of it, with its map, though types are wrong", async () => {
    const sourceText = "enum Color { red }\nexport const color: string = Color.red;\n";
    const compilerOptions = { module: "commonjs", target: "es2020", sourceMap: true };
    const compiled = await tools.compileSource({ filePath: "a.ts", sourceText, compilerOptions });
    assert.equal(compiled.success, false);
    assert.deepEqual(
      compiled.diagnostics.map(({ code, line }) => [code, line]),
      [[2322, 2]],
    );
    assert.match(compiled.outputText ?? "", /exports\.color = Color\.red;/);
    assert.match(compiled.outputText ?? "", /\/\/# sourceMappingURL=a\.js\.map$/);
    assert.deepEqual(JSON.parse(compiled.sourceMapText ?? "").sources, ["a.ts"]);
    const none = { ...compilerOptions, noEmitOnError: true };
    const refused = await tools.compileSource({ sourceText, compilerOptions: none });
    assert.equal(refused.outputText, undefined);
    assert.equal(refused.success, false);
  });

  test("may be TSX, JavaScript, JSON, or a module of either kind", async () => {
    const compile = async (filePath: string, sourceText: string, compilerOptions: object) => {
      const result = await tools.compileSource({
        filePath,
        sourceText,
        compilerOptions: { ...compilerOptions, types: [] },
      });
      return result.outputText;
    };
    const jsx = "declare const React: any;\nexport const a = <b>{1}</b>;\n";
    assert.equal(
      await compile("a.tsx", jsx, { jsx: "react" }),
      'export const a = React.createElement("b", null, 1);\n',
    );
    assert.match(
      (await compile("a.cts", "export const a = 1;", { module: "nodenext" })) ?? "",
      /exports\.a = 1;/,
    );
    assert.equal(
      await compile("a.mts", "export const a: number = 1;", { module: "nodenext" }),
      "export const a = 1;\n",
    );
    assert.equal(
      await compile("a.js", "export const a = 1 ?? 2;", { allowJs: true, target: "es2019" }),
      "export const a = 1 !== null && 1 !== void 0 ? 1 : 2;\n",
    );
  });

  test("has the options of a tsconfig.json that is named, and its own over them", async () => {
    const files = project({ strict: true, target: "es5" }, {}, { include: ["nothing/*.ts"] });
    const { tools } = await toolsOver({ ...files, [`${root}/other.ts`]: "export type T = 'a';" });
    const sourceText = "import type { T } from './other';\nexport const f = (a: T, b) => a + b;";
    const from = { cwd: root, filePath: "source.ts", sourceText, configFilePath: "tsconfig.json" };
    const checked = await tools.typecheckSource(from);
    assert.deepEqual(
      checked.diagnostics.map(({ code, filePath }) => [code, filePath]),
      [[7006, `${root}/source.ts`]],
    );
    const compilerOptions = { noImplicitAny: false, module: "esnext" };
    const compiled = await tools.compileSource({ ...from, compilerOptions });
    assert.deepEqual([compiled.success, compiled.diagnostics], [true, []]);
    assert.match(compiled.outputText ?? "", /var f = function \(a, b\)/);
  });

  test("stands in the place of a file, and is not written", async () => {
    const { tools, runtime } = await toolsOver({
      [`${root}/a.ts`]: "export const a = 1;",
      [`${root}/b.ts`]: "import { a } from './a.js'; export const b: string = a;",
    });
    const checked = await tools.typecheckSource({
      cwd: root,
      filePath: "b.ts",
      sourceText: "import { a } from './a.js'; export const b: number = a;",
    });
    assert.deepEqual(checked, { success: true, diagnostics: [] });
    await tools.compileSource({ cwd: root, filePath: "c.ts", sourceText: "export {}" });
    assert.deepEqual((await runtime.readDir(root)).sort(), ["a.ts", "b.ts"]);
    // What has changed is seen.
    await runtime.writeFile(`${root}/a.ts`, "export const a = 's';");
    const again = await tools.typecheckSource({
      cwd: root,
      filePath: "b.ts",
      sourceText: "import { a } from './a.js'; export const b: number = a;",
    });
    assert.deepEqual(
      again.diagnostics.map(({ code }) => code),
      [2322],
    );
  });

  test("with wrong options is told in the compiler's words, and options of the call are checked", async () => {
    const compilerOptions = { module: "comonjs", strictly: true };
    const result = await tools.compileSource({ sourceText: "", compilerOptions });
    assert.deepEqual(
      [result.success, result.outputText, result.diagnostics.map(({ code }) => code)],
      [false, undefined, [6046, 5025]],
    );
    const calls: [RegExp, () => Promise<unknown>][] = [
      [
        /"options\.sourceText" argument must be of type string/,
        () => tools.typecheckSource({} as never),
      ],
      [
        /"options\.source" is not a known option/,
        () => tools.typecheckSource({ source: "" } as never),
      ],
      [/options\.cwd/, () => tools.typecheckProject({ cwd: "src" })],
      [/options\.configFilePath/, () => tools.compileProject({ configFilePath: "" })],
      [
        /options\.compilerOptions/,
        () => tools.compileSource({ sourceText: "", compilerOptions: [] as never }),
      ],
      [
        /options\.compilerOptions/,
        () => tools.compileSource({ sourceText: "", compilerOptions: { a: 1n } }),
      ],
    ];
    for (const [message, call] of calls) await assert.rejects(call, { message });
    for (const options of [
      { memoryLimit: 1 },
      { cpuTimeLimitMs: 0 },
      { systemDriver: 1 },
      { x: 1 },
    ]) {
      assert.throws(() => createTypeScriptTools(options as never), /ERR_|options\./);
    }
  });
});

const programs: Record<string, string> = {
  "right.ts": "export const a: number[] = [1, 2].map((x) => x * 2);",
  "syntax.ts": "const a = ;\nfunction (",
  "types.ts": "const a: string = 1;\nlet b: { c: number } = { c: 'd', e: 1 };\nb.f;",
  "implicit.ts": "function f(a, b) { return a + b }\nclass C { p: string }",
  "null.ts": "const m = new Map<string, number>();\nm.get('a').toFixed();",
  "unused-expect.ts": "// @ts-expect-error\nexport const a = 1;",
  "generic.ts": "function f<T extends { a: string }>(t: T) { return t.b }\nf({ a: 1 });",
  "overload.ts":
    "Math.max('a', 1);\nnew Date({}).foo();\nPromise.resolve(1).then((x: string) => x);",
  "module.ts": "import { x } from './nowhere';\nexport { y } from 'nothing';\nexport default x;",
  "dom.ts": "document.querySelector('a').href;\nfetch('x').then((r) => r.jsn());",
  "enum.ts":
    "const enum E { a = 'b' }\nE.c;\nenum F { a = 1, b = a << 1, c = g() }\nfunction g() { return 1 }",
  "abstract.ts": "abstract class A { abstract m(): void }\nnew A();\nclass B extends A {}",
  "return.ts": "function f(a: 1 | 2): string { if (a === 1) return 'x'; }",
  "never.ts": "type U = { k: 'a' } | { k: 'b' };\nfunction f(u: U) { if (u.k === 'c') return u; }",
  "decorator.ts": "function d(v: string) {}\n@d class C { @d m() {} }",
  "satisfies.ts": "const a = { b: 1 } satisfies { b: string };\nusing x = { };",
  "global.ts": "declare global { interface Window { a: number } }\nwindow.a = 'b';\nexport {};",
  "circular.ts": "type A = A[number];\ntype B<T> = B<T[]>;\nlet b: B<string>;\nconst c = c + 1;",
  "unicode.ts": "const ä = 'ü';\n/* 😀 */ const b: number = ä;\n",
  "deep.ts":
    "type R<N extends number, T extends 0[] = []> = T['length'] extends N ? T : R<N, [...T, 0]>;\nlet r: R<2000>;",
};

describe("a project", () => {
  test("is checked and compiled as the documents say", async () => {
    const files = project(
      {
        module: "nodenext",
        moduleResolution: "nodenext",
        target: "es2022",
        outDir: `${root}/dist`,
      },
      { "src/index.ts": "export const value: string = 123;\n" },
      { include: ["src/**/*.ts"] },
    );
    const { tools, runtime } = await toolsOver(files);
    const checked = await tools.typecheckProject({ cwd: root });
    assert.equal(checked.success, false);
    assert.deepEqual(checked.diagnostics, [
      {
        code: 2322,
        category: "error",
        message: "Type 'number' is not assignable to type 'string'.",
        filePath: `${root}/src/index.ts`,
        line: 1,
        column: 14,
      },
    ]);
    assert.equal(await runtime.exists(`${root}/dist`), false);

    await runtime.writeFile(`${root}/src/index.ts`, "export const answer: number = 42;\n");
    const compiled = await tools.compileProject({ cwd: root });
    assert.deepEqual(compiled, {
      success: true,
      diagnostics: [],
      emitSkipped: false,
      emittedFiles: [`${root}/dist/index.js`],
    });
    const { stdout } = await runtime.exec(
      "import { answer } from './dist/index.js'; console.log(answer)",
    );
    assert.equal(stdout, "42\n");
  });

  test(
    "of a hundred files with the types of Node.js is checked as tsc does on the host",
    slow,
    async () => {
      const packages = Object.fromEntries(
        ["@types/node", "undici-types"].map((name) => [`${root}/node_modules/${name}`, name]),
      );
      const { tools } = await toolsOver(hundred(), { packages });
      const result = await tools.typecheckProject({ cwd: root });
      assert.deepEqual(
        result.diagnostics.map(({ code, filePath, line }) => [code, filePath, line]),
        [
          [2769, `${root}/src/module-50.ts`, 6],
          [2322, `${root}/src/module-99.ts`, 3],
        ],
      );
    },
  );

  test("is told what is wrong with its tsconfig.json", async () => {
    const { tools } = await toolsOver({
      ...project({ target: "es1", outDir: "dist" }, { "a.ts": "export {}" }),
      [`${root}/loop/tsconfig.json`]: '{ "extends": "./other.json", "files": [] }',
      [`${root}/loop/other.json`]: '{ "extends": "./tsconfig.json" }',
      [`${root}/none/tsconfig.json`]: '{ "include": ["*.ts"] }',
      [`${root}/broken/tsconfig.json`]: '{ "compilerOptions": ',
      [`${root}/missing/tsconfig.json`]: '{ "extends": "./nothing.json", "include": ["../a.ts"] }',
    });
    const codes = async (cwd: string, configFilePath?: string) => {
      const given = configFilePath === undefined ? {} : { configFilePath };
      const { diagnostics, success } = await tools.typecheckProject({ cwd, ...given });
      assert.equal(success, false);
      return diagnostics.map(({ code }) => code);
    };
    assert.deepEqual(await codes(root), [6046]);
    assert.deepEqual(await codes(`${root}/loop`), [18000]);
    assert.deepEqual(await codes(`${root}/none`), [18003]);
    assert.deepEqual((await codes(`${root}/broken`)).includes(1109), true);
    assert.deepEqual(await codes(`${root}/missing`), [5083]);
    assert.deepEqual(await codes("/usr"), [5081]);
    assert.deepEqual(await codes(root, "nothing.json"), [5083]);
    const compiled = await tools.compileProject({ cwd: "/usr" });
    assert.deepEqual([compiled.emitSkipped, compiled.emittedFiles], [true, []]);
  });

  test("writes declarations and maps beside, nothing with noEmit, and says what cannot be written", async () => {
    const options = {
      declaration: true,
      sourceMap: true,
      outDir: "out",
      target: "es2022",
      module: "esnext",
    };
    const { tools, runtime } = await toolsOver({
      ...project(options, {
        "src/a.ts": "export const a = 1;",
        "src/deep/b.ts": "export const b = 2;",
      }),
      [`${root}/quiet.json`]:
        '{ "extends": "./tsconfig.json", "compilerOptions": { "noEmit": true } }',
      [`${root}/away.json`]:
        '{ "extends": "./tsconfig.json", "compilerOptions": { "outDir": "/usr/out" } }',
    });
    const compiled = await tools.compileProject({ cwd: root });
    const kinds = ["d.ts", "js", "js.map"];
    assert.deepEqual(
      compiled.emittedFiles.sort(),
      ["a", "deep/b"].flatMap((name) => kinds.map((kind) => `${root}/out/${name}.${kind}`)),
    );
    const text = await runtime.readFile(`${root}/out/deep/b.d.ts`, "utf8");
    assert.equal(text, "export declare const b = 2;\n");
    const quiet = await tools.compileProject({ cwd: root, configFilePath: "quiet.json" });
    assert.deepEqual(quiet, {
      success: true,
      diagnostics: [],
      emitSkipped: true,
      emittedFiles: [],
    });
    const away = await tools.compileProject({ cwd: root, configFilePath: "away.json" });
    assert.deepEqual([away.success, away.emittedFiles], [false, []]);
    assert.deepEqual([...new Set(away.diagnostics.map(({ code }) => code))], [5033]);
  });
});

/** Modules of a project, each of which uses the one before and Node.js; two are wrong. */
function hundred(): Record<string, string> {
  const sources: Record<string, string> = {};
  for (let at = 0; at < 100; at += 1) {
    const before =
      at === 0 ? "const before = 0;" : `import { value as before } from "./module-${at - 1}.js";`;
    const path = at === 50 ? "Symbol()" : '"/etc/hostname"';
    sources[`src/module-${at}.ts`] = [
      'import { readFile } from "node:fs/promises";',
      before,
      `export const value: ${at === 99 ? "string" : "number"} = before + 1;`,
      `export class Reader${at} {`,
      "  constructor(readonly encoding: BufferEncoding) {}",
      `  async read() { return await readFile(${path}, this.encoding); }`,
      "}",
      "",
    ].join("\n");
  }
  const options = {
    module: "nodenext",
    target: "es2022",
    strict: true,
    skipLibCheck: true,
    types: ["node"],
  };
  return project(options, sources, { include: ["src"] });
}

describe("a driver and its factory", () => {
  test("has its files read and written, and its packages found", slow, async () => {
    const filesystem = createInMemoryFileSystem();
    const systemDriver = createNodeDriver({ filesystem });
    const tools = ownedByTest(createTypeScriptTools({ systemDriver }));
    await filesystem.mkdir("/root/src", { recursive: true });
    const options = { module: "nodenext", target: "es2022", strict: true, outDir: "dist" };
    const config = {
      compilerOptions: { ...options, types: ["node"], skipLibCheck: true },
      include: ["src"],
    };
    await filesystem.writeFile("/root/tsconfig.json", JSON.stringify(config));
    const source = (type: string) =>
      `import { pid } from "node:process";\nexport const a: ${type} = pid;\n`;
    await filesystem.writeFile("/root/src/a.ts", source("string"));
    const checked = await tools.typecheckProject();
    assert.deepEqual(
      checked.diagnostics.map(({ code, filePath, line }) => [code, filePath, line]),
      [[2322, "/root/src/a.ts", 2]],
    );
    // What has changed is seen at once, though it is as long and was written a moment ago.
    await filesystem.writeFile("/root/src/a.ts", source("number"));
    const compiled = await tools.compileProject();
    assert.deepEqual(compiled, {
      success: true,
      diagnostics: [],
      emitSkipped: false,
      emittedFiles: ["/root/dist/a.js"],
    });
    assert.match(
      await filesystem.readTextFile("/root/dist/a.js"),
      /exports\.a = node_process_1\.pid;/,
    );
  });

  test("may have a process of its own, and is one of ours", slow, async () => {
    const v8Runtime = createV8Runtime();
    const runtimeDriverFactory = createNodeRuntimeDriverFactory({ v8Runtime });
    const tools = ownedByTest(createTypeScriptTools({ runtimeDriverFactory }));
    const { success } = await tools.typecheckSource({ sourceText: "export const a = 1;" });
    assert.equal(success, true);
    await v8Runtime.dispose();
    for (let call = 0; call < 2; call += 1) {
      const { diagnostics } = await tools.typecheckSource({ sourceText: "" });
      assert.deepEqual([diagnostics.length, diagnostics[0]?.code], [1, 0]);
      assert.match(diagnostics[0]?.message ?? "", /disposed/);
    }
    for (const options of [{ systemDriver: {} }, { runtimeDriverFactory: {} }]) {
      assert.throws(() => createTypeScriptTools(options as never), {
        code: "ERR_INVALID_ARG_TYPE",
      });
    }
  });
});

describe("a tool set", () => {
  test("answers calls one after the other, each with its own answer", async () => {
    const tools = ownedByTest(createTypeScriptTools());
    const calls = Array.from({ length: 20 }, async (_, at) => {
      const sourceText = `export const a${at}: ${at % 2 ? "string" : "number"} = 1;`;
      const { diagnostics } = await tools.typecheckSource({ sourceText });
      return diagnostics.length;
    });
    assert.deepEqual(
      await Promise.all(calls),
      Array.from({ length: 20 }, (_, at) => at % 2),
    );
  });

  test("that is disposed of says so, before its first call and behind it", async () => {
    for (const isUsed of [false, true]) {
      const tools = createTypeScriptTools();
      if (isUsed) await tools.typecheckSource({ sourceText: "" });
      await tools.dispose();
      await tools.dispose();
      const { success, diagnostics } = await tools.typecheckSource({ sourceText: "" });
      assert.equal(success, false);
      assert.deepEqual(
        diagnostics.map(({ code }) => code),
        [0],
      );
      assert.match(diagnostics[0]?.message ?? "", /disposed/);
    }
  });

  test("takes the compiler that is named", async () => {
    const { tools } = await toolsOver({});
    await tools.dispose();
    const missing = ownedByTest(createTypeScriptTools({ compilerSpecifier: "typescript-of-mine" }));
    const { diagnostics } = await missing.typecheckSource({ sourceText: "" });
    assert.equal(diagnostics.length, 1);
    assert.match(diagnostics[0]?.message ?? "", /Cannot find module 'typescript-of-mine'/);
    const other = ownedByTest(createTypeScriptTools({ compilerSpecifier: "node:path" }));
    const wrong = await other.typecheckSource({ sourceText: "" });
    assert.match(wrong.diagnostics[0]?.message ?? "", /not the TypeScript compiler/);
  });

  test("is the same in both kinds of modules", () => {
    const entry = createRequire(import.meta.url)("secure-exec/typescript");
    assert.equal(entry.createTypeScriptTools, createTypeScriptTools);
  });
});

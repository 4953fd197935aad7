// Tools for TypeScript under input that means harm: whatever a source or a project is like, its call ends within its
// limits, and the next one is answered.

import assert from "node:assert/strict";
import type { TypeScriptTools } from "secure-exec/typescript";
import { createTypeScriptTools } from "secure-exec/typescript";
import { after, describe, ownedByTest, test } from "./support/suite.ts";
import { toolsOver } from "./support/typescript.ts";

const root = "/workspace";
/** What a busy machine takes for the slowest of these. */
const slow = { timeout: 240_000 };

async function stillWorks(tools: TypeScriptTools) {
  const { diagnostics } = await tools.typecheckSource({
    sourceText: "export const a: string = 1;",
  });
  assert.deepEqual(
    diagnostics.map(({ code }) => code),
    [2322],
  );
}

/** The one diagnostic of a compiler that has failed. */
function failure({
  success,
  diagnostics,
}: Awaited<ReturnType<TypeScriptTools["typecheckSource"]>>) {
  assert.equal(success, false);
  assert.equal(diagnostics.length, 1);
  const [{ code, category, message } = { code: -1, category: "", message: "" }] = diagnostics;
  assert.deepEqual([code, category], [0, "error"]);
  return message;
}

describe("a source that means harm", () => {
  const tools = createTypeScriptTools();
  after(() => tools.dispose());

  test("and is nested deeper than the compiler's stack", slow, async () => {
    const depth = 100_000;
    const nested = {
      parentheses: `${"(".repeat(depth)}1${")".repeat(depth)}`,
      arrays: `const a = ${"[".repeat(depth)}${"]".repeat(depth)};`,
      types: `type A = ${"Array<".repeat(depth)}1${">".repeat(depth)};`,
      templates: "`${".repeat(depth),
      negations: `const a = ${"!".repeat(depth)}1;`,
    };
    for (const [name, sourceText] of Object.entries(nested)) {
      assert.match(
        failure(await tools.typecheckSource({ sourceText })),
        /Maximum call stack/,
        name,
      );
    }
    await stillWorks(tools);
  });

  test("with types that the compiler itself gives up on", slow, async () => {
    const union = Array.from({ length: 100 }, (_, at) => `"${at}"`).join(" | ");
    const given: Record<string, [number, string]> = {
      union: [2590, `type A = ${union}; type B = \`\${A}\${A}\${A}\${A}\`; let b: B;`],
      endless: [2589, "type F<T> = T extends 0 ? 1 : F<[T, T]>; let f: F<1>;"],
      circular: [2456, "type A = B; type B = A;"],
    };
    for (const [name, [code, sourceText]] of Object.entries(given)) {
      const { diagnostics } = await tools.typecheckSource({ sourceText });
      assert.deepEqual(
        [...new Set(diagnostics.map((each) => each.code))].includes(code),
        true,
        name,
      );
    }
    await stillWorks(tools);
  });

  test("with more mistakes than are told", slow, async () => {
    const sourceText = "a;\n".repeat(10_050);
    const result = await tools.typecheckSource({ sourceText });
    assert.deepEqual(
      [result.success, result.diagnostics.length, result.omittedDiagnostics],
      [false, 10_000, 50],
    );
    const long = `type A = ${JSON.stringify("x".repeat(1 << 20))};\n`;
    const messages = await tools.typecheckSource({
      sourceText: `${long}${"export const a: A = 1; export const b: A = 2;".repeat(20)}`,
      compilerOptions: { noErrorTruncation: true },
    });
    const lengths = messages.diagnostics.map(({ message }) => message.length);
    assert.equal(Math.max(...lengths), (64 << 10) + 3);
    await stillWorks(tools);
  });

  test("and refers to files that are none of a program", slow, async () => {
    for (const path of ["/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/", "\0"]) {
      const sourceText = `/// <reference path="${path}" />\nimport a from "${path}";\nexport default a;`;
      const { success, diagnostics } = await tools.typecheckSource({ sourceText });
      assert.equal(success, false, path);
      assert.ok(
        diagnostics.every(({ code }) => code !== 0),
        path,
      );
      // Nothing of what is in them is told.
      assert.ok(!diagnostics.some(({ message }) => message.includes("user:x:")), path);
    }
    await stillWorks(tools);
  });
});

describe("limits", () => {
  test("of processor time end a call, and the next is answered", slow, async () => {
    const tools = ownedByTest(createTypeScriptTools({ cpuTimeLimitMs: 5_000 }));
    // Each takes as many steps as the compiler allows one.
    const endless = Array.from({ length: 400 }, (_, at) => {
      return `type L${at}<T extends 0[]> = T["length"] extends 999 ? ${at} : L${at}<[...T, 0]>; let l${at}: L${at}<[]>;`;
    });
    const sourceText = endless.join("\n");
    const message = failure(await tools.typecheckSource({ sourceText }));
    assert.match(
      message,
      /limits\.jsRuntime\.cpuTimeLimitMs is 5,?000 ms.*\. cpuTimeLimitMs sets it$/,
    );
    await stillWorks(tools);
  });

  test("of memory end a call, and the next is answered", slow, async () => {
    const tools = ownedByTest(createTypeScriptTools({ memoryLimit: 192 }));
    const sourceText = "const a: string = 1;\n".repeat(500_000);
    assert.equal(sourceText.length > 10_000_000, true);
    assert.match(failure(await tools.compileSource({ sourceText })), /limits\./);
    await stillWorks(tools);
  });
});

describe("a project that means harm", () => {
  test("is read in its machine only, and runs nothing", slow, async () => {
    const { tools, runtime } = await toolsOver({
      [`${root}/tsconfig.json`]: JSON.stringify({
        compilerOptions: {
          types: [],
          plugins: [{ name: "plugin" }, { name: "../plugin.js", transform: "./plugin.js" }],
        },
        include: ["*.ts"],
      }),
      [`${root}/a.ts`]: "import 'plugin'; export {};",
      [`${root}/plugin.js`]: "require('fs').writeFileSync('/workspace/has-run', '')",
      [`${root}/node_modules/plugin/package.json`]: '{ "main": "../../plugin.js" }',
      [`${root}/node_modules/plugin/index.d.ts`]: "export {};",
    });
    const result = await tools.compileProject({ cwd: root });
    assert.deepEqual([result.success, result.diagnostics], [true, []]);
    assert.equal(await runtime.exists(`${root}/has-run`), false);
  });

  test("with FIFOs, loops of links and all files of the machine ends", slow, async () => {
    const everything = {
      compilerOptions: { types: [], noEmit: true, allowJs: true },
      include: ["/**/*"],
    };
    const { tools, runtime } = await toolsOver(
      {
        [`${root}/tsconfig.json`]:
          '{ "compilerOptions": { "types": [] }, "files": ["fifo.ts", "a.ts"] }',
        [`${root}/a.ts`]:
          '/// <reference path="fifo.ts" />\nimport "./fifo.js"; import "./loop/loop/b.js";',
        [`${root}/everything/tsconfig.json`]: JSON.stringify(everything),
        [`${root}/everything/a.ts`]: "export const a: string = 1;",
        [`${root}/everything/long.json`]: JSON.stringify({
          extends: Array(2_000).fill("./tsconfig.json"),
        }),
      },
      { cpuTimeLimitMs: 20_000 },
    );
    const links = `mkfifo fifo.ts fifo.d.ts tsconfig.fifo.json && ln -s . loop && ln -s fifo.ts link.ts && ln -s self self`;
    const made = await runtime.execCommand("sh", ["-c", links]);
    assert.equal(made.exitCode, 0, made.stderr);
    const fifo = await tools.typecheckProject({ cwd: root });
    assert.ok(
      fifo.diagnostics.some(({ code }) => code === 6053),
      JSON.stringify(fifo),
    );
    const config = await tools.typecheckProject({
      cwd: root,
      configFilePath: "tsconfig.fifo.json",
    });
    assert.deepEqual(
      config.diagnostics.map(({ code }) => code),
      [5083],
    );
    for (const configFilePath of ["tsconfig.json", "long.json"]) {
      // What it finds is the compiler's affair: that it ends, and that the next call is answered, is ours.
      const all = await tools.typecheckProject({ cwd: `${root}/everything`, configFilePath });
      assert.equal(all.success, false, configFilePath);
    }
    await stillWorks(tools);
  });
});

describe("a compiler that is not one", () => {
  test("is believed nothing but what answers are", slow, async () => {
    const answers = {
      types: {
        success: 1,
        diagnostics: [{ code: "1", message: {}, line: -1, filePath: 3 }, null, 5],
        outputText: 7,
      },
      list: { success: true, diagnostics: { length: 5 }, emittedFiles: "x", emitSkipped: false },
      text: "an answer",
      number: 5,
    };
    const { tools } = await toolsOver(
      {
        "/compiler.js": `
          let count = 0;
          exports.createProgram = () => {};
          const answers = ${JSON.stringify(Object.values(answers))};
          const define = Object.defineProperty;
          Object.defineProperty = (target, name, value) => name === "answer"
            ? define(target, name, { value: () => answers[count++] ?? process.exit(3) })
            : define(target, name, value);
        `,
      },
      { specifier: "/compiler.js" },
    );
    const sourceText = "";
    assert.deepEqual(await tools.compileSource({ sourceText }), {
      success: false,
      diagnostics: [
        { code: 0, category: "error", message: "" },
        { code: 0, category: "error", message: "" },
        { code: 0, category: "error", message: "" },
      ],
    });
    assert.deepEqual(await tools.compileProject(), {
      success: true,
      diagnostics: [],
      emitSkipped: false,
      emittedFiles: [],
    });
    assert.match(failure(await tools.typecheckSource({ sourceText })), /no answer/);
  });
});

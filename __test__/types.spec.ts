// The published types: for both kinds of module, under every way to resolve them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as exported from "secure-exec";
import ts from "typescript";
import {
  declarationFiles,
  declarations,
  declarationsForCommonJs,
  mainFiles,
} from "./support/declarations.ts";
import { root } from "./support/releases.ts";
import { after, before, describe, test } from "./support/suite.ts";

const run = promisify(execFile);
const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
};
/** The compiler reads megabytes of declarations. */
const timeout = 180_000;
const nodeTypes = { types: ["node"] };
const forCommonJs = (name: string) => name.replace(/\.ts$/, ".cts");

describe("types of the package", () => {
  let project = "";

  // The package as npm packs it, but for the binaries: types do not depend on them.
  before(async () => {
    project = await mkdtemp(join(tmpdir(), "secure-exec-types-"));
    const target = join(project, "node_modules", "secure-exec");
    await mkdir(target, { recursive: true });
    const entries = ["index", "ai", "typescript"].flatMap((name) =>
      ["js", "cjs", "d.ts"].map((extension) => `${name}.${extension}`),
    );
    const others = ["package.json", "README.md", "LICENSE", "binding.cjs", "lib", "types"];
    for (const name of [...others, ...entries]) {
      await cp(join(root, name), join(target, name), { recursive: true });
    }
    for (const name of declarationFiles) {
      const text = declarationsForCommonJs(await readFile(join(root, name), "utf8"));
      await writeFile(join(target, forCommonJs(name)), text);
    }
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], { cwd: target });
    await mkdir(join(project, "node_modules/@types"));
    const modules = join(root, "node_modules");
    await symlink(join(modules, "@types/node"), join(project, "node_modules/@types/node"));
    await symlink(join(modules, "undici-types"), join(project, "node_modules/undici-types"));
    const usage = await readFile(join(root, "__test__/fixtures/types/usage.ts"), "utf8");
    for (const extension of ["cts", "mts", "ts"]) {
      await writeFile(join(project, `usage.${extension}`), usage);
    }
    await writeFile(join(project, "package.json"), '{ "private": true }');
  });

  after(() => rm(project, { recursive: true, force: true }));

  /** What the compiler finds wrong, with the files that it took the types from. */
  function compile(files: string[], options: ts.CompilerOptions) {
    const names = files.map((name) => join(project, name));
    const typeRoots = [join(project, "node_modules/@types")];
    const program = ts.createProgram(names, { ...strict, ...nodeTypes, typeRoots, ...options });
    const diagnostics = ts.getPreEmitDiagnostics(program);
    const host = {
      getCanonicalFileName: (name: string) => name,
      getCurrentDirectory: () => project,
      getNewLine: () => "\n",
    };
    const declarations = program
      .getSourceFiles()
      .map(({ fileName }) => fileName)
      .filter((name) => name.includes("/secure-exec/"))
      .map((name) => name.slice(name.lastIndexOf("/secure-exec/") + "/secure-exec/".length));
    return { text: ts.formatDiagnostics(diagnostics, host), declarations };
  }

  test("an ES module and a CommonJS module under node16 and nodenext", { timeout }, () => {
    // Once, our own declarations are checked as well, and with them those of everybody else.
    for (const [module, skipLibCheck] of [
      [ts.ModuleKind.Node16, false],
      [ts.ModuleKind.NodeNext, true],
    ] as const) {
      const { text, declarations } = compile(["usage.cts", "usage.mts"], { module, skipLibCheck });
      assert.equal(text, "");
      assert.deepEqual(declarations.sort(), [...mainFiles, ...mainFiles.map(forCommonJs)].sort());
    }
  });

  test("a file of a CommonJS package under node16", { timeout }, () => {
    const options = { module: ts.ModuleKind.Node16, skipLibCheck: true };
    const { text, declarations } = compile(["usage.ts"], options);
    assert.equal(text, "");
    assert.deepEqual(declarations.sort(), mainFiles.map(forCommonJs).sort());
  });

  test("a bundler, and the old resolution", { timeout }, () => {
    const bundler = {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    };
    const old = {
      module: ts.ModuleKind.CommonJS,
      moduleResolution: ts.ModuleResolutionKind.Node10,
    };
    for (const options of [bundler, old]) {
      assert.equal(compile(["usage.ts"], { ...options, skipLibCheck: true }).text, "");
    }
  });

  test("a program without the types of Node.js, with those of the DOM or neither", {
    timeout,
  }, async () => {
    await writeFile(
      join(project, "bare.mts"),
      `import { NodeRuntime, VmError } from "secure-exec";
       import { createTypeScriptTools, type TypeCheckResult } from "secure-exec/typescript";
       await using tools = createTypeScriptTools({ memoryLimit: undefined });
       export const checked: TypeCheckResult = await tools.typecheckSource({ sourceText: "" });
       const rt = await NodeRuntime.create({ tools: {
         add: { description: "", inputSchema: {}, handler: (_, { signal }) => signal.aborted },
       } });
       const { stdout } = await rt.exec("1", { signal: undefined });
       export const text: string = stdout;
       export const isError = (error: unknown): boolean => error instanceof VmError;`,
    );
    await writeFile(
      join(project, "browser.mts"),
      `import { NodeRuntime } from "secure-exec";
       export const run = async (signal: AbortSignal) =>
         (await NodeRuntime.create()).exec("1", { signal });`,
    );
    const module = ts.ModuleKind.Node16;
    const bare = { module, types: [], lib: ["lib.es2022.d.ts"] };
    assert.equal(compile(["bare.mts"], bare).text, "");
    const lib = ["lib.es2022.d.ts", "lib.dom.d.ts"];
    assert.equal(compile(["bare.mts", "browser.mts"], { module, types: [], lib }).text, "");
  });

  test("the examples of the declarations compile", { timeout }, async () => {
    const text = await declarations();
    const examples = [...text.matchAll(/ \* ```js\n([\s\S]*?) \* ```/g)].map(([, code = ""]) =>
      code.replaceAll(/^ *\* ?/gm, ""),
    );
    assert(examples.length >= 10);
    const functions = examples.map((code, at) => `export async function f${at}() {\n${code}}`);
    const names =
      "createInMemoryFileSystem, createNodeRuntimeDriverFactory, createV8Runtime, defineTool, NodeFileSystem, NodeRuntime, Sandbox, toolTypes, VmError";
    const head = `import { type DriverNodeRuntime, ${names} } from "secure-exec";
      declare const runtime: DriverNodeRuntime; declare const rt: NodeRuntime; declare const data: unknown; declare const code: string;
      export const isError = (error: unknown) => error instanceof VmError;`;
    await writeFile(join(project, "examples.mts"), `${head}\n${functions.join("\n")}`);
    // Declarations of `rt` within an example are its own.
    const options = { module: ts.ModuleKind.Node16, skipLibCheck: true };
    assert.equal(compile(["examples.mts"], options).text, "");
  });

  test("every value that the package exports is declared, and nothing else", { timeout }, () => {
    const file = join(root, "index.d.ts");
    const program = ts.createProgram([file], { ...strict, types: [] });
    const source = program.getSourceFile(file);
    assert(source);
    const checker = program.getTypeChecker();
    const symbol = checker.getSymbolAtLocation(source);
    assert(symbol);
    const values = checker
      .getExportsOfModule(symbol)
      .filter(({ flags }) => flags & ts.SymbolFlags.Value)
      .map(({ name }) => name);
    assert.deepEqual(values.sort(), Object.keys(exported).sort());
  });

  test("every public item has a description", async () => {
    const text = await declarations();
    const source = ts.createSourceFile("all.d.ts", text, ts.ScriptTarget.ES2022, true);
    const bare = source.statements
      .filter((statement) => ts.canHaveModifiers(statement) && isExported(statement))
      .filter((statement) => ts.getJSDocCommentsAndTags(statement).length === 0)
      .map((statement) => statement.getText().slice(0, 60));
    assert.deepEqual(bare, []);
  });

  test("the names of errors are those of the kernel", async () => {
    const kernel = await readFile(join(root, "crates/kernel/src/errno.rs"), "utf8");
    const [, table = ""] = kernel.split(/^errnos! \{$/m);
    const names = [...table.matchAll(/^ {4}(E[A-Z0-9]+) \d+ "/gm)].map(([, name]) => name);
    const types = await declarations();
    const [, union = ""] = types.split("export type ErrnoName =");
    const declared = [...(union.split(";")[0] ?? "").matchAll(/"(\w+)"/g)].map(([, name]) => name);
    assert(names.length > 50);
    assert.deepEqual(declared.sort(), names.sort());
  });

  test("publint and attw find nothing", { timeout }, async () => {
    const archive = (await readdir(project)).find((name) => name.endsWith(".tgz"));
    assert(archive);
    const { stdout } = await run(process.execPath, [
      join(root, "__test__/support/package-lint.mjs"),
      join(project, archive),
    ]);
    assert.equal(stdout, "");
  });
});

function isExported(statement: ts.HasModifiers): boolean {
  const modifiers = ts.getModifiers(statement) ?? [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

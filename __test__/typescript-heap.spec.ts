// The compiler's heap that is kept for the next tool set: made by whom, used when, and what comes of one that is damaged.

import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createTypeScriptTools } from "secure-exec/typescript";
import { after, before, describe, test } from "./support/suite.ts";

const require = createRequire(import.meta.url);
const { heapOf, isUsable, make } = require("../lib/typescript/heap.cjs");
const { folder: binaries } = require("../binding.cjs");

const cache = mkdtempSync(join(tmpdir(), "secure-exec-heap-"));
const former = process.env.SECURE_EXEC_CACHE;
const compiler = realpathSync(dirname(require.resolve("typescript/package.json")));

describe("a heap with the compiler in it", () => {
  let heap: string;

  before(async () => {
    process.env.SECURE_EXEC_CACHE = cache;
    heap = heapOf(compiler, binaries);
    assert.equal(isUsable(heap), false);
    assert.equal(await make(heap, compiler, binaries), true);
  });

  after(() => {
    if (former === undefined) delete process.env.SECURE_EXEC_CACHE;
    else process.env.SECURE_EXEC_CACHE = former;
    rmSync(cache, { recursive: true });
  });

  test("is one file with its sum, the user's own", () => {
    assert.equal(isUsable(heap), true);
    const names = readdirSync(dirname(heap)).map((name) => join(dirname(heap), name));
    assert.deepEqual(names.sort(), [heap, `${heap}.sha256`]);
    chmodSync(heap, 0o622);
    assert.equal(isUsable(heap), false);
    chmodSync(heap, 0o600);
  });

  test("says what a compiler says that was loaded", { timeout: 120_000 }, async () => {
    const asked = [
      { sourceText: "export const a: string = 1;\nlet b: Map<string, number> = new Set();\n" },
      { sourceText: "document.body.inerHTML = 1;\n", compilerOptions: { strict: true } },
      { sourceText: "document.body;\n", compilerOptions: { lib: ["es2022"] } },
      { sourceText: "[1].at(0);\n", compilerOptions: { target: "es2020", lib: ["es2020"] } },
      { sourceText: "process.exit();\n", compilerOptions: { module: "nodenext", types: [] } },
    ];
    const answers = async () => {
      await using tools = createTypeScriptTools();
      const said = [];
      for (const request of asked) said.push(await tools.typecheckSource(request));
      said.push(await tools.compileSource({ sourceText: "enum A { B = 1 }\nexport { A };\n" }));
      return said;
    };
    const prepared = await answers();
    process.env.SECURE_EXEC_CACHE = "";
    const loaded = await answers();
    process.env.SECURE_EXEC_CACHE = cache;
    assert.deepEqual(prepared, loaded);
    assert.equal(prepared.filter(({ success }) => success).length, 1);
  });

  test("is of one compiler, as it is on the disk", () => {
    const copy = join(cache, "typescript");
    cpSync(compiler, copy, { recursive: true });
    const ofCopy = heapOf(copy, binaries);
    assert.notEqual(ofCopy, heap);
    appendFileSync(join(copy, "lib", "lib.es5.d.ts"), "\n");
    assert.notEqual(heapOf(copy, binaries), ofCopy);
    rmSync(copy, { recursive: true });
    assert.equal(heapOf(copy, binaries), undefined);
    assert.equal(heapOf(compiler, binaries), heap);
  });

  // The last one.
  test("is not used and not kept once it is damaged", { timeout: 120_000 }, async () => {
    writeFileSync(heap, "something else");
    await using tools = createTypeScriptTools();
    const { diagnostics } = await tools.typecheckSource({ sourceText: "missing;\n" });
    assert.deepEqual(
      diagnostics.map(({ code }) => code),
      [2304],
    );
    assert.equal(existsSync(heap), false);
  });
});

// Programs with types in them: `exec`, `run`, `spawn` and resident runners take them as Node.js takes files of TypeScript.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

let runtime: NodeRuntime;
before(async () => {
  runtime = await NodeRuntime.create();
});
after(() => runtime.dispose());

const remedy = /make JavaScript of it with compileSource\(\) of createTypeScriptTools\(\)/;

describe("a program with types", () => {
  test("is run without them, by every call", async () => {
    const program = `
      import type { Stats } from "node:fs";
      import { readFileSync, type Dirent } from "node:fs";
      interface Named { name: string }
      declare const nothing: Dirent | Stats;
      abstract class Base<T> { constructor(protected readonly value?: T) {} }
    `.replace("protected readonly ", "");
    const { stdout, stderr, exitCode } = await runtime.exec(`${program}
      function greet<T extends Named>(this: void, who: T, ...rest: string[]): asserts who is T {
        console.log("hello", who!.name as string, rest satisfies string[], typeof readFileSync);
      }
      greet({ name: await Promise.resolve<string>("you") });
      console.log(import.meta.url, import.meta.main);
    `);
    const expected = "hello you [] function\nfile:///workspace/[eval1] true\n";
    assert.deepEqual([stdout, stderr, exitCode], [expected, "", 0]);
    const { value } = await runtime.run<number>("const x: number = 42; globalThis.__return(x);");
    assert.equal(value, 42);
    const live = await runtime.spawn("const status: number = 3; process.exit(status);");
    assert.equal(await live.wait(), 3);
  });

  test("has the places of its own text in errors", async () => {
    const code =
      "interface A { b: string }\n\nfunction f(a: A): never { throw new Error(a.b) }\nf({ b: 'x' });";
    const { stderr, exitCode } = await runtime.exec(code);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^file:\/\/\/workspace\/\[eval1\]:3\n/);
    assert.match(
      stderr,
      /at f \(file:\/\/\/workspace\/\[eval1\]:3:33\)\n +at file:\/\/\/workspace\/\[eval1\]:4:1\n/,
    );
  });

  test("that is JavaScript as well is JavaScript", async () => {
    const { stdout } = await runtime.exec("const f = 3, x = 2, y = 5; console.log(f < x > (y));");
    assert.equal(stdout, "false\n");
  });

  test("that is more than types is refused by name, with the remedy", async () => {
    const programs: [RegExp, string][] = [
      [/TypeScript enum is not supported/, "enum A { b }"],
      [/TypeScript namespace declaration is not supported/, "namespace N { export const a = 1 }"],
      [
        /TypeScript parameter property is not supported/,
        "class C { constructor(public a: number) {} }",
      ],
      [/TypeScript import equals declaration is not supported/, "import fs = require('fs');"],
      [/Decorators are no JavaScript yet/, "function d(v: unknown, c: unknown) {} @d class C {}"],
      [/Decorators are no JavaScript yet/, "function d(v, c) {}\n\t@d class C {}"],
      [/Decorators are no JavaScript yet/, "class C { @d m(a: string) {} }"],
    ];
    for (const [message, code] of programs) {
      const { stdout, stderr, exitCode } = await runtime.exec(`console.log(1);\n${code}`);
      assert.deepEqual([stdout, exitCode], ["", 1], code);
      assert.match(stderr, message, code);
      assert.match(stderr, remedy, code);
      // The line, and the place in it.
      assert.match(stderr, /^file:\/\/\/workspace\/\[eval1\]:[23]\n(.*\n)?.*\n[ \t]*\^+\n/, code);
    }
  });

  test("with a mistake has the message of the parser that came further", async () => {
    const told = async (code: string) => {
      const { stderr, exitCode } = await runtime.exec(code);
      assert.equal(exitCode, 1);
      return stderr;
    };
    const typed = await told("interface A { b: string }\nconst x: number = ;");
    assert.match(
      typed,
      /^file:\/\/\/workspace\/\[eval1\]:2\n(.*\n)?const x: number = ;\n {18}\^\n/,
    );
    assert.match(typed, /SyntaxError \[ERR_INVALID_TYPESCRIPT_SYNTAX\]: Expression expected/);
    const plain = await told("const x = ;");
    const start =
      "file:///workspace/[eval1]:1\nconst x = ;\n          ^\n\nSyntaxError: Unexpected token ';'\n";
    assert.equal(plain.slice(0, start.length), start);
    assert.match(
      await told("let a = 1; let a = 2;"),
      /SyntaxError: Identifier 'a' has already been declared/,
    );
    const deep = await told(`const a: number = ${"(".repeat(50_000)}1${")".repeat(50_000)};`);
    assert.match(deep, /SyntaxError|RangeError/);
  });

  test("is none for a guest that says it is JavaScript", async () => {
    const args = ["--input-type=module", "-e", "const x: number = 1;"];
    const { stderr, exitCode } = await runtime.execCommand("node", args);
    assert.equal(exitCode, 1);
    assert.match(stderr, /SyntaxError: Missing initializer in const declaration/);
  });
});

describe("a snippet with types", () => {
  test("is run without them, and what it declares stays", async () => {
    const runner = await runtime.createResidentRunner();
    try {
      const first = await runner.exec("const x: number = 1; console.log(x as any);");
      assert.deepEqual(first, { stdout: "1\n", stderr: "", exitCode: 0 });
      const second = await runner.run("type T = number; globalThis.__return(2 satisfies T);");
      assert.equal(second.value, 2);
      await runner.evaluate("interface P { a: number }\nlet y: P = { a: 3 };");
      const third = await runner.evaluate("y.a + (1 as number)");
      assert.equal(third.value, 4);
      const javascript = await runner.evaluate("y.a + 1");
      assert.equal(javascript.value, 4);
    } finally {
      await runner.dispose();
    }
  });

  test("that is more than types, or wrong, is told as one of JavaScript", async () => {
    const runner = await runtime.createResidentRunner();
    try {
      for (const kind of ["exec", "evaluate"] as const) {
        const refused = await runner[kind]("enum A { b }");
        assert.equal(refused.exitCode, 1);
        assert.match(refused.stderr, /TypeScript enum is not supported in strip-only mode/);
        assert.match(refused.stderr, remedy);
        const decorated = await runner[kind]("function d(v: any) {}\n@d class C {}");
        assert.match(decorated.stderr, /Decorators are no JavaScript yet/);
        const wrong = await runner[kind]("let x = ;");
        assert.match(
          wrong.stderr,
          /^snippet-\d+\.mjs:1\nlet x = ;\n {8}\^\n+SyntaxError: Unexpected token ';'\n$/,
        );
      }
    } finally {
      await runner.dispose();
    }
  });
});

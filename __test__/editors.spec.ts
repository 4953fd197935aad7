// vi and nano on a terminal: what is on the screen, and what becomes of files.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { onScreen } from "./support/screen.ts";
import { describe, test } from "./support/suite.ts";

const esc = "\x1b";
const control = (letter: string) => String.fromCharCode(letter.charCodeAt(0) & 0x1f);

const text = "first line\nsecond line\nthird line\n";
const path = "/workspace/text";
const content = (runtime: NodeRuntime, name = path) => runtime.readFile(name, "utf8");

describe("vi on a terminal", () => {
  test("shows a file, takes keys, and writes it in place", async () => {
    await onScreen("vi", ["text"], { [path]: text }, async (screen, runtime) => {
      await screen.line("second line");
      assert.deepEqual(screen.lines.slice(0, 5), [
        "first line",
        "second line",
        "third line",
        "~",
        "~",
      ]);
      assert.match(screen.lines[11] ?? "", /^"text" 3L, 34B +1,1$/);
      await screen.type("jwcwLINE", ({ lines }) => lines[1] === "second LINE");
      assert.match(screen.lines[11] ?? "", /^-- INSERT --/);
      assert.deepEqual([screen.row, screen.column], [1, 11]);
      await screen.type(`${esc}`, ({ lines }) => /^ +2,11$/.test(lines[11] ?? ""));
      await screen.type("yypAnew", ({ lines }) => lines[2] === "second LINEnew");
      await screen.type(
        `${esc}u`,
        ({ lines }) => lines[2] === "third line" || lines[2] === "second LINE",
      );
      await screen.type(":set nu\r", ({ lines }) => lines[0] === "  1 first line");
      await screen.type(":w\r", ({ lines }) => /^"text" \d+L, \d+B written/.test(lines[11] ?? ""));
      await screen.type("/third\r", ({ row }) => row > 1);
      await screen.terminal.write("ddZZ");
      assert.equal(await screen.terminal.wait(), 0);
      assert.match(await content(runtime), /^first line\nsecond LINE\n/);
      assert(!(await content(runtime)).includes("third"));
    });
  });

  test("does not leave what is not written, and tells why", async () => {
    await onScreen("vi", ["text"], { [path]: text }, async (screen, runtime) => {
      await screen.line("third line");
      await screen.type("x:q\r", ({ lines }) =>
        (lines[11] ?? "").startsWith("E37: No write since last change"),
      );
      await screen.type(":nosuch\r", ({ lines }) => (lines[11] ?? "").startsWith("E492:"));
      await screen.terminal.write(":q!\r");
      assert.equal(await screen.terminal.wait(), 0);
      assert.equal(await content(runtime), text);
    });
  });

  test("shows wide characters, tabs, long lines and odd bytes in their columns", async () => {
    const lines = `中文x\n\tt\n${"0123456789".repeat(7)}\nend\n`;
    await onScreen("vi", ["text"], { [path]: lines }, async (screen, runtime) => {
      await screen.line("end");
      assert.deepEqual(screen.lines.slice(0, 5), [
        "中文x",
        "        t",
        "0123456789".repeat(6),
        "0123456789",
        "end",
      ]);
      await screen.type("l", ({ column }) => column === 2);
      await screen.type("l", ({ column }) => column === 4);
      await screen.type("jl", ({ column }) => column === 8);
      await screen.type("j$", ({ row, column }) => row === 3 && column === 9);
      await screen.type("ié", ({ lines }) => lines[3] === "012345678é9");
      await screen.terminal.write(`${esc}:wq\r`);
      assert.equal(await screen.terminal.wait(), 0);
      assert((await content(runtime)).includes("678é9\n"));
    });
  });

  test("follows the cursor and the size of the window", async () => {
    const numbers = Array.from({ length: 200 }, (_, at) => `number ${at + 1}`).join("\n");
    await onScreen("vi", ["text"], { [path]: `${numbers}\n` }, async (screen) => {
      await screen.line("number 11");
      await screen.type("G", ({ lines }) => lines[10] === "number 200");
      await screen.type(
        "100G",
        ({ lines }) => lines.includes("number 100") && !lines.includes("number 200"),
      );
      await screen.type("gg", ({ lines }) => lines[0] === "number 1");
      await screen.type(control("f"), ({ lines }) => lines[0] === "number 10");
      screen.resize(40, 20);
      await screen.until(({ lines }) => lines[18] === "number 28");
      await screen.type("zt", ({ lines }) => lines[0] === "number 10");
      await screen.terminal.write("ZQ");
      assert.equal(await screen.terminal.wait(), 0);
    });
  });

  test("lends the terminal to commands, and shows what several lines print", async () => {
    await onScreen("vi", ["text"], { [path]: text }, async (screen) => {
      await screen.line("third line");
      await screen.type(":!echo from the shell\r", ({ lines }) => lines.includes("from the shell"));
      await screen.type(
        "\r",
        ({ lines }) => lines[0] === "first line" && !lines.includes("from the shell"),
      );
      await screen.type(":%p\r", ({ lines }) => lines.includes("Press ENTER to continue"));
      await screen.type("\r", ({ lines }) => !lines.includes("Press ENTER to continue"));
      await screen.type("ggVj", ({ lines }) => /^-- VISUAL LINE --/.test(lines[11] ?? ""));
      await screen.type("d", ({ lines }) => lines[0] === "third line");
      await screen.type(`qaAx${esc}q2@a`, ({ lines }) => lines[0] === "third linexxx");
      await screen.terminal.write(":q!\r");
      assert.equal(await screen.terminal.wait(), 0);
    });
  });

  test("lets a terminal obey nothing of a file, its name and messages", async () => {
    const name = "/workspace/a\x1b]0;name\x07";
    const hostile = "x\x1b]0;text\x07\u009b31m\u202ey\n\x1b]0;more\x07\n";
    for (const command of ["vi", "nano"]) {
      await onScreen(command, [name], { [name]: hostile }, async (screen, runtime) => {
        const line = "x^[]0;text^G<9b>31m<202e>y";
        await screen.line(line);
        if (command === "vi") {
          await screen.type(":%p\r", ({ lines }) => lines.includes("Press ENTER to continue"));
          await screen.type("\r", ({ lines }) => lines[0] === line && lines[4] === "~");
          await screen.type("/\x16\x1b]none\r", ({ lines }) =>
            (lines[11] ?? "").startsWith("E486: Pattern not found: ^[]none"),
          );
          await screen.type(":2p\r", ({ lines }) => (lines[11] ?? "").startsWith("^[]0;more^G"));
          await screen.type(":f\r", ({ lines }) =>
            (lines[11] ?? "").startsWith('"/workspace/a^[]0;name^G"'),
          );
          await screen.terminal.write(":wq\r");
        } else {
          await screen.type(control("o"), ({ lines }) =>
            lines.some((line) => line.startsWith("File Name to Write: /workspace/a^[]0;name^G")),
          );
          await screen.terminal.write(`\r${control("x")}`);
        }
        assert.equal(await screen.terminal.wait(), 0);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(screen.written, /\x1b\]|\u009b|\u202e/);
        assert.equal(await content(runtime, name), hostile);
      });
    }
  });

  test("edits a long line, and many lines", async () => {
    const long = `${"ab".repeat(100_000)}\n`;
    const many = "some line\n".repeat(20_000);
    await onScreen("vi", ["text"], { [path]: long + many }, async (screen, runtime) => {
      await screen.until(({ lines }) => (lines[0] ?? "").startsWith("abab"));
      await screen.type("$", ({ lines }) => (lines[11] ?? "").includes("1,200000"));
      await screen.type("x0ix", ({ lines }) => (lines[0] ?? "").startsWith("xabab"));
      await screen.type(`${esc}:s/a/cc/g\r`, ({ lines }) => (lines[0] ?? "").startsWith("xccb"));
      await screen.type(":%s/some/any\r", ({ lines }) =>
        (lines[11] ?? "").startsWith("20000 substitutions on 20000 lines"),
      );
      await screen.terminal.write(":g/any/d\r:wq\r");
      assert.equal(await screen.terminal.wait(), 0);
      assert.equal(await content(runtime), `x${"ccb".repeat(99_999)}cc\n`);
    });
  });

  test("keeps what was changed when it is ended from outside", async () => {
    await onScreen("vi", ["text"], { [path]: text }, async (screen, runtime) => {
      await screen.line("third line");
      await screen.type("dd", ({ lines }) => lines[0] === "second line");
      screen.terminal.kill("SIGTERM");
      assert.notEqual(await screen.terminal.wait(), 0);
      assert.equal(await content(runtime), text);
      assert.equal(await content(runtime, `${path}.save`), "second line\nthird line\n");
    });
  });

  test("works without a terminal", async () => {
    await withRuntime({ files: { [path]: text } }, async (runtime) => {
      const run = (line: string) => runtime.execCommand("sh", ["-c", line], { cwd: "/workspace" });
      assert.equal(
        (await run("printf 'dd:wq\\n' | vi text; cat text")).stdout,
        "second line\nthird line\n",
      );
      assert.equal(
        (await run("vi -c '%s/line/LINE/' -c wq text < /dev/null; cat text")).stdout,
        "second LINE\nthird LINE\n",
      );
      assert.equal(
        (await run("printf '1d\\nwq\\n' | ex -s text; cat text")).stdout,
        "third LINE\n",
      );
      const lost = await run("printf 'x' | vi text");
      assert.equal(lost.exitCode, 1);
      assert.match(lost.stderr, /no terminal: what was changed is not written/);
    });
  });
});

describe("nano on a terminal", () => {
  test("shows a file, takes text, cuts, pastes, searches, and asks before it leaves", async () => {
    await onScreen("nano", ["text"], { [path]: text }, async (screen, runtime) => {
      await screen.line("third line");
      assert.match(screen.lines[0] ?? "", /^ +nano +text$/);
      assert.match(screen.lines[11] ?? "", /^\^X Exit/);
      await screen.type("new ", ({ lines }) => lines[1] === "new first line");
      assert.match(screen.lines[0] ?? "", /Modified$/);
      await screen.type(control("k"), ({ lines }) => lines[1] === "second line");
      await screen.type(`${esc}[B${control("u")}`, ({ lines }) => lines[2] === "new first line");
      await screen.type(`${control("w")}THIRD\r`, ({ row, column }) => row === 3 && column === 0);
      await screen.type(`${control("e")}!`, ({ lines }) => lines[3] === "third line!");
      await screen.type(`${esc}u`, ({ lines }) => lines[3] === "third line");
      await screen.type(control("o"), ({ lines }) => lines.includes("File Name to Write: text"));
      await screen.type("\r", ({ lines }) =>
        lines.some((line) => line.trim() === "[ Wrote 3 lines ]"),
      );
      assert.equal(await content(runtime), "second line\nnew first line\nthird line\n");
      await screen.type("x", ({ lines }) =>
        lines.some(
          (line) => line.startsWith("x") || line.includes("xthird") || line.includes("linex"),
        ),
      );
      await screen.type(control("x"), ({ lines }) =>
        lines.includes("Save modified buffer? (Y/N/^C)"),
      );
      await screen.type(control("c"), ({ lines }) =>
        lines.some((line) => line.includes("Cancelled")),
      );
      await screen.terminal.write(`${control("x")}n`);
      assert.equal(await screen.terminal.wait(), 0);
      assert.equal(await content(runtime), "second line\nnew first line\nthird line\n");
    });
  });

  test("replaces, tells places, makes new files, and refuses to be without a terminal", async () => {
    await onScreen("nano", ["new"], { [path]: text }, async (screen, runtime) => {
      await screen.until(({ lines }) => lines.some((line) => line.includes("[ New File ]")));
      await screen.type("a b a\rb a", ({ lines }) => lines[2] === "b a");
      await screen.type(`${esc}\\${control("\\")}a\rX\ra`, ({ lines }) =>
        lines.some((line) => line.includes("[ Replaced 3 occurrences ]")),
      );
      assert.deepEqual(screen.lines.slice(1, 3), ["X b X", "b X"]);
      await screen.type(`${control("_")}2,3\r`, ({ row, column }) => row === 2 && column === 2);
      await screen.type(control("c"), ({ lines }) =>
        lines.some((line) => line.includes("[ line 2/2 (100%), col 3/4 ]")),
      );
      await screen.terminal.write(`${control("x")}y\r`);
      assert.equal(await screen.terminal.wait(), 0);
      assert.equal(await content(runtime, "/workspace/new"), "X b X\nb X\n");
      const refused = await runtime.execCommand("nano", ["text"], { cwd: "/workspace" });
      assert.deepEqual(
        [refused.exitCode, refused.stderr],
        [1, "nano: standard input or output is not a terminal\n"],
      );
    });
  });
});

// The line editor of the shell: keys of emacs and of vi, and tables of keys. What is expected is what the host's bash makes of
// the same keys. Left out where the WebAssembly commands are not built.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

const { folder } = createRequire(import.meta.url)("../binding.cjs");
const skip = existsSync(join(folder, "commands", "commands.json")) ? false : "no commands";

const emacs: [string, string, string][] = [
  ["characters go in at the cursor", "echo ac\x1b[Db", "abc"],
  ["the beginning and the end", "cho x\x01e\x05y", "xy"],
  ["a killed word is put back", "echo a b\x17X \x19", "a X b"],
  ["words are moved over", "echo world\x1bbhello ", "hello world"],
  ["the case of a word", "echo abc def\x1bb\x1bu", "abc DEF"],
  ["characters change places", "echo ab dc\x14", "ab cd"],
  ["a change is undone", "echo abc kept\x17\x1f", "abc kept"],
  ["the last argument", "echo \x1b.", "kept"],
  ["a count", "echo aaaa\x1b3\x08", "a"],
  ["what is pasted", "\x1b[200~echo pasted\x1b[201~", "pasted"],
  ["an older line is searched for", "\x12abc D", "abc DEF"],
];

const vi: [string, string, string][] = [
  ["a word is changed", "echo one two three\x1bbbcwTWO\x1b", "one TWO three"],
  ["characters are deleted, and text is added", "echo abc def\x1bxxxA!", "abc !"],
  ["text is inserted", "cho hi\x1b0ie\x1b", "hi"],
  ["a change is made again", "echo a b c d\x1b0wdw..", "d"],
  ["a change is undone", "echo keep this\x1bbdwu", "keep this"],
  ["words are copied", "echo ab cd\x1b0wyw$p", "ab cdab"],
  ["characters are found", "echo xaxbxc\x1b0fx;rY", "xaYbxc"],
  ["the case of characters", "echo abc\x1b0w3~", "ABC"],
  ["a count and a motion", "echo 1 2 3 4 5\x1b0w3dw", "4 5"],
  ["a whole line is changed", "junk junk\x1bSecho S", "S"],
  ["up to a character", "echo 'foo(bar)'\x1b0f(lct)x", "foo(x)"],
  ["older lines", "\x1bkkI#\x1b0xA2", "S2"],
  ["older lines are searched for", "\x1b/TWO\rA!", "one TWO three!"],
];

describe("the line editor", { skip }, () => {
  for (const [mode, cases] of Object.entries({ emacs, vi })) {
    test(`of ${mode}`, async () => {
      await withRuntime({}, async (runtime) => {
        const env = { TERM: "xterm", PS1: "ready> " };
        const terminal = await runtime.openShell({ command: "bash", env });
        const until = reader(terminal);
        await until("ready> ");
        terminal.write(`set -o ${mode}; echo begun\r`);
        await until("\r\nbegun\r\n");
        for (const [, keys, printed] of cases) {
          terminal.write(`${keys}\r`);
          await until(`\r\n${printed}\r\n`);
        }
        terminal.write("\x15exit 0\r");
        await terminal.wait();
      });
    });
  }

  test("keys are bound to others, to functions and to commands", async () => {
    await withRuntime({}, async (runtime) => {
      const env = { TERM: "xterm", PS1: "ready> " };
      const terminal = await runtime.openShell({ command: "bash", env });
      const until = reader(terminal);
      await until("ready> ");
      for (const [keys, printed] of [
        [`bind '"\\C-xa": "echo macro\\C-m"'; echo one\r`, "one"],
        ["\x18a", "macro"],
        [`bind -x '"\\C-xb": READLINE_LINE="echo by command"'; echo two\r`, "two"],
        ["junk\x18b\r", "by command"],
        [`bind '"\\e[A": history-search-backward'; echo three\r`, "three"],
        ["junk\x15echo m\x1b[A\r", "macro"],
      ] as const) {
        terminal.write(keys);
        await until(`\r\n${printed}\r\n`);
      }
      terminal.write("exit 0\r");
      await terminal.wait();
    });
  });
});

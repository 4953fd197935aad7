// The shell at a terminal. Left out where the WebAssembly commands are not built.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

const { folder } = createRequire(import.meta.url)("../binding.cjs");
const skip = existsSync(join(folder, "commands", "commands.json")) ? false : "no commands";

/** A shell without line editing, so that what it shows is what is typed and printed. */
async function inShell(
  work: (type: (text: string) => void, until: (text: string) => Promise<string>) => Promise<void>,
  status: number,
  { command = "sh", TERM = "dumb" } = {},
) {
  await withRuntime({}, async (runtime) => {
    const env = { TERM, PS1: "ready> ", PS2: "more> " };
    const terminal = await runtime.openShell({ command, env });
    const until = reader(terminal);
    await until("ready> ");
    await work((text) => void terminal.write(text), until);
    assert.equal(await terminal.wait(), status);
    const { processes, ptys } = await runtime.getResourceSnapshot();
    assert.deepEqual([processes, ptys], [0, 0]);
  });
}

describe("a shell at a terminal", { skip }, () => {
  test("runs commands and ends with their status", async () => {
    await inShell(async (type, until) => {
      type("echo one | tr a-z A-Z; tty\r");
      assert.match(await until("ready> "), /ONE\r\n\/dev\/pts\/0\r\n$/);
      type("stty size\r");
      assert.match(await until("ready> "), /24 80\r\n$/);
      type("exit 3\r");
    }, 3);
  });

  test("Ctrl-C ends the command and not the shell", async () => {
    await inShell(async (type, until) => {
      type("sleep 1000\r");
      await until("sleep 1000\r\n");
      type("\x03");
      await until("ready> ");
      type("echo status $?\r");
      assert.match(await until("ready> "), /status 130\r\n$/);
      type("exit 0\r");
    }, 0);
  });

  test("Ctrl-C interrupts what node evaluates and not node", async () => {
    await inShell(async (type, until) => {
      type("node\r");
      await until("> ");
      // Not by a stream, which is left as it is when it is interrupted.
      type("const endless = () => { fs.writeSync(1, 'it ' + 'runs'); for (;;); };\r");
      await until("undefined");
      type("endless()\r");
      await until("it runs");
      type("\x03");
      await until("Script execution was interrupted by `SIGINT`");
      type("6 * 7\r");
      await until("42");
      type(".exit\r");
      await until("ready> ");
      type("exit 0\r");
    }, 0);
  });

  // A program that answers what is typed is in the foreground: what comes next reaches it and not the shell.
  test("Ctrl-Z stops a job, which goes on in the background", async () => {
    await inShell(async (type, until) => {
      type("sh -c 'read x; echo got $x; exec sleep 1000'\r");
      type("one\r");
      await until("got one\r\n");
      type("\x1a");
      await until("ready> ");
      type("jobs\r");
      assert.match(await until("ready> "), /Stopped.*sleep 1000/i);
      type("bg\r");
      await until("ready> ");
      type("jobs\r");
      assert.match(await until("ready> "), /Running.*sleep 1000/i);
      type("kill %1; wait\r");
      await until("ready> ");
      type("exit 0\r");
    }, 0);
  });

  test("fg brings a stopped job back", async () => {
    await inShell(async (type, until) => {
      type("sh -c 'read x; echo got $x; read y; echo got $y'\r");
      type("one\r");
      await until("got one\r\n");
      type("\x1a");
      await until("ready> ");
      type("fg\r");
      type("two\r");
      await until("got two\r\n");
      await until("ready> ");
      type("exit 0\r");
    }, 0);
  });

  for (const [command, warning] of [
    ["sh", "You have stopped jobs."],
    ["bash", "There are stopped jobs."],
  ] as const) {
    test(`${command} tells of stopped jobs before it ends`, async () => {
      await inShell(
        async (type, until) => {
          type("sh -c 'read x; echo got $x; exec sleep 1000'\r");
          type("one\r");
          await until("got one\r\n");
          type("\x1a");
          await until("ready> ");
          type("exit 3\r");
          await until(warning);
          await until("ready> ");
          type("\x04");
          if (command === "bash") await until("exit");
        },
        command === "bash" ? 1 : 0,
        { command },
      );
    });
  }

  test("Ctrl-D ends it", async () => {
    await inShell(async (type) => type("\x04"), 0);
  });
});

// What is printed never occurs in what is typed, which the terminal shows too.
describe("a command of several lines at a terminal", { skip }, () => {
  const shells = ["sh", "bash"].flatMap((command) =>
    ["dumb", "xterm"].map((TERM) => ({ command, TERM })),
  );
  const commands: [name: string, lines: string[], printed: RegExp][] = [
    ["a here-document", ["cat <<E", "$((40 + 2))x", "E"], /^42x$/m],
    ["one that is not expanded", ["tr a-z A-Z <<'E'", "abc$HOME", "E"], /^ABC\$HOME$/m],
    ["one without tabs", ["cat <<-E | tr a-z A-Z", "\t\tabc", "\tE"], /^ABC$/m],
    [
      "two on a line",
      ["cat - /dev/fd/3 <<A 3<<B | tr a-z A-Z", "a1", "A", "b2", "B"],
      /A1\r\nB2$/m,
    ],
    ["one in a function", ["f() {", "tr a-z A-Z <<E", "inner", "E", "}; f"], /^INNER$/m],
    ["one in a substitution", ["echo $(tr a-z A-Z <<E", "inner", "E", ")"], /^INNER$/m],
    ["one for a loop", ["while read x; do expr $x + 40; done <<E", "2", "E"], /^42$/m],
    ["input from a file", ["tr a-z A-Z < /etc/hostname; expr 40 + 2"], /^42$/m],
    ["a quoted text", ["echo 'one", "two' | tr a-z A-Z"], /^ONE\r\nTWO$/m],
    ["a loop", ["for i in a b", "do echo $i$i", "done"], /^aa\r\nbb$/m],
    ["a continued line", ["echo o\\", "ne | tr a-z A-Z"], /^ONE$/m],
  ];
  for (const shell of shells) {
    const name = `${shell.command}, TERM=${shell.TERM}`;
    test(`runs, and the shell goes on (${name})`, async () => {
      await inShell(
        async (type, until) => {
          for (const [what, lines, printed] of commands) {
            for (const line of lines.slice(0, -1)) {
              type(`${line}\r`);
              await until("\r\n");
              await until("more> ");
            }
            type(`${lines.at(-1)}\rprintf 'ran %d\\n' $?\r`);
            assert.match(stripVTControlCharacters(await until("ran 0\r\n")), printed, what);
            await until("ready> ");
          }
          type("exit 4\r");
        },
        4,
        shell,
      );
    });

    test(`comes all at once (${name})`, async () => {
      await inShell(
        async (type, until) => {
          const all = commands.map(([, lines]) => `${lines.join("\r")}\r`);
          type(`${all.join("")}printf 'ran %d\\n' $?\r`);
          const shown = stripVTControlCharacters(await until("ran 0\r\n"));
          const output = shown.replaceAll(/(?:ready|more)> /g, "");
          for (const [what, , printed] of commands) assert.match(output, printed, what);
          await until("ready> ");
          type("exit 4\r");
        },
        4,
        shell,
      );
    });

    test(`is given up by Ctrl-C (${name})`, async () => {
      await inShell(
        async (type, until) => {
          for (const begun of [
            "touch /tmp/ran <<E",
            "touch /tmp/ran \\",
            "touch '/tmp/ran",
            "if :",
          ]) {
            type(`${begun}\r`);
            await until("more> ");
            type("\x03");
            await until("ready> ");
            type("printf 'status %d\\n' $?; ls /tmp/ran\r");
            assert.match(
              stripVTControlCharacters(await until("cannot access")),
              /status 130\r\nls: $/,
              begun,
            );
            await until("ready> ");
          }
          type("exit 4\r");
        },
        4,
        shell,
      );
    });

    test(`ends with Ctrl-D, and not the shell (${name})`, async () => {
      await inShell(
        async (type, until) => {
          type("tr a-z A-Z <<E\r");
          await until("more> ");
          type("document\r");
          await until("\r\n");
          await until("more> ");
          type("\x04");
          assert.match(await until("ready> "), /DOCUMENT/);
          for (const begun of ["echo 'text", "for i in 1"]) {
            type(`${begun}\r`);
            await until("more> ");
            type("\x04");
            await until("ready> ");
            type("printf 'status %d\\n' $?\r");
            await until("status 2\r\n");
            await until("ready> ");
          }
          type("\x04");
        },
        0,
        shell,
      );
    });
  }
});

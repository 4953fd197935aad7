// The shell at a terminal. Left out where the WebAssembly commands are not built.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

const { folder } = createRequire(import.meta.url)("../binding.cjs");
const skip = existsSync(join(folder, "commands", "commands.json")) ? false : "no commands";

/** A shell without line editing, so that what it shows is what is typed and printed. */
async function inShell(
  work: (type: (text: string) => void, until: (text: string) => Promise<string>) => Promise<void>,
  status: number,
) {
  await withRuntime({}, async (runtime) => {
    const terminal = await runtime.openShell({ env: { TERM: "dumb", PS1: "ready> " } });
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

  test("Ctrl-D ends it", async () => {
    await inShell(async (type) => type("\x04"), 0);
  });
});

// Programs on a terminal: openShell.

import assert from "node:assert/strict";
import type { NodeRuntime, NodeRuntimeTerminal } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Output of a terminal, to be waited for. */
class Screen {
  text = "";
  #waiting: (() => void)[] = [];

  constructor(terminal: NodeRuntimeTerminal) {
    const decoder = new TextDecoder();
    terminal.onData((chunk) => {
      this.text += decoder.decode(chunk, { stream: true });
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  /** Waits until the output holds `wanted`, and forgets it up to there. */
  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.text = this.text.slice(this.text.indexOf(wanted) + wanted.length);
  }
}

async function onTerminal(
  code: string,
  work: (terminal: NodeRuntimeTerminal, screen: Screen, runtime: NodeRuntime) => Promise<void>,
) {
  const files = { "/workspace/program.mjs": code };
  await withRuntime({ files }, async (runtime) => {
    const terminal = await runtime.openShell({
      cols: 100,
      rows: 30,
      command: "node",
      args: ["/workspace/program.mjs"],
    });
    await work(terminal, new Screen(terminal), runtime);
    assert.equal((await runtime.getResourceSnapshot()).ptys, 0);
  });
}

describe("a program on a terminal", () => {
  test("sees a terminal of the given size, and its changes", async () => {
    const code = `
      console.log([process.stdin, process.stdout, process.stderr].map((s) => s.isTTY).join());
      console.log("size " + process.stdout.columns + " " + process.stdout.rows);
      process.stdout.on("resize", () => {
        console.log("resized " + process.stdout.columns + " " + process.stdout.rows);
        process.exit(3);
      });
      setInterval(() => {}, 1000);`;
    await onTerminal(code, async (terminal, screen) => {
      await screen.until("true,true,true\r\n");
      await screen.until("size 100 30\r\n");
      assert.deepEqual([terminal.cols, terminal.rows], [100, 30]);
      terminal.resize(132, 50);
      await screen.until("resized 132 50\r\n");
      assert.equal(await terminal.wait(), 3);
      assert.equal(terminal.exitCode, 3);
    });
  });

  test("reads edited lines, and keys in raw mode", async () => {
    const code = `
      process.stdin.once("data", (line) => {
        console.log("line", JSON.stringify(String(line)));
        process.stdin.setRawMode(true);
        console.log("raw " + process.stdin.isRaw);
        process.stdin.once("data", (keys) => {
          console.log("keys", JSON.stringify(String(keys)));
          process.stdin.setRawMode(false);
          process.stdin.once("data", (line) => {
            console.log("again", JSON.stringify(String(line)));
            process.exit(0);
          });
          console.log("cooked");
        });
      });
      console.log("ready");`;
    await onTerminal(code, async (terminal, screen) => {
      await screen.until("ready\r\n");
      terminal.write("helo\x7flo\r");
      await screen.until("helo\b \blo\r\n");
      await screen.until('line "hello\\n"\r\n');
      await screen.until("raw true\r\n");
      terminal.write("\x03\x04x");
      await screen.until('keys "\\u0003\\u0004x"\r\n');
      await screen.until("cooked\r\n");
      terminal.write("bye\r");
      await screen.until('again "bye\\n"\r\n');
      assert.equal(await terminal.wait(), 0);
    });
  });

  test("is interrupted by Ctrl-C and sees the end of input by Ctrl-D", async () => {
    const handler = `process.on("SIGINT", () => { console.log("caught"); process.exit(7); });
      process.stdin.resume(); console.log("up");`;
    await onTerminal(handler, async (terminal, screen) => {
      await screen.until("up\r\n");
      terminal.write("\x03");
      await screen.until("^Ccaught\r\n");
      assert.equal(await terminal.wait(), 7);
    });
    await onTerminal(
      `setInterval(() => {}, 1000); console.log("up");`,
      async (terminal, screen) => {
        await screen.until("up\r\n");
        terminal.write("\x03");
        assert.equal(await terminal.wait(), 130);
      },
    );
    const reader = `for await (const chunk of process.stdin) console.log("got", String(chunk).trim());
      console.log("end");`;
    await onTerminal(reader, async (terminal, screen) => {
      terminal.write("one\r\x04");
      await screen.until("got one\r\n");
      await screen.until("end\r\n");
      assert.equal(await terminal.wait(), 0);
    });
  });

  test("is hung up, and killed by dispose", async () => {
    const code = `setInterval(() => {}, 1000); console.log("up");`;
    await onTerminal(code, async (terminal, screen) => {
      await screen.until("up\r\n");
      terminal.kill();
      assert.equal(await terminal.wait(), 129);
    });
    await onTerminal(code, async (terminal, screen) => {
      await screen.until("up\r\n");
      await terminal.dispose();
      assert.equal(terminal.exitCode, 137);
    });
  });

  test("can be iterated, also after its end", async () => {
    await onTerminal(`console.log("a".repeat(200_000));`, async (terminal) => {
      let length = 0;
      for await (const chunk of terminal) length += chunk.length;
      assert.equal(length, 200_002);
      assert.equal(await terminal.wait(), 0);
    });
  });

  test("counts against its limit", async () => {
    await withRuntime({ limits: { resources: { maxPtys: 2 } } }, async (runtime) => {
      const command = { command: "node", args: ["-e", "setInterval(() => {}, 1000)"] };
      const open = [await runtime.openShell(command), await runtime.openShell(command)];
      assert.equal((await runtime.getResourceSnapshot()).ptys, 2);
      await assert.rejects(runtime.openShell(command), { code: "ENOSPC" });
      await Promise.all(open.map((terminal) => terminal.dispose()));
      const again = await runtime.openShell(command);
      await again.dispose();
    });
  });

  test("rejects options that are wrong", async () => {
    await withRuntime({}, async (runtime) => {
      for (const [options, code] of [
        [{ cols: 0 }, "ERR_OUT_OF_RANGE"],
        [{ rows: Number.NaN }, "ERR_OUT_OF_RANGE"],
        [{ columns: 80 }, "ERR_INVALID_ARG_VALUE"],
        [{ command: "no-such-command" }, "ENOENT"],
      ] as const) {
        await assert.rejects(runtime.openShell(options as object), { code });
      }
    });
  });
});

// top on a terminal, and what programs read of it and of pstree.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { onScreen } from "./support/screen.ts";
import { describe, test } from "./support/suite.ts";

describe("top", () => {
  test("lists processes until q, and ends with the terminal as it was", async () => {
    await onScreen(
      "sh",
      ["-c", "top -d 0.1; stty -a | grep -c ' icanon'; kill -TERM $$"],
      {},
      async (screen) => {
        await screen.until(
          ({ lines }) =>
            /^top - \d\d:\d\d:\d\d up/.test(lines[0] ?? "") &&
            lines.some((line) => /PID USER .*COMMAND$/.test(line)),
        );
        await screen.until(({ lines }) => lines.some((line) => / top$/.test(line)));
        await screen.type("q", ({ lines }) => lines.includes("1"));
        await screen.terminal.wait();
      },
      { cols: 90, rows: 20 },
    );
  });

  test("lists processes as often as asked for programs", async () => {
    await withRuntime({}, async (runtime) => {
      const batch = await runtime.execCommand("top", ["-b", "-n", "2", "-d", "0.05"]);
      assert.equal(batch.stdout.match(/^top - /gm)?.length, 2);
      assert.match(batch.stdout, /^ +\d+ \S+ +20 +0 .* top$/m);
      assert.equal(batch.exitCode, 0);
      const refused = await runtime.execCommand("top", ["-b", "-n", "0"]);
      assert.deepEqual(
        [refused.exitCode, refused.stderr],
        [1, "top: bad iterations argument '0'\n"],
      );
    });
  });

  test("shows names without what a terminal would obey", async () => {
    await withRuntime({}, async (runtime) => {
      const line =
        "(exec -a \"$(printf 'x\\033]0;y\\a')\" sleep 9) & top -bc -n1; pstree -a; ps ax; kill $!";
      const listed = await runtime.execCommand("bash", ["-c", line]);
      assert.match(listed.stdout, /x\?\]0;y\?/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      assert.doesNotMatch(listed.stdout, /[\x1b\x07]/);
    });
  });
});

describe("pstree", () => {
  test("shows processes below those that started them", async () => {
    await withRuntime({}, async (runtime) => {
      const line = "sleep 9 & sleep 9 & pstree -A; pstree -Ap $$; kill $(jobs -p)";
      const shown = await runtime.execCommand("bash", ["-c", line]);
      assert.match(shown.stdout, /bash-\+-pstree\n +`-2\*\[sleep\]\n/);
      assert.match(
        shown.stdout,
        /^bash\(\d+\)-\+-pstree\(\d+\)\n +\|-sleep\(\d+\)\n +`-sleep\(\d+\)\n/m,
      );
      const none = await runtime.execCommand("pstree", ["nobody-at-all"]);
      assert.deepEqual(
        [none.exitCode, none.stderr],
        [1, "pstree: No such user name: nobody-at-all\n"],
      );
    });
  });
});

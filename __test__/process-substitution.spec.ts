// What goes through the filter of `>(...)` is in the output of the call, however the shell ends.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Scripts, and what they write. */
const scripts: [script: string, output: string][] = [
  ["exec > >(sed 's/^/| /'); echo hello", "| hello\n"],
  ["exec > >(tee log); echo hi", "hi\n"],
  ["echo a > >(sleep 0.2; cat)", "a\n"],
  ["seq 3 > >(sort -r)", "3\n2\n1\n"],
  ["exec > >(cat); printf 1; exec > >(sed s/^/b/); printf 2; exit 3", "1b2"],
  ["(exec > >(sort); echo z; echo b)", "b\nz\n"],
  ["f() { echo in; }; f > >(sed s/^/1/ > >(sed s/^/2/))", "21in\n"],
  // The outer filter has let go of its input while it waits for the inner one.
  ["f() { echo in; }; f > >(sed s/^/1/ > >(sleep 0.1; sed s/^/2/))", "21in\n"],
  ["echo a > >(cat > >(exec <&-; sleep 0.1; echo late))", "late\n"],
  ["exec 3> >(sed s/^/3/); echo x >&3", "3x\n"],
  ["exec > >(sed s/^/t/); trap 'echo bye' EXIT; echo hi", "thi\ntbye\n"],
  ["x=$(echo hi > >(sed s/^/s/)); echo $x", "shi\n"],
  ["echo 1 2> >(sed s/^/e/ >&2); ls /nonexistent 2> >(wc -l)", "1\n1\n"],
  ["tee >(sed s/^/a/) <<< x > /dev/null", "ax\n"],
];

describe("a filter of >(...)", () => {
  test("has written all when a call is over", async () => {
    await withRuntime({}, async (rt) => {
      for (let turn = 0; turn < 5; turn += 1) {
        for (const [script, output] of scripts) {
          const { stdout } = await rt.execCommand("bash", ["-c", script], { timeout: 20_000 });
          assert.equal(stdout, output, script);
        }
      }
    });
  });

  test("has written all when a line of a session is over", async () => {
    await withRuntime({}, async (rt) => {
      await using shell = await rt.shell();
      for (let turn = 0; turn < 20; turn += 1) {
        const { stdout } = await shell.run(`echo ${turn} > >(sed 's/^/| /')`);
        assert.equal(stdout, `| ${turn}\n`);
      }
      await shell.run("exec > >(sed -u 's/^/> /')");
      assert.equal((await shell.run("echo one; echo two")).stdout, "> one\n> two\n");
    });
  });

  test("is not waited for to its end while others write to it", async () => {
    await withRuntime({}, async (rt) => {
      const script = "exec > >(cat); sleep 600 & echo hi";
      const result = await rt.execCommand("bash", ["-c", script], { timeout: 60_000 });
      assert.deepEqual([result.stdout, result.exitCode, result.signal], ["hi\n", 0, null]);
    });
  });

  test("that ends early ends what writes to it", async () => {
    await withRuntime({}, async (rt) => {
      const { stdout, exitCode } = await rt.execCommand("bash", ["-c", "yes > >(head -1)"]);
      assert.deepEqual([stdout, exitCode], ["y\n", 141]);
    });
  });
});

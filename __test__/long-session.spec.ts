// One shell through a thousand lines: each status and each byte is where it belongs.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const rounds = 125;
const sum = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");

describe("a shell of a thousand lines", () => {
  test("keeps its state, and tells the lines apart", { timeout: 300_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      const jobs: Buffer[] = [];
      await using shell = await runtime.shell({
        onStdout: (chunk) => void jobs.push(Buffer.from(chunk)),
      });
      let lines = 0;
      const says = async (line: string, stdout: string, exitCode = 0, options = {}) => {
        const result = await shell.run(line, options);
        lines += 1;
        assert.deepEqual(
          [result.stdout, result.stderr, result.exitCode],
          [stdout, "", exitCode],
          line,
        );
        return result;
      };
      await says("count=0; add() { count=$((count + $1)); }", "");
      const long = "y".repeat(10 << 20);
      for (let round = 0; round < rounds; round += 1) {
        const { cwd } = await says(`mkdir -p /tmp/d${round}/e && cd /tmp/d${round}/e`, "");
        assert.equal(cwd, `/tmp/d${round}/e`);
        await says("pwd", `/tmp/d${round}/e\n`);
        await says(`add ${round}; echo $count`, `${(round * (round + 1)) / 2}\n`);
        await says(`(exit ${round})`, "", round);
        const told = await shell.run(`echo out${round}; echo err${round} >&2; false`);
        lines += 1;
        const { stdout, stderr, exitCode } = told;
        assert.deepEqual([stdout, stderr, exitCode], [`out${round}\n`, `err${round}\n`, 1]);
        await says("cat", `given ${round}\n`, 0, { stdin: `given ${round}\n` });
        // A job ends before the next line that waits for it.
        await says(`{ echo job${round} > job; } & wait; cat job`, `job${round}\n`);
        if (round % 25 === 7) {
          const late = await shell.run("sleep 60", { timeout: 20 });
          lines += 1;
          assert.deepEqual([late.exitCode, late.timedOut], [137, true]);
        } else if (round % 25 === 11) {
          const bytes: Buffer[] = [];
          await shell.run("head -c 300000 /dev/zero | tr '\\0' '\\377'; printf '\\0\\1\\2'", {
            onStdout: (chunk: Uint8Array) => void bytes.push(Buffer.from(chunk)),
          });
          lines += 1;
          const expected = Buffer.concat([Buffer.alloc(300_000, 0xff), Buffer.of(0, 1, 2)]);
          assert.equal(sum(Buffer.concat(bytes)), sum(expected));
        } else if (round % 60 === 13) {
          const { stdout: all } = await shell.run("cat", { stdin: long });
          lines += 1;
          assert.equal(sum(all), sum(long));
        } else {
          await says(
            `x${round}=$(printf %s ${round}); echo $x${round} $x${Math.max(round - 1, 0)} | cut -d' ' -f1`,
            `${round}\n`,
          );
        }
      }
      assert.equal(lines, 8 * rounds + 1);
      const killed = await shell.run("kill -9 $$; echo never");
      assert.deepEqual([killed.stdout, killed.closed], ["", true]);
      await assert.rejects(shell.run("true"), { code: "ERR_SHELL_CLOSED" });
      assert.equal(Buffer.concat(jobs).toString(), "");
      assert.equal((await runtime.getResourceSnapshot()).processes, 0);
    });
  });
});

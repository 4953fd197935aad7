// `onTrace`: what guests do, in the format of strace.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const { folder } = createRequire(import.meta.url)("../binding.cjs");
const skip = existsSync(join(folder, "commands", "commands.json")) ? false : "no commands";

/** The lines that `work` makes, and when each was made. */
async function traced(work: (runtime: NodeRuntime) => Promise<unknown>) {
  const lines: string[] = [];
  const made: number[] = [];
  const start = Date.now();
  await withRuntime(
    {
      onTrace(text, times) {
        assert.ok(text.endsWith("\n"));
        const added = text.slice(0, -1).split("\n");
        assert.equal(added.length, times.length);
        lines.push(...added);
        made.push(...times);
      },
    },
    async (runtime) => {
      await work(runtime);
      // What was traced before an answer comes before it.
      await runtime.processes();
    },
  );
  return { lines, made, start, end: Date.now() };
}

describe("onTrace", () => {
  test("shows names, flags, data, results and ends as strace does", async () => {
    const { lines } = await traced((runtime) =>
      runtime.exec(`
        import fs from "node:fs";
        const fd = fs.openSync("/workspace/x", "w");
        fs.writeSync(fd, "hello\\n\\x01");
        fs.closeSync(fd);
        fs.statSync("/workspace/x");
        try { fs.readFileSync("/nope"); } catch {}
        process.exit(3);`),
    );
    const shown = lines.map((line) => line.replace(/^\[pid +\d+\] /, ""));
    const expected = [
      /^execve\("\/usr\/.*node", \["node".*\], 0x[0-9a-f]+ \/\* \d+ vars \*\/\) = 0$/,
      /^openat\(AT_FDCWD, "\/workspace\/x", O_WRONLY\|O_CREAT\|O_TRUNC\|O_CLOEXEC, 0666\) = \d+$/,
      /^write\(\d+, "hello\\n\\1", 7\) = 7$/,
      /^close\(\d+\) = 0$/,
      /^newfstatat\(AT_FDCWD, "\/workspace\/x", \{st_mode=S_IFREG\|0644, st_size=7, \.\.\.\}, 0\) = 0$/,
      /^openat\(AT_FDCWD, "\/nope", O_RDONLY\|O_CLOEXEC\) = -1 ENOENT \(No such file or directory\)$/,
      /^exit_group\(3\) = \?$/,
      /^\+\+\+ exited with 3 \+\+\+$/,
    ];
    let from = 0;
    for (const line of expected) {
      const at = shown.findIndex((text, index) => index >= from && line.test(text));
      assert.notEqual(at, -1, `${line}\n${shown.join("\n")}`);
      from = at + 1;
    }
    for (const line of lines) {
      assert.match(line, /^\[pid +\d+\] (\w+\(.*\) = .+|--- .* ---|\+\+\+ .* \+\+\+)$/);
    }
  });

  test("tells when each line was made", async () => {
    const { lines, made, start, end } = await traced((runtime) => runtime.exec("1"));
    assert.equal(lines.length, made.length);
    for (const [index, time] of made.entries()) {
      assert.ok(time >= start - 1 && time <= end + 1);
      assert.ok(time >= (made[index - 1] ?? 0));
    }
  });

  test("shows nothing of the host's own work with files", async () => {
    const { lines } = await traced(async (runtime) => {
      await runtime.writeFile("/workspace/host", "text");
      await runtime.readFile("/workspace/host");
    });
    assert.deepEqual(lines, []);
  });

  test("shows signals and the ends of children", { skip }, async () => {
    const { lines } = await traced((runtime) =>
      runtime.execCommand("sh", ["-c", "sleep 1000 & kill $!; wait $!; (exit 4); kill -KILL $$"]),
    );
    const text = lines.join("\n");
    const [, killed] = /^\[pid +(\d+)\] \+\+\+ killed by SIGTERM \+\+\+$/m.exec(text) ?? [];
    assert.match(
      text,
      new RegExp(
        `^\\[pid +${killed}\\] --- SIGTERM \\{si_signo=SIGTERM, si_code=SI_USER, si_pid=2, si_uid=1000\\} ---$`,
        "m",
      ),
    );
    assert.match(
      text,
      new RegExp(
        `^\\[pid +2\\] --- SIGCHLD \\{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=${killed}, si_uid=1000, si_status=SIGTERM, si_utime=\\d+, si_stime=\\d+\\} ---$`,
        "m",
      ),
    );
    assert.match(text, /^\[pid +\d+\] \+\+\+ exited with 4 \+\+\+$/m);
    assert.match(text, /^\[pid +2\] \+\+\+ killed by SIGKILL \+\+\+$/m);
    assert.match(text, /^\[pid +2\] wait4\(.*\{WIFSIGNALED\(s\) && WTERMSIG\(s\) == SIGTERM\}/m);
  });
});

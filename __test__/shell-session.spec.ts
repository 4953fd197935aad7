// Shells that keep their state from one line to the next.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import type { NodeRuntime, ShellSession } from "../index.js";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

async function withShell(use: (shell: ShellSession, rt: NodeRuntime) => Promise<void>) {
  await withRuntime({}, async (rt) => {
    await using shell = await rt.shell();
    await use(shell, rt);
  });
}

describe("a shell session", () => {
  test("keeps directory, variables, functions, aliases and options", async () => {
    await withShell(async (shell) => {
      assert.equal(shell.cwd, "/workspace");
      const first = await shell.run("cd /tmp; a=1; export B=2; f() { echo f $1; }; alias g='f by'");
      assert.deepEqual(first, { stdout: "", stderr: "", exitCode: 0, signal: null, cwd: "/tmp" });
      const second = await shell.run('f $a; g; sh -c "echo $B"; pwd; set -o pipefail');
      assert.equal(second.stdout, "f 1\nf by\n2\n/tmp\n");
      assert.equal((await shell.run("false | true")).exitCode, 1);
      assert.equal((await shell.run("echo $?; (exit 9)")).stdout, "1\n");
      assert.equal((await shell.run("echo $?")).stdout, "9\n");
    });
  });

  test("tells both channels, statuses and bytes of each line apart", async () => {
    await withShell(async (shell) => {
      for (let line = 0; line < 300; line += 1) {
        const status = line % 200;
        const result = await shell.run(`echo out ${line}; echo err ${line} >&2; (exit ${status})`);
        assert.deepEqual(
          [result.stdout, result.stderr, result.exitCode],
          [`out ${line}\n`, `err ${line}\n`, status],
        );
      }
      const binary: Uint8Array[] = [];
      const line = "printf '\\000\\377\\001'; printf 'no end of line'";
      await shell.run(line, { onStdout: (chunk) => binary.push(chunk) });
      const expected = Buffer.concat([Buffer.from([0, 255, 1]), Buffer.from("no end of line")]);
      assert.deepEqual(Buffer.concat(binary), expected);
      const long = await shell.run("head -c 10000000 /dev/zero | tr '\\0' x");
      assert.equal(long.stdout, "x".repeat(10_000_000));
    });
  });

  test("gives each line its own input, of any size", async () => {
    await withShell(async (shell) => {
      const read = await shell.run("read -r a; cat", { stdin: "first\nsecond\n" });
      assert.equal(read.stdout, "second\n");
      assert.equal((await shell.run('cat; echo "[$a]"')).stdout, "[first]\n");
      const bytes = new Uint8Array(3_000_000).fill(7);
      assert.equal((await shell.run("wc -c", { stdin: bytes })).stdout, "3000000\n");
      // Nobody reads it.
      assert.equal((await shell.run("true", { stdin: bytes })).exitCode, 0);
      assert.equal((await shell.run("echo here")).stdout, "here\n");
    });
  });

  test("ends the line at an error, and not the shell", async () => {
    await withShell(async (shell) => {
      const lines = [
        "if",
        "echo $((1 / 0))",
        `\${x:?missing}`,
        "set -u; echo $unset",
        "nothing-there",
      ];
      for (const line of lines) assert.notEqual((await shell.run(line)).exitCode, 0, line);
      assert.match((await shell.run("nothing-there")).stderr, /nothing-there: command not found/);
      assert.equal((await shell.run("echo here")).stdout, "here\n");
    });
  });

  test("gives up what takes too long, whatever it is, and goes on", async () => {
    await withShell(async (shell) => {
      await shell.run("kept=1; sleep 1000 & job=$!");
      const lines = [
        "sleep 1000",
        "sleep 1000 | cat",
        "while :; do :; done",
        "x=$(sleep 1000)",
        "(trap '' INT TERM; while :; do sleep 1; done)",
        "cat <(sleep 1000)",
        "mkfifo /tmp/fifo; cat < /tmp/fifo",
        "rm -f /tmp/fifo; mkfifo /tmp/fifo; read -r x <> /tmp/fifo",
        "trap '' INT TERM RTMAX; while :; do sleep 1; done",
        "wait",
        "f() { while :; do sleep 1000; done; }; f",
        "node -e 'for (;;) {}'",
        "sleep 1000; echo not reached",
      ];
      for (const line of lines) {
        const result = await shell.run(`echo begun; ${line}`, { timeout: 60 });
        assert.equal(result.timedOut, true, line);
        assert.equal(result.exitCode, 137, line);
        assert(!result.stdout.includes("not reached"), line);
        const after = await shell.run("echo $kept");
        assert.deepEqual([after.stdout, after.exitCode], ["1\n", 0], line);
      }
      // What was started in the background before goes on.
      assert.equal((await shell.run("kill $job; wait $job")).exitCode, 143);
    });
  });

  test("leaves nothing of what it has given up", async () => {
    await withShell(async (shell, rt) => {
      await shell.run("sleep 1000 | (sleep 1000; sleep 1000) | cat <(sleep 1000)", { timeout: 50 });
      await shell.run("x=$(sh -c 'sleep 1000; true')", { timeout: 50 });
      const left = (await rt.processes()).map(({ argv }) => argv.join(" "));
      assert.deepEqual(
        left.filter((command) => command.includes("sleep")),
        [],
      );
    });
  });

  test("ends a line beside a job that writes without a pause", async () => {
    await withShell(async (shell) => {
      await shell.run("yes & echo begun");
      for (let line = 0; line < 5; line += 1) {
        const result = await shell.run(`echo line ${line} >&2; (exit ${line})`, { timeout: 5000 });
        assert.deepEqual([result.stderr, result.exitCode], [`line ${line}\n`, line]);
      }
      assert.equal((await shell.run("kill $!; wait $!")).exitCode, 143);
    });
  });

  test("is aborted with the signal's reason, and goes on", async () => {
    await withShell(async (shell) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const onStdout = () => controller.abort(reason);
      const { signal } = controller;
      await assert.rejects(shell.run("a=2; echo begun; sleep 1000", { signal, onStdout }), reason);
      assert.equal((await shell.run("echo $a")).stdout, "2\n");
      await assert.rejects(shell.run("true", { signal }), reason);
      const thrown = new Error("of the callback");
      const failing = shell.run("echo x; sleep 1000", {
        onStdout: () => {
          throw thrown;
        },
      });
      await assert.rejects(failing, thrown);
      assert.equal((await shell.run("echo $a")).stdout, "2\n");
    });
  });

  test("runs lines in the order in which they are given", async () => {
    await withShell(async (shell) => {
      const lines = Array.from({ length: 20 }, (_, n) => shell.run(`n=$((n + 1)); echo ${n} $n`));
      const results = await Promise.all(lines);
      const expected = lines.map((_, n) => `${n} ${n + 1}\n`);
      assert.deepEqual(
        results.map(({ stdout }) => stdout),
        expected,
      );
    });
  });

  test("has jobs that go on between lines, and tells what they write", async () => {
    await withRuntime({}, async (rt) => {
      await using shell = await rt.shell();
      await shell.run("mkfifo go; (read -r x < go; echo job $x; echo e >&2; exit 4) & p=$!");
      // The job writes while no line runs: opening the pipe waits for it.
      await rt.execCommand("sh", ["-c", "echo 1 > go"]);
      const waited = await shell.run("wait $p");
      const heard = waited.stdout + (waited.background?.stdout ?? "");
      assert.equal(heard, "job 1\n");
      assert.equal(waited.exitCode, 4);

      let late = "";
      const done = Promise.withResolvers<void>();
      await using listening = await rt.shell({
        onStdout: (chunk) => {
          late += Buffer.from(chunk).toString();
          if (late.includes("late")) done.resolve();
        },
      });
      await listening.run("mkfifo go2; (read -r x < go2; echo late) &");
      await rt.execCommand("sh", ["-c", "echo 1 > go2"]);
      await done.promise;
      const next = await listening.run("echo next");
      assert.deepEqual([next.stdout, next.background], ["next\n", undefined]);
    });
  });

  test("ends by exit, exec and signals, and is closed then", async () => {
    await withRuntime({}, async (rt) => {
      const ends = [
        ["exit 5", 5, null],
        ["exec sh -c 'echo x; exit 6'", 6, null],
        ["kill -9 $$", 137, "SIGKILL"],
        ["set -e; false", 1, null],
      ] as const;
      for (const [line, exitCode, signal] of ends) {
        const shell = await rt.shell();
        const result = await shell.run(line);
        assert.deepEqual([result.exitCode, result.signal, result.closed], [exitCode, signal, true]);
        assert.equal(shell.closed, true);
        await assert.rejects(shell.run("true"), { code: "ERR_SHELL_CLOSED" });
        await shell.close();
      }
    });
  });

  test("runs its EXIT trap and takes its jobs along when it is closed", async () => {
    await withRuntime({}, async (rt) => {
      const shell = await rt.shell({ cwd: "/tmp", env: { NAME: "value" }, shell: "sh" });
      assert.equal((await shell.run('echo "$NAME $0"; pwd')).stdout, "value sh\n/tmp\n");
      await shell.run("trap 'echo bye > /tmp/bye' EXIT; sleep 1000 & sleep 1000 | cat &");
      await shell.close();
      assert.equal(await rt.readFile("/tmp/bye", "utf8"), "bye\n");
      assert.deepEqual(
        (await rt.processes()).map(({ argv }) => argv.join(" ")),
        [],
      );
      const busy = await rt.shell();
      const begun = Promise.withResolvers<void>();
      const running = busy.run("echo begun; sleep 1000", { onStdout: () => begun.resolve() });
      await begun.promise;
      await busy.close();
      assert.equal((await running).exitCode, 137);
    });
  });

  test("has nothing that a program can take for a line's end", async () => {
    await withShell(async (shell) => {
      const names = "for d in /proc/self/fd/*; do basename $d; done | sort -n | tr '\\n' ' '";
      const program = await shell.run(`sh -c '${names}'`);
      assert(!/\b(20[01]|[34])\b.*\b20[01]\b/.test(program.stdout), program.stdout);
      const subshell = await shell.run("(printf '\\025\\000\\000\\000' >&201) 2>&1");
      assert.match(subshell.stdout, /[Bb]ad file descriptor/);
    });
  });

  test("ends with its machine, and refuses what it does not know", async () => {
    await withRuntime({}, async (rt) => {
      const shell = await rt.shell();
      // @ts-expect-error There is no such option.
      await assert.rejects(shell.run("true", { cwd: "/" }), { code: "ERR_INVALID_ARG_VALUE" });
      const long = shell.run("true", { stdin: new Uint8Array(64 * 1024 * 1024) });
      await assert.rejects(long, { code: "ERR_OUT_OF_RANGE" });
      // @ts-expect-error It is a text.
      await assert.rejects(shell.run(5), { code: "ERR_INVALID_ARG_TYPE" });
      // @ts-expect-error There is no such shell.
      await assert.rejects(rt.shell({ shell: "zsh" }), { code: "ERR_INVALID_ARG_VALUE" });
      await assert.rejects(rt.shell({ cwd: "/nowhere" }), { code: "ENOENT", path: "/nowhere" });
      const running = shell.run("sleep 1000");
      await rt.dispose();
      await running.then(
        ({ exitCode }) => assert.notEqual(exitCode, 0),
        () => {},
      );
      await assert.rejects(shell.run("true"), { code: "ERR_SHELL_CLOSED" });
    });
  });

  test("does not wait for callbacks of a line that is given up", async () => {
    await withShell(async (shell) => {
      const never = () => new Promise<void>(() => {});
      await shell.run("kept=1");
      // More than is under way at once, and a line that is over before its callback is.
      for (const line of ["yes", "echo x; sleep 1000", "echo x"]) {
        const late = await shell.run(line, { timeout: 50, onStdout: never });
        assert.equal(late.timedOut, true, line);
        const controller = new AbortController();
        const { signal } = controller;
        const onStdout = () => {
          controller.abort(new Error("enough"));
          return never();
        };
        await assert.rejects(shell.run(line, { signal, onStdout }), /enough/);
        const thrown = new Error("of the callback");
        const onStderr = () => {
          throw thrown;
        };
        const failing = shell.run(`echo e >&2; ${line}`, { onStdout: never, onStderr });
        await assert.rejects(failing, thrown);
        const next = await shell.run("head -c 200000 /dev/zero | wc -c; echo $kept");
        assert.equal(next.stdout, "200000\n1\n", line);
      }
      const begun = Promise.withResolvers<void>();
      const onStdout = () => {
        begun.resolve();
        return never();
      };
      const running = shell.run("yes", { onStdout });
      await begun.promise;
      await shell.close();
      assert.notEqual((await running).exitCode, 0);
    });
  });

  test("gives up a line at once, also one that the shell has not read yet", async () => {
    await withShell(async (shell) => {
      await shell.run("kept=1");
      for (let round = 0; round < 30; round += 1) {
        const controller = new AbortController();
        const running = shell.run("sleep 1000 | cat", { signal: controller.signal });
        const rejected = assert.rejects(running, /enough/);
        if (round % 3 > 0) await Promise.resolve();
        if (round % 3 > 1) await new Promise(setImmediate);
        controller.abort(new Error("enough"));
        await rejected;
        assert.equal((await shell.run("echo $kept")).stdout, "1\n");
      }
    });
  });

  test("is ready for that from the start", async () => {
    await withRuntime({}, async (rt) => {
      const aborted = async () => {
        await using shell = await rt.shell();
        const controller = new AbortController();
        const running = shell.run("sleep 1000", { signal: controller.signal });
        const rejected = assert.rejects(running, /enough/);
        await new Promise(setImmediate);
        controller.abort(new Error("enough"));
        await rejected;
        assert.equal((await shell.run("echo here")).stdout, "here\n");
      };
      await Promise.all(Array.from({ length: 10 }, aborted));
    });
  });

  test("is aborted while it waits for its turn, and the lines behind it keep theirs", async () => {
    await withShell(async (shell, rt) => {
      let isOver = false;
      const first = shell.run("mkfifo go; read -r x < go").then(() => (isOver = true));
      const controller = new AbortController();
      const second = shell.run("echo > second", { signal: controller.signal });
      const third = shell.run("ls second").then(({ exitCode }) => [isOver, exitCode]);
      controller.abort(new Error("enough"));
      await assert.rejects(second, /enough/);
      assert.equal(isOver, false);
      await rt.execCommand("sh", ["-c", "until [ -p go ]; do :; done; echo 1 > go"]);
      await first;
      assert.deepEqual(await third, [true, 2]);
    });
  });

  test("believes no answer that a program has made up", async () => {
    await withShell(async (shell) => {
      // A program finds the shell's descriptors, and answers every line that may be the one that runs.
      const forge = `
        const fs = require("node:fs");
        const [shell] = process.argv.slice(1);
        const pipe = fs.openSync(\`/proc/\${shell}/fd/201\`, "w");
        const frames = [];
        for (let line = 0n; line < 100n; line += 1n) {
          const frame = Buffer.alloc(20);
          frame.writeUInt32LE(16);
          frame.writeBigUInt64LE(line, 4);
          frame.writeInt32LE(99, 12);
          frame.write("/bad", 16);
          frames.push(frame);
        }
        fs.writeSync(pipe, Buffer.concat(frames));
        console.log("forged");
      `;
      await shell.run("cat > forge.cjs", { stdin: forge });
      const forged = await shell.run('node -e "$(cat forge.cjs)" $$; echo after; (exit 3)');
      assert.deepEqual(
        [forged.stdout, forged.exitCode, forged.cwd],
        ["forged\nafter\n", 3, "/workspace"],
      );
      assert.equal((await shell.run("echo next")).stdout, "next\n");
      // What is no answer at all ends it.
      const broken = await shell.run("printf 'xxxxxxxxxxxxxxxx' > /proc/$$/fd/201; sleep 1000");
      assert.deepEqual([broken.closed, broken.signal], [true, "SIGKILL"]);
    });
  });

  test("that is stopped or cannot be reached ends within its grace", async () => {
    await withRuntime({}, async (rt) => {
      for (const line of ["kill -STOP $$", "exec 201>&1", "trap 'while :; do :; done' 0; exit"]) {
        const shell = await rt.shell();
        const result = await shell.run(line, { timeout: 50 });
        assert.deepEqual([result.closed, result.timedOut], [true, true], line);
        await assert.rejects(shell.run("true"), { code: "ERR_SHELL_CLOSED" });
      }
    });
  });

  test("tells by a warning what a callback of its jobs throws, and keeps what nobody hears", async () => {
    await withRuntime({}, async (rt) => {
      const warned = Promise.withResolvers<Error>();
      const onWarning = (warning: Error) => warned.resolve(warning);
      process.on("warning", onWarning);
      try {
        await using shell = await rt.shell({
          onStdout: () => {
            throw new Error("of the callback");
          },
        });
        await shell.run("mkfifo go; (read -r x < go; echo e >&2; echo out) & job=$!");
        await rt.execCommand("sh", ["-c", "echo 1 > go"]);
        assert.match((await warned.promise).message, /onStdout threw: Error: of the callback/);
        const next = await shell.run("wait $job; echo next");
        assert.equal(next.stdout, "next\n");
        assert.equal((next.background?.stderr ?? "") + next.stderr, "e\n");
        assert.equal(next.background?.stdout ?? "", "");
        assert.equal(next.background?.stdoutTruncated, undefined);
      } finally {
        process.off("warning", onWarning);
      }
    });
  });

  test("leaves nothing at a signal that many lines share", async () => {
    await withShell(async (shell) => {
      const { signal } = new AbortController();
      for (let line = 0; line < 20; line += 1) await shell.run("echo x", { signal });
      assert.equal(getEventListeners(signal, "abort").length, 0);
    });
  });

  test("calls back in the context of the line", async () => {
    await withShell(async (shell) => {
      const storage = new AsyncLocalStorage<number>();
      const seen = await Promise.all(
        [1, 2, 3].map((value) =>
          storage.run(value, async () => {
            let found: number | undefined;
            await shell.run("echo x", { onStdout: () => (found = storage.getStore()) });
            return found;
          }),
        ),
      );
      assert.deepEqual(seen, [1, 2, 3]);
    });
  });
});

// Sandboxes: commands that are run, started, listed and attached to.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Sandbox, VmError } from "../index.js";
import { runNode } from "./support/guest.ts";
import { everywhere, type Place } from "./support/sandboxes.ts";
import { after, before, describe, test } from "./support/suite.ts";

const decoder = new TextDecoder();

/** Collects output, and waits for some. */
function listener() {
  let text = "";
  const waiting = new Set<() => void>();
  return {
    take: (data: Uint8Array) => {
      text += decoder.decode(data);
      for (const look of waiting) look();
    },
    get text() {
      return text;
    },
    until: (part: string) =>
      new Promise<void>((resolve) => {
        const look = () => text.includes(part) && resolve();
        waiting.add(look);
        look();
      }),
  };
}

for (const place of everywhere) {
  describe(`A sandbox ${place.name}`, () => {
    before(() => place.begin());
    after(() => place.end());
    suite(place);
  });
}

function suite(place: Place) {
  const withSandbox = place.withSandbox;

  describe("exec.run", () => {
    test("runs lines of a shell with directory, environment and input", async () => {
      await withSandbox(async ({ exec }) => {
        const hello = await exec.run('echo "Hello, World!"; echo oops >&2; exit 3');
        assert.deepEqual(hello, { exitCode: 3, stdout: "Hello, World!\n", stderr: "oops\n" });
        const options = { cwd: "/tmp", env: { MY_VAR: "hello" }, stdin: "input" };
        const result = await exec.run("pwd; echo $MY_VAR; cat; [[ -n $BASH_VERSION ]]", options);
        assert.deepEqual(result, { exitCode: 0, stdout: "/tmp\nhello\ninput", stderr: "" });
        assert.equal((await exec.run("kill -9 $$")).exitCode, 137);
      });
    });

    test("kills the group of processes when the time is over, and says so", async () => {
      await withSandbox(async ({ exec, processes }) => {
        const result = await exec.run("echo part; printf err >&2; sleep 100 | sleep 100", {
          timeout: 0.2,
        });
        const stderr = "err\nProcess timed out";
        assert.deepEqual(result, { exitCode: -1, stdout: "part\n", stderr });
        assert.deepEqual(await processes(), []);
        const quiet = await exec.run("sleep 100", { timeout: 0.05 });
        assert.deepEqual(quiet, { exitCode: -1, stdout: "", stderr: "Process timed out" });
      });
    });

    test("is aborted with the signal's reason", async () => {
      await withSandbox(async ({ exec, processes }) => {
        const reason = new Error("enough");
        const controller = new AbortController();
        const onStdout = () => controller.abort(reason);
        const running = exec.run("echo x; sleep 100", { signal: controller.signal, onStdout });
        await assert.rejects(running, reason);
        assert.deepEqual(await processes(), []);
      });
    });

    test("refuses what it does not know, by name", async () => {
      await withSandbox(async ({ exec }) => {
        const wrong = [
          [5, undefined, "ERR_INVALID_ARG_TYPE", /"command"/],
          ["true", { timeout: 0 }, "ERR_OUT_OF_RANGE", /"options.timeout"/],
          ["true", { timeout: "1" }, "ERR_INVALID_ARG_TYPE", /"options.timeout"/],
          ["true", { timeoutMs: 5 }, "ERR_INVALID_ARG_VALUE", /timeoutMs/],
          ["true", { env: { A: 1 } }, "ERR_INVALID_ARG_TYPE", /"options.env.A"/],
        ] as const;
        for (const [command, options, code, message] of wrong) {
          // @ts-expect-error They are wrong.
          await assert.rejects(exec.run(command, options), { code, message });
        }
        await assert.rejects(exec.run("true", { cwd: "/nowhere" }), { code: "ENOENT" });
      });
    });
  });

  describe("exec.start", () => {
    test("streams output, takes input and tells the exit code", async () => {
      await withSandbox(async ({ exec }) => {
        const [out, err] = [listener(), listener()];
        let exit: number | undefined;
        const session = await exec.start("read a; echo got $a; echo e >&2; cat; exit 7", {
          cwd: "/tmp",
          onStdout: out.take,
          onStderr: err.take,
          onExit: (code) => {
            exit = code;
          },
        });
        session.sendStdin("some input\n");
        await out.until("got some input\n");
        await session.sendStdin(new Uint8Array([0x78]));
        session.closeStdin();
        assert.equal(await session.done, 7);
        assert.equal(exit, 7);
        assert.equal(out.text, "got some input\nx");
        assert.equal(err.text, "e\n");
      });
    });

    test("starts a program by its arguments, without a shell", async () => {
      await withSandbox(async ({ exec }) => {
        const out = listener();
        const args = ["-e", "console.log(process.argv.slice(1))", "$HOME", "a b"];
        const session = await exec.start("node", { args, onStdout: out.take });
        assert.equal(await session.done, 0);
        assert.equal(out.text, "[ '$HOME', 'a b' ]\n");
        await assert.rejects(exec.start("nothing-there", { args: [] }), { code: "ENOENT" });
      });
    });

    test("kills the command and what it has started, by any signal", async () => {
      await withSandbox(async ({ exec, processes }) => {
        const signals = [
          [undefined, 137],
          [15, 143],
          ["SIGINT", 130],
        ] as const;
        for (const [signal, code] of signals) {
          const out = listener();
          const line = "up() { echo up >&2; exec sleep 1000; }; up & up | up & wait";
          const session = await exec.start(line, { onStderr: out.take });
          await out.until("up\nup\nup\n");
          await session.kill(signal);
          assert.equal(await session.done, code);
          await session.kill();
        }
        const left = await processes();
        // Commands of the background ignore SIGINT, as in every shell without job control.
        assert.equal(left.length, 3);
        // @ts-expect-error There is no such signal.
        const wrong = exec.start("true").then((session) => session.kill("SIGNOTHING"));
        await assert.rejects(wrong, { code: "ERR_UNKNOWN_SIGNAL" });
      });
    });

    test("signals the command also where the guest has put its own program for it", async () => {
      await using sandbox = await place.create({
        env: { PATH: "/workspace:/usr/bin" },
        files: { "/workspace/kill": { data: "#!/bin/sh\nsleep 1000\n", mode: 0o755 } },
      });
      const session = await sandbox.exec.start("exec sleep 1000");
      await session.kill("SIGTERM");
      assert.equal(await session.done, 143);
    });

    test("tells by -1 that the time was over", async () => {
      await withSandbox(async ({ exec }) => {
        let exit: number | undefined;
        const onExit = (code: number) => {
          exit = code;
        };
        const session = await exec.start("sleep 1000", { timeout: 0.05, onExit });
        assert.equal(await session.done, -1);
        assert.equal(exit, -1);
      });
    });
  });

  describe("clients of a session", () => {
    test("are shown what was kept, then what comes, and leave without ending it", async () => {
      await withSandbox(async ({ exec, sandboxId }) => {
        const first = listener();
        const line = "echo one; echo two >&2; while read -r x; do echo got $x; done; exit 4";
        const session = await exec.start(line, { onStdout: first.take, onStderr: first.take });
        await first.until("two\n");
        const [info] = await exec.list();
        assert.match(info?.startedAt ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        const { sessionId: sessionID } = session;
        const known = { sessionID, sandboxID: sandboxId, command: line, args: [], running: true };
        assert.deepEqual(
          { ...info, startedAt: "" },
          { ...known, startedAt: "", attachedClients: 1 },
        );

        const events: string[] = [];
        const second = listener();
        const attached = await exec.attach(sessionID, {
          onStdout: (data) => {
            events.push(`out ${decoder.decode(data)}`);
            second.take(data);
          },
          onStderr: (data) => events.push(`err ${decoder.decode(data)}`),
          onScrollbackEnd: () => events.push("end of scrollback"),
          onExit: (code) => events.push(`exit ${code}`),
        });
        assert.equal(attached.sessionId, sessionID);
        assert.equal((await exec.list())[0]?.attachedClients, 2);
        session.close();
        assert.equal((await exec.list())[0]?.attachedClients, 1);
        attached.sendStdin("x\n");
        await second.until("got x\n");
        attached.closeStdin();
        assert.deepEqual([await session.done, await attached.done], [4, 4]);
        const expected = ["out one\n", "err two\n", "end of scrollback", "out got x\n", "exit 4"];
        assert.deepEqual(events, expected);
        assert(!first.text.includes("got x"));

        const after = (await exec.list())[0];
        assert.deepEqual([after?.running, after?.exitCode, after?.attachedClients], [false, 4, 0]);
        const late: string[] = [];
        const gone = await exec.attach(sessionID, {
          onStdout: (data) => late.push(decoder.decode(data)),
          onExit: (code) => late.push(`exit ${code}`),
        });
        assert.deepEqual(late, ["one\n", "got x\n", "exit 4"]);
        assert.equal(await gone.done, 4);
        await gone.kill();
      });
    });

    test("are shown the last MiB at most", async () => {
      await withSandbox(async ({ exec }) => {
        const line = "yes 0123456789abcde | head -n 200000; echo last";
        const session = await exec.start(line);
        await session.done;
        let [bytes, text] = [0, ""];
        await exec.attach(session.sessionId, {
          onStdout: (data) => {
            bytes += data.length;
            text = (text + decoder.decode(data)).slice(-100);
          },
        });
        assert.equal(bytes, 1024 * 1024);
        assert(text.endsWith("0123456789abcde\nlast\n"));
      });
    });

    test("are shown the last 4096 pieces at most, where both channels take turns", async () => {
      await withSandbox(async ({ exec }) => {
        const { Scrollback } = createRequire(import.meta.url)("../lib/sandbox/scrollback.cjs");
        const kept = new Scrollback();
        for (let n = 0; n < 5000; n += 1) {
          kept.push(n % 2 === 0 ? "onStdout" : "onStderr", Buffer.from(`${n}\n`));
        }
        const pieces: { channel: string; data: Uint8Array }[] = kept.pieces();
        assert.equal(pieces.length, 4096);
        const { channel, data } = pieces.at(-1) ?? assert.fail();
        assert.deepEqual([channel, decoder.decode(data)], ["onStderr", "4999\n"]);
        // What one channel writes in small pieces comes together.
        const line = "for ((n = 0; n < 3000; n += 1)); do echo $n; done";
        const session = await exec.start(line);
        await session.done;
        let [pages, text] = [0, ""];
        await exec.attach(session.sessionId, {
          onStdout: (bytes) => {
            pages += 1;
            text += decoder.decode(bytes);
          },
        });
        assert.equal(text, Array.from({ length: 3000 }, (_, n) => `${n}\n`).join(""));
        assert(pages <= 12, `${pages} pages`);
      });
    });

    test("that leave hold nothing up any more", async () => {
      await withSandbox(async ({ exec }) => {
        const stuck = Promise.withResolvers<void>();
        const session = await exec.start("yes", {
          onStdout: () => {
            stuck.resolve();
            return new Promise(() => {});
          },
        });
        await stuck.promise;
        let bytes = 0;
        const much = Promise.withResolvers<void>();
        // More than is under way at once.
        const onStdout = (data: Uint8Array) => {
          bytes += data.length;
          if (bytes > 1_000_000) much.resolve();
        };
        const other = await exec.attach(session.sessionId, { onStdout });
        session.close();
        await much.promise;
        await other.kill();
        assert.equal(await session.done, 137);
      });
    });

    test("may attach while it is being started", async () => {
      await withSandbox(async ({ exec }) => {
        const starting = exec.start("cat", { sessionId: "early" });
        const early = await exec.attach("early");
        await early.sendStdin("x");
        early.closeStdin();
        assert.equal(await early.done, 0);
        await starting;
        const failing = exec.start("nothing-there", { args: [], sessionId: "none" });
        const attaching = exec.attach("none");
        await assert.rejects(failing, { code: "ENOENT" });
        await assert.rejects(attaching, { code: "ENOENT" });
        await assert.rejects(exec.attach("none"), { code: "ERR_SESSION_NOT_FOUND" });
      });
    });

    test("of a session that nobody knows are refused", async () => {
      await withSandbox(async ({ exec }) => {
        const error = { code: "ERR_SESSION_NOT_FOUND", message: /no session "nothing"/ };
        await assert.rejects(exec.attach("nothing"), error);
        await assert.rejects(exec.attach("nothing"), VmError);
        const named = await exec.start("sleep 1000", { sessionId: "dev" });
        assert.equal(named.sessionId, "dev");
        const taken = exec.start("true", { sessionId: "dev" });
        await assert.rejects(taken, { code: "ERR_SESSION_EXISTS", message: /"dev"/ });
        const wrong = exec.start("true", { sessionId: "a/b" });
        await assert.rejects(wrong, { code: "ERR_INVALID_ARG_VALUE" });
        await (await exec.attach("dev")).kill();
        for (let count = 0; count < 110; count += 1) await (await exec.start("true")).done;
        assert.equal((await exec.list()).length, 100);
      });
    });
  });

  describe("exec.shell", () => {
    test("keeps its state, in seconds", async () => {
      await withSandbox(async ({ exec }) => {
        const shell = await exec.shell({ cwd: "/tmp", env: { A: "1" } });
        assert.match(shell.sessionId, /^[0-9a-f-]{36}$/);
        await shell.run("b=2; f() { echo f; }");
        const result = await shell.run("echo $A $b; f; pwd; cat", { stdin: "in" });
        const stdout = "1 2\nf\n/tmp\nin";
        assert.deepEqual(result, { exitCode: 0, stdout, stderr: "", cwd: "/tmp" });
        const late = await shell.run("sleep 100", { timeout: 0.05 });
        assert.deepEqual([late.exitCode, late.stderr], [-1, "Process timed out"]);
        assert.equal((await shell.run("echo $b")).stdout, "2\n");
        await shell.close();
        assert.equal(shell.closed, true);
      });
    });
  });

  describe("a sandbox", () => {
    test("has files and an end", async () => {
      const sandbox = await place.create({ files: { "/app/a.txt": "x" } });
      assert.match(sandbox.sandboxId, /^[0-9a-f-]{36}$/);
      await sandbox.files.writeFile("/app/b.txt", "y");
      assert.equal((await sandbox.exec.run("cat /app/*.txt")).stdout, "xy");
      assert.deepEqual(await sandbox.files.readDir("/app"), ["a.txt", "b.txt"]);
      assert.equal(await sandbox.files.readFile("/app/b.txt", "utf8"), "y");
      const session = await sandbox.exec.start("sleep 1000");
      await sandbox.kill();
      assert.notEqual(await session.done.catch(() => 137), 0);
      await assert.rejects(sandbox.exec.run("true"), { code: "ERR_VM_DISPOSED" });
      // @ts-expect-error It has no constructor.
      assert.throws(() => new Sandbox(), /Sandbox is made by Sandbox\.create\(\)/);
    });

    test("keeps the host alive only for who waits or has a callback", async () => {
      const programs = [
        ["await (await create()).exec.shell();", ""],
        ["await (await create()).exec.start('sleep 1000');", ""],
        [
          `const { exec } = await create();
        (await exec.start("sleep 1000", { onStdout() {} })).close();`,
          "",
        ],
        [
          `const { exec } = await create();
        await exec.start("sleep 0.2; exit 3", { onExit: (code) => console.log("exit", code) });`,
          "exit 3\n",
        ],
        [
          `const { exec } = await create();
        console.log(await (await exec.start("sleep 0.2; exit 4")).done);`,
          "4\n",
        ],
      ] as const;
      const prelude = await place.prelude(new URL("../index.js", import.meta.url).href);
      const ran = await Promise.all(
        programs.map(([program]) => {
          return runNode(["--input-type=module", "-e", `${prelude}\n${program}`], ".");
        }),
      );
      const expected = programs.map(([, stdout]) => ({ stdout, stderr: "", exitCode: 0 }));
      assert.deepEqual(ran, expected);
    });
  });
}

// Commands of the machine that functions of the host's are.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { AsyncLocalStorage } from "node:async_hooks";
import { NodeRuntime, ToolError } from "secure-exec";
import type { HostCommand } from "../index.js";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

type Commands = Record<string, HostCommand>;

async function withCommands<T>(
  commands: Commands,
  work: (runtime: NodeRuntime, failures: [string, unknown][]) => Promise<T>,
) {
  const failures: [string, unknown][] = [];
  const onToolError = (error: unknown, { name }: { name: string }) => failures.push([name, error]);
  return await withRuntime({ commands, onToolError }, (runtime) => work(runtime, failures));
}

/** A promise with its ends. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

describe("a command of the host", () => {
  test("gets arguments, environment and directory, and gives any status", async () => {
    const storage = new AsyncLocalStorage<string>();
    const commands: Commands = {
      show: ({ argv, env, cwd, pid, stdout }) => {
        stdout.write(JSON.stringify([argv, env.WORD, cwd, pid > 1, storage.getStore()]));
        return 7;
      },
    };
    await withCommands(commands, async (runtime) => {
      const { stdout, exitCode } = await storage.run("mine", () =>
        runtime.execCommand("show", ["a b", "--c", "", "ü\n"], { env: { WORD: "w" }, cwd: "/tmp" }),
      );
      assert.deepEqual(JSON.parse(stdout), [
        ["show", "a b", "--c", "", "ü\n"],
        "w",
        "/tmp",
        true,
        "mine",
      ]);
      assert.equal(exitCode, 7);
      const line =
        'cd /etc; command -v show; ln -s /usr/local/bin/show /tmp/other; /tmp/other x; echo " $?"';
      const shell = await runtime.execCommand("sh", ["-c", line], { env: { WORD: "v" } });
      assert.equal(
        shell.stdout,
        '/usr/local/bin/show\n[["show","x"],"v","/etc",true] 7\n'.replace("true]", "true,null]"),
      );
    });
  });

  test("streams both ways, with every byte", async () => {
    const commands: Commands = {
      upper: async ({ stdin, stdout }) => {
        for await (const chunk of stdin) stdout.write(String(chunk).toUpperCase());
      },
      copy: async ({ stdin, stdout, stderr }) => {
        stderr.write("copying");
        await new Promise((resolve) => stdin.pipe(stdout, { end: false }).once("unpipe", resolve));
      },
      host: async ({ argv, stdin, stdout, stderr, signal }) => {
        const child = spawn(argv[1] ?? "", argv.slice(2), { signal });
        stdin.pipe(child.stdin);
        child.stdout.pipe(stdout, { end: false });
        child.stderr.pipe(stderr, { end: false });
        return await new Promise<number>((resolve) =>
          child.once("close", (code) => resolve(code ?? 1)),
        );
      },
    };
    await withCommands(commands, async (runtime, failures) => {
      const data = Buffer.from(
        Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 256),
      );
      await runtime.writeFile("/workspace/data", data);
      const line =
        "echo hello | upper; copy < data > copied; cmp data copied && echo same; seq 5 | host grep 3; host sh -c 'exit 9'; echo $?";
      const { stdout, stderr } = await runtime.execCommand("sh", ["-c", line]);
      assert.equal(stdout, "HELLO\nsame\n3\n9\n");
      assert.equal(stderr, "copying");
      assert.deepEqual(failures, []);
    });
  });

  test("leaves input that it does not read to the others", async () => {
    await withCommands({ nothing: ({ stdout }) => void stdout.write("n") }, async (runtime) => {
      const line = "seq 3 | while read x; do nothing; echo $x; done";
      const { stdout } = await runtime.execCommand("sh", ["-c", line]);
      assert.equal(stdout, "n1\nn2\nn3\n");
    });
  });

  test("is held up by its reader, and told that the reader has gone", async () => {
    const ended = gate<string>();
    let written = 0;
    const commands: Commands = {
      yes: async ({ stdout }) => {
        try {
          for (;;) {
            await new Promise<void>((resolve, reject) =>
              stdout.write("y\n".repeat(8192), (error) => (error ? reject(error) : resolve())),
            );
            written += 1;
          }
        } catch (error) {
          ended.open((error as { code?: string }).code ?? (error as Error).name);
          throw error;
        }
      },
    };
    await withCommands(commands, async (runtime) => {
      const { stdout } = await runtime.execCommand("sh", ["-c", "yes | head -n 2"]);
      assert.equal(stdout, "y\ny\n");
      assert.match(await ended.promise, /EPIPE|ECONNRESET|AbortError/);
      assert.ok(written < 1000, `${written}`);
    });
  });

  test("is told when its process ends: killed, timed out, with the machine", async () => {
    let begun = gate();
    let aborted = gate<string>();
    const commands: Commands = {
      wait: async ({ signal }) => {
        begun.open();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        aborted.open(signal.reason.name);
      },
    };
    await withCommands(commands, async (runtime, failures) => {
      const program = await runtime.spawnCommand("wait");
      await begun.promise;
      program.kill();
      assert.equal(await program.wait(), 143);
      assert.equal(await aborted.promise, "AbortError");
      [begun, aborted] = [gate(), gate<string>()];
      const { exitCode } = await runtime.execCommand("wait", [], { timeout: 300 });
      assert.equal(exitCode, 137);
      assert.equal(await aborted.promise, "AbortError");
      [begun, aborted] = [gate(), gate<string>()];
      const last = runtime.execCommand("wait");
      await begun.promise;
      await runtime.dispose();
      assert.equal(await aborted.promise, "AbortError");
      assert.equal((await last).exitCode, 143);
      assert.deepEqual(failures, []);
    });
  });

  test("that throws, or gives no status, is status 1; only a ToolError is told", async () => {
    const commands: Commands = {
      throws: () => {
        throw new Error("of the host");
      },
      tells: async ({ stdout }) => {
        stdout.write("before");
        throw new ToolError("no such thing");
      },
      wrong: () => "0" as never,
      large: () => 256,
    };
    await withCommands(commands, async (runtime, failures) => {
      for (const [name, text] of [
        ["throws", "the command failed"],
        ["tells", "no such thing"],
        ["wrong", "the command failed"],
        ["large", "the command failed"],
      ] as const) {
        const { stderr, exitCode } = await runtime.execCommand(name);
        assert.deepEqual([stderr, exitCode], [`${name}: ${text}\n`, 1]);
      }
      assert.deepEqual(
        failures.map(([name]) => name),
        ["command:throws", "command:tells", "command:wrong", "command:large"],
      );
    });
  });
});

describe("hostile guests and commands", () => {
  test("a call without streams, a huge command line, and one that hangs up", async () => {
    let calls = 0;
    const commands: Commands = {
      count: async ({ argv, stdout }) => {
        calls += 1;
        await new Promise<void>((resolve) =>
          stdout.write(String(argv.join("").length), () => resolve()),
        );
      },
    };
    await withCommands(commands, async (runtime) => {
      const direct = await runtime.exec(`
        const socket = "secure-exec-" + "0".repeat(32);
        for (const input of [{}, { argv: [1], env: {}, cwd: "/", socket }, { argv: [], env: {}, cwd: "/", socket: "/etc/passwd" }]) {
          await callTool("command:count", input).catch((error) => console.log(error.message));
        }
        await callTool("command:count", { argv: ["count"], env: {}, cwd: "/", socket }).catch((error) => console.log(error.message));
        await callTool("count", {}).catch((error) => console.log(error.message));
      `);
      assert.match(direct.stdout, /^(command:count: invalid input: no command line\n){3}/);
      assert.match(direct.stdout, /count: no such tool/);
      assert.equal(calls, 1);
      const huge = await runtime.exec(`
        import { spawnSync } from "node:child_process";
        const { stdout, status } = spawnSync("count", ["x".repeat(100_000)]);
        console.log(String(stdout), status);
        const many = spawnSync("count", Array.from({ length: 20 }, () => "x".repeat(100_000)));
        console.log(many.error?.code ?? many.status, String(many.stderr ?? "").slice(0, 60));
      `);
      assert.match(huge.stdout, /^100005 0\n(E2BIG|1 count: .*)/);
      assert.equal((await runtime.execCommand("count", ["x"])).stdout, "6");
    });
  });

  test("names that are none, and what is no function, are refused", async () => {
    for (const [commands, code] of [
      [{ sh: () => 0 }, "ERR_INVALID_ARG_VALUE"],
      [{ "a/b": () => 0 }, "ERR_INVALID_ARG_VALUE"],
      [{ "": () => 0 }, "ERR_INVALID_ARG_VALUE"],
      [{ git: 1 }, "ERR_INVALID_ARG_TYPE"],
      [[() => 0], "ERR_INVALID_ARG_TYPE"],
    ] as const) {
      await assert.rejects(NodeRuntime.create({ commands: commands as never }), { code });
    }
  });
});

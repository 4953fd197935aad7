// Processes that a call leaves behind: they live on until they end or the runtime is disposed of. Left out where the
// WebAssembly commands are not built.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

const { folder } = createRequire(import.meta.url)("../binding.cjs");
const skip = existsSync(join(folder, "commands", "commands.json")) ? false : "no commands";

const sh = (runtime: NodeRuntime, script: string) => runtime.execCommand("sh", ["-c", script]);

/** Opens a FIFO that a process left behind writes to when it has come so far. */
const told = async (runtime: NodeRuntime) => (await sh(runtime, "cat /tmp/told")).stdout;

const withFifo = (work: (runtime: NodeRuntime) => Promise<void>) =>
  withRuntime({}, async (runtime) => {
    await sh(runtime, "mkfifo /tmp/told /tmp/go");
    await work(runtime);
  });

/** The commands that run, without those of the caller. */
const running = async (runtime: NodeRuntime) =>
  (await runtime.processes()).map(({ argv, ppid }) => `${argv.join(" ")} of ${ppid}`);

describe("processes that a call leaves behind", { skip }, () => {
  const ways: [name: string, command: string, script: string][] = [
    ["of a shell", "sh", "sleep 1000 & echo on"],
    ["of a shell with job control", "sh", "set -m; sleep 1000 & echo on"],
    ["of nohup", "sh", "nohup sleep 1000 > /dev/null 2>&1 & echo on"],
    ["of setsid", "sh", "setsid sleep 1000 & echo on"],
    ["of setsid --fork", "sh", "setsid -f sleep 1000; echo on"],
    ["disowned", "bash", "sleep 1000 & disown; echo on"],
    ["of a subshell", "sh", "(sleep 1000 &); echo on"],
    [
      "of Node.js",
      "node",
      "child_process.spawn('sleep', ['1000'], { stdio: 'ignore' }).unref(); console.log('on')",
    ],
    [
      "of Node.js and detached",
      "node",
      "child_process.spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref(); console.log('on')",
    ],
  ];
  for (const [name, command, script] of ways) {
    test(`live on: ${name}`, async () => {
      await withRuntime({}, async (runtime) => {
        const flag = command === "node" ? "-e" : "-c";
        const { stdout, stderr, exitCode } = await runtime.execCommand(command, [flag, script]);
        assert.deepEqual([stdout, stderr, exitCode], ["on\n", "", 0]);
        // nohup and setsid become the program a moment after they were started.
        await sh(runtime, "until pgrep -x sleep > /dev/null; do :; done");
        assert.deepEqual(await running(runtime), ["sleep 1000 of 1"]);
        await sh(runtime, "pkill sleep; while pgrep -x sleep > /dev/null; do :; done");
        const { processes, zombies, fds, pipes } = await runtime.getResourceSnapshot();
        assert.deepEqual([processes, zombies, fds, pipes], [0, 0, 0, 0]);
      });
    });
  }

  test("write into the void, read the end of the file, and are not told", async () => {
    await withFifo(async (runtime) => {
      const body = [
        "read go < /tmp/go",
        'read line; echo "read $?" > /tmp/log',
        "for i in 1 2 3; do head -c 100000 /dev/zero; done; echo $? >> /tmp/log",
        "head -c 100000 /dev/zero >&2; echo $? >> /tmp/log",
        "cat /tmp/log > /tmp/told",
      ].join("\n");
      const call = await sh(runtime, `{ ${body}\n} & echo on`);
      assert.deepEqual([call.stdout, call.stderr], ["on\n", ""]);
      await sh(runtime, "echo > /tmp/go");
      assert.equal(await told(runtime), "read 1\n0\n0\n");
    });
  });

  test("do not hold up the call that started them, whatever they print", async () => {
    await withRuntime({}, async (runtime) => {
      const { exitCode, stdout } = await sh(runtime, "yes & echo $!");
      assert.equal(exitCode, 0);
      assert.match(stdout, /^(y\n)*\d+\n/m);
      // It is a copy of the shell until it has become what it is to be.
      while ((await running(runtime))[0]?.startsWith("sh ")) await runtime.exists("/");
      assert.deepEqual(await running(runtime), ["yes of 1"]);
      assert.equal((await runtime.exec("console.log('works')")).stdout, "works\n");
      await sh(runtime, "pkill -KILL yes; while pgrep yes > /dev/null; do :; done");
      assert.deepEqual(await running(runtime), []);
    });
  });

  test("of a spawned program and of one with a handle", async () => {
    await withFifo(async (runtime) => {
      const program = await runtime.spawnCommand("sh", [
        "-c",
        "{ read go < /tmp/go; echo late; echo done > /tmp/told; } & exit 3",
      ]);
      assert.equal(await program.wait(), 3);
      await sh(runtime, "echo > /tmp/go");
      assert.equal(await told(runtime), "done\n");
    });
  });

  test("write files that a later call reads", async () => {
    await withFifo(async (runtime) => {
      await sh(runtime, "{ read go < /tmp/go; echo late > /workspace/late; : > /tmp/told; } &");
      assert.equal(await runtime.exists("/workspace/late"), false);
      await sh(runtime, "echo > /tmp/go");
      await told(runtime);
      assert.equal(await runtime.readFile("/workspace/late", "utf8"), "late\n");
    });
  });

  test("of Node.js keep their event loop", async () => {
    await withFifo(async (runtime) => {
      const child = `
        setTimeout(() => {
          console.log("nobody reads this");
          process.stdin.on("data", () => {}).on("end", () => fs.writeFileSync("/tmp/told", "end of input"));
        }, 10);`;
      const { stdout } = await runtime.exec(
        `import { spawn } from "node:child_process";
         spawn("node", ["-e", ${JSON.stringify(child)}], { stdio: "inherit" }).unref();
         console.log("on");`,
      );
      assert.equal(stdout, "on\n");
      assert.equal(await told(runtime), "end of input");
    });
  });

  test("count against the limit of processes", async () => {
    await withRuntime({ limits: { resources: { maxProcesses: 4 } } }, async (runtime) => {
      await sh(runtime, "sleep 1000 & sleep 1000 &");
      const { exitCode, stderr } = await sh(runtime, "sleep 1000 & sleep 1000 & sleep 1000 &");
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /Cannot fork|Resource temporarily unavailable/);
    });
  });

  test("end with the runtime", async () => {
    await withRuntime({}, async (runtime) => {
      await sh(runtime, "sleep 1000 & setsid sleep 1000 & yes > /dev/null &");
      await runtime.dispose();
    });
  });

  test("a kill of the call ends its session and not those that left it", async () => {
    await withRuntime({}, async (runtime) => {
      const up = Promise.withResolvers<void>();
      const program = await runtime.spawnCommand(
        "sh",
        ["-c", "setsid -f sleep 1000; set -m; sleep 1001 & echo up; exec sleep 1002"],
        { onStdout: () => up.resolve() },
      );
      await up.promise;
      await sh(runtime, "until pgrep -f '^sleep 1000' > /dev/null; do :; done");
      program.kill("SIGKILL");
      assert.equal(await program.wait(), 137);
      assert.deepEqual(await running(runtime), ["sleep 1000 of 1"]);
    });
  });
});

describe("processes that a shell on a terminal leaves behind", { skip }, () => {
  const env = { TERM: "dumb", PS1: "ready> " };

  /** A shell, and a function that types a line and waits for the next prompt. */
  const openShell = async (runtime: NodeRuntime, command = "sh") => {
    const terminal = await runtime.openShell({ command, env });
    const until = reader(terminal);
    await until("ready> ");
    const enter = async (line: string) => {
      void terminal.write(`${line}\r`);
      return await until("ready> ");
    };
    return { terminal, enter };
  };
  const waitFor = (runtime: NodeRuntime, name: string, word: "until" | "while") =>
    sh(runtime, `${word} pgrep -f '^${name}' > /dev/null; do :; done`);

  test("live on in the background and are hung up in the foreground", async () => {
    await withRuntime({}, async (runtime) => {
      const { terminal, enter } = await openShell(runtime);
      await enter("sleep 1000 &");
      void terminal.write("sleep 1001\r");
      await waitFor(runtime, "sleep 1001", "until");
      terminal.kill();
      assert.equal(await terminal.wait(), 129);
      await waitFor(runtime, "sleep 1001", "while");
      assert.deepEqual(await running(runtime), ["sleep 1000 of 1"]);
    });
  });

  test("find the terminal gone", async () => {
    await withFifo(async (runtime) => {
      const { terminal, enter } = await openShell(runtime);
      await enter("{ read go < /tmp/go; echo late; echo $? > /tmp/told; } &");
      void terminal.write("exit 5\r");
      assert.equal(await terminal.wait(), 5);
      await sh(runtime, "echo > /tmp/go");
      assert.match(await told(runtime), /^[12]\n$/);
    });
  });

  test("hear of it from bash, unless they are disowned or run by nohup", async () => {
    await withRuntime({}, async (runtime) => {
      const { terminal, enter } = await openShell(runtime, "bash");
      await enter("sleep 1000 & disown");
      await enter("nohup sleep 1002 > /dev/null 2>&1 &");
      await enter("sleep 1001 &");
      await waitFor(runtime, "sleep 1002", "until");
      await waitFor(runtime, "sleep 1001", "until");
      terminal.kill();
      assert.equal(await terminal.wait(), 129);
      await waitFor(runtime, "sleep 1001", "while");
      assert.deepEqual(await running(runtime), ["sleep 1000 of 1", "sleep 1002 of 1"]);
    });
  });

  test("leave their output in nohup.out", async () => {
    await withRuntime({}, async (runtime) => {
      const { terminal, enter } = await openShell(runtime);
      assert.match(
        await enter("nohup sh -c 'echo out; echo err >&2; read line || echo $?'"),
        /\r\nnohup: ignoring input and appending output to 'nohup.out'\r\n$/,
      );
      const written = await runtime.readFile("/workspace/nohup.out", "utf8");
      assert.match(written, /^out\nerr\n(sh: .*\n)?\d\n$/);
      await terminal.dispose();
    });
  });

  test("of setsid cannot take the terminal of another session", async () => {
    await withRuntime({}, async (runtime) => {
      const { terminal, enter } = await openShell(runtime);
      assert.match(
        await enter("setsid -c -w true; echo $?"),
        /\r\nsetsid: failed to set the controlling terminal: Operation not permitted\r\n1\r\n$/,
      );
      await terminal.dispose();
    });
  });
});

describe("setsid", { skip }, () => {
  test("starts a session, in a child where it leads a group, and waits for it", async () => {
    await withRuntime({}, async (runtime) => {
      const ask = `setsid -w sh -c 'cut -d " " -f 1,6 < /proc/$$/stat; exit 7'; echo $?`;
      assert.match((await sh(runtime, ask)).stdout, /^(\d+) \1\n7\n$/);
      const inPlace = await sh(runtime, "setsid sh -c 'echo $$ $PPID' & wait; echo $! $$");
      // The numbers of the program and its parent, then those that the shell knows.
      assert.match(inPlace.stdout, /^(\d+) (\d+)\n\1 \2\n$/);
      const leads = await runtime.execCommand("setsid", ["-w", "node", "-e", "process.exit(5)"]);
      assert.equal(leads.exitCode, 5);
      const missing = await sh(runtime, "setsid /no/such/program; exit $?");
      assert.deepEqual(
        [missing.stderr, missing.exitCode],
        ["setsid: failed to execute /no/such/program: No such file or directory\n", 127],
      );
      const none = await sh(runtime, "setsid");
      assert.equal(none.exitCode, 1);
      assert.match(none.stderr, /^setsid: no command specified\n/);
    });
  });
});

// Programs that go for processes and descriptors. Each ends with a code, and the machine as it was.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

type CreateOptions = NonNullable<Parameters<typeof NodeRuntime.create>[0]>;

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

/** Runs a program, looks at what it hands back, and that the machine still works and holds nothing. */
async function attack(
  code: string,
  look: (value: unknown) => void,
  { timeout = 25_000, ...options }: CreateOptions & { timeout?: number } = {},
) {
  await withRuntime(options, async (runtime) => {
    const { value, exitCode, stderr } = await runtime.run(code, { timeout });
    assert.equal(exitCode, 0, stderr);
    look(value);
    const after = await runtime.run("globalThis.__return(1 + 1);");
    assert.equal(after.value, 2);
    await assertHoldsNothing(runtime);
  });
  await sentinel.assertUnharmed();
}

async function assertHoldsNothing(runtime: NodeRuntime): Promise<void> {
  const { processes, zombies, fds, pipes, ptys, sockets } = await runtime.getResourceSnapshot();
  assert.deepEqual(
    { processes, zombies, fds, pipes, ptys, sockets },
    { processes: 0, zombies: 0, fds: 0, pipes: 0, ptys: 0, sockets: 0 },
  );
}

const tool = { description: "", inputSchema: {}, handler: () => 1 };

describe("processes", () => {
  test("as many as can be started end at the limit", async () => {
    const code = `
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      const codes = new Set();
      const children = [];
      for (let n = 0; n < 40; n += 1) {
        await new Promise((resolve) => {
          const child = spawn("node", ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
          child.on("spawn", resolve).on("error", (error) => { codes.add(error.code); resolve(); });
          if (child.pid) children.push(child);
        });
      }
      const ends = children.map((child) => once(child, "exit"));
      for (const child of children) child.kill("SIGKILL");
      for (const [, signal] of await Promise.all(ends)) codes.add(signal);
      globalThis.__return([...codes]);`;
    await attack(code, (codes) => assert.deepEqual(codes, ["EAGAIN", "SIGKILL"]), {
      limits: { resources: { maxProcesses: 8 } },
    });
  });

  for (const [command, count] of [
    ['spawnSync("true")', 10_000],
    ['spawnSync("t", ["--json", "{}"])', 500],
    ['spawnSync("node", ["-e", ""])', 1500],
  ] as const) {
    const name = `50 ${count} times ${command} leave nothing behind and have numbers of their own`;
    test(name, { timeout: 240_000 }, async () => {
      const code = `
        import { spawnSync } from "node:child_process";
        const pids = [];
        const failed = [];
        for (let n = 0; n < ${count}; n += 1) {
          const { pid, status, error } = ${command};
          pids.push(pid);
          if (status !== 0) failed.push([status, String(error)]);
        }
        globalThis.__return([failed, new Set(pids).size, pids.every((pid, n) => n === 0 || pid > pids[n - 1])]);`;
      const look = (value: unknown) => assert.deepEqual(value, [[], count, true]);
      // What they take of a processor is not what is looked at, and differs by the machine.
      const limits = { jsRuntime: { cpuTimeLimitMs: Number.POSITIVE_INFINITY } };
      await attack(code, look, { tools: { t: tool }, limits, timeout: 200_000 });
    });
  }

  test("50 a shell's 10,000 commands, in copies of itself, leave nothing behind", async () => {
    await withRuntime({}, async (runtime) => {
      const text =
        "n=0; while [ $n -lt 10000 ]; do env true || exit 1; n=$((n + 1)); done; echo $n";
      const { stdout, stderr } = await runtime.execCommand("sh", ["-c", text]);
      assert.equal(stdout, "10000\n", stderr);
      await assertHoldsNothing(runtime);
    });
    await sentinel.assertUnharmed();
  });

  // Some wait for nothing, some are waited for by their parents after the fact, some by nobody.
  test("51 parents that end first and children that nobody waits for are reaped", async () => {
    const code = `
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      import { readdirSync } from "node:fs";
      const pids = () => readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).map(Number);
      const before = pids();
      for (let n = 0; n < 50; n += 1) {
        const child = spawn("sh", ["-c", "(true; sleep 0.01) & (exec true) & exit 3"], { stdio: "ignore" });
        if (n % 2) await once(child, "exit");
        else if (n % 3) child.unref();
      }
      const script = 'setTimeout(() => {}, 20); require("child_process").spawn("sleep", ["0.05"], { stdio: "ignore" }).unref()';
      for (let n = 0; n < 5; n += 1) await once(spawn("node", ["-e", script], { stdio: "ignore" }), "exit");
      while (pids().some((pid) => !before.includes(pid))) await new Promise(setImmediate);
      globalThis.__return("reaped");`;
    // Those that nobody waits for may all be there at a time.
    const limits = { resources: { maxProcesses: 256 } };
    await attack(code, (value) => assert.equal(value, "reaped"), { limits });
  });

  test("52 that signal everybody reach their own machine only", async () => {
    await withRuntime({}, async (runtime) => {
      const bystander = await runtime.spawn("setInterval(() => {}, 1000);");
      const { exitCode } = await runtime.exec(`
        for (const pid of [1, 0, -1]) try { process.kill(pid, "SIGSTOP"); process.kill(pid, "SIGKILL"); } catch {}
        process.exit(3);`);
      // Itself by its group, or the other by -1: whatever a process of user 1000 may do.
      assert.ok([3, 137].includes(exitCode), String(exitCode));
      bystander.kill("SIGKILL");
      assert.equal(await bystander.wait(), 137);
      assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      await assertHoldsNothing(runtime);
    });
    await sentinel.assertUnharmed();
  });

  test("cannot signal what is not theirs", async () => {
    const code = `
      const told = [];
      for (const pid of [1, ${process.pid}, 999_999_999]) {
        try { process.kill(pid, "SIGKILL"); told.push("killed"); } catch (error) { told.push(error.code); }
      }
      globalThis.__return(told);`;
    await withRuntime({}, async (runtime) => {
      const { value } = await runtime.run<string[]>(code);
      assert.deepEqual(value, ["EPERM", "ESRCH", "ESRCH"]);
    });
  });

  test("with arguments or an environment that are too large are refused", async () => {
    const code = `
      import { spawnSync } from "node:child_process";
      const large = "x".repeat(10_000_000);
      globalThis.__return([
        spawnSync("node", ["-e", "1", large]).error?.code,
        spawnSync("node", ["-e", "1"], { env: { large } }).error?.code,
      ]);`;
    await attack(code, (codes) => assert.deepEqual(codes, ["E2BIG", "E2BIG"]));
  });

  test("are not moved by LD_PRELOAD and NODE_OPTIONS", async () => {
    const code = `
      import { spawnSync } from "node:child_process";
      const env = { ...process.env, LD_PRELOAD: "/tmp/evil.so", NODE_OPTIONS: "--require=/tmp/evil.cjs" };
      const { stdout, status } = spawnSync("node", ["-p", "1 + 1"], { env, encoding: "utf8" });
      globalThis.__return([stdout, status]);`;
    await attack(code, (value) => assert.deepEqual(value, ["2\n", 0]));
  });
});

describe("descriptors", () => {
  test("55 the shell's standard ones may be closed, replaced and mixed up", async () => {
    await withRuntime({}, async (runtime) => {
      const scripts = [
        "exec 0<&- 1>&- 2>&-; echo lost; cat; ls /; exec 3<&999999999",
        "exec 0<&1 1>&0 2>&1; for i in 1 2 3; do sh -c 'exec 1>&- 2>&-; true'; done",
        "exec 3>&1 4>&2 1>&4 2>&3 3>&- 4>&-; echo swapped",
        'for fd in 5 60 255 256 1024 2147483647 2147483648 99999999999999999999; do eval "exec $fd>&1"; done',
        "exec >/dev/full; echo x; exec </dev/null <&- >&-",
      ];
      const end = await Promise.all(
        scripts.map((script) => runtime.execCommand("sh", ["-c", script], { timeout: 5000 })),
      );
      for (const { exitCode, timedOut } of end) assert.ok(!timedOut && exitCode < 128);
      assert.deepEqual([end[0]?.stdout, end[2]?.stderr], ["", "swapped\n"]);
      await assertHoldsNothing(runtime);
    });
    await sentinel.assertUnharmed();
  });

  test("end at the limit", async () => {
    const code = `
      import { openSync } from "node:fs";
      let [opened, code] = [0, undefined];
      try { for (; opened < 100_000; opened += 1) openSync("/dev/null"); } catch (error) { code = error.code; }
      globalThis.__return([code, opened < 256]);`;
    await attack(code, (value) => assert.deepEqual(value, ["EMFILE", true]));
  });

  test("49 pipes and sockets end at the limit, and closing frees them", async () => {
    const code = `
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      import net from "node:net";
      const told = [];
      const children = [];
      for (let n = 0; n < 40 && told.length === 0; n += 1) {
        const child = spawn("sleep", ["1000"], { stdio: ["overlapped", "overlapped", ...Array(4).fill("pipe")] });
        child.on("error", (error) => told.push(error.code));
        children.push(child);
        await new Promise(setImmediate);
      }
      told.push(children.length > 1);
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.filter(({ pid }) => pid).map((child) => once(child, "close")));
      const server = net.createServer().listen("/tmp/socket");
      await once(server, "listening");
      const sockets = [];
      let failed;
      while (!failed && sockets.length < 500) {
        const socket = net.connect("/tmp/socket");
        sockets.push(socket);
        failed = await Promise.race([once(socket, "connect").then(() => undefined, (error) => error.code)]);
      }
      told.push(failed, sockets.length > 10);
      for (const socket of sockets) socket.destroy();
      const again = net.connect("/tmp/socket");
      await once(again, "connect");
      globalThis.__return(told);
      process.exit(0);`;
    const limits = { resources: { maxPipes: 32, maxSockets: 64 } };
    await attack(code, (told) => assert.deepEqual(told, ["ENFILE", true, "ENFILE", true]), {
      limits,
    });
  });

  test("terminals end at the limit", async () => {
    const code = `
      import { openSync } from "node:fs";
      let [opened, code] = [0, undefined];
      try { for (; opened < 1000; opened += 1) openSync("/dev/ptmx", "r+"); } catch (error) { code = error.code; }
      globalThis.__return([code, opened]);`;
    await attack(code, (value) => assert.deepEqual(value, ["ENOSPC", 16]));
  });

  test("that are none are refused, and the standard ones may be closed", async () => {
    const code = `
      import fs from "node:fs";
      const told = [];
      for (const fd of [1e9, 2 ** 31 - 1, 200, -1, 2 ** 31, Number.NaN]) {
        try { fs.fstatSync(fd); told.push("open"); } catch (error) { told.push(error.code); }
      }
      globalThis.__return(told);
      for (const fd of [0, 1, 2]) fs.closeSync(fd);`;
    const range = "ERR_OUT_OF_RANGE";
    await attack(code, (told) =>
      assert.deepEqual(told, ["EBADF", "EBADF", "EBADF", range, range, range]),
    );
  });
});

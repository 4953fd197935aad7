// Timeouts, aborts, deaths and the end of runtimes.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const endless = "for (;;) {}";

async function assertWorks(runtime: NodeRuntime): Promise<void> {
  const { stdout, stderr } = await runtime.exec("console.log('works')");
  assert.equal(stdout, "works\n", stderr);
}

describe("timeout", () => {
  test("kills, resolves with 137, keeps what was captured, overshoots little", async () => {
    await withRuntime({}, async (runtime) => {
      await assertWorks(runtime);
      const start = performance.now();
      const result = await runtime.exec(`console.log("captured"); ${endless}`, { timeout: 300 });
      const ms = performance.now() - start;
      assert.equal(result.exitCode, 137);
      assert.equal(result.timedOut, true);
      assert.equal(result.stdout, "captured\n");
      assert.ok(ms >= 300 && ms < 900, `took ${ms} ms`);
      await assertWorks(runtime);
    });
  });

  test("also ends programs that wait, and programs that catch", async () => {
    await withRuntime({}, async (runtime) => {
      for (const code of [
        "await new Promise((resolve) => setTimeout(resolve, 1e6));",
        "setInterval(() => {}, 1000);",
        "for (;;) { try { for (;;) {} } catch {} }",
        "try { for (;;) {} } finally { for (;;) {} }",
        "process.on('SIGTERM', () => {}); process.on('exit', () => { for (;;) {} }); for (;;) {}",
      ]) {
        const result = await runtime.exec(code, { timeout: 200 });
        assert.deepEqual([result.exitCode, result.timedOut], [137, true], code);
      }
      await assertWorks(runtime);
    });
  });
});

describe("abort", () => {
  test("rejects with the reason and frees the runtime", async () => {
    await withRuntime({}, async (runtime) => {
      const controller = new AbortController();
      const pending = runtime.exec(endless, { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await assert.rejects(pending, { name: "AbortError" });
      const reason = new Error("my own reason");
      const other = new AbortController();
      const second = runtime.run(endless, { signal: other.signal });
      other.abort(reason);
      await assert.rejects(second, (error) => error === reason);
      await assert.rejects(runtime.exec(endless, { signal: AbortSignal.timeout(50) }), {
        name: "TimeoutError",
      });
      await assertWorks(runtime);
    });
  });

  test("before the start never starts, after the end has no effect", async () => {
    await withRuntime({}, async (runtime) => {
      const signal = AbortSignal.abort();
      let output = 0;
      const onStdout = () => {
        output += 1;
      };
      await assert.rejects(runtime.exec("console.log(1)", { signal, onStdout }), {
        name: "AbortError",
      });
      assert.equal(output, 0);
      const controller = new AbortController();
      const { exitCode } = await runtime.exec("1", { signal: controller.signal });
      controller.abort();
      assert.equal(exitCode, 0);
      await assertWorks(runtime);
    });
  });
});

describe("a runtime outlives its guests", () => {
  test("after an exhausted heap, with its files", async () => {
    await withRuntime({}, async (other) => {
      await withRuntime({ limits: { jsRuntime: { v8HeapLimitMb: 32 } } }, async (runtime) => {
        await runtime.writeFile("/workspace/kept", "still here");
        const dead = await runtime.exec("const a = []; for (;;) a.push({ a });").then(
          ({ exitCode }) => exitCode,
          (error) => error.code,
        );
        assert.notEqual(dead, 0);
        await assertWorks(runtime);
        assert.equal(
          Buffer.from(await runtime.readFile("/workspace/kept")).toString(),
          "still here",
        );
      });
      await assertWorks(other);
    });
  });

  // The output that is consumed while the filesystem is being carried over has nobody to tell it to.
  test("after the end of V8 beside a program whose output streams, which is told", async () => {
    const size = 15 << 20;
    const files = Object.fromEntries(
      ["/tmp/a", "/tmp/b", "/tmp/c"].map((path) => [path, new Uint8Array(size)]),
    );
    const runtime = await NodeRuntime.create({ files });
    try {
      const streams = Promise.withResolvers<void>();
      const program =
        "const print = () => { console.log('x'.repeat(1e4)); setImmediate(print); }; print();";
      const streaming = runtime.exec(program, { onStdout: () => streams.resolve() });
      const told = assert.rejects(streaming, { code: "ERR_VM_CRASHED" });
      await streams.promise;
      // A native loop of V8's that looks for no interrupt: only the end of the process helps.
      const death = "const a = []; a.length = 4e9; a.reverse();";
      await runtime.exec(death, { timeout: 500 }).catch(() => {});
      await told;
      assert.equal((await runtime.readFile("/tmp/c")).length, size);
      await assertWorks(runtime);
    } finally {
      await runtime.dispose();
    }
  });

  // The spare is killed along with the others, and may be handed out before its end is noticed.
  test("after its VM process was killed from outside", async () => {
    const runtime = await NodeRuntime.create({ files: { "/workspace/given": "given" } });
    const other = await NodeRuntime.create();
    try {
      const before = new Set(descendants(process.pid));
      assert.ok(before.size > 0, "no VM process");
      const pending = runtime.exec("setInterval(() => {}, 1000)");
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const pid of before) killIfAlive(pid);
      await assert.rejects(pending, { code: "ERR_VM_CRASHED" });
      await assertWorks(runtime);
      await assertWorks(other);
      assert.equal(Buffer.from(await runtime.readFile("/workspace/given")).toString(), "given");
    } finally {
      await runtime.dispose();
      await other.dispose();
    }
  });
});

describe("many at once", () => {
  test("100 on one runtime never mix", async () => {
    await withRuntime({ limits: { resources: { maxProcesses: 200 } } }, async (runtime) => {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const { stdout, stderr, exitCode } = await runtime.exec(
            `console.log("out ${i}"); console.error("err ${i}"); process.exit(${i % 7});`,
          );
          assert.deepEqual([stdout, stderr, exitCode], [`out ${i}\n`, `err ${i}\n`, i % 7]);
        }),
      );
    });
  });

  test("100 on 20 runtimes never mix, and each settles once", async () => {
    let settled = 0;
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withRuntime({ env: { NUMBER: String(i) } }, async (runtime) => {
          const calls = Array.from({ length: 5 }, (_, n) =>
            runtime
              .exec(`console.log(process.env.NUMBER, ${n}); process.exit(${n});`)
              .finally(() => {
                settled += 1;
              }),
          );
          for (const [n, { stdout, exitCode }] of (await Promise.all(calls)).entries()) {
            assert.deepEqual([stdout, exitCode], [`${i} ${n}\n`, n]);
          }
        }),
      ),
    );
    assert.equal(settled, 100);
  });
});

describe("dispose", () => {
  test("ends running calls with 143, is idempotent, and later calls say why they fail", async () => {
    const runtime = await NodeRuntime.create();
    const pending = runtime.exec(`console.log("started"); setInterval(() => {}, 1000);`, {
      onStdout: () => void runtime.dispose(),
    });
    assert.equal((await pending).exitCode, 143);
    await runtime.dispose();
    await runtime.dispose();
    await assert.rejects(runtime.exec("1"), /NodeRuntime has been disposed/);
    await assert.rejects(runtime.readFile("/etc/passwd"), /NodeRuntime has been disposed/);
  });

  test("ends children, timers and servers, and frees the VM process", async () => {
    const runtime = await NodeRuntime.create();
    let output = "";
    const up = Promise.withResolvers<void>();
    const program = await runtime.spawn(
      `import { spawn } from "node:child_process";
       import net from "node:net";
       net.createServer().listen("/tmp/socket");
       setInterval(() => console.log("tick"), 1);
       spawn("sh", ["-c", "while :; do echo child; sleep 0.01; done"], { stdio: "inherit", detached: true });
       spawn("node", ["-e", "setInterval(() => console.log('grandchild'), 1)"], { stdio: "inherit" });`,
      {
        onStdout: (chunk) => {
          output += Buffer.from(chunk).toString();
          if (
            output.includes("tick") &&
            output.includes("grandchild") &&
            output.includes("child\n")
          )
            up.resolve();
        },
      },
    );
    await up.promise;
    await runtime.dispose();
    assert.equal(await program.wait(), 143);
    const { length } = output;
    await assertWorksElsewhere();
    assert.equal(output.length, length, "output after the end");
  });

  async function assertWorksElsewhere(): Promise<void> {
    await withRuntime({}, assertWorks);
  }

  test("await using disposes", async () => {
    let runtime: NodeRuntime;
    {
      await using scoped = await NodeRuntime.create();
      runtime = scoped;
      await assertWorks(scoped);
    }
    await assert.rejects(runtime.exec("1"), /disposed/);
  });
});

describe("a runtime that nobody holds", () => {
  const program = `
    import { createRequire } from "node:module";
    import { NodeRuntime } from "secure-exec";
    const binding = createRequire(import.meta.url)("./binding.cjs");
    const warnings = [];
    process.on("warning", ({ code }) => warnings.push(code));
    // Where a collection finds them: nothing of these calls is left on the stack.
    const collect = async (isDone) => {
      while (!isDone()) { await new Promise((resolve) => setTimeout(resolve, 1)); gc(); }
    };
    const machines = () => binding.vmProcessIds().length;
    const kept = await NodeRuntime.create();
    await collect(() => machines() === 2); // Its own, and the spare.
    await BODY
    await kept.exec("1");
    await kept.dispose();
  `;
  const run = async (body: string): Promise<string> => {
    const args = ["--expose-gc", "--input-type=module", "-e", program.replace("BODY", body)];
    const cwd = new URL("..", import.meta.url);
    return (await promisify(execFile)(process.execPath, args, { cwd, timeout: 60_000 })).stdout;
  };

  test("is ended, and the first is a warning", async () => {
    const stdout = await run(`(async () => {
      for (let n = 0; n < 3; n += 1) {
        const runtime = await NodeRuntime.create({ tools: {} });
        await runtime.exec("console.log(1)");
        const runner = await runtime.createResidentRunner();
        await runner.exec("1");
      }
    })();
    await collect(() => machines() === 2);
    console.log(warnings.join());`);
    assert.equal(stdout, "SECURE_EXEC_NOT_DISPOSED\n");
  });

  test("goes on while a call, a process, a terminal or a runner of it does", async () => {
    const stdout = await run(`(async () => {
      const calls = async (start) => await start(await NodeRuntime.create());
      const results = [
        calls((runtime) => runtime.exec("setTimeout(() => console.log('exec'), 300)")),
        calls((runtime) => runtime.execCommand("sh", ["-c", "sleep 0.3; echo command"])),
        calls((runtime) => runtime.readFile("/etc/passwd", "utf8")),
      ];
      const echo = "process.stdin.on('data', (data) => process.exit(data.length))";
      const process = await calls((runtime) => runtime.spawn(echo));
      const terminal = await calls((runtime) => runtime.openShell());
      const runner = await calls((runtime) => runtime.createResidentRunner());
      await runner.exec("globalThis.n = 5");
      let collected = 0;
      await collect(() => (collected += 1) > 20);
      await process.writeStdin("abc");
      await terminal.write("exit 4\\n");
      const [exec, command, passwd] = await Promise.all(results);
      const { value, restarted } = await runner.evaluate("n");
      console.log(exec.stdout + command.stdout + passwd.includes("root"));
      console.log(await process.wait(), await terminal.wait(), value, restarted);
    })();`);
    assert.equal(stdout, "exec\ncommand\ntrue\n3 4 5 undefined\n");
  });

  test("is not told when it was disposed of", async () => {
    const stdout = await run(`(async () => {
      const runtime = await NodeRuntime.create();
      await runtime.dispose();
    })();
    let collected = 0;
    await collect(() => (collected += 1) > 20 && machines() === 2);
    console.log(warnings.length);`);
    assert.equal(stdout, "0\n");
  });
});

describe("the host process", () => {
  const script = (body: string) => `
    import { NodeRuntime } from "secure-exec";
    const runtime = await NodeRuntime.create();
    ${body}
  `;
  const options = { cwd: new URL("..", import.meta.url), timeout: 20_000 };
  const args = (body: string) => ["--input-type=module", "-e", script(body)];

  test("ends by itself with a runtime that was never disposed of", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      args(`console.log((await runtime.exec("console.log(1)")).stdout);`),
      options,
    );
    assert.equal(stdout, "1\n\n");
  });

  test("leaves nothing behind when it is killed", async () => {
    const body = `
      runtime.exec("for (;;) {}");
      await runtime.exec("1");
      console.log("ready");
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, args(body), { cwd: options.cwd });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const orphans = descendants(child.pid ?? 0);
    assert.ok(orphans.length > 0, "no VM process");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const deadline = performance.now() + 5000;
    while (orphans.some(isAlive) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(orphans.filter(isAlive), []);
  });
});

function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    const status = readStatus(Number(name));
    if (status) parents.set(Number(name), Number(status.match(/^PPid:\s+(\d+)/m)?.[1]));
  }
  const found: number[] = [];
  for (const each of parents.keys()) {
    let ancestor = parents.get(each);
    while (ancestor && ancestor !== pid) ancestor = parents.get(ancestor);
    if (ancestor === pid) found.push(each);
  }
  return found;
}

/** The VM process of an earlier test may have been on its way out. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isAlive(pid: number): boolean {
  const status = readStatus(pid);
  return status !== undefined && !/^State:\s+[ZX]/m.test(status);
}

function readStatus(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined;
  }
}

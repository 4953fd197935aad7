// Callbacks that throw, that reject, that take their time: the host's process never ends by them, and a slow one
// makes the guest wait.

import assert from "node:assert/strict";
import { once } from "node:events";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const onPurpose = new Error("on purpose");

/** Every way in which a function can fail. */
const failures: Record<string, () => unknown> = {
  throws: () => {
    throw onPurpose;
  },
  rejects: async () => {
    throw onPurpose;
  },
  "gives back a thenable that throws": () => ({
    // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is what is tested
    then() {
      throw onPurpose;
    },
  }),
  "gives back an object whose then cannot be read": () => ({
    // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is what is tested
    get then() {
      throw onPurpose;
    },
  }),
};

const talk = "setInterval(() => console.log('still here'), 5);";

for (const [how, fail] of Object.entries(failures)) {
  describe(`a callback that ${how}`, () => {
    test("ends the program of its call, which rejects with the error", async () => {
      await withRuntime({}, async (runtime) => {
        for (const name of ["onStdout", "onStderr"] as const) {
          const code = name === "onStdout" ? talk : talk.replace("log", "error");
          await assert.rejects(runtime.exec(code, { [name]: fail }), onPurpose);
          await assert.rejects(runtime.run(code, { [name]: fail }), onPurpose);
          const program = await runtime.spawn(code, { [name]: fail });
          await assert.rejects(program.wait(), onPurpose);
        }
        const command = await runtime.spawnCommand("yes", [], { onStdout: fail });
        await assert.rejects(command.wait(), onPurpose);
        assert.equal((await runtime.exec("1")).exitCode, 0);
      });
    });

    test("ends the program of its terminal, also with what came before it", async () => {
      await withRuntime({}, async (runtime) => {
        const live = await runtime.openShell({ command: "yes" });
        live.onData(fail);
        await assert.rejects(live.wait(), onPurpose);
        const kept = await runtime.openShell({ command: "sh", args: ["-c", "echo up; sleep 100"] });
        for await (const _ of kept) break;
        await kept.write("x");
        kept.onData(fail);
        await kept.write("more");
        await assert.rejects(kept.wait(), onPurpose);
      });
    });

    test("is told by a warning if the program has ended", async () => {
      await withRuntime({}, async (runtime) => {
        const terminal = await runtime.openShell({ command: "echo", args: ["hi"] });
        assert.equal(await terminal.wait(), 0);
        const warned = once(process, "warning");
        terminal.onData(fail);
        assertWarning(await warned, "onData");
      });
    });

    test("is told by a warning if it is onTrace", async () => {
      const warned = once(process, "warning");
      await withRuntime({ onTrace: fail }, async (runtime) => {
        assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
        assertWarning(await warned, "onTrace");
      });
    });

    test("rejects create if it is onBootTiming", async () => {
      await assert.rejects(NodeRuntime.create({ onBootTiming: fail }), onPurpose);
    });
  });
}

function assertWarning([warning]: unknown[], name: string) {
  assert.ok(warning instanceof Error);
  assert.equal(warning.name, "SecureExecWarning");
  assert.match(warning.message, new RegExp(`${name} threw: Error: on purpose`));
  assert.equal(warning.cause, onPurpose);
}

describe("a callback that gives back a promise", () => {
  test("is waited for at the end of the program, unless that was ended", async () => {
    await withRuntime({}, async (runtime) => {
      let taken = 0;
      const onStdout = async (chunk: Uint8Array) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        taken += chunk.length;
      };
      await runtime.exec("for (let i = 0; i < 4; i++) console.log(i)", { onStdout });
      assert.equal(taken, 8);
      const late = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw onPurpose;
      };
      await assert.rejects(runtime.exec("console.log(1)", { onStdout: late }), onPurpose);
      const never = () => new Promise(() => {});
      const result = await runtime.exec(talk, { onStdout: never, timeout: 200 });
      assert.deepEqual([result.exitCode, result.timedOut], [137, true]);
      const signal = AbortSignal.timeout(200);
      await assert.rejects(runtime.exec(talk, { onStdout: never, signal }), {
        name: "TimeoutError",
      });
    });
  });

  test("that never settles holds no call beyond its timeout, its abort, its kill, or the end of the machine", async () => {
    const never = () => new Promise(() => {});
    const short = "console.log(1)";
    await withRuntime({}, async (runtime) => {
      const late = await runtime.exec(short, { onStdout: never, timeout: 300 });
      assert.deepEqual([late.exitCode, late.stdout], [0, "1\n"]);
      const signal = AbortSignal.timeout(300);
      await assert.rejects(runtime.exec(short, { onStdout: never, signal }), {
        name: "TimeoutError",
      });

      const endless = await runtime.spawn(talk, { onStdout: never });
      endless.kill();
      assert.deepEqual([await endless.wait(), endless.signal], [143, "SIGTERM"]);
      const ended = await runtime.spawn(short, { onStdout: never });
      while (ended.exitCode === null) await runtime.exec("1");
      ended.kill();
      assert.equal(await ended.wait(), 0);

      const terminal = await runtime.openShell({ command: "yes" });
      terminal.onData(never);
      await terminal.dispose();

      const runner = await runtime.createResidentRunner();
      const snippetShown = Promise.withResolvers<void>();
      const snippet = runner.exec(short, {
        onStdout: () => {
          snippetShown.resolve();
          return never();
        },
      });
      await snippetShown.promise;
      await runner.dispose();
      assert.equal((await snippet).stdout, "1\n");

      const shown = Promise.withResolvers<void>();
      const onStdout = () => {
        shown.resolve();
        return never();
      };
      const pending = [runtime.exec(short, { onStdout }), runtime.exec(talk, { onStdout: never })];
      await shown.promise;
      await runtime.dispose();
      const [first, second] = await Promise.all(pending);
      assert.deepEqual([first?.stdout, second?.signal], ["1\n", "SIGTERM"]);
    });
  });

  const flood = "const b = Buffer.alloc(32768, 'x'); for (;;) process.stdout.write(b);";

  test("makes the guest wait, whatever it hears of", async () => {
    await withRuntime({}, async (runtime) => {
      for (const start of [
        (onData: (chunk: Uint8Array) => unknown) => runtime.spawn(flood, { onStdout: onData }),
        async (onData: (chunk: Uint8Array) => unknown) => {
          const terminal = await runtime.openShell({ command: "yes" });
          terminal.onData(onData);
          return terminal;
        },
      ]) {
        let bytes = 0;
        let release = () => {};
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        const first = Promise.withResolvers<void>();
        const program = await start((chunk) => {
          bytes += chunk.length;
          first.resolve();
          return gate;
        });
        await first.promise;
        // Several answers of the machine: whatever was on its way has come.
        for (let i = 0; i < 5; i++) await runtime.exec("1");
        assert.ok(bytes <= 64 * 1024, `${bytes} bytes`);
        program.kill("SIGKILL");
        release();
        await program.wait();
      }
    });
  });
});

describe("a trace", () => {
  const calls = `import fs from "node:fs";
    const path = "/tmp/" + "x".repeat(200);
    for (;;) fs.existsSync(path);`;

  test("makes the guest wait for a listener that takes its time, and tells how much was dropped", async () => {
    const heard: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onTrace = (lines: string) => {
      heard.push(lines);
      return gate;
    };
    await withRuntime({ onTrace }, async (runtime) => {
      const { timedOut } = await runtime.exec(calls, { timeout: 3000 });
      assert.equal(timedOut, true);
      // What comes at once, and, at the end of the program, what had been gathered.
      assert.ok(heard.length <= 4, `${heard.length} pieces`);
      const all = heard.join("");
      assert.ok(all.length < 3 << 20, `${all.length} bytes`);
      assert.match(all, /\.\.\. \d+ more calls\n$/);
      heard.length = 0;
      release();
      await runtime.execCommand("true");
      await runtime.execCommand("true");
      assert.match(heard.join(""), /getcwd/);
    });
  });

  test("does not fill a host that is busy", async () => {
    let bytes = 0;
    const onTrace = (lines: string) => {
      bytes += lines.length;
    };
    await withRuntime({ onTrace }, async (runtime) => {
      const program = await runtime.spawn(calls);
      const asleep = new Int32Array(new SharedArrayBuffer(4));
      for (let i = 0; i < 3; i++) {
        Atomics.wait(asleep, 0, 0, 500);
        bytes = 0;
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(bytes < 4 << 20, `${bytes} bytes`);
      }
      program.kill("SIGKILL");
      await program.wait();
    });
  });

  test("is told before the end of the program and of the machine", async () => {
    let trace = "";
    const onTrace = (lines: string) => {
      trace += lines;
    };
    await withRuntime({ onTrace }, async (runtime) => {
      for (let i = 0; i < 20; i++) {
        await runtime.exec(`import fs from "node:fs"; fs.existsSync("/last-${i}")`);
        assert.ok(trace.includes(`/last-${i}"`), String(i));
      }
    });
  });
});

describe("tool calls that the guest gives up", () => {
  test("count until a host that is busy has heard of them", async () => {
    const tools = { t: { description: "Answers", inputSchema: {}, handler: () => 1 } };
    const limits = { tools: { maxPending: 4 } };
    await withRuntime({ tools, limits }, async (runtime) => {
      let isReady = false;
      const onStdout = () => {
        if (isReady) return;
        isReady = true;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000);
      };
      const { stdout, stderr } = await runtime.exec(
        `import { spawn } from "node:child_process";
         import { once } from "node:events";
         console.log("ready");
         const given = Array.from({ length: 8 }, () => spawn("t", ["--json", "{}"], { stdio: "ignore" }));
         const ended = given.map((child) => once(child, "close"));
         await new Promise((resolve) => setTimeout(resolve, 300));
         for (const child of given) child.kill("SIGKILL");
         await Promise.all(ended);
         console.log(await callTool("t", {}).catch((error) => error.message));
         for (;;) {
           const answer = await callTool("t", {}).catch(() => undefined);
           if (answer === 1) break;
         }`,
        { onStdout },
      );
      assert.match(
        stdout,
        /^ready\nt: too many calls wait: limits\.tools\.maxPending is 4\n$/,
        stderr,
      );
    });
  });
});

describe("what is kept of a live program", () => {
  test("is nothing where there is a callback, and what it wrote where there is none", async () => {
    await withRuntime({}, async (runtime) => {
      const code = "console.log('out'); console.error('err');";
      const heard = await runtime.spawn(code, { onStdout: () => {} });
      await heard.wait();
      assert.deepEqual([heard.captured.stdout, heard.captured.stderr], ["", "err\n"]);
      const unheard = await runtime.spawn(code);
      await unheard.wait();
      assert.deepEqual([unheard.captured.stdout, unheard.captured.stderr], ["out\n", "err\n"]);
      const asked = await runtime.spawn(code, { onStdout: () => {}, maxOutputBytes: 2 });
      await asked.wait();
      assert.deepEqual([asked.captured.stdout, asked.captured.stderr], ["ou", "er"]);
    });
  });
});

describe("a handle that is disposed of", () => {
  test("kills its program", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("setInterval(() => {}, 1000)");
      await program[Symbol.asyncDispose]();
      assert.equal(program.exitCode, 137);
      await program[Symbol.asyncDispose]();
      assert.deepEqual(await runtime.processes(), []);
    });
  });
});

// Programs that go for output, input and timers, and hosts that do not keep up.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { assertIdle, assertSameAsHost, withRuntime } from "./support/guest.ts";
import { Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

const mebibyte = 1024 * 1024;

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

/** Gives `work` a runtime, which must work afterwards and hold nothing, as must all others. */
async function withVictim(
  options: Parameters<typeof NodeRuntime.create>[0],
  work: (runtime: NodeRuntime) => Promise<void>,
): Promise<void> {
  await withRuntime(options, async (runtime) => {
    await work(runtime);
    await assertIdle(runtime);
  });
  await sentinel.assertUnharmed();
}

describe("output", () => {
  test("83 of gigabytes is cut, and costs the host what is kept", async () => {
    await withVictim({}, async (runtime) => {
      const before = process.memoryUsage.rss();
      let highest = before;
      const watch = setInterval(() => {
        highest = Math.max(highest, process.memoryUsage.rss());
      }, 10);
      const { stdout, stdoutTruncated, exitCode } = await runtime.execCommand("head", [
        "-c",
        "1G",
        "/dev/zero",
      ]);
      clearInterval(watch);
      assert.deepEqual([stdout.length, stdoutTruncated, exitCode], [16 * mebibyte, true, 0]);
      const grown = (highest - before) / mebibyte;
      assert.ok(grown < 200, `the host grew by ${grown} MiB`);
    });
  });

  test("83 that nobody keeps is given back early", { timeout: 120_000 }, async () => {
    await withVictim({}, async (runtime) => {
      let highest = 0;
      const held = () => process.memoryUsage().external;
      const before = held();
      const watch = setInterval(() => {
        highest = Math.max(highest, held() - before);
      }, 1);
      const { stdout, exitCode } = await runtime.execCommand("head", ["-c", "100M", "/dev/zero"], {
        maxOutputBytes: 10,
      });
      clearInterval(watch);
      assert.deepEqual([stdout.length, exitCode], [10, 0]);
      assert.ok(highest < 8 * mebibyte, `${highest / mebibyte} MiB at a time`);
    });
  });

  test("83 without end ends at the timeout, also on a terminal that nobody reads", async () => {
    await withVictim({}, async (runtime) => {
      const yes = await runtime.execCommand("yes", [], { timeout: 500, maxOutputBytes: 10 });
      const node = await runtime.exec("for (;;) process.stdout.write('y'.repeat(1e5));", {
        timeout: 500,
        maxOutputBytes: 10,
      });
      for (const { stdout, timedOut, exitCode } of [yes, node])
        assert.deepEqual([stdout.length, timedOut, exitCode], [10, true, 137]);
      const terminal = await runtime.openShell({ command: "yes", timeout: 500 });
      assert.equal(await terminal.wait(), 137);
      let kept = 0;
      for await (const chunk of terminal) kept += chunk.length;
      assert.ok(kept > 0 && kept <= 2 * mebibyte, `${kept} bytes`);
    });
  });

  test("84 waits for a reader that stands still, in little memory", async () => {
    await withVictim({}, async (runtime) => {
      const gate = Promise.withResolvers<void>();
      const first = Promise.withResolvers<void>();
      let bytes = 0;
      const flood = runtime.execCommand("head", ["-c", "64M", "/dev/zero"], {
        maxOutputBytes: 0,
        onStdout: async (chunk) => {
          bytes += chunk.length;
          first.resolve();
          await gate.promise;
        },
      });
      await first.promise;
      for (let look = 0; look < 50; look += 1) {
        const { bufferedBytes, processes } = await runtime.getResourceSnapshot();
        assert.ok(bufferedBytes <= mebibyte, `${bufferedBytes} bytes in the machine`);
        assert.equal(processes, 1);
      }
      assert.ok(bytes <= mebibyte, `${bytes} bytes reached a reader that reads nothing`);
      gate.resolve();
      assert.equal((await flood).exitCode, 0);
      assert.equal(bytes, 64 * mebibyte);
    });
  });

  test("84 a flood with a slow reader waits and loses nothing", async () => {
    await withVictim({}, async (runtime) => {
      let bytes = 0;
      const { exitCode } = await runtime.exec(
        `const piece = Buffer.alloc(1 << 16, "x");
         for (let n = 0; n < 64; n += 1) await new Promise((done) => process.stdout.write(piece, done));`,
        {
          maxOutputBytes: 1000,
          onStdout: async (chunk) => {
            bytes += chunk.length;
            await new Promise((resolve) => setImmediate(resolve));
          },
        },
      );
      assert.deepEqual([exitCode, bytes], [0, 64 << 16]);
    });
  });

  test("85 bytes that are no text, and escapes, arrive as they are", async () => {
    await withVictim({}, async (runtime) => {
      const chunks: Uint8Array[] = [];
      const sent = [0x1b, 0x5d, 0x30, 0x3b, 0x78, 0x07, 0xff, 0xfe, 0xc3];
      await runtime.exec(
        `for (const byte of ${JSON.stringify(sent)}) process.stdout.write(Buffer.of(byte));`,
        { onStdout: (chunk) => void chunks.push(chunk) },
      );
      assert.deepEqual([...Buffer.concat(chunks)], sent);
    });
  });

  test("85 a million small writes arrive, each whole and in order", async () => {
    await withVictim({}, async (runtime) => {
      const { stdout, exitCode } = await runtime.exec(
        `import { writeSync } from "node:fs";
         for (let n = 0; n < 1e6; n += 1) writeSync(1, String(n % 10));`,
      );
      assert.equal(exitCode, 0);
      assert.ok(stdout === "0123456789".repeat(100_000));
      const numbers = await runtime.execCommand("seq", ["1000000"]);
      assert.ok(numbers.stdout === Array.from({ length: 1e6 }, (_, n) => `${n + 1}\n`).join(""));
    });
  });

  test("85 on standard error does not hide the limit that ends the program", async () => {
    await withVictim({ limits: { jsRuntime: { cpuTimeLimitMs: 300 } } }, async (runtime) => {
      const flood =
        "for (;;) { console.error('e'.repeat(1e4)); process.stdout.write('\\u001b[2J'); }";
      await assert.rejects(runtime.exec(`process.on("exit", () => { ${flood} }); ${flood}`), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.jsRuntime.cpuTimeLimitMs",
      });
    });
  });
});

describe("input", () => {
  test("86 that nobody reads is no error of the host's, however much and however it ends", async () => {
    await withVictim({}, async (runtime) => {
      const stdin = Buffer.alloc(16 * mebibyte, "x");
      assert.equal((await runtime.exec("process.exit(3)", { stdin })).exitCode, 3);
      const closed = "import { closeSync } from 'node:fs'; closeSync(0); setTimeout(() => {}, 50);";
      assert.equal((await runtime.exec(closed, { stdin })).exitCode, 0);
      assert.equal((await runtime.execCommand("true", [], { stdin })).exitCode, 0);
      const idle = await runtime.execCommand("sleep", ["1000"], { stdin, timeout: 300 });
      assert.deepEqual([idle.exitCode, idle.timedOut], [137, true]);
      const { stdout } = await runtime.execCommand("wc", ["-c"], { stdin });
      assert.equal(stdout.trim(), String(stdin.length));
    });
  });

  test("86 that nobody reads is refused beyond the bound", async () => {
    await withVictim({}, async (runtime) => {
      const program = await runtime.spawn("setInterval(() => {}, 1000);");
      const piece = new Uint8Array(256 * 1024);
      const writes = Array.from({ length: 16 }, () => program.writeStdin(piece));
      await assert.rejects(Promise.all(writes), { code: "ERR_RESOURCE_LIMIT" });
      program.kill("SIGKILL");
      await assert.rejects(program.wait(), { code: "ERR_RESOURCE_LIMIT" });
      assert.equal(program.exitCode, 137);
      await program.writeStdin("after the end");
    });
  });
});

describe("timers", () => {
  test("87 by the million end at the limit, which is named", async () => {
    for (const start of [
      "setTimeout(() => {}, 1e6)",
      "setInterval(() => {}, 0)",
      "setTimeout(() => {}, 1e6).unref()",
      "promised(1e6)",
    ]) {
      await withVictim({}, async (runtime) => {
        const { stderr, exitCode } = await runtime.exec(
          `import { setTimeout as promised } from "node:timers/promises";
           for (let n = 0; n < 1e6; n += 1) ${start};`,
          { timeout: 10_000 },
        );
        assert.equal(exitCode, 1, stderr);
        assert.match(stderr, /limits\.jsRuntime\.maxTimers is 4096/);
      });
    }
  });

  test("87 with delays that are none fire as on host Node.js", async () => {
    await assertSameAsHost(`
      const order = [];
      const delays = { NaN, Infinity, negative: -1, large: 2 ** 53, over: 2 ** 31, text: "abc", nothing: undefined, zero: 0, one: 1, small: 0.4 };
      process.on("warning", ({ name, message }) => order.push(name + ": " + message.split("\\n")[0]));
      for (const [name, delay] of Object.entries(delays)) setTimeout(() => order.push(name), delay);
      setTimeout(() => order.push("later"), 30);
      for (const value of [null, "x", 1]) try { setTimeout(value, 1); } catch (error) { order.push(error.code); }
      clearTimeout(NaN); clearTimeout({}); clearInterval("1e9"); clearImmediate(null);
      let ticks = 0;
      const every = setInterval(() => { if (++ticks === 3) clearInterval(every); }, -5);
      process.on("exit", () => console.log(order.join("\\n"), ticks));
    `);
  });

  test("87 a storm of immediates and of intervals of nothing keeps no one else waiting", async () => {
    await withVictim({}, async (runtime) => {
      const storm = runtime.exec(
        `for (let n = 0; n < 1000; n += 1) setInterval(() => {}, 0);
         const again = () => setImmediate(again); again();`,
        { timeout: 1000 },
      );
      const { stdout } = await runtime.exec("setTimeout(() => console.log('in time'), 10)");
      assert.equal(stdout, "in time\n");
      assert.equal((await storm).timedOut, true);
    });
  });

  const held: Record<string, string> = {
    "a timer": "const t = setTimeout(() => console.log('fired'), 30);",
    "a timer that is referred to again":
      "const t = setTimeout(() => console.log('fired'), 30); t.unref().ref();",
    "an interval":
      "let n = 0; const t = setInterval(() => { console.log(++n); if (n === 3) clearInterval(t); }, 5);",
    "an immediate": "const t = setImmediate(() => console.log('fired'));",
    "a server": `
      import net from "node:net";
      const t = net.createServer().listen("a.sock");
      setTimeout(() => { console.log("closed"); t.close(); }, 30).unref();
    `,
    "a socket": `
      import net from "node:net";
      const s = net.createServer((c) => { c.unref(); setTimeout(() => c.end("bye"), 30).unref(); }).listen("a.sock");
      s.unref();
      const t = net.connect("a.sock").on("data", (d) => console.log(String(d)));
    `,
    "a child":
      "import { spawn } from 'node:child_process'; const t = spawn('sleep', ['0.05'], { stdio: 'ignore' }); t.on('exit', (code) => console.log(code));",
    "a worker":
      "import { Worker } from 'node:worker_threads'; const t = new Worker('setTimeout(() => {}, 30)', { eval: true, execArgv: [] }); t.on('exit', (code) => console.log(code));",
    "a port":
      "const { port1, port2: t } = new MessageChannel(); t.onmessage = () => { console.log('heard'); t.close(); }; setTimeout(() => port1.postMessage(1), 20).unref();",
    "a watcher":
      "import fs from 'node:fs'; const t = fs.watch('.', () => { console.log('seen'); t.close(); }); setTimeout(() => fs.writeFileSync('x', ''), 20).unref();",
  };
  for (const [name, code] of Object.entries(held)) {
    test(`88 ${name} keeps a program alive, and without a reference does not`, async () => {
      const told = await assertSameAsHost(`console.log("start"); ${code}`);
      assert.match(told.stdout, /^start\n.+/s);
      const loose = `console.log("start"); ${code} t.unref();`;
      const ended = await assertSameAsHost(loose);
      assert.equal(ended.stdout, "start\n");
    });
  }
});

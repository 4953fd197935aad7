// Worker threads: compared with the Node.js that runs the tests, and what ends them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertSameAsHost, inGuest, withRuntime } from "./support/guest.ts";
import { attack, Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, "fixtures", `${name}.mjs`), "utf8");

describe("as on the host", () => {
  test("messages", async () => {
    await assertSameAsHost(fixture("worker-messages"));
  });

  test("starts and ends", async () => {
    await assertSameAsHost(fixture("worker-life"), {
      "entry.cjs":
        "require('node:worker_threads').parentPort.postMessage([__filename.endsWith('entry.cjs'), require.main === module]);",
      "entry.mjs":
        "import { parentPort } from 'node:worker_threads'; parentPort.postMessage(import.meta.url.endsWith('entry.mjs'));",
    });
  });

  test("locks are held across threads", async () => {
    await assertSameAsHost(`
      import { once } from "node:events";
      import { locks, Worker } from "node:worker_threads";
      const holder = new Worker(\`
        const { parentPort, locks } = require("node:worker_threads");
        locks.request("a", { mode: "exclusive" }, async () => {
          parentPort.postMessage("held");
          await new Promise((resolve) => parentPort.once("message", resolve));
        });
      \`, { eval: true, execArgv: [] });
      await once(holder, "message");
      console.log(await locks.request("a", { ifAvailable: true }, (lock) => lock));
      const order = [];
      const first = locks.request("a", (lock) => { order.push(lock.name, lock.mode); return 1; });
      const second = locks.request("a", { mode: "shared" }, () => { order.push("shared"); return 2; });
      const { held, pending } = await locks.query();
      console.log(held.map((l) => [l.name, l.mode]), pending.map((l) => [l.name, l.mode]));
      holder.postMessage("go");
      console.log(await first, await second, order);
      const thief = locks.request("b", () => new Promise(() => {}));
      console.log(await locks.request("b", { steal: true }, () => "stolen"));
      await thief.catch((error) => console.log(error.name));
      const dying = new Worker('require("node:worker_threads").locks.request("c", () => new Promise(() => process.exit()))', { eval: true, execArgv: [] });
      await once(dying, "exit");
      console.log(await locks.request("c", () => "free again"));
    `);
  });

  test("postMessageToThread answers", async () => {
    await assertSameAsHost(`
      import { once } from "node:events";
      import { postMessageToThread, Worker } from "node:worker_threads";
      const worker = new Worker(\`
        const { parentPort, postMessageToThread } = require("node:worker_threads");
        process.on("workerMessage", (value, source) => { parentPort.postMessage([value, source]); parentPort.close?.(); });
        setTimeout(() => {}, 200);
      \`, { eval: true, execArgv: [] });
      await once(worker, "online");
      const heard = once(worker, "message");
      await postMessageToThread(worker.threadId, { a: 1 });
      console.log(await heard);
      await postMessageToThread(12345, 1).catch((error) => console.log(error.code));
      await postMessageToThread(0, 1).catch((error) => console.log(error.code));
    `);
  });
});

test("a worker that waits in a native call runs nothing more when it is terminated", async () => {
  const { stdout, stderr } = await inGuest(`
    import { execFileSync } from "node:child_process";
    import { Worker } from "node:worker_threads";
    execFileSync("mkfifo", ["fifo", "open"]);
    const waits = {
      open: 'fs.openSync("fifo", "r")',
      read: 'fs.readSync(fs.openSync("open", "r+"), Buffer.alloc(1))',
      spawn: 'spawnSync("sleep", ["1000"])',
    };
    for (const [name, wait] of Object.entries(waits)) {
      const code = \`
        const fs = require("node:fs");
        const { spawnSync } = require("node:child_process");
        const { parentPort } = require("node:worker_threads");
        parentPort.postMessage("waits");
        try { \${wait}; } catch {}
        parentPort.postMessage("goes on");
      \`;
      const worker = new Worker(code, { eval: true, execArgv: [] });
      worker.on("message", async (message) => {
        console.log(name, message);
        worker.terminate();
      });
      await new Promise((resolve) => worker.on("exit", resolve));
    }
  `);
  assert.equal(stdout, "open waits\nread waits\nspawn waits\n", stderr);
});

test("heap snapshots, statistics, utilization of a busy worker", async () => {
  const { stdout, stderr } = await inGuest(`
    import { once } from "node:events";
    import { Worker } from "node:worker_threads";
    const worker = new Worker("for (;;);", { eval: true, execArgv: [] });
    await once(worker, "online");
    const statistics = await worker.getHeapStatistics();
    console.log(Object.getPrototypeOf(statistics), statistics.does_zap_garbage);
    const { used_heap_size, heap_size_limit } = statistics;
    console.log(used_heap_size > 1e6, heap_size_limit > used_heap_size, (await worker.cpuUsage()).user >= 0);
    let text = "";
    for await (const chunk of await worker.getHeapSnapshot()) text += chunk;
    console.log(Object.keys(JSON.parse(text)).includes("snapshot"));
    console.log(worker.performance.eventLoopUtilization().utilization > 0.5);
    await worker.terminate();
    await worker.getHeapStatistics().catch((error) => console.log(error.code));
  `);
  const expected = "null false\ntrue true true\ntrue\ntrue\nERR_WORKER_NOT_RUNNING\n";
  assert.equal(stdout, expected, stderr);
});

describe("limits", () => {
  let sentinel: Sentinel;
  before(async () => {
    sentinel = await Sentinel.start();
  });
  after(() => sentinel.stop());

  test("a process has a bounded number of workers, and they come and go", async () => {
    const { stdout, stderr } = await inGuest(`
      import { Worker } from "node:worker_threads";
      for (let round = 0; round < 2; round++) {
        const workers = [];
        try { for (;;) workers.push(new Worker("setInterval(() => {}, 1e6)", { eval: true })); }
        catch (error) { console.log(workers.length, error.code); }
        await Promise.all(workers.map((worker) => worker.terminate()));
      }
    `);
    // The VM's memory may allow fewer than the 64 that a process may have.
    assert.match(stdout, /^(\d+) ERR_WORKER_INIT_FAILED\n\1 ERR_WORKER_INIT_FAILED\n$/, stderr);
    assert.ok(Number.parseInt(stdout, 10) >= 8, stdout);
  });

  const wrap = (code: string) => `
    import { Worker } from "node:worker_threads";
    for (let i = 0; i < 3; i++) new Worker(${JSON.stringify(code)}, { eval: true });
    setInterval(() => {}, 1000);
  `;
  const attacks: Record<string, string> = {
    "28 waits": wrap("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);"),
    "21 loops": wrap("for (;;);"),
    "30 caught terminations": wrap("for (;;) try { for (;;); } catch {}"),
    "nested workers": wrap(
      "import('node:worker_threads').then(({ Worker }) => new Worker('for (;;);', { eval: true }));",
    ),
    "workers that start workers":
      "import { Worker } from 'node:worker_threads'; globalThis.go = () => new Worker(`import('node:worker_threads').then(({ Worker }) => { for (;;) new Worker('for (;;);', { eval: true }); })`, { eval: true }).on('error', () => {}); go(); setInterval(() => {}, 1000);",
  };
  for (const [name, code] of Object.entries(attacks)) {
    test(`a timeout ends the process with its workers: ${name}`, async () => {
      const end = await attack(code, { timeout: 500 });
      assert.deepEqual([end.exitCode, end.timedOut], [137, true], JSON.stringify(end));
      assert.ok(end.ms < 500 + 1500, `took ${end.ms} ms`);
      await sentinel.assertUnharmed();
    });
  }

  test("process.exit() of the main thread ends busy workers", async () => {
    await withRuntime({}, async (runtime) => {
      const start = performance.now();
      const { exitCode } = await runtime.exec(`
        import { Worker } from "node:worker_threads";
        new Worker("for (;;);", { eval: true }).on("online", () => process.exit(5));
      `);
      assert.equal(exitCode, 5);
      assert.ok(performance.now() - start < 3000);
      const { stdout } = await runtime.exec("console.log(process.memoryUsage().rss > 0)");
      assert.equal(stdout, "true\n");
    });
  });

  test("a worker may end in the middle of a collection that finds native objects", async () => {
    // So much memory outside the heap starts a collection that is not over when the worker ends.
    const { stdout, stderr } = await inGuest(`
      import { Worker } from "node:worker_threads";
      const worker = new Worker(\`
        const { createHash } = require("node:crypto");
        const memory = new Uint8Array(1e8);
        for (let i = 0; i < 10; i++) createHash("sha256");
        throw new Error("the end");
      \`, { eval: true, execArgv: [] });
      worker.on("error", (error) => console.log(error.message));
      worker.on("exit", (code) => console.log(code));
    `);
    assert.equal(stdout, "the end\n1\n", stderr);
    await sentinel.assertUnharmed();
  });

  test("processor time counts for all threads together", async () => {
    await withRuntime({ limits: { jsRuntime: { cpuTimeLimitMs: 400 } } }, async (runtime) => {
      const code = `
        import { Worker } from "node:worker_threads";
        for (let i = 0; i < 4; i++) new Worker("for (;;);", { eval: true });
      `;
      await assert.rejects(runtime.exec(code), { limit: "limits.jsRuntime.cpuTimeLimitMs" });
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  for (const [what, end] of Object.entries({
    exits: "process.exit(0)",
    collects: "cur = null; gc()",
  })) {
    test(`ports in messages of ports in messages go one by one when the program ${what}`, async () => {
      await withRuntime({}, async (runtime) => {
        await runtime.writeFile("/tmp/kept", "kept");
        const code = `let cur = new MessageChannel().port1;
          for (let i = 0; i < 40_000; i++) {
            const { port1, port2 } = new MessageChannel();
            port1.postMessage(0, [cur]);
            port1.close();
            cur = port2;
          }
          cur.close();
          ${end};`;
        const command = ["--expose-gc", "-e", code];
        const options = { timeout: 25_000 };
        const { exitCode, stderr } = await runtime.execCommand("node", command, options);
        assert.equal(exitCode, 0, stderr);
        assert.equal(await runtime.readFile("/tmp/kept", "utf8"), "kept");
      });
    });
  }

  test("33 too deep is a RangeError in a worker, too", async () => {
    const { stdout, stderr } = await inGuest(`
      import { Worker } from "node:worker_threads";
      for (const stackSizeMb of [undefined, 0.3, 1, 256]) {
        const worker = new Worker("const f = () => f() + 1; f()", { eval: true, execArgv: [], resourceLimits: { stackSizeMb } });
        console.log(await new Promise((resolve) => worker.once("error", (error) => resolve(error.name))));
      }
      const deep = "[".repeat(1e6) + "]".repeat(1e6);
      const parser = new Worker("const d = require('node:worker_threads').workerData; try { JSON.stringify(JSON.parse(d)) } catch (e) { console.log(e.name) }; (0, eval)('('.repeat(1e5))", { eval: true, execArgv: [], workerData: deep });
      console.log(await new Promise((resolve) => parser.once("error", (error) => resolve(error.name))));
    `);
    assert.match(stdout, /^(RangeError\n){4}(RangeError\n)?(RangeError|SyntaxError)\n/, stderr);
  });

  test("resource limits only lower", async () => {
    const { stdout, stderr } = await inGuest(`
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      const worker = new Worker("setInterval(() => {}, 1e6)", { eval: true, resourceLimits: { maxOldGenerationSizeMb: 1e6, stackSizeMb: 1e6 } });
      await once(worker, "online");
      console.log(worker.resourceLimits.maxOldGenerationSizeMb <= 4096, (await worker.getHeapStatistics()).heap_size_limit < 2 ** 33);
      await worker.terminate();
    `);
    assert.equal(stdout, "true true\n", stderr);
  });

  test("98 frozen time: no shared memory with a worker, not even the library's", async () => {
    const options = { jsRuntime: { timingMitigation: "freeze" } } as const;
    await withRuntime(options, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(`
        import { MessagePort, Worker } from "node:worker_threads";
        const found = new Set();
        const { postMessage } = MessagePort.prototype;
        MessagePort.prototype.postMessage = function (message, ...rest) {
          const walk = (value) => {
            if (value === null || typeof value !== "object" || found.has(value)) return;
            found.add(value);
            if (ArrayBuffer.isView(value)) walk(value.buffer);
            Object.values(value).forEach(walk);
          };
          walk(message);
          return postMessage.call(this, message, ...rest);
        };
        const worker = new Worker("console.log(typeof SharedArrayBuffer); console.log(Date.now() === Date.now())", { eval: true, execArgv: [] });
        await new Promise((resolve) => worker.once("exit", resolve));
        console.log([...found].filter((value) => Object.prototype.toString.call(value) === "[object SharedArrayBuffer]").length, found.size > 0);
      `);
      assert.equal(stdout, "undefined\ntrue\n0 true\n", stderr);
    });
  });
});

// callTool as a request to the host: what it takes, and how it ends.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { ToolDefinition } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { field, threads, vmProcessIds } from "./support/vm-process.ts";

const anything = { description: "", inputSchema: {} };
const echo = { echo: { ...anything, handler: (input: unknown) => input } };

/** Runs guest code that reports by `__return`. */
async function inGuest(tools: Record<string, ToolDefinition>, code: string): Promise<unknown> {
  return await withRuntime({ tools }, async (runtime) => {
    const { value, exitCode, stderr } = await runtime.run(code, { timeout: 20_000 });
    assert.equal(exitCode, 0, stderr);
    return value;
  });
}

/** A tool that never answers, one that answers when the first was called, and what the first was told. */
function endless() {
  const called = Promise.withResolvers<AbortSignal>();
  const handler = (_: unknown, { signal }: { signal: AbortSignal }) => {
    called.resolve(signal);
    return new Promise<never>(() => {});
  };
  const started = { ...anything, handler: async () => void (await called.promise) };
  return { tools: { endless: { ...anything, handler }, started }, called: called.promise };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

describe("callTool", () => {
  test("as often as one likes at a time", async () => {
    const code = `const calls = Array.from({ length: 300 }, (_, i) => callTool("echo", { i }));
      globalThis.__return((await Promise.all(calls)).map(({ i }) => i));`;
    const expected = Array.from({ length: 300 }, (_, i) => i);
    await withRuntime({ tools: echo }, async (runtime) => {
      const { value, stderr } = await runtime.run(code, { timeout: 60_000 });
      assert.deepEqual({ value, stderr }, { value: expected, stderr: "" });
    });
  });

  test("takes neither processes nor descriptors of the machine", async () => {
    const code = `import { readdirSync } from "node:fs";
      const count = () => readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length;
      const before = count();
      const calls = Array.from({ length: 64 }, (_, i) => callTool("echo", { i }));
      const during = count();
      await Promise.all(calls);
      globalThis.__return([during - before, count() - before]);`;
    for (const resources of [{}, { maxProcesses: 1 }, { maxOpenFds: 24 }]) {
      await withRuntime({ tools: echo, limits: { resources } }, async (runtime) => {
        const { value, stderr } = await runtime.run(code, { timeout: 60_000 });
        assert.deepEqual({ value, stderr }, { value: [0, 0], stderr: "" });
      });
    }
  });

  test("takes no thread for each call that waits", async () => {
    const count = () => vmProcessIds().reduce((sum, pid) => sum + threads(pid).length, 0);
    const all = 64;
    const answered = Promise.withResolvers<void>();
    const counts: number[] = [];
    let names: string[] = [];
    const handler = async () => {
      counts.push(count());
      if (counts.length === all) {
        names = vmProcessIds()
          .flatMap(threads)
          .map((status) => field(status, "Name"));
        answered.resolve();
      }
      await answered.promise;
    };
    await inGuest(
      { wait: { ...anything, handler } },
      `await Promise.all(Array.from({ length: ${all} }, () => callTool("wait")));`,
    );
    assert.equal(counts.length, all);
    // As a command each has one.
    assert.ok(!names.includes("tool"), names.join());
    // A spare process may be on its way.
    assert.ok((counts[all - 1] ?? 0) - (counts[0] ?? 0) < all / 2, counts.join());
  });

  test("knows the other names of a tool, and tools that came later", async () => {
    const tool = { ...anything, handler: () => 1, commandAliases: ["other"] };
    await withRuntime({ tools: { tool } }, async (runtime) => {
      await runtime.registerTools({ later: { ...anything, handler: () => 2 } });
      const code = `globalThis.__return([await callTool("other"), await callTool("later")]);`;
      assert.deepEqual((await runtime.run(code)).value, [1, 2]);
    });
  });

  test("is the host's, whatever stands in /usr/local/bin", async () => {
    await withRuntime({ tools: echo }, async (runtime) => {
      await runtime.writeFile("/usr/local/bin/echo", "#!/bin/sh\necho forged\n");
      const { value } = await runtime.run(`globalThis.__return(await callTool("echo", 1));`);
      assert.equal(value, 1);
    });
  });

  test("many that are refused at once do not nest", async () => {
    const code = `const calls = Array.from({ length: 50_000 }, () => callTool("nope"));
      const results = await Promise.allSettled(calls);
      globalThis.__return(results.every(({ reason }) => reason.code === "ERR_TOOL_FAILED"));`;
    assert.equal(await inGuest(echo, code), true);
  });

  test("keeps its program going, and microtasks run behind each answer", async () => {
    const code = `const order = [];
      callTool("echo", 1).then(() => { order.push("a"); process.nextTick(() => order.push("tick")); })
        .then(() => order.push("b"));
      process.on("exit", () => globalThis.__return(order));`;
    assert.deepEqual(await inGuest(echo, code), ["a", "b", "tick"]);
  });

  const endings: [string, string][] = [
    ["exits", "process.exit(0);"],
    ["throws", "setImmediate(() => { throw new Error('no'); });"],
    ["is killed", "process.kill(process.pid, 'SIGKILL');"],
  ];
  for (const [what, end] of endings) {
    test(`a program that ${what} gives its calls up`, async () => {
      const { tools, called } = endless();
      await withRuntime({ tools }, async (runtime) => {
        await runtime.exec(`callTool("endless"); await callTool("started"); ${end}`);
        await aborted(await called);
        // What it had is free again: the machine answers further calls.
        await runtime.registerTools(echo);
        const { value } = await runtime.run(`globalThis.__return(await callTool("echo", 1));`);
        assert.equal(value, 1);
      });
    });
  }

  test("a worker that is terminated gives its calls up, and its program goes on", async () => {
    const { tools, called } = endless();
    const code = `import { Worker } from "node:worker_threads";
      const worker = new Worker('callTool("endless"); setInterval(() => {}, 1000);', { eval: true });
      await callTool("started");
      await worker.terminate();
      globalThis.__return("done");`;
    await withRuntime({ tools }, async (runtime) => {
      assert.equal((await runtime.run(code, { timeout: 20_000 })).value, "done");
      await aborted(await called);
    });
  });

  test("half of a surrogate pair in the input is U+FFFD, and what looks like its escape is not", async () => {
    const code = `const text = ["a\\ud83d", "\\udc00b", "\\ud83d\\ude00", "\\\\ud83d", "\\u001f"];
      globalThis.__return(await callTool("echo", { text, ["k\\ud83d"]: 1 }));`;
    assert.deepEqual(await inGuest(echo, code), {
      text: ["a\ufffd", "\ufffdb", "\u{1f600}", "\\ud83d", "\u001f"],
      "k\ufffd": 1,
    });
  });

  test("is there in workers", async () => {
    const code = `import { Worker } from "node:worker_threads";
      import { once } from "node:events";
      const source = 'import { parentPort } from "node:worker_threads"; parentPort.postMessage(await callTool("echo", { a: 1 }))';
      const [value] = await once(new Worker(source, { eval: true }), "message");
      globalThis.__return(value);`;
    assert.deepEqual(await inGuest(echo, code), { a: 1 });
  });
});

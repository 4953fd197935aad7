// What a runtime tells of what happens in it, and how long it lives.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import { NodeRuntime } from "secure-exec";
import type { NodeRuntimeEvents } from "../index.js";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { vmProcessIds } from "./support/vm-process.ts";

/** All events of one kind from now on. */
function heard<Name extends keyof NodeRuntimeEvents>(runtime: NodeRuntime, name: Name) {
  const events: NodeRuntimeEvents[Name][] = [];
  runtime.on(name, (event) => void events.push(event));
  return events;
}

const tools = {
  echo: {
    description: "Gives its input back",
    inputSchema: { type: "object", properties: { fail: { type: "boolean" } } },
    handler: ({ fail }: { fail?: boolean }) => {
      if (fail) throw new Error("not for guests");
      return 1;
    },
  },
} as const;

describe("events of a runtime", () => {
  test("tell the ends of programs, in the context of their call", async () => {
    const storage = new AsyncLocalStorage<string>();
    await withRuntime({}, async (runtime) => {
      const contexts: unknown[] = [];
      runtime.on("exit", () => contexts.push(storage.getStore()));
      const exits = heard(runtime, "exit");
      await storage.run("first", () => runtime.exec("process.exit(3)"));
      await storage.run("second", () => runtime.execCommand("sh", ["-c", "kill -9 $$"]));
      await storage.run("third", () => runtime.exec("for (;;);", { timeout: 200 }));
      assert.deepEqual(contexts, ["first", "second", "third"]);
      assert.deepEqual(
        exits.map(({ exitCode, signal, timedOut }) => [exitCode, signal, timedOut]),
        [
          [3, null, undefined],
          [137, "SIGKILL", undefined],
          [137, "SIGKILL", true],
        ],
      );
      assert.deepEqual(exits[1]?.argv, ["sh", "-c", "kill -9 $$"]);
      assert.ok((exits[2]?.usage.wallMs ?? 0) >= 200);
    });
  });

  test("tell limits that were passed and calls of tools", async () => {
    const limits = { jsRuntime: { v8HeapLimitMb: 24 } };
    await withRuntime({ limits, tools, onToolError: () => {} }, async (runtime) => {
      const passed = heard(runtime, "limit");
      const called = heard(runtime, "tool");
      await assert.rejects(runtime.exec("const a = []; for (;;) a.push({ a });"));
      assert.deepEqual(
        passed.map(({ limit, bound }) => [limit, bound]),
        [["limits.jsRuntime.v8HeapLimitMb", 24]],
      );
      await runtime.exec(
        "await callTool('echo', {}); await callTool('echo', { fail: true }).catch(() => {});",
      );
      assert.deepEqual(
        called.map(({ name, error }) => [name, error]),
        [
          ["echo", undefined],
          ["echo", "the tool failed"],
        ],
      );
      assert.ok(called.every(({ pid, durationMs }) => pid > 1 && durationMs >= 0));
    });
  });

  test("tell once that the VM process has ended", async () => {
    await withRuntime({}, async (runtime) => {
      const crashes = heard(runtime, "crash");
      const calls = [1, 2, 3].map(() => runtime.exec("setInterval(() => {}, 1000)"));
      const idle = await runtime.spawn("setInterval(() => {}, 1000)");
      // All are waited for from the start: they end in any order.
      const ended = [...calls, idle.wait()].map((call) =>
        assert.rejects(call, { code: "ERR_VM_CRASHED" }),
      );
      for (const pid of vmProcessIds()) process.kill(pid, "SIGKILL");
      await Promise.all(ended);
      assert.deepEqual(
        crashes.map(({ error }) => error.code),
        ["ERR_VM_CRASHED"],
      );
    });
  });

  test("are taken away, come once, and warn of what a listener throws", async () => {
    await withRuntime({}, async (runtime) => {
      const warned = once(process, "warning");
      let count = 0;
      const counts = () => void (count += 1);
      assert.equal(runtime.on("exit", counts).on("exit", counts).once("exit", counts), runtime);
      runtime.once("exit", () => {
        throw new Error("of a listener");
      });
      await runtime.exec("");
      assert.equal(count, 3);
      assert.match((await warned)[0].message, /event exit threw: Error: of a listener/);
      runtime.off("exit", counts);
      await runtime.exec("");
      assert.equal(count, 4);
      runtime.off("exit", counts).off("exit", counts);
      await runtime.exec("");
      assert.equal(count, 4);
      for (const method of ["on", "once", "off"] as const) {
        assert.throws(() => runtime[method]("end" as never, counts), {
          code: "ERR_INVALID_ARG_VALUE",
          message: /event.*'exit', 'limit', 'crash', 'tool'/,
        });
      }
      assert.throws(() => runtime.on("exit", 1 as never), { code: "ERR_INVALID_ARG_TYPE" });
    });
  });

  test("are on channels of node:diagnostics_channel", async () => {
    const told: [unknown, { argv?: string[] }][] = [];
    const hear = (event: unknown, name: unknown) => told.push([name, event as object]);
    for (const name of ["exec", "exit"]) diagnostics.subscribe(`secure-exec:${name}`, hear);
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("true");
      for (const name of ["exec", "exit"]) diagnostics.unsubscribe(`secure-exec:${name}`, hear);
      await runtime.execCommand("true");
    });
    assert.deepEqual(
      told.map(([name, event]) => [name, event.argv]),
      [
        ["secure-exec:exec", ["true"]],
        ["secure-exec:exit", ["true"]],
      ],
    );
  });
});

describe("a machine whose time is over", () => {
  test("has been idle: what runs keeps it, what comes after is told why", async () => {
    const runtime = await NodeRuntime.create({ idleTimeoutMs: 300 });
    const began = performance.now();
    await runtime.exec("await new Promise((resolve) => setTimeout(resolve, 900));");
    const live = await runtime.spawn("process.stdin.resume();");
    await new Promise((resolve) => setTimeout(resolve, 700));
    live.closeStdin();
    assert.equal(await live.wait(), 0);
    assert.ok(performance.now() - began >= 1500);
    let error: Error & { code?: string } = new Error("none");
    while (error.code !== "ERR_VM_EXPIRED") {
      await new Promise((resolve) => setTimeout(resolve, 400));
      error = await runtime.exists("/").then(
        () => new Error("none"),
        (reason) => reason,
      );
    }
    assert.match(error.message, /nothing was asked of it for 300 ms \(idleTimeoutMs\)/);
    assert.throws(() => runtime.connect(80), { code: "ERR_VM_EXPIRED" });
    await runtime.dispose();
  });

  test("has lived for long: what runs is told why, with what it had written", async () => {
    const runtime = await NodeRuntime.create({ maxLifetimeMs: 700 });
    const error = await runtime
      .exec("console.log('begun'); setInterval(() => {}, 1000);")
      .catch((reason) => reason);
    assert.deepEqual([error.code, error.stdout], ["ERR_VM_EXPIRED", "begun\n"]);
    assert.match(error.message, /it has lived for 700 ms \(maxLifetimeMs\)/);
    await assert.rejects(runtime.exec(""), { code: "ERR_VM_EXPIRED" });
    await assert.rejects(runtime.waitForListener({ port: 1 }), { code: "ERR_VM_EXPIRED" });
    await runtime.dispose();
  });

  test("is told by milliseconds", async () => {
    for (const name of ["idleTimeoutMs", "maxLifetimeMs"]) {
      for (const wrong of [0, -1, Number.NaN, 2 ** 31]) {
        await assert.rejects(NodeRuntime.create({ [name]: wrong }), {
          code: "ERR_OUT_OF_RANGE",
          message: new RegExp(`options\\.${name}`),
        });
      }
    }
  });
});

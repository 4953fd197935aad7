// The asynchronous context of callbacks: that of the call that they belong to, however many are under way.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const tenant = new AsyncLocalStorage<string>();
const tenants = Array.from({ length: 12 }, (_, index) => `tenant ${index}`);

/** Runs `work` for every tenant at the same time and gives back what each heard in which context. */
async function interleaved(work: (hear: () => void, name: string) => Promise<unknown>) {
  const heard = new Map<string, Set<string | undefined>>();
  await Promise.all(
    tenants.map((name) => {
      const contexts = new Set<string | undefined>();
      heard.set(name, contexts);
      return tenant.run(name, () => work(() => contexts.add(tenant.getStore()), name));
    }),
  );
  for (const name of tenants) assert.deepEqual([...(heard.get(name) ?? [])], [name]);
}

/** Writes in several turns, so that the calls of different tenants take turns. */
const talk = `for (let i = 0; i < 5; i++) {
  console.log(i);
  console.error(i);
  await new Promise((resolve) => setTimeout(resolve, 2));
}`;

describe("callbacks run in the context of their call", () => {
  test("of exec and run", async () => {
    await withRuntime({}, async (runtime) => {
      await interleaved(async (hear) => {
        await runtime.exec(talk, { onStdout: hear, onStderr: hear });
        hear();
        await runtime.run(talk, { onStdout: hear, onStderr: hear });
      });
    });
  });

  test("of programs and commands that are live", async () => {
    await withRuntime({}, async (runtime) => {
      await interleaved(async (hear) => {
        const program = await runtime.spawn(talk, { onStdout: hear, onStderr: hear });
        // Whoever asks for it has a context of its own.
        await tenant.run("waiter", () => program.wait());
        const command = await runtime.spawnCommand("echo", ["hi"], { onStdout: hear });
        await command.wait();
      });
    });
  });

  test("of terminals: each listener has that of its onData", async () => {
    await withRuntime({}, async (runtime) => {
      await interleaved(async (hear, name) => {
        const shell = { command: "sh", args: ["-c", "echo one; read line; echo two"] };
        const terminal = await tenant.run("opener", () => runtime.openShell(shell));
        terminal.onData(hear);
        tenant.run("somebody else", () =>
          terminal.onData(() => assert.equal(tenant.getStore(), "somebody else")),
        );
        await terminal.write(`${name}\n`);
        assert.equal(await terminal.wait(), 0);
      });
    });
  });

  test("of create: the trace and the times of the boot", async () => {
    const heard: (string | undefined)[] = [];
    const hear = () => heard.push(tenant.getStore());
    await tenant.run("creator", () =>
      withRuntime({ onTrace: hear, onBootTiming: hear }, async (runtime) => {
        await tenant.run("caller", () => runtime.exec("1"));
      }),
    );
    assert.ok(heard.length > 1);
    assert.deepEqual([...new Set(heard)], ["creator"]);
  });
});

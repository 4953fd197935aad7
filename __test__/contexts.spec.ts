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

async function ok(call: Promise<{ exitCode: number; stderr: string }>) {
  const { exitCode, stderr } = await call;
  assert.equal(exitCode, 0, stderr);
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

  test("of tools: of the call whose program calls, from whatever process of it", async () => {
    const heard = new Map<string, Set<string | undefined>>();
    const tools = {
      who: {
        description: "Notes who calls",
        inputSchema: { type: "object", properties: { name: { type: "string" } } },
        handler: ({ name }: { name: string }) => {
          const contexts = heard.get(name) ?? new Set();
          heard.set(name, contexts.add(tenant.getStore()));
        },
      },
    };
    const limits = { resources: { maxProcesses: 256 } };
    await withRuntime({ tools, limits }, async (runtime) => {
      await Promise.all(
        tenants.map((name) =>
          tenant.run(name, async () => {
            const json = JSON.stringify({ name });
            const wait = "await new Promise((resolve) => setTimeout(resolve, 1));";
            const byFunction = `for (let i = 0; i < 3; i++) { await callTool("who", ${json}); ${wait} }`;
            await ok(runtime.exec(byFunction));
            const shell = ["-c", `who --json '${json}' && (who --json '${json}' | cat)`];
            await ok(runtime.execCommand("sh", shell));
            // Its parent has ended before it calls.
            const late = `mkfifo $$.fifo; (sh -c 'who --json "$1"; echo > "$2"' sh '${json}' $$.fifo &); read line < $$.fifo`;
            await ok(runtime.execCommand("sh", ["-c", late]));
          }),
        ),
      );
    });
    for (const name of tenants) assert.deepEqual([...(heard.get(name) ?? [])], [name]);
  });

  test("of create: tools that are called by what a call has left behind", async () => {
    const heard = Promise.withResolvers<string | undefined>();
    const handler = () => heard.resolve(tenant.getStore());
    const tools = { who: { description: "Notes who calls", inputSchema: {}, handler } };
    const create = () =>
      withRuntime({ tools }, async (runtime) => {
        const line = "mkfifo go; (read line < go; who --json '{}') > left.log 2>&1 &";
        await tenant.run("caller", () => ok(runtime.execCommand("sh", ["-c", line])));
        await tenant.run("other", () => ok(runtime.execCommand("sh", ["-c", "echo > go"])));
        assert.equal(await heard.promise, "creator");
      });
    await tenant.run("creator", create);
  });

  test("of tools: of the snippet that runs", async () => {
    const heard: (string | undefined)[] = [];
    const handler = () => {
      heard.push(tenant.getStore());
    };
    const tools = { who: { description: "Notes who calls", inputSchema: {}, handler } };
    await withRuntime({ tools }, async (runtime) => {
      const runner = await tenant.run("maker", () => runtime.createResidentRunner());
      for (const name of ["one", "two"]) {
        await tenant.run(name, async () => {
          const { exitCode, stderr } = await runner.exec("await callTool('who', {})");
          assert.equal(exitCode, 0, stderr);
        });
      }
      assert.deepEqual(heard, ["one", "two"]);
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

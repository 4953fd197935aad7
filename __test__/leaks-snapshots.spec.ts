// Memory and descriptors after many snapshots of files and many programs in Python.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { NodeRuntime } from "secure-exec";
import { assertFlat, type Budget, counts, hostHeapBytes, ownMemory } from "./support/memory.ts";
import { describe, test } from "./support/suite.ts";

const host: Budget[] = [
  { name: "heap of the host", read: hostHeapBytes, perIteration: 2000 },
  {
    name: "descriptors of the host",
    read: () => readdirSync("/proc/self/fd").length,
    perIteration: 0,
  },
];

describe("snapshots", () => {
  const files = { "/workspace/large": new Uint8Array(4 * 1024 * 1024).fill(1) };

  test("taken, compared, restored and let go: nothing is kept", { timeout: 120_000 }, async () => {
    await using runtime = await NodeRuntime.create({ files });
    const vmMemory = await ownMemory(runtime);
    const once = async () => {
      await runtime.writeFile("/workspace/a", "1");
      const snapshot = await runtime.snapshot();
      await runtime.writeFile("/workspace/a", "2");
      await runtime.writeFile("/workspace/large", new Uint8Array(1024 * 1024).fill(2));
      assert.equal((await runtime.diff(snapshot)).length, 2);
      for await (const _ of snapshot.export());
      await runtime.restore(snapshot);
      assert.equal(await runtime.readFile("/workspace/a", "utf8"), "1");
      snapshot.dispose();
    };
    await once();
    const before = await counts(runtime);
    const iterations = 10;
    await assertFlat(iterations, [vmMemory(20_000), ...host], async () => {
      for (let done = 0; done < iterations; done += 1) await once();
    });
    assert.deepEqual(await counts(runtime), before);
  });

  test("forks: nothing is kept", { timeout: 240_000 }, async () => {
    await using runtime = await NodeRuntime.create({ files });
    const vmMemory = await ownMemory(runtime);
    const once = async () => {
      const fork = await runtime.fork();
      await fork.writeFile("/workspace/large", "of the fork");
      const snapshot = await fork.snapshot();
      await using third = await NodeRuntime.create({ snapshot });
      assert.equal(await third.readFile("/workspace/large", "utf8"), "of the fork");
      await fork.dispose();
      snapshot.dispose();
    };
    await once();
    const iterations = 8;
    await assertFlat(iterations, [vmMemory(20_000), ...host], async () => {
      for (let done = 0; done < iterations; done += 1) await once();
    });
  });
});

test("programs in Python: nothing is kept", { timeout: 600_000 }, async () => {
  await using runtime = await NodeRuntime.create({
    python: true,
    limits: { jsRuntime: { cpuTimeLimitMs: 120_000 } },
  });
  const vmMemory = await ownMemory(runtime);
  const once = async () => {
    const { value, stderr } = await runtime.python.run("open('f', 'w').write('x'); n * 2", {
      inputs: { n: 21 },
    });
    assert.equal(value, 42, stderr);
  };
  await once();
  const before = await counts(runtime);
  const iterations = 3;
  // An interpreter has 30 MB: one that stayed would be ten times as much.
  await assertFlat(iterations, [vmMemory(1_000_000), ...host], async () => {
    for (let done = 0; done < iterations; done += 1) await once();
  });
  assert.deepEqual(await counts(runtime), before);
});

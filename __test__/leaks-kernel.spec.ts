// Memory of the VM process, and of the host, after much that comes and goes in a kernel.

import assert from "node:assert/strict";
import {
  createInMemoryFileSystem,
  createKernel,
  createNodeRuntime,
  type NodeRuntime,
} from "secure-exec";
import { assertFlat, hostHeapBytes, ownMemory } from "./support/memory.ts";
import { after, before, describe, test } from "./support/suite.ts";

const kernel = createKernel({ permissions: { childProcess: ({ args = [] }) => args[0] !== "no" } });
const filesystem = createInMemoryFileSystem();
const large = "x".repeat(20_000);
let vmMemory: Awaited<ReturnType<typeof ownMemory>>;

before(async () => {
  await kernel.mount(createNodeRuntime());
  await filesystem.writeFile("/f", large);
  // What it asks of a runtime, a kernel has too.
  vmMemory = await ownMemory(kernel as unknown as NodeRuntime);
});
after(() => kernel.dispose());

const kinds: Record<string, { iterations: number; perCall: number; call: () => Promise<void> }> = {
  "a mount": {
    iterations: 50,
    perCall: 4000,
    call: async () => {
      await kernel.mountFs("/data", filesystem);
      assert.equal(await kernel.readTextFile("/data/f"), large);
      await kernel.unmountFs("/data");
    },
  },
  "a program that is asked about": {
    iterations: 40,
    perCall: 8000,
    call: async () => {
      const { stdout } = await kernel.exec("cat yes </dev/null; cat no; printf x | cat");
      assert.equal(stdout, "x");
    },
  },
};

describe("nothing is kept of", () => {
  for (const [name, { iterations, perCall, call }] of Object.entries(kinds)) {
    test(name, { timeout: 120_000 }, async () => {
      const host = { name: "heap of the host", read: hostHeapBytes, perIteration: 1000 };
      await assertFlat(iterations, [vmMemory(perCall), host], async () => {
        for (let i = 0; i < iterations; i += 1) await call();
      });
    });
  }
});

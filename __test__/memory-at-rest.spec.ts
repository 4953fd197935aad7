// A runtime that rests gives back what busy programs took: V8 and malloc keep it for those to come.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { NodeRuntime } from "secure-exec";
import { ownMemory } from "./support/memory.ts";
import { describe, test } from "./support/suite.ts";

const mebibyte = 1024 * 1024;
/** What may stay: caches of the machine that fill up, and the growth that is not worth the work. */
const slack = 20 * mebibyte;
/** Milliseconds in which it is back, on a busy machine too. */
const patience = 30_000;

const kinds: Record<string, { code: string; exitCode: number }> = {
  "many workers at a time": {
    code: `import { Worker } from "node:worker_threads";
      for (let i = 0; i < 24; i++) new Worker("for (;;);", { eval: true }).on("error", () => {});
      setTimeout(() => process.exit(3), 1500);`,
    exitCode: 3,
  },
  "a large heap of small objects": {
    code: `const kept = [];
      for (let i = 0; i < 1_000_000; i++) kept.push({ i, name: ["a", i] });
      process.exit(kept.length === 1_000_000 ? 4 : 1);`,
    exitCode: 4,
  },
  "many programs at a time": {
    code: `import { spawn } from "node:child_process";
      import { once } from "node:events";
      const children = Array.from({ length: 10 }, () => spawn("node", ["-e", "process.stdin.resume()"]));
      await Promise.all(children.map((child) => once(child, "spawn")));
      for (const child of children) child.stdin.end();
      await Promise.all(children.map((child) => once(child, "exit")));
      process.exitCode = 5;`,
    exitCode: 5,
  },
};

describe("memory at rest", () => {
  for (const [name, { code, exitCode }] of Object.entries(kinds)) {
    test(`${name}: it comes back`, { timeout: 120_000 }, async () => {
      const runtime = await NodeRuntime.create();
      try {
        const { read } = (await ownMemory(runtime))(0);
        const before = read();
        for (let round = 0; round < 2; round++) {
          const result = await runtime.exec(code);
          assert.equal(result.exitCode, exitCode, result.stderr);
          const until = performance.now() + patience;
          // Nothing tells when an operating system process has given memory back.
          while (read() > before + slack && performance.now() < until) await setTimeout(100);
          const grown = ((read() - before) / mebibyte).toFixed(1);
          assert.ok(read() <= before + slack, `${grown} MiB stayed behind round ${round}`);
        }
      } finally {
        await runtime.dispose();
      }
    });
  }
});

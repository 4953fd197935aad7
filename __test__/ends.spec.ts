// Threads that are ended while native code runs, and contexts that are there when their thread's isolate goes.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("a worker that is terminated", () => {
  const bodies = {
    "with contexts that it uses, in the middle of collections": `
      const kept = [];
      for (;;) {
        const context = vm.createContext({ a: 1 });
        vm.runInContext("b = Array.from({ length: 1000 }, () => ({}))", context);
        if (kept.push(context) > 20) kept.length = 0;
      }`,
    "with a context whose code fills the heap": `
      const context = vm.createContext({});
      vm.runInContext(
        "const a = []; for (;;) { if (a.push({ x: new Array(100) }) > 3e4) a.length = 0; }", context);`,
    "with contexts that have microtasks of their own": `
      for (;;) {
        const context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
        vm.runInContext("(async () => { for (let i = 0; i < 1000; i++) await { i }; })()", context);
      }`,
  };
  for (const [state, body] of Object.entries(bodies)) {
    test(`${state} costs nothing else`, { timeout: 120_000 }, async () => {
      const files = {
        "/workspace/worker.js": `const vm = require("vm"); ${body}`,
        "/workspace/main.js": `
          const { Worker } = require("worker_threads");
          const chain = async () => {
            for (let round = 0; round < 25; round++) {
              const worker = new Worker("/workspace/worker.js");
              await new Promise((done) => worker.once("online", done));
              await new Promise((done) => setTimeout(done, (round * 7) % 90));
              await worker.terminate();
            }
          };
          Promise.all([chain(), chain()]).then(() => console.log("done"));`,
      };
      await withRuntime({ files }, async (runtime) => {
        const { stdout, stderr } = await runtime.execCommand("node", ["main.js"]);
        assert.equal(stdout, "done\n", stderr);
      });
    });
  }
});

describe("native functions that are ended in the middle", () => {
  test("by workers, programs and machines that end", { timeout: 240_000 }, async () => {
    const main = fileURLToPath(new URL("../fuzz/main.mjs", import.meta.url));
    const args = [main, "ends", "--runs", "16", "--seed", "20"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    assert.match(stdout, /16 runs with seed 20, nothing failed/);
  });
});

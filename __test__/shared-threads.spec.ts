// Threads of the process that runtimes share: those of a runtime end with it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "./support/suite.ts";

/** Counts the threads of its children by name, after `cycles` runtimes have come and gone beside one that stays. */
const host = (cycles: number) => `
  import { readFileSync, readdirSync } from "node:fs";
  import { NodeRuntime } from "secure-exec";
  const names = () => {
    const counts = {};
    for (const task of readdirSync("/proc/self/task")) {
      const children = readFileSync("/proc/self/task/" + task + "/children", "utf8").split(" ").filter(Boolean);
      for (const child of children) for (const thread of readdirSync("/proc/" + child + "/task")) {
        const name = readFileSync("/proc/" + child + "/task/" + thread + "/comm", "utf8").trim();
        if (/watchdog|thread-pool|worker|wasm/.test(name)) counts[name] = (counts[name] ?? 0) + 1;
      }
    }
    return counts;
  };
  const use = async (runtime) => {
    await runtime.exec("import { Worker } from 'node:worker_threads'; new Worker('1', { eval: true })");
    await runtime.execCommand("sh", ["-c", "node -e 1; true | cat"]);
  };
  const kept = await NodeRuntime.create({ isolation: "shared" });
  await use(kept);
  for (let cycle = 0; cycle < ${cycles}; cycle++) {
    const runtime = await NodeRuntime.create({ isolation: "shared" });
    await use(runtime);
    await runtime.dispose();
  }
  // Idle threads of the runtime that stays end by themselves; those of the others have to.
  let counts;
  const end = Date.now() + 20_000;
  do {
    await new Promise((done) => setTimeout(done, 50));
    counts = names();
  } while ((counts.watchdog > 1 || counts["wasm-watchdog"] > 1) && Date.now() < end);
  console.log(JSON.stringify(counts));
  await kept.dispose();
`;

describe('isolation: "shared"', () => {
  test("keeps no thread of a runtime that was disposed of", { timeout: 120_000 }, async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", host(30)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    await once(child, "close");
    const counts = JSON.parse(output);
    assert.equal(counts.watchdog, 1, output);
    assert.ok((counts["wasm-watchdog"] ?? 0) <= 1, output);
  });
});

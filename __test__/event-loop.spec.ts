// The event loop: what keeps a program alive, what ends it, and in which order things happen, as on host Node.js.

import assert from "node:assert/strict";
import { availableParallelism, tmpdir } from "node:os";
import type { NodeRuntime } from "secure-exec";
import { assertSameAsHost, runNode, withRuntime } from "./support/guest.ts";
import { loopProgram } from "./support/loop-programs.ts";
import { describe, test } from "./support/suite.ts";

/** Longest time a program may take on a busy machine; none of them waits for more than some milliseconds. */
const programLimit = 20_000;

type End = { output: string; exitCode: number | null };

async function guestEnd(runtime: NodeRuntime, code: string): Promise<End> {
  const { stdout, exitCode } = await runtime.exec(code, { timeout: programLimit });
  return { output: stdout, exitCode };
}

async function hostEnd(code: string): Promise<End> {
  const args = ["--input-type=module", "--eval", code];
  const { stdout, exitCode } = await runNode(args, tmpdir());
  return { output: stdout, exitCode };
}

/**
 * Two timers of one time that are made in different milliseconds are run in different turns. Where the two ends
 * differ, the guest's has to be one that the host comes to as well.
 */
async function compare(runtime: NodeRuntime, seed: number): Promise<void> {
  const code = loopProgram(seed);
  const [guest, host] = await Promise.all([guestEnd(runtime, code), hostEnd(code)]);
  if (guest.output === host.output && guest.exitCode === host.exitCode) return;
  const others = [host];
  for (let again = 0; again < 4; again += 1) others.push(await hostEnd(code));
  const known = others.map((end) => JSON.stringify(end));
  const ends = [guest, await guestEnd(runtime, code), await guestEnd(runtime, code)];
  const found = ends.some((end) => known.includes(JSON.stringify(end)));
  assert.ok(found, `program ${seed}:\n${code}\nguest ${JSON.stringify(ends)}\nhost ${known}`);
}

/** `SECURE_EXEC_LOOP_PROGRAMS=FIRST-LAST` chooses other programs than those that run always. */
function chosenPrograms(): number[] {
  const [first = 1, last = 1000] = (process.env.SECURE_EXEC_LOOP_PROGRAMS ?? "1-1000")
    .split("-")
    .map(Number);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

describe("random programs", () => {
  const seeds = chosenPrograms();
  test(`${seeds.length} end as on the host`, { timeout: 60_000 + seeds.length * 600 }, async () => {
    await withRuntime({}, async (runtime) => {
      const lane = async () => {
        for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
          await compare(runtime, seed);
        }
      };
      await Promise.all(Array.from({ length: 2 * availableParallelism() }, lane));
    });
  });
});

describe("what keeps a program alive", () => {
  const programs: Record<string, string> = {
    "a long timer that is cleared behind an await": `
      const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
      let timer;
      const late = new Promise((_, fail) => { timer = setTimeout(fail, 60_000, new Error("late")); });
      console.log(await Promise.race([sleep(20).then(() => "ok"), late]));
      clearTimeout(timer);`,
    "not an abort signal that waits": `
      const signal = AbortSignal.timeout(60_000);
      const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
      for (let left = 5; left > 0; left--) await sleep(2);
      console.log("done", signal.aborted);`,
    "a timer made in a microtask behind one that is not referenced": `
      setTimeout(() => console.log("never"), 60_000).unref();
      setTimeout(() => queueMicrotask(() => setTimeout(() => console.log("made"), 3)), 1);`,
    "a timer that is referenced in a microtask": `
      const timer = setTimeout(() => console.log("referenced"), 10).unref();
      setTimeout(() => Promise.resolve().then(() => timer.ref()), 1);`,
    "not a timer that a tick takes the reference of": `
      const timer = setTimeout(() => console.log("never"), 60_000);
      setTimeout(() => process.nextTick(() => timer.unref()), 1);
      process.on("exit", () => console.log("ended"));`,
    "an earlier timer that a microtask makes while a far one waits": `
      setTimeout(() => console.log("never"), 60_000).unref();
      setInterval(() => {}, 50_000).unref();
      const steps = [];
      const next = (left) => left > 0 && setTimeout(() => Promise.resolve().then(() => {
        steps.push(left);
        next(left - 1);
      }), left);
      next(5);
      process.on("exit", () => console.log(steps.join()));`,
    "an immediate made behind a timer's microtask": `
      setTimeout(() => {}, 60_000).unref();
      setTimeout(() => queueMicrotask(() => setImmediate(() => console.log("immediate"))), 1);`,
    "not an immediate that a microtask clears": `
      const gone = setImmediate(() => console.log("never"));
      queueMicrotask(() => clearImmediate(gone));
      setImmediate(() => queueMicrotask(() => setImmediate(() => console.log("second")))); `,
    "work that is made in beforeExit": `
      let left = 3;
      process.on("beforeExit", () => {
        if (left-- > 0) setTimeout(() => Promise.resolve().then(() => console.log("left", left)), 1);
      });`,
    "a port that is referenced in a microtask": `
      import { MessageChannel } from "node:worker_threads";
      const { port1, port2 } = new MessageChannel();
      port1.on("message", (text) => { console.log(text); port1.close(); });
      port1.unref();
      setTimeout(() => queueMicrotask(() => { port1.ref(); port2.postMessage("heard"); }), 1);`,
    "a child that a microtask takes the reference of": `
      import { spawn } from "node:child_process";
      const child = spawn("sleep", ["60"], { stdio: "ignore" });
      child.on("spawn", () => queueMicrotask(() => { console.log("spawned"); child.unref(); process.once("exit", () => child.kill(9)); }));`,
    "a worker that a microtask references again": `
      import { Worker } from "node:worker_threads";
      const worker = new Worker("setTimeout(() => console.log('in the worker'), 5)", { eval: true });
      worker.unref();
      const started = setInterval(() => {}, 60_000);
      worker.on("online", () => queueMicrotask(() => { worker.ref(); clearInterval(started); }));
      await new Promise((done) => worker.on("exit", done));
      console.log("ended");`,
    "a worker's own timers": `
      import { Worker } from "node:worker_threads";
      const code = "const t = setTimeout(() => {}, 60_000); AbortSignal.timeout(50_000);" +
        "(async () => { for (let i = 0; i < 3; i++) await new Promise((r) => setTimeout(r, 2)); clearTimeout(t); console.log('cleared'); })();";
      const worker = new Worker(code, { eval: true });
      worker.on("exit", (status) => console.log("status", status));`,
    "a stream that is read behind an await": `
      import { createReadStream, writeFileSync } from "node:fs";
      writeFileSync("big", "x".repeat(300_000));
      const timer = setTimeout(() => console.log("late"), 60_000);
      let length = 0;
      for await (const chunk of createReadStream("big")) { length += chunk.length; await null; }
      clearTimeout(timer);
      console.log(length);`,
    "a watcher until a microtask closes it": `
      import { watch } from "node:fs";
      const watcher = watch(".");
      setTimeout(() => Promise.resolve().then(() => { watcher.close(); console.log("closed"); }), 2);`,
  };
  for (const [name, code] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(code);
    });
  }

  test("a test of node:test that is timed out does not keep its file", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.writeFile(
        "/workspace/hangs.test.mjs",
        `import test from "node:test";
         test("hangs", { timeout: 50 }, () => new Promise((done) => setTimeout(done, 60_000).unref()));
         test("is fine", () => {});`,
      );
      const { exitCode, stdout } = await runtime.execCommand("node", ["--test", "hangs.test.mjs"], {
        timeout: programLimit,
      });
      assert.equal(exitCode, 1, stdout);
      assert.match(stdout, /pass 1\n/);
    });
  });
});

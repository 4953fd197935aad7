// `limits.resources.cpuCount`: how many processors the guests of a machine get together, and that the broker watches the
// clock of the VM process, whatever that process thinks of itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { field, vmProcessIds } from "./support/vm-process.ts";

type Runtime = Parameters<Parameters<typeof withRuntime>[1]>[0];

/** What the broker lets a machine take ahead of time, and what it may notice late, milliseconds for each processor. */
const burst = 500 + 250;

/** Processor time of a process, milliseconds (proc_pid_stat(5): clock ticks of 10 ms); zero if it is gone. */
function cpuTime(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return 0;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The process that serves a machine: that one of all that has worked for it. */
async function processOf(runtime: Runtime): Promise<number> {
  const before = new Map(vmProcessIds().map((pid) => [pid, cpuTime(pid)]));
  const code =
    "const end = process.cpuUsage().user + 500_000; while (process.cpuUsage().user < end);";
  assert.equal((await runtime.exec(code)).exitCode, 0);
  const spent = vmProcessIds().map((pid) => ({ pid, ms: cpuTime(pid) - (before.get(pid) ?? 0) }));
  const [most] = spent.sort((a, b) => b.ms - a.ms);
  // One that is being started for the next machine takes time as well, if less.
  assert.ok(most && most.ms >= 400, JSON.stringify(spent));
  return most.pid;
}

const busy = {
  "four programs": (runtime: Runtime, options: object) =>
    Array.from({ length: 4 }, () => runtime.exec("for (;;);", options)),
  "a program with workers": (runtime: Runtime, options: object) => [
    runtime.exec(
      `const { Worker } = require("node:worker_threads");
       for (let i = 0; i < 4; i++) new Worker("for (;;);", { eval: true });`,
      options,
    ),
  ],
  "the thread pool": (runtime: Runtime, options: object) => [
    runtime.exec(
      `const { pbkdf2 } = require("node:crypto");
       const again = () => pbkdf2("a", "b", 1e4, 64, "sha512", again);
       for (let i = 0; i < 4; i++) again();`,
      options,
    ),
  ],
  "commands of a shell": (runtime: Runtime, options: object) => [
    runtime.execCommand(
      "sh",
      ["-c", "for i in 1 2 3 4; do while :; do :; done & done; wait"],
      options,
    ),
  ],
};

describe("limits.resources.cpuCount holds", { skip: availableParallelism() < 2 }, () => {
  for (const [what, start] of Object.entries(busy)) {
    test(what, { timeout: 90_000 }, async () => {
      await withRuntime({ limits: { resources: { cpuCount: 1 } } }, async (runtime) => {
        const pid = await processOf(runtime);
        const controller = new AbortController();
        const calls = start(runtime, { signal: controller.signal });
        const ends = Promise.allSettled(calls);
        const begun = performance.now();
        const before = cpuTime(pid);
        // It is answered all the while, if more slowly.
        while (performance.now() - begun < 4000) {
          assert.equal(await runtime.exists("/etc/passwd"), true);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const [wall, spent] = [performance.now() - begun, cpuTime(pid) - before];
        assert.ok(spent <= wall + burst, `${spent} ms of ${wall} ms`);
        assert.ok(spent > 0);
        controller.abort();
        await ends;
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
        assert.equal(vmProcessIds().includes(pid), true);
      });
    });
  }

  test("and a time limit ends what waits for its processor", { timeout: 60_000 }, async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.writeFile("/tmp/kept", "kept");
      const timeout = { timeout: 2000 };
      const calls = Array.from({ length: 4 }, () => runtime.exec("for (;;);", timeout));
      for (const { timedOut } of await Promise.all(calls)) assert.equal(timedOut, true);
      assert.equal(new TextDecoder().decode(await runtime.readFile("/tmp/kept")), "kept");
    });
  });
});

/** Root may not be let by the system. */
const maySetLimits =
  process.getuid?.() !== 0 ||
  (BigInt(`0x${field(readFileSync("/proc/self/status", "utf8"), "CapEff")}`) >> 24n) & 1n;

test("the kernel has a limit of processor time", { skip: !maySetLimits }, async () => {
  await withRuntime({}, async (runtime) => {
    const pid = await processOf(runtime);
    const limit = () =>
      /^Max cpu time\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
    // It is set when the process is looked at, soon after it is ready.
    while (limit() === "unlimited") await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(Number(limit()) >= 3600);
  });
});

// What runs while a program stands at a breakpoint ends with the program, and with nothing else of the machine's.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const head = `
  const { Session } = require("node:inspector");
  const { parentPort } = require("node:worker_threads");
  const session = new Session();
  const started = () => parentPort ? parentPort.postMessage("started") : console.log("started");
`;
const own = `${head} session.connect();`;
const stand = `session.post("Debugger.enable"); debugger;`;

/** Programs that never return from the debugger. */
const programs = {
  "a listener that loops": `${own}
    session.on("Debugger.paused", () => { started(); for (;;); });
    ${stand}`,
  "a listener that catches all": `${own}
    session.on("Debugger.paused", () => { started(); for (;;) try { for (;;); } catch {} });
    ${stand}`,
  "a listener that waits": `${own}
    session.on("Debugger.paused", () => {
      started();
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
    ${stand}`,
  "a listener that waits for a child": `${own}
    session.on("Debugger.paused", () => {
      started();
      for (;;) require("node:child_process").spawnSync("sleep", ["1000"]);
    });
    ${stand}`,
  "an evaluation of a listener's": `${own}
    session.on("Debugger.paused", () => {
      started();
      for (;;) session.post("Runtime.evaluate", { expression: "for (;;);" });
    });
    ${stand}`,
  "a listener that hears of scripts": `${own}
    let heard = false;
    session.on("Debugger.scriptParsed", () => {
      if (heard) return;
      heard = true;
      started();
      for (;;);
    });
    session.post("Debugger.enable");
    new Function("return 1");`,
};

/** Its main thread is stopped by a worker, which has it evaluate a loop. */
const stoppedFromOutside = `
  const { isMainThread, Worker } = require("node:worker_threads");
  ${head}
  if (isMainThread) {
    new Worker(__filename);
    setInterval(() => {}, 1);
  } else {
    session.connectToMainThread();
    session.on("Debugger.paused", () => {
      const expression = "console.log('started'); for (;;);";
      session.post("Runtime.evaluate", { expression, includeCommandLineAPI: true });
    });
    session.post("Debugger.enable");
    session.post("Debugger.pause");
    setInterval(() => {}, 1000);
  }
`;

/** Runs `work` in a machine with another program, which a new VM process would not have any more. */
async function besideAnother(work: (runtime: NodeRuntime) => Promise<void>): Promise<void> {
  await withRuntime({}, async (runtime) => {
    const other = await runtime.spawnCommand("sleep", ["1000"]);
    await work(runtime);
    other.kill("SIGTERM");
    assert.equal(await other.wait(), 143);
  });
}

describe("a program at a breakpoint", () => {
  for (const [name, code] of [
    ...Object.entries(programs),
    ["an evaluation from outside", stoppedFromOutside] as const,
  ]) {
    test(`${name} is killed with its program`, async () => {
      await besideAnother(async (runtime) => {
        await runtime.writeFile("/workspace/program.cjs", code);
        const { promise: started, resolve } = Promise.withResolvers<void>();
        const program = await runtime.spawnCommand("node", ["program.cjs"], {
          onStdout: () => resolve(),
        });
        await started;
        program.kill("SIGKILL");
        assert.equal(await program.wait(), 137);
      });
    });
  }

  for (const [name, code] of Object.entries(programs)) {
    test(`${name} is ended with its worker, and with the process`, async () => {
      await besideAnother(async (runtime) => {
        const main = `
          const { once } = require("node:events");
          const { Worker } = require("node:worker_threads");
          const start = async () => {
            const worker = new Worker("./worker.cjs");
            await once(worker, "message");
            return worker;
          };
          start()
            .then((worker) => worker.terminate())
            .then(console.log)
            .then(start)
            .then(() => process.exit(3));`;
        await runtime.writeFile("/workspace/main.cjs", main);
        await runtime.writeFile("/workspace/worker.cjs", code);
        const ended = await runtime.execCommand("node", ["main.cjs"]);
        const { stdout, stderr, exitCode } = ended;
        assert.deepEqual([stdout, exitCode], ["1\n", 3], stderr);
      });
    });
  }

  test("a program that is out of time is ended, and its machine goes on", async () => {
    await besideAnother(async (runtime) => {
      await runtime.writeFile("/workspace/program.cjs", programs["a listener that loops"]);
      const ended = await runtime.execCommand("node", ["program.cjs"], { timeout: 300 });
      assert.deepEqual([ended.timedOut, ended.exitCode], [true, 137]);
    });
  });

  test("a time limit of the listener's own is kept, and the program goes on", async () => {
    await besideAnother(async (runtime) => {
      await runtime.writeFile(
        "/workspace/program.cjs",
        `${own}
        const vm = require("node:vm");
        session.on("Debugger.paused", () => {
          try {
            vm.runInNewContext("for (;;);", {}, { timeout: 20 });
          } catch (error) {
            console.log(error.code);
          }
        });
        ${stand}
        console.log("over");`,
      );
      const { stdout, exitCode } = await runtime.execCommand("node", ["program.cjs"]);
      assert.deepEqual([stdout, exitCode], ["ERR_SCRIPT_EXECUTION_TIMEOUT\nover\n", 0]);
    });
  });

  test("a machine is disposed of while a program stands", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.writeFile("/workspace/program.cjs", programs["a listener that loops"]);
      const { promise: started, resolve } = Promise.withResolvers<void>();
      const program = await runtime.spawnCommand("node", ["program.cjs"], {
        onStdout: () => resolve(),
      });
      await started;
      await Promise.all([program.wait(), runtime.dispose()]);
    });
  });
});

// Runs a guest through both entries of the package, on the main thread and in a worker.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

const file = fileURLToPath(import.meta.url);

async function runGuest() {
  const esm = await import("secure-exec");
  const cjs = createRequire(file)("secure-exec");
  for (const { NodeRuntime } of [esm, cjs]) {
    const runtime = await NodeRuntime.create();
    try {
      const { stdout, stderr, exitCode } = await runtime.exec("console.log(process.version)");
      assert.deepEqual(
        { stdout, stderr, exitCode },
        { stdout: "v24.21.0\n", stderr: "", exitCode: 0 },
      );
    } finally {
      await runtime.dispose();
    }
  }
}

await runGuest();
if (isMainThread) {
  await new Promise((resolve, reject) => {
    const worker = new Worker(file);
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the worker ended early with status ${code}`)));
  });
} else {
  parentPort.postMessage("done");
}

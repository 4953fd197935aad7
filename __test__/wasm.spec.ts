// WebAssembly processes: modules that a guest brings along, their ends and their limits.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Writes `hello` and exits with the number of bytes written. */
const hello = module(
  "AGFzbQEAAAABEANgBH9/f38Bf2ABfwBgAAACRgIWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF93cml0ZQAAFndh" +
    "c2lfc25hcHNob3RfcHJldmlldzEJcHJvY19leGl0AAEDAgECBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKFgEU" +
    "AEEBQQBBAUEIEAAaQQgoAgAQAQsLGQIAQQALCBAAAAAGAAAAAEEQCwZoZWxsbwo=",
);
/** Its start is the instruction `unreachable`. */
const trap = module("AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKBQEDAAAL");
/** Never ends. */
const loop = module("AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKCQEHAANADAALCw==");

function module(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

/** Runs a module as a child of a guest program, which prints what became of it. */
async function run(bytes: Buffer, limits = {}) {
  const files = { "/workspace/program": bytes };
  return await withRuntime({ files, limits }, async (runtime) => {
    const { stdout, stderr, exitCode } = await runtime.exec(
      `
      import { spawnSync } from "node:child_process";
      import { chmodSync } from "node:fs";
      chmodSync("program", 0o755);
      const { status, signal, stdout, stderr } = spawnSync("./program", ["x"]);
      console.log(JSON.stringify({
        status, signal, stdout: String(stdout), stderr: String(stderr),
      }));
    `,
      { timeout: 20_000 },
    );
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout);
  });
}

describe("a module in the guest's files", () => {
  test("runs as a child process", async () => {
    const ended = await run(hello);
    assert.deepEqual(ended, { status: 6, signal: null, stdout: "hello\n", stderr: "" });
  });

  test("that traps dies of a signal and says one line", async () => {
    const ended = await run(trap);
    assert.equal(ended.signal, "SIGABRT");
    assert.equal(ended.stderr, "./program: aborted\n");
  });

  test("that loops ends at the limit of processor time", async () => {
    const files = { "/workspace/program": { data: loop, mode: 0o755 } };
    const limits = { jsRuntime: { cpuTimeLimitMs: 300 } };
    await withRuntime({ files, limits }, async (runtime) => {
      await assert.rejects(runtime.execCommand("./program"), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.jsRuntime.cpuTimeLimitMs",
        stderr: "./program: CPU time limit of 300 ms exceeded\n",
      });
    });
  });

  test("that is larger than the limit is not compiled", async () => {
    const ended = await run(hello, { wasm: { maxModuleBytes: 100 } });
    assert.equal(ended.status, 126);
    assert.match(ended.stderr, /module of size \d+ exceeds the limit of 100/);
  });

  test("that is damaged is refused", async () => {
    const ended = await run(hello.subarray(0, 60));
    assert.equal(ended.status, 126);
    assert.match(ended.stderr, /^\.\/program: cannot execute: .*\n$/);
  });
});

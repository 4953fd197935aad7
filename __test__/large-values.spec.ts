// A guest that prints, returns or serializes more than there is memory for: what becomes of it is its own affair, and
// the machine with its files and its other programs goes on.

import assert from "node:assert/strict";
import { type NodeRuntime, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const much = 300_000_000;

/** Programs that the machine survives together with all others in it. */
const survived: Record<string, string> = {
  "console.log": `console.log("x".repeat(${much}))`,
  "console.error": `console.error("x".repeat(${much}))`,
  "process.stdout.write of text": `process.stdout.write("x".repeat(${much}))`,
  "process.stdout.write of bytes": `process.stdout.write(Buffer.alloc(${much}, 120))`,
  "v8.serialize": `import v8 from "node:v8"; const s = "x".repeat(1e6); v8.serialize(Array.from({ length: 300 }, (_, i) => s + i))`,
  "v8.serialize of bytes": `import v8 from "node:v8"; v8.serialize(new Uint8Array(${much}))`,
  structuredClone: `structuredClone(Array(3000).fill("x".repeat(1e5)))`,
  "Buffer.from": `Buffer.from("x".repeat(${much}))`,
  "Buffer.toString": `Buffer.alloc(${much}, 120).toString()`,
  "Buffer.toString of latin1": `Buffer.alloc(${much}, 120).toString("latin1")`,
  "TextEncoder.encode": `new TextEncoder().encode("x".repeat(${much}))`,
  "fs.writeFileSync": `import fs from "node:fs"; fs.writeFileSync("/tmp/x", "x".repeat(${much}))`,
  "a value": `globalThis.__return("x".repeat(${much}))`,
  btoa: `btoa("x".repeat(${much}))`,
  "a value of 30 MB": `globalThis.__return("x".repeat(30e6))`,
  "a value of millions of parts": `globalThis.__return(Array(2e6).fill(0))`,
};

/** Programs for which V8 itself gives up: they cost the other programs, but no file. */
const replaced: Record<string, string> = {
  "an error": `setTimeout(() => { throw new Error("x".repeat(${much})); })`,
  "JSON.stringify": `JSON.stringify(Array(300).fill("x".repeat(1e6)))`,
};

async function outcome(runtime: NodeRuntime, code: string): Promise<VmError | number> {
  const guarded = `try { ${code.replace(/^(import[^;]*;)/, "")} } catch (error) { console.error(error); process.exit(3); }`;
  const imports = /^import[^;]*;/.exec(code)?.[0] ?? "";
  const call = runtime.run(`${imports} ${guarded}`, { timeout: 60_000 });
  return await call.then(
    ({ exitCode, timedOut }) => {
      assert.equal(timedOut, undefined);
      return exitCode;
    },
    (error: unknown) => {
      assert.ok(error instanceof VmError, String(error));
      return error;
    },
  );
}

describe("too much of a value", () => {
  for (const [what, code] of Object.entries(survived)) {
    test(`${what}: ends its own program at most`, { timeout: 120_000 }, async () => {
      await withRuntime({}, async (runtime) => {
        await runtime.writeFile("/workspace/kept", "x");
        const other = await runtime.spawn(
          "process.stdin.on('data', (d) => process.exit(d.length))",
        );
        const result = await outcome(runtime, code);
        if (result instanceof VmError) {
          assert.equal(result.code, "ERR_RESOURCE_LIMIT", result.message);
        } else {
          assert.ok(result === 3 || result === 0, `exit ${result}`);
        }
        await other.writeStdin("alive");
        assert.equal(await other.wait(), 5);
        assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "x");
      });
    });
  }

  for (const [what, code] of Object.entries(replaced)) {
    test(`${what}: costs no file`, { timeout: 120_000 }, async () => {
      await withRuntime({}, async (runtime) => {
        await runtime.writeFile("/workspace/kept", "x");
        const result = await outcome(runtime, code);
        if (result instanceof VmError && result.code === "ERR_VM_CRASHED") {
          assert.equal(result.stateLost, false, result.message);
        }
        assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "x");
        assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      });
    });
  }
});

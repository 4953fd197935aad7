// What makes hundreds of megabytes in one go is an error of the program that does it, and of no other.

import assert from "node:assert/strict";
import { VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const text = `const text = "x".repeat(300e6);`;
const programs: Record<string, string> = {
  "JSON.stringify of a text": `${text} JSON.stringify(text);`,
  "JSON.stringify of many texts": `JSON.stringify(Array(300).fill("y".repeat(1e6)));`,
  "JSON.stringify whose toJSON fills the heap": `const kept = []; JSON.stringify({ toJSON() { for (;;) kept.push({}); } });`,
  "the message of an error": `${text} throw new Error(text);`,
  "the message of an error in two bytes": `throw new Error("\\u4e00".repeat(150e6));`,
  "a thrown text": `${text} throw text;`,
  "a rejection": `${text} Promise.reject(new Error(text));`,
  "a name of an error": `${text} throw Object.assign(new Error("inner"), { name: text });`,
  "a value of the environment": `${text} process.env.LARGE = text;`,
  "an address": `${text} new URL("http://a/" + text);`,
  "console.log": `${text} console.log(text);`,
  "process.stdout.write": `${text} process.stdout.write(text);`,
  encodeURIComponent: `${text} encodeURIComponent(text);`,
  "encodeURIComponent of other letters": `encodeURIComponent("\\u00e9".repeat(60e6));`,
  structuredClone: `${text} structuredClone(text);`,
  "messages to a child": `import { fork } from "node:child_process"; ${text} fork("/workspace/child.cjs").send(text);`,
  "messages to a worker": `import { Worker } from "node:worker_threads"; ${text} new Worker("", { eval: true, workerData: text });`,
  "a buffer of a text": `${text} Buffer.from(text);`,
  "a text of a buffer": `Buffer.alloc(200e6).toString("hex");`,
  atob: `${text} atob(text);`,
  "util.format": `import { format } from "node:util"; ${text} format("%s %j", text, text);`,
  normalize: `${text} (text + "y").normalize("NFD");`,
};

const saysWhy =
  /RangeError|ERR_STRING_TOO_LONG|out of memory|DataCloneError|ENAMETOOLONG|E2BIG|ENOMEM/;

describe("hundreds of megabytes in one go:", () => {
  for (const [name, code] of Object.entries(programs)) {
    test(name, { timeout: 120_000 }, async () => {
      const files = {
        "/workspace/kept": "kept",
        "/workspace/child.cjs": "process.once('message', () => process.disconnect());",
      };
      await withRuntime({ files }, async (runtime) => {
        const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
        const outcome = await runtime.exec(code, { timeout: 90_000 }).catch((error) => error);
        if (outcome instanceof VmError) {
          assert.equal(outcome.code, "ERR_RESOURCE_LIMIT", outcome.message);
          assert.match(
            outcome.limit ?? "",
            /^limits\.(resources\.maxMemoryBytes|jsRuntime\.v8HeapLimitMb)$/,
          );
        } else {
          assert.ok(!outcome.timedOut);
          if (outcome.exitCode !== 0) assert.match(outcome.stderr, saysWhy);
        }
        assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
        await other.writeStdin("still here");
        other.closeStdin();
        assert.equal(await other.wait(), 0);
        assert.equal(other.captured.stdout, "still here");
      });
    });
  }
});

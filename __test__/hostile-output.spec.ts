// Programs that go for output, input and timers, and hosts that do not keep up.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("output and input", () => {
  test("a flood with a slow reader waits and loses nothing", async () => {
    await withRuntime({}, async (runtime) => {
      let bytes = 0;
      const { exitCode } = await runtime.exec(
        `const piece = Buffer.alloc(1 << 16, "x");
         for (let n = 0; n < 64; n += 1) await new Promise((done) => process.stdout.write(piece, done));`,
        {
          maxOutputBytes: 1000,
          onStdout: async (chunk) => {
            bytes += chunk.length;
            await new Promise((resolve) => setImmediate(resolve));
          },
        },
      );
      assert.deepEqual([exitCode, bytes], [0, 64 << 16]);
    });
  });

  test("bytes that are no text, and escapes, arrive as they are", async () => {
    await withRuntime({}, async (runtime) => {
      const chunks: Uint8Array[] = [];
      const sent = [0x1b, 0x5d, 0x30, 0x3b, 0x78, 0x07, 0xff, 0xfe, 0xc3];
      await runtime.exec(
        `for (const byte of ${JSON.stringify(sent)}) process.stdout.write(Buffer.of(byte));`,
        { onStdout: (chunk) => void chunks.push(chunk) },
      );
      assert.deepEqual([...Buffer.concat(chunks)], sent);
    });
  });

  test("input that nobody reads is refused beyond the bound", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("setInterval(() => {}, 1000);");
      const piece = new Uint8Array(256 * 1024);
      const writes = Array.from({ length: 16 }, () => program.writeStdin(piece));
      await assert.rejects(Promise.all(writes), { code: "ERR_RESOURCE_LIMIT" });
      program.kill("SIGKILL");
      assert.equal(await program.wait(), 137);
      await program.writeStdin("after the end");
    });
  });
});

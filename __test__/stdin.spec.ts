// Standard input: writes of every size, awaited or not, and what becomes of those that are too many.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { NodeRuntime, NodeRuntimeProcess } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Prints the number of bytes of its input and their digest. */
const digest = `import { createHash } from "node:crypto";
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of process.stdin) { hash.update(chunk); bytes += chunk.length; }
  console.log(bytes, hash.digest("hex"));`;

/** Reads nothing, until it is ended. */
const deaf = `console.log("up"); setInterval(() => {}, 1000);`;

function expected(data: Uint8Array): string {
  return `${data.length} ${createHash("sha256").update(data).digest("hex")}\n`;
}

const limited = { limits: { jsRuntime: { stdinBufferLimitBytes: 256 * 1024 } } };
const refused = { code: "ERR_RESOURCE_LIMIT", limit: "limits.jsRuntime.stdinBufferLimitBytes" };

describe("writes that nobody waits for", () => {
  for (const [count, size] of [
    [64, 64 * 1024],
    [3000, 100],
    [7, 333_333],
    [1, 1],
  ] as const) {
    test(`${count} of ${size} bytes arrive, all of them, in order`, async () => {
      await withRuntime(limited, async (runtime) => {
        const data = randomBytes(count * size);
        const program = await runtime.spawn(digest);
        for (let at = 0; at < data.length; at += size) {
          program.writeStdin(data.subarray(at, at + size));
        }
        program.closeStdin();
        assert.equal(await program.wait(), 0);
        assert.equal(program.captured.stdout, expected(data));
      });
    });
  }

  test("may reuse their buffer at once", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(digest);
      const buffer = new Uint8Array(100_000);
      const all: Uint8Array[] = [];
      for (let i = 0; i < 20; i++) {
        buffer.fill(i);
        all.push(buffer.slice());
        program.writeStdin(buffer);
      }
      buffer.fill(255);
      program.closeStdin();
      await program.wait();
      assert.equal(program.captured.stdout, expected(Buffer.concat(all)));
    });
  });

  test("beyond the bound are refused if the program does not read, and so is all that follows", async () => {
    await withRuntime(limited, async (runtime) => {
      const program = await runtime.spawn(deaf);
      const piece = new Uint8Array(100_000);
      // One is in progress, two wait behind it.
      const outcomes = Array.from({ length: 6 }, () => program.writeStdin(piece));
      for (const late of outcomes.slice(3)) await assert.rejects(late, refused);
      await assert.rejects(program.writeStdin("x"), refused);
      program.kill("SIGKILL");
      await Promise.all(outcomes.slice(0, 3));
      await assert.rejects(program.wait(), { ...refused, bound: 256 * 1024 });
      assert.equal(program.exitCode, 137);
      await assert.rejects(program.wait(), refused);
    });
  });

  test("that are refused leave no gap behind what arrives", async () => {
    await withRuntime(limited, async (runtime) => {
      const program = await runtime.spawn(digest);
      const piece = randomBytes(200_000);
      // More than may wait for any program.
      for (let i = 0; i < 40; i++) program.writeStdin(piece);
      program.closeStdin();
      await assert.rejects(program.wait(), refused);
      const [bytes] = program.captured.stdout.split(" ");
      const whole = Number(bytes) / piece.length;
      assert.ok(Number.isInteger(whole) && whole >= 2, program.captured.stdout);
      const arrived = Buffer.concat(Array.from({ length: whole }, () => piece));
      assert.equal(program.captured.stdout, expected(arrived));
    });
  });

  test("behind the end of the input are refused", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(deaf);
      program.closeStdin();
      const closed = { code: "ERR_STREAM_WRITE_AFTER_END" };
      await assert.rejects(program.writeStdin("lost"), closed);
      program.kill("SIGKILL");
      await assert.rejects(program.wait(), closed);
      // After the end a write does nothing.
      await program.writeStdin("nobody is there");
    });
  });
});

describe("one write", () => {
  test("of any size arrives while the program reads", async () => {
    await withRuntime(limited, async (runtime) => {
      const data = randomBytes(10 * 1024 * 1024);
      const program = await runtime.spawn(digest);
      await program.writeStdin(data);
      program.closeStdin();
      assert.equal(await program.wait(), 0);
      assert.equal(program.captured.stdout, expected(data));
    });
  });

  test("follows the other when each is awaited, whatever the bound", async () => {
    await withRuntime(limited, async (runtime) => {
      const data = randomBytes(3_000_000);
      const program = await runtime.spawn(digest);
      for (let at = 0; at < data.length; at += 300_000) {
        await program.writeStdin(data.subarray(at, at + 300_000));
      }
      program.closeStdin();
      await program.wait();
      assert.equal(program.captured.stdout, expected(data));
    });
  });

  test("waits until the program reads", async () => {
    await withRuntime({}, async (runtime) => {
      let settled = false;
      const program = await runtime.spawn(
        `process.on("SIGUSR1", () => process.stdin.resume()); console.log("up");
         process.stdin.on("end", () => process.exit(0)); setInterval(() => {}, 1000);
         process.stdin.pause();`,
        { onStdout: () => program && undefined },
      );
      const written = program.writeStdin(new Uint8Array(1_000_000)).then(() => {
        settled = true;
      });
      // Whatever the machine does for a small write happens before this answer.
      await runtime.exec("1");
      assert.equal(settled, false);
      program.kill("SIGUSR1");
      await written;
      program.closeStdin();
      assert.equal(await program.wait(), 0);
    });
  });

  test("settles when the program ends without reading", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("process.exit(3)");
      await program.writeStdin(new Uint8Array(8 << 20));
      assert.equal(await program.wait(), 3);
    });
  });
});

describe("input given with the call", () => {
  test("arrives whole in exec, and before what is written in spawn", async () => {
    await withRuntime(limited, async (runtime) => {
      const data = randomBytes(6_000_000);
      const { stdout } = await runtime.exec(digest, { stdin: data });
      assert.equal(stdout, expected(data));
      const program = await runtime.spawn(digest, { stdin: data });
      program.writeStdin("behind");
      program.closeStdin();
      await program.wait();
      assert.equal(program.captured.stdout, expected(Buffer.concat([data, Buffer.from("behind")])));
    });
  });

  test("goes to commands as well", async () => {
    await withRuntime(limited, async (runtime) => {
      const data = randomBytes(2_000_000);
      const { stdout } = await runtime.execCommand("wc", ["-c"], { stdin: data });
      assert.equal(stdout.trim(), "2000000");
      const program = await runtime.spawnCommand("wc", ["-c"]);
      await feed(program, data);
      assert.equal(program.captured.stdout.trim(), "2000000");
    });
  });

  async function feed(program: NodeRuntimeProcess, data: Uint8Array) {
    await program.writeStdin(data);
    program.closeStdin();
    await program.wait();
  }
});

describe("a terminal", () => {
  test("takes a paste of any size", async () => {
    await withRuntime({}, async (runtime) => {
      const terminal = await count(runtime);
      await terminal.write("x\n".repeat(300_000));
      await terminal.write("\u0004");
      assert.equal(await terminal.wait(), 0);
    });
  });

  /** A program that ends with 0 if it has read 300,000 lines. */
  async function count(runtime: NodeRuntime) {
    await runtime.writeFile(
      "/workspace/count.mjs",
      `let lines = 0;
       process.stdin.on("data", (chunk) => { for (const byte of chunk) lines += byte === 10; });
       process.stdin.on("end", () => process.exit(lines === 300_000 ? 0 : 1));`,
    );
    const terminal = await runtime.openShell({ command: "sh", args: ["-c", "node count.mjs"] });
    terminal.onData(() => {});
    return terminal;
  }
});

// Programs that go for processes, descriptors, output and input. Each ends with a code, and the machine as it was.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

type CreateOptions = NonNullable<Parameters<typeof NodeRuntime.create>[0]>;

/** Runs a program, looks at what it hands back, and that the machine still works and holds nothing. */
async function attack(code: string, look: (value: unknown) => void, options: CreateOptions = {}) {
  await withRuntime(options, async (runtime) => {
    const { value, exitCode, stderr } = await runtime.run(code, { timeout: 25_000 });
    assert.equal(exitCode, 0, stderr);
    look(value);
    const after = await runtime.run("globalThis.__return(1 + 1);");
    assert.equal(after.value, 2);
    const { processes, zombies, fds, pipes, ptys } = await runtime.getResourceSnapshot();
    assert.deepEqual(
      { processes, zombies, fds, pipes, ptys },
      { processes: 0, zombies: 0, fds: 0, pipes: 0, ptys: 0 },
    );
  });
}

const tool = { description: "", inputSchema: {}, handler: () => 1 };

describe("processes", () => {
  test("as many as can be started end at the limit", async () => {
    const code = `
      import { spawn } from "node:child_process";
      const codes = new Set();
      for (let n = 0; n < 40; n += 1) {
        await new Promise((resolve) => {
          const child = spawn("node", ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
          child.on("spawn", resolve).on("error", (error) => { codes.add(error.code); resolve(); });
        });
      }
      globalThis.__return([...codes]);
      process.exit(0);`;
    await attack(code, (codes) => assert.deepEqual(codes, ["EAGAIN"]), {
      limits: { resources: { maxProcesses: 8 } },
    });
  });

  test("one after the other leave nothing behind and have numbers of their own", async () => {
    const code = `
      import { spawnSync } from "node:child_process";
      const pids = [];
      for (let n = 0; n < 500; n += 1) pids.push(spawnSync("t", ["--json", "{}"]).pid);
      globalThis.__return([new Set(pids).size, pids.every((pid, n) => n === 0 || pid > pids[n - 1])]);`;
    await attack(code, (value) => assert.deepEqual(value, [500, true]), { tools: { t: tool } });
  });

  test("cannot signal what is not theirs", async () => {
    const code = `
      const told = [];
      for (const pid of [1, ${process.pid}, 999_999_999]) {
        try { process.kill(pid, "SIGKILL"); told.push("killed"); } catch (error) { told.push(error.code); }
      }
      globalThis.__return(told);`;
    await withRuntime({}, async (runtime) => {
      const { value } = await runtime.run<string[]>(code);
      assert.deepEqual(value, ["EPERM", "ESRCH", "ESRCH"]);
    });
  });

  test("with arguments or an environment that are too large are refused", async () => {
    const code = `
      import { spawnSync } from "node:child_process";
      const large = "x".repeat(10_000_000);
      globalThis.__return([
        spawnSync("node", ["-e", "1", large]).error?.code,
        spawnSync("node", ["-e", "1"], { env: { large } }).error?.code,
      ]);`;
    await attack(code, (codes) => assert.deepEqual(codes, ["E2BIG", "E2BIG"]));
  });

  test("are not moved by LD_PRELOAD and NODE_OPTIONS", async () => {
    const code = `
      import { spawnSync } from "node:child_process";
      const env = { ...process.env, LD_PRELOAD: "/tmp/evil.so", NODE_OPTIONS: "--require=/tmp/evil.cjs" };
      const { stdout, status } = spawnSync("node", ["-p", "1 + 1"], { env, encoding: "utf8" });
      globalThis.__return([stdout, status]);`;
    await attack(code, (value) => assert.deepEqual(value, ["2\n", 0]));
  });
});

describe("descriptors", () => {
  test("end at the limit", async () => {
    const code = `
      import { openSync } from "node:fs";
      let [opened, code] = [0, undefined];
      try { for (; opened < 100_000; opened += 1) openSync("/dev/null"); } catch (error) { code = error.code; }
      globalThis.__return([code, opened < 256]);`;
    await attack(code, (value) => assert.deepEqual(value, ["EMFILE", true]));
  });

  test("terminals end at the limit", async () => {
    const code = `
      import { openSync } from "node:fs";
      let [opened, code] = [0, undefined];
      try { for (; opened < 1000; opened += 1) openSync("/dev/ptmx", "r+"); } catch (error) { code = error.code; }
      globalThis.__return([code, opened]);`;
    await attack(code, (value) => assert.deepEqual(value, ["ENOSPC", 16]));
  });

  test("that are none are refused, and the standard ones may be closed", async () => {
    const code = `
      import fs from "node:fs";
      const told = [];
      for (const fd of [1e9, 2 ** 31 - 1, 200, -1, 2 ** 31, Number.NaN]) {
        try { fs.fstatSync(fd); told.push("open"); } catch (error) { told.push(error.code); }
      }
      globalThis.__return(told);
      for (const fd of [0, 1, 2]) fs.closeSync(fd);`;
    const range = "ERR_OUT_OF_RANGE";
    await attack(code, (told) =>
      assert.deepEqual(told, ["EBADF", "EBADF", "EBADF", range, range, range]),
    );
  });
});

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

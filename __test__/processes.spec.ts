// The host's view of guest processes.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("processes()", () => {
  test("lists what runs, with its family, directory and start", async () => {
    await withRuntime({}, async (runtime) => {
      assert.deepEqual(await runtime.processes(), []);
      const before = Date.now();
      let output = "";
      const up = Promise.withResolvers<void>();
      const program = await runtime.spawn(
        `import { spawn } from "node:child_process";
         const child = spawn("node", ["-e", "setInterval(() => {}, 1000); console.log('up')"], { cwd: "/tmp" });
         child.stdout.pipe(process.stdout);`,
        {
          onStdout: (chunk) => {
            output += new TextDecoder().decode(chunk);
            if (output.includes("up")) up.resolve();
          },
        },
      );
      await up.promise;
      const [parent, child] = await runtime.processes();
      assert.ok(parent && child);
      assert.equal(parent.pid, program.pid);
      assert.equal(child.ppid, parent.pid);
      assert.deepEqual([parent.pgid, parent.sid, child.sid], [parent.pid, parent.pid, parent.pid]);
      assert.deepEqual([parent.cwd, child.cwd], ["/workspace", "/tmp"]);
      assert.equal(parent.argv[0], "node");
      assert.deepEqual([parent.state, parent.uid, parent.terminal], ["running", 1000, undefined]);
      assert.ok(parent.startedAt >= before - 1000 && parent.startedAt <= Date.now() + 1000);
      assert.ok(child.startedAt >= parent.startedAt && child.fds >= 3);
      program.kill("SIGSTOP");
      assert.equal((await runtime.processes())[0]?.state, "stopped");
      program.kill("SIGKILL");
      assert.equal(await program.wait(), 137);
      assert.deepEqual(await runtime.processes(), []);
    });
  });

  test("shows terminals", async () => {
    await withRuntime({}, async (runtime) => {
      const command = { command: "node", args: ["-e", "setInterval(() => {}, 1000)"] };
      const terminal = await runtime.openShell(command);
      const [found] = await runtime.processes();
      assert.deepEqual([found?.pid, found?.terminal], [terminal.pid, "/dev/pts/0"]);
      await terminal.dispose();
    });
  });
});

describe("a spawned program's signal", () => {
  test("kills it and what it started", async () => {
    await withRuntime({}, async (runtime) => {
      const controller = new AbortController();
      const up = Promise.withResolvers<void>();
      const program = await runtime.spawn(
        `import { spawn } from "node:child_process";
         spawn("node", ["-e", "setInterval(() => {}, 1000); console.log('up')"], { stdio: "inherit" });`,
        { signal: controller.signal, onStdout: () => up.resolve() },
      );
      await up.promise;
      controller.abort(new Error("enough"));
      await assert.rejects(program.wait(), { message: "enough" });
      assert.deepEqual(await runtime.processes(), []);
    });
  });

  test("a timeout does the same and gives 137", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("setInterval(() => {}, 1000);", { timeout: 200 });
      assert.equal(await program.wait(), 137);
      assert.deepEqual(await runtime.processes(), []);
    });
  });
});

// Live handles: spawned programs and resident runners.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const decoder = new TextDecoder();

describe("a spawned program", () => {
  test("takes input, streams output and tells its end", async () => {
    await withRuntime({}, async (runtime) => {
      let output = "";
      const program = await runtime.spawn(
        `process.stdin.on("data", (chunk) => process.stdout.write("got: " + chunk));`,
        { onStdout: (chunk) => (output += decoder.decode(chunk)) },
      );
      assert.ok(program.pid > 1);
      assert.equal(program.exitCode, null);
      await program.writeStdin("hello\n");
      await program.writeStdin(new TextEncoder().encode("again\n"));
      program.closeStdin();
      assert.equal(await program.wait(), 0);
      assert.equal(program.exitCode, 0);
      assert.equal(output.replaceAll("got: ", ""), "hello\nagain\n");
      await program.writeStdin("too late");
      program.kill();
    });
  });

  test("dies of signals, by name or number, unless it handles them", async () => {
    await withRuntime({}, async (runtime) => {
      const idle = "setInterval(() => {}, 1000); console.log('up');";
      for (const [signal, code] of [
        [undefined, 143],
        ["SIGINT", 130],
        [9, 137],
        ["SIGHUP", 129],
      ] as const) {
        const program = await started(runtime, idle);
        program.kill(signal);
        assert.equal(await program.wait(), code);
      }
      const handler = await started(
        runtime,
        `process.on("SIGTERM", () => process.exit(5)); ${idle}`,
      );
      handler.kill("SIGTERM");
      assert.equal(await handler.wait(), 5);
    });
  });

  test("goes on after SIGINT in a script that breaks on it, as often as it likes", async () => {
    await withRuntime({}, async (runtime) => {
      for (const [handler, status] of [
        ["", 130],
        ["process.on('SIGINT', () => process.exit(5));", 5],
      ] as const) {
        let output = "";
        const interrupt = (chunk: Uint8Array) => {
          const text = decoder.decode(chunk);
          output += text;
          if (text.includes("up")) program.kill("SIGINT");
        };
        // Not by a stream, which is left as it is when it is interrupted.
        const code = `import vm from "node:vm";
          import { writeSync } from "node:fs";
          ${handler}
          globalThis.writeSync = writeSync;
          const endless = "writeSync(1, 'up\\\\n'); for (;;);", options = { breakOnSigint: true };
          for (const run of [
            () => vm.runInThisContext(endless, options),
            () => vm.runInNewContext(endless, { writeSync }, options),
          ])
            try { run(); } catch (error) { writeSync(1, error.code + "\\n"); }
          writeSync(1, vm.runInThisContext("6 * 7", options) + "\\nup\\n");
          setInterval(() => {}, 1000);`;
        const program = await runtime.spawn(code, { onStdout: interrupt, timeout: 20_000 });
        assert.equal(await program.wait(), status, output);
        const interrupted = "up\nERR_SCRIPT_EXECUTION_INTERRUPTED\n";
        assert.equal(output, `${interrupted.repeat(2)}42\nup\n`);
      }
    });
  });

  test("is interrupted by a SIGINT that it sends itself, and tells of one that interrupts nothing", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `const { runInThisContext } = require("node:vm");
        const { internalBinding } = require("internal/test/binding");
        const watchdog = internalBinding("contextify");
        const interrupt = () => process.kill(process.pid, "SIGINT");
        globalThis.interrupt = interrupt;
        const run = () => runInThisContext("interrupt(); for (;;);", { breakOnSigint: true });
        const seen = (then) => watchdog.watchdogHasPendingSigint() ? then() : setTimeout(seen, 1, then);
        const rounds = (left) => {
          try { run(); } catch (error) { console.log(error.code); }
          watchdog.startSigintWatchdog();
          interrupt();
          seen(() => {
            console.log(watchdog.stopSigintWatchdog());
            if (left > 1) rounds(left - 1);
            else interrupt();
          });
        };
        rounds(5);`;
      const args = ["--expose-internals", "--no-warnings", "-e", code];
      const { stdout, stderr, exitCode } = await runtime.execCommand("node", args, {
        timeout: 20_000,
      });
      assert.equal(stderr, "");
      assert.equal(stdout, "ERR_SCRIPT_EXECUTION_INTERRUPTED\ntrue\n".repeat(5));
      assert.equal(exitCode, 130);
    });
  });

  test("is not sent signals that do not exist", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await started(runtime, "setInterval(() => {}, 1000); console.log('up');");
      for (const signal of ["SIGNOTHING", "toString", 1000, -1, 1.5, {}]) {
        assert.throws(() => program.kill(signal as never), TypeError);
      }
      program.kill("SIGKILL");
      await program.wait();
    });
  });

  test("waits for a reader that takes its time", async () => {
    await withRuntime({}, async (runtime) => {
      let taken = 0;
      const { stdout } = await runtime.exec(
        "for (let i = 0; i < 64; i++) process.stdout.write('x'.repeat(8192)); console.error('written');",
        {
          onStdout: async (chunk) => {
            await new Promise((resolve) => setTimeout(resolve, 2));
            taken += chunk.length;
          },
        },
      );
      assert.equal(stdout.length, 64 * 8192);
      assert.equal(taken, 64 * 8192);
    });
  });

  async function started(runtime: Parameters<Parameters<typeof withRuntime>[1]>[0], code: string) {
    const up = Promise.withResolvers?.() ?? resolvers();
    const program = await runtime.spawn(code, { onStdout: () => up.resolve(undefined) });
    await up.promise;
    return program;
  }

  function resolvers() {
    let resolve: (value: unknown) => void = () => {};
    const promise = new Promise((yes) => {
      resolve = yes;
    });
    return { promise, resolve };
  }
});

describe("a resident runner", () => {
  test("runs snippets as modules with shared globals", async () => {
    await withRuntime(
      { files: { "/workspace/lib.mjs": "export const six = 6;" } },
      async (runtime) => {
        const runner = await runtime.createResidentRunner();
        const first = await runner.exec(
          `globalThis.seven = 7; const local = 1; console.log("one");`,
        );
        assert.deepEqual(first, { stdout: "one\n", stderr: "", exitCode: 0 });
        const second = await runner.exec(`
        import { six } from "./lib.mjs";
        import os from "node:os";
        const { six: again } = await import("./lib.mjs");
        console.log(six * seven, typeof local, os.platform(), again);
      `);
        assert.deepEqual(second, { stdout: "42 undefined linux 6\n", stderr: "", exitCode: 0 });
        await runner.dispose();
        await assert.rejects(runner.exec("1"), { code: "ERR_VM_DISPOSED" });
      },
    );
  });

  test("survives snippets that throw, reports them, and runs one at a time", async () => {
    await withRuntime({}, async (runtime) => {
      const runner = await runtime.createResidentRunner();
      const failed = await runner.exec(`throw new Error("on purpose");`);
      assert.equal(failed.exitCode, 1);
      assert.match(failed.stderr, /Error: on purpose/);
      const broken = await runner.exec("this is no JavaScript");
      assert.equal(broken.exitCode, 1);
      assert.match(broken.stderr, /SyntaxError/);
      const slow = runner.exec("await new Promise((r) => setTimeout(r, 50))");
      await assert.rejects(runner.exec("1"), { code: "ERR_RUNNER_BUSY" });
      assert.equal((await slow).exitCode, 0);
      await runner.dispose();
    });
  });

  test("replaces its process after a timeout and after an exit", async () => {
    await withRuntime({}, async (runtime) => {
      const runner = await runtime.createResidentRunner();
      await runner.exec("globalThis.kept = 1;");
      await assert.rejects(runner.exec("for (;;);", { timeout: 200 }), { code: "ERR_TIMEOUT" });
      const next = await runner.exec("console.log(typeof kept)");
      assert.equal(next.stdout, "undefined\n");
      assert.equal((await runner.exec("process.exit(3)")).exitCode, 3);
      assert.equal((await runner.exec("console.log('again')")).stdout, "again\n");
      await runner.dispose();
    });
  });
});

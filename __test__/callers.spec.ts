// Errors have the stack of the function that made the call, not that of the event that brought them.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Runs `work` in a function that a stack can name. */
async function ofMyApplication<T>(work: () => Promise<T>): Promise<T> {
  return await work();
}

async function stackOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await ofMyApplication(work);
  } catch (error) {
    return String((error as Error).stack);
  }
  return assert.fail("it did not fail");
}

const full = "const a = []; for (;;) a.push(new Array(1e5).fill(1.5));";

describe("the stack of an error names the caller", () => {
  test("for every file method, awaited or handed on", async () => {
    await withRuntime({}, async (runtime) => {
      const calls: Record<string, () => Promise<unknown>> = {
        readFile: () => runtime.readFile("/nope"),
        readDir: () => runtime.readDir("/nope"),
        readDirWithTypes: () => runtime.readDirWithTypes("/nope"),
        writeFile: () => runtime.writeFile("/dev/null/x", "x"),
        mkdir: () => runtime.mkdir("/nope/x"),
        stat: () => runtime.stat("/nope"),
        remove: () => runtime.remove("/nope"),
        rename: () => runtime.rename("/nope", "/x"),
      };
      for (const [name, call] of Object.entries(calls)) {
        const stack = await stackOf(async () => await call());
        assert.match(stack, /^VmError: \w+: /, name);
        assert.match(stack, /callers\.spec\.ts/, name);
        assert.match(stack, /ofMyApplication/, name);
        assert.doesNotMatch(stack, /machine\.cjs/, name);
        assert.match(await stackOf(call), /callers\.spec\.ts/, name);
      }
    });
  });

  test("with the functions that wait marked as such", async () => {
    await withRuntime({}, async (runtime) => {
      async function myFunction() {
        await runtime.readFile("/nope");
      }
      const stack = await stackOf(async () => await myFunction());
      assert.match(
        stack,
        /^VmError: ENOENT.*\n {4}at async myFunction .*\n {4}at async .*\n {4}at async ofMyApplication/,
      );
    });
  });

  test("of programs: those that fail, those that cannot start, those that are waited for later", async () => {
    await withRuntime({}, async (runtime) => {
      assert.match(await stackOf(() => runtime.exec(full)), /ofMyApplication/);
      assert.match(await stackOf(() => runtime.run(full)), /ofMyApplication/);
      assert.match(await stackOf(() => runtime.spawnCommand("nope")), /ofMyApplication/);
      const program = await runtime.spawn(full);
      assert.match(await stackOf(() => program.wait()), /ofMyApplication/);
      async function started() {
        return runtime.exec(full);
      }
      const later = started();
      await runtime.exec("1");
      assert.match(await stackOf(() => later), /at started/);
    });
  });

  test("of arguments that are wrong", async () => {
    const stack = await stackOf(async () => await NodeRuntime.create({ foo: 1 } as never));
    assert.match(stack, /^TypeError: /);
    assert.match(stack, /ofMyApplication/);
    await withRuntime({}, async (runtime) => {
      const deep = { limits: 1 } as never;
      assert.match(await stackOf(() => runtime.exec("1", deep)), /ofMyApplication/);
      assert.match(await stackOf(() => runtime.readFile(1 as never)), /ofMyApplication/);
    });
  });

  test("of a runtime that is disposed", async () => {
    const runtime = await NodeRuntime.create();
    await runtime.dispose();
    assert.match(await stackOf(() => runtime.exec("1")), /ofMyApplication/);
    assert.match(await stackOf(() => runtime.readFile("/x")), /ofMyApplication/);
  });

  test("and an error that is the caller's own is left alone", async () => {
    await withRuntime({}, async (runtime) => {
      const reason = new Error("mine");
      const { stack } = reason;
      const controller = new AbortController();
      const running = runtime.exec("setInterval(() => {}, 1000)", { signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(running, reason);
      assert.equal(reason.stack, stack);
    });
  });
});

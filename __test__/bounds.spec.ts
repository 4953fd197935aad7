// What zero, nothing and infinity mean for every limit, and for the numbers of commands and shells.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

const groups: Record<string, string[]> = {
  resources: [
    "cpuCount",
    "maxProcesses",
    "maxOpenFds",
    "maxPipes",
    "maxSockets",
    "maxPtys",
    "maxFilesystemBytes",
    "maxInodeCount",
    "maxFileBytes",
    "maxProcessArgvBytes",
    "maxProcessEnvBytes",
    "maxMemoryBytes",
  ],
  jsRuntime: [
    "v8HeapLimitMb",
    "cpuTimeLimitMs",
    "wallClockLimitMs",
    "capturedOutputLimitBytes",
    "stdinBufferLimitBytes",
    "maxTimers",
  ],
  wasm: ["maxMemoryBytes", "maxModuleBytes", "maxStackBytes"],
  tools: ["defaultToolTimeoutMs", "maxPayloadBytes", "maxPending"],
};

/** Limits that Infinity switches off: time, which no part of the VM has to set aside. */
const boundless = new Set(["jsRuntime.cpuTimeLimitMs", "jsRuntime.wallClockLimitMs"]);

/** Limits of which nothing at all may be had. */
const zeroable = new Set(["jsRuntime.capturedOutputLimitBytes"]);

/** Runs `call` and expects an error that names the option; what it returns otherwise is let go. */
async function refuses(call: () => unknown, option: string, value: unknown): Promise<void> {
  let returned: { dispose?: () => unknown } | undefined;
  try {
    returned = (await call()) as typeof returned;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const found = `${option} = ${String(value)}: ${code} ${message}`;
    assert.match(code ?? "", /^ERR_(OUT_OF_RANGE|INVALID_ARG_(TYPE|VALUE))$/, found);
    assert.ok(message.includes(option), found);
    return;
  }
  await returned?.dispose?.();
  assert.fail(`${option} = ${String(value)} was accepted`);
}

describe("limits", () => {
  for (const [group, names] of Object.entries(groups)) {
    for (const name of names) {
      const option = `${group}.${name}`;
      test(`${option} refuses what is no bound`, async () => {
        const wrong: unknown[] = [-0, -1, -0.5, Number.NaN, "", "1", null, {}, [], true, 1n];
        if (!boundless.has(option)) wrong.push(Number.POSITIVE_INFINITY);
        if (!zeroable.has(option)) wrong.push(0);
        wrong.push(Number.NEGATIVE_INFINITY, 2 ** 53);
        for (const value of wrong) {
          const limits = { [group]: { [name]: value } };
          await refuses(() => NodeRuntime.create({ limits } as never), `limits.${option}`, value);
        }
      });
    }
  }

  test("undefined is the default for each of them", async () => {
    const limits: Record<string, Record<string, undefined>> = {};
    for (const [group, names] of Object.entries(groups)) {
      limits[group] = Object.fromEntries(names.map((name) => [name, undefined]));
    }
    await using runtime = await NodeRuntime.create({ limits } as never);
    const { stdout, exitCode } = await runtime.exec("console.log(1)");
    assert.deepEqual([stdout, exitCode], ["1\n", 0]);
  });

  test("Infinity takes the bound off time", async () => {
    const jsRuntime = { cpuTimeLimitMs: Infinity, wallClockLimitMs: Infinity };
    await using runtime = await NodeRuntime.create({ limits: { jsRuntime } });
    assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
  });

  test("zero bytes of output are none", async () => {
    const jsRuntime = { capturedOutputLimitBytes: 0 };
    await using runtime = await NodeRuntime.create({ limits: { jsRuntime } });
    assert.equal((await runtime.exec("console.log(1)")).stdout, "");
  });
});

describe("commands and shells", () => {
  let runtime: NodeRuntime;
  before(async () => {
    runtime = await NodeRuntime.create();
  });
  after(() => runtime.dispose());

  const wrongTimes = [0, -0, -1, Number.NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, "1", null, 1n];
  const wrongSizes = [0, -0, -1, 1.5, Number.NaN, Infinity, -Infinity, 65_536, 2 ** 53, "80", null];

  test("refuse a wrong timeout", async () => {
    for (const timeout of wrongTimes) {
      const options = { timeout } as never;
      await refuses(() => runtime.execCommand("true", [], options), "options.timeout", timeout);
      await refuses(() => runtime.spawnCommand("true", [], options), "options.timeout", timeout);
      await refuses(() => runtime.openShell(options), "options.timeout", timeout);
    }
  });

  test("refuse a wrong number of bytes to capture", async () => {
    for (const maxOutputBytes of [-0, -1, 0.5, Number.NaN, Infinity, 2 ** 53, "1", null]) {
      const options = { maxOutputBytes } as never;
      const name = "options.maxOutputBytes";
      await refuses(() => runtime.execCommand("true", [], options), name, maxOutputBytes);
      await refuses(() => runtime.spawnCommand("true", [], options), name, maxOutputBytes);
    }
  });

  for (const side of ["cols", "rows"]) {
    test(`refuse a terminal with wrong ${side}`, async () => {
      for (const value of wrongSizes) {
        const open = () => runtime.openShell({ [side]: value });
        await refuses(open, `options.${side}`, value);
      }
    });
  }

  test("undefined is the default", async () => {
    const nothing = { timeout: undefined, maxOutputBytes: undefined, stdin: undefined };
    const { stdout } = await runtime.execCommand("echo", ["1"], nothing as never);
    assert.equal(stdout, "1\n");
    const size = { cols: undefined, rows: undefined, command: "stty", args: ["size"] };
    const shell = await runtime.openShell(size as never);
    let shown = "";
    shell.onData((chunk) => {
      shown += Buffer.from(chunk).toString();
    });
    await shell.wait();
    assert.equal(shown.trim(), "24 80");
  });
});

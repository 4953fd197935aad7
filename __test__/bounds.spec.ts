// What zero, nothing and infinity mean for every limit, and for the numbers of commands and shells.

import assert from "node:assert/strict";
import { createNodeDriver, NodeRuntime, Sandbox } from "secure-exec";
import { rejectsArgument } from "./support/arguments.ts";
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
    "maxMountBytes",
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

describe("limits", () => {
  for (const [group, names] of Object.entries(groups)) {
    for (const name of names) {
      const option = `${group}.${name}`;
      test(`${option} refuses what is no bound`, async () => {
        const wrong: unknown[] = [
          -0,
          -1,
          -0.5,
          Number.NaN,
          "",
          "1",
          null,
          {},
          [],
          true,
          1n,
          Symbol("s"),
        ];
        if (!boundless.has(option)) wrong.push(Number.POSITIVE_INFINITY);
        if (!zeroable.has(option)) wrong.push(0);
        wrong.push(Number.NEGATIVE_INFINITY, 2 ** 53);
        for (const value of wrong) {
          const create = (bound: never) =>
            NodeRuntime.create({ limits: { [group]: { [name]: bound } } });
          await rejectsArgument(create, value, `limits.${option}`);
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

describe("a machine that cannot start", () => {
  test("names the limit that leaves no room for what is its own", async () => {
    const resources: Record<string, number[]> = {
      maxInodeCount: [1, 10, 50, 100, 150],
      maxFilesystemBytes: [1, 4096, 65_536, 200_000],
      maxOpenFds: [1, 2],
    };
    for (const [name, bounds] of Object.entries(resources)) {
      for (const bound of bounds) {
        const limits = { resources: { [name]: bound } };
        const error = await NodeRuntime.create({ limits }).then(
          async (runtime) => await runtime.dispose(),
          (error: Error & { code: string }) => error,
        );
        assert.match(String(error?.message), new RegExp(`limits\\.resources\\.${name}\\b`));
        assert.match(String(error?.code), /^(?:ENOSPC|ERR_RESOURCE_LIMIT|ERR_OUT_OF_RANGE)$/);
      }
    }
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
    for (const value of wrongTimes) {
      for (const method of ["execCommand", "spawnCommand"] as const) {
        const call = (timeout: never) => runtime[method]("true", [], { timeout });
        await rejectsArgument(call, value, "options.timeout");
      }
      const open = (timeout: never) => runtime.openShell({ timeout });
      await rejectsArgument(open, value, "options.timeout");
    }
  });

  test("refuse a wrong number of bytes to capture", async () => {
    for (const value of [-0, -1, 0.5, Number.NaN, Infinity, 2 ** 53, "1", null]) {
      for (const method of ["execCommand", "spawnCommand"] as const) {
        const call = (maxOutputBytes: never) => runtime[method]("true", [], { maxOutputBytes });
        await rejectsArgument(call, value, "options.maxOutputBytes");
      }
    }
  });

  for (const side of ["cols", "rows"]) {
    test(`refuse a terminal with wrong ${side}`, async () => {
      for (const value of wrongSizes) {
        const open = (size: never) => runtime.openShell({ [side]: size });
        await rejectsArgument(open, value, `options.${side}`);
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

describe("limits that are parts of others", () => {
  const mebibyte = 1024 * 1024;
  const contradictions: [string, object, string, string][] = [
    [
      "the heap",
      { jsRuntime: { v8HeapLimitMb: 1024 } },
      "jsRuntime.v8HeapLimitMb",
      "resources.maxMemoryBytes",
    ],
    [
      "files",
      { resources: { maxFilesystemBytes: 2 ** 31, maxFileBytes: 2 ** 31 } },
      "resources.maxFilesystemBytes",
      "resources.maxMemoryBytes",
    ],
    [
      "files in little memory",
      { resources: { maxFilesystemBytes: 128 * mebibyte, maxMemoryBytes: 64 * mebibyte } },
      "resources.maxFilesystemBytes",
      "resources.maxMemoryBytes",
    ],
    [
      "the memory of commands",
      { wasm: { maxMemoryBytes: 1024 * mebibyte } },
      "wasm.maxMemoryBytes",
      "resources.maxMemoryBytes",
    ],
    [
      "one file",
      { resources: { maxFileBytes: 100 * mebibyte } },
      "resources.maxFileBytes",
      "resources.maxFilesystemBytes",
    ],
  ];
  for (const [what, limits, part, whole] of contradictions) {
    test(`${what}: more than the whole is refused, and both are named`, async () => {
      await assert.rejects(NodeRuntime.create({ limits }), (error: Error & { code: string }) => {
        assert.ok(error instanceof RangeError);
        assert.equal(error.code, "ERR_OUT_OF_RANGE");
        assert.ok(error.message.includes(`options.limits.${part}`), error.message);
        assert.ok(error.message.includes(`limits.${whole}`), error.message);
        return true;
      });
    });
  }

  test("defaults give way to a small memory and to a small file system", async () => {
    for (const resources of [
      { maxMemoryBytes: 64 * mebibyte },
      { maxFilesystemBytes: 8 * mebibyte },
      { maxMemoryBytes: 1024 * mebibyte, maxFilesystemBytes: 512 * mebibyte },
    ]) {
      await using runtime = await NodeRuntime.create({ limits: { resources } });
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      assert.equal((await runtime.execCommand("echo", ["2"])).stdout, "2\n");
    }
  });
});

describe("wrong arguments", () => {
  const hints: [string, (runtime: NodeRuntime) => Promise<unknown>, RegExp][] = [
    [
      "a key that is nearly right",
      (rt) => rt.exec("1", { timeoutMs: 1 } as never),
      /Did you mean timeout\?/,
    ],
    [
      "a key with a letter less",
      (rt) => rt.exec("1", { onStdot() {} } as never),
      /Did you mean onStdout\?/,
    ],
    [
      "a key with two letters turned",
      (rt) => rt.exec("1", { singal: null } as never),
      /Did you mean signal\?/,
    ],
    [
      "a key that is none",
      (rt) => rt.exec("1", { filePath: "x" } as never),
      /Known are stdin, env, cwd/,
    ],
    ["an array for a record", (rt) => rt.exec("1", { env: [] as never }), /Received an array/],
    [
      "a variable without a value",
      (rt) => rt.exec("1", { env: { A: undefined } as never }),
      /env\.A.*or left out/,
    ],
    [
      "bytes that were meant as MiB",
      () => NodeRuntime.create({ limits: { resources: { maxMemoryBytes: 512 } } }),
      /at least 64 MiB\. Received 512/,
    ],
    [
      "options of writeFile",
      (rt) => rt.writeFile("/tmp/x", "", ...(["utf8"] as unknown as [])),
      /writeFile/,
    ],
  ];
  for (const [what, call, message] of hints) {
    test(`${what} gets a hint`, async () => {
      await using runtime = await NodeRuntime.create();
      await assert.rejects(call(runtime), { message });
    });
  }

  test("a command line in place of a command gets a hint", async () => {
    await using runtime = await NodeRuntime.create();
    const { exitCode, stderr } = await runtime.execCommand("ls -la");
    assert.equal(exitCode, 127);
    assert.match(stderr, /^ls -la: command not found\n.*no shell.*\["-c", line\]/);
  });

  test("what holds its parts otherwise than as properties is no options object", async () => {
    await using runtime = await NodeRuntime.create();
    const permissions = new Map([["fs", "deny"]]);
    const kinds = [new Map(), new Set(), new Date(), /x/, new Error("x"), Promise.resolve({})];
    for (const kind of [...kinds, new ArrayBuffer(1), new Uint8Array(1), Object("x")]) {
      const given = kind as never;
      const calls: [string, () => Promise<unknown>][] = [
        ["options", () => NodeRuntime.create(given)],
        ["options.limits", () => NodeRuntime.create({ limits: given })],
        ["options.jsRuntime", () => NodeRuntime.create({ jsRuntime: given })],
        ["options.env", () => NodeRuntime.create({ env: given })],
        ["options.tools", () => NodeRuntime.create({ tools: given })],
        ["options.commands", () => NodeRuntime.create({ commands: given })],
        ["options", () => Sandbox.create(given)],
        ["options", () => Sandbox.connect("http://127.0.0.1:1", given)],
        ["options", () => runtime.exec("1", given)],
        ["options", () => runtime.execCommand("true", [], given)],
        ["options", () => runtime.fork(given)],
        ["options", () => runtime.openShell(given)],
        ["options", () => runtime.fetch(80, given)],
      ];
      for (const [name, call] of calls) await rejectsArgument(call, undefined, name);
    }
    assert.throws(() => createNodeDriver({ permissions } as never), /options\.permissions/);
  });

  test("what a proxy in place of an option throws is told as the option's fault", async () => {
    await using runtime = await NodeRuntime.create();
    const trap = () => {
      throw new Error("trap");
    };
    const given = new Proxy({}, { get: trap, ownKeys: trap, has: trap }) as never;
    await assert.rejects(runtime.exec("1", { signal: given }), /options\.signal.*trap/);
    await assert.rejects(runtime.fetch(80, given), /options.*trap/);
    for (const option of ["networkAdapter", "commandExecutor"] as const) {
      assert.throws(() => createNodeDriver({ [option]: given }), new RegExp(`${option}.*trap`));
    }
  });

  test("the constructor without a driver says what makes a machine", () => {
    const construct = NodeRuntime as unknown as new (options: object) => unknown;
    assert.throws(() => new construct({}), {
      name: "TypeError",
      message: /await NodeRuntime\.create\(\)/,
    });
  });
});

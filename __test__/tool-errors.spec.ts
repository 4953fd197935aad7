// Tools that fail: what the guest is told, and what the host hears.

import assert from "node:assert/strict";
import { NodeRuntime, type ToolDefinition, ToolError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const anything = { description: "", inputSchema: {} };

/** What a failing call tells. */
const failing = (call: string) =>
  `globalThis.__return(await ${call}.then(() => "no failure", (error) => error.message));`;

type Heard = { error: unknown; name: string; pid: number };

/** A hook that keeps what it hears. */
function hearing() {
  const heard: Heard[] = [];
  const onToolError = (error: unknown, { name, pid }: { name: string; pid: number }) => {
    heard.push({ error, name, pid });
  };
  return { heard, onToolError };
}

describe("a handler that", () => {
  const never = new Promise<never>(() => {});
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  const buffer = Buffer.from("bytes");
  const outcomes: [string, ToolDefinition["handler"], string | RegExp][] = [
    ["throws", () => fail(new Error("secret of /home/me")), "t: the tool failed"],
    ["rejects", () => Promise.reject(new TypeError("refused")), "t: the tool failed"],
    ["throws nothing much", () => fail(null), "t: the tool failed"],
    ["throws text", () => fail("secret"), "t: the tool failed"],
    ["throws for the guest", () => fail(new ToolError("no such city")), "t: no such city"],
    ["rejects for the guest", async () => fail(new ToolError("no")), "t: no"],
    ["throws something hostile", () => fail(hostile()), "t: the tool failed"],
    [
      "throws a ToolError gone hostile",
      () => fail(hostile(new ToolError("x"))),
      "t: the tool failed",
    ],
    ["never settles", () => never, "t: the tool did not answer within 100 ms"],
    [
      "returns a cycle",
      () => cycle,
      "t: the result is not what JSON can hold: 'cycle' is circular",
    ],
    [
      "returns a BigInt",
      () => 1n,
      "t: the result is not what JSON can hold: it is a BigInt: give a string",
    ],
    ["returns a deep BigInt", () => ({ a: [{ id: 1n }] }), /: 'id' is a BigInt/],
    [
      "returns a BigInt in a list",
      () => ({ before: { x: [] }, a: { c: {}, b: [{ y: 1 }, 1n] } }),
      "t: the result is not what JSON can hold: '1' is a BigInt: give a string (at a.b.1)",
    ],
    [
      "returns a function",
      () => () => {},
      "t: the result is not what JSON can hold: it is a function",
    ],
    ["returns a symbol", () => ({ s: Symbol("s") }), /: 's' is a symbol/],
    ["returns bytes", () => new Uint8Array(3), /: it is binary data: give text/],
    ["returns a Buffer", () => ({ buffer }), /: 'buffer' is binary data: give text/],
    ["returns a Map", () => ({ m: new Map([[1, 2]]) }), /: 'm' is a Map: give an object/],
    ["returns a Set", () => new Set([1]), /: it is a Set: give an array/],
    ["returns a deep promise", () => ({ p: Promise.resolve(1) }), /: 'p' is a promise: await it/],
    [
      "returns an Error",
      () => ({ e: new Error("secret") }),
      /: 'e' is an Error: give its message$/,
    ],
    ["returns NaN", () => ({ mean: Number.NaN }), /: 'mean' is NaN/],
    ["returns Infinity", () => [1, Number.NEGATIVE_INFINITY], /: '1' is -Infinity/],
    [
      "has a toJSON that throws",
      () => ({ toJSON: () => fail(new Error("secret")) }),
      "t: the tool failed",
    ],
    [
      "returns too much",
      () => "x".repeat(2 << 20),
      /^t: the result is too large: limits\.tools\.maxPayloadBytes/,
    ],
    [
      "is a thenable that throws",
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: hostile on purpose
        get then() {
          return fail(new Error("then"));
        },
      }),
      "t: the tool failed",
    ],
    [
      "settles twice",
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: hostile on purpose
        then(yes: (v: unknown) => void, no: (e: unknown) => void) {
          no(new ToolError("first"));
          yes(2);
        },
      }),
      "t: first",
    ],
  ];
  test("goes wrong fails that call only, and the host hears of it", async () => {
    const tools: Record<string, ToolDefinition> = { fine: { ...anything, handler: () => "fine" } };
    const { heard, onToolError } = hearing();
    await withRuntime({ tools, onToolError }, async (runtime) => {
      for (const [what, handler, message] of outcomes) {
        await runtime.registerTools({ t: { ...anything, handler, timeoutMs: 100 } });
        const { value } = await runtime.run<string>(failing('callTool("t", {})'));
        if (typeof message === "string") assert.equal(value, message, what);
        else assert.match(value ?? "", message, what);
        const last = heard.pop();
        assert.equal(last?.name, "t", what);
        assert.deepEqual(heard, [], what);
      }
      const { value } = await runtime.run(`globalThis.__return(await callTool("fine"));`);
      assert.equal(value, "fine");
    });
  });

  test("returns what JSON can hold is told as JSON has it", async () => {
    const result = {
      date: new Date(0),
      none: undefined,
      list: [1, "a", null],
      same: [cycleFree, cycleFree],
    };
    await withRuntime({ tools: { t: { ...anything, handler: () => result } } }, async (runtime) => {
      const { value } = await runtime.run(`globalThis.__return(await callTool("t"));`);
      assert.deepEqual(value, JSON.parse(JSON.stringify(result)));
    });
  });

  test("returns nothing gives null", async () => {
    await withRuntime({ tools: { quiet: { ...anything, handler: () => {} } } }, async (runtime) => {
      const { value } = await runtime.run(`globalThis.__return([await callTool("quiet")]);`);
      assert.deepEqual(value, [null]);
    });
  });

  test("runs when its guest is killed is aborted", async () => {
    const aborted = Promise.withResolvers<unknown>();
    const started = Promise.withResolvers<void>();
    const { heard, onToolError } = hearing();
    const handler: ToolDefinition["handler"] = (_input, { signal }) => {
      started.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason);
          aborted.resolve(signal.reason);
        });
      });
    };
    const tools = { slow: { ...anything, handler } };
    await withRuntime({ tools, onToolError }, async (runtime) => {
      const program = await runtime.spawnCommand("slow", ["--json", "{}"]);
      await started.promise;
      program.kill("SIGKILL");
      assert.equal(await program.wait(), 137);
      assert.equal(((await aborted.promise) as Error).name, "AbortError");
    });
    // That it obeys its signal is no failure.
    assert.deepEqual(heard, []);
  });

  test("returns after the runtime is disposed harms nothing", async () => {
    const started = Promise.withResolvers<void>();
    const late = Promise.withResolvers<string>();
    const handler = () => {
      started.resolve();
      return late.promise;
    };
    const runtime = await NodeRuntime.create({ tools: { slow: { ...anything, handler } } });
    const program = await runtime.spawnCommand("slow", ["--json", "{}"]);
    await started.promise;
    await runtime.dispose();
    late.resolve("too late");
    assert.equal(await program.wait(), 143);
  });
});

describe("ToolError", () => {
  test("gives the guest a message, a code and data", async () => {
    const options = { code: "NO_CITY", data: { near: ["Paris"] }, cause: new Error("secret") };
    const handler = () => fail(new ToolError("no such city", options));
    await withRuntime({ tools: { t: { ...anything, handler } } }, async (runtime) => {
      const { value } = await runtime.run(`
        const told = await callTool("t").catch(({ name, message, code, data }) => ({ name, message, code, data }));
        globalThis.__return(told);`);
      assert.deepEqual(value, {
        name: "Error",
        message: "t: no such city",
        code: "NO_CITY",
        data: { near: ["Paris"] },
      });
      const { stdout, stderr, exitCode } = await runtime.execCommand("t", ["--json", "{}"]);
      assert.deepEqual(
        { stdout, stderr, exitCode },
        { stdout: "", stderr: "t: no such city\n", exitCode: 1 },
      );
    });
  });

  test("is an Error of its own", () => {
    const error = new ToolError("no", { cause: 1 });
    assert.ok(error instanceof Error);
    assert.deepEqual([error.name, error.message, error.cause], ["ToolError", "no", 1]);
    assert.deepEqual(Object.keys(new ToolError("no")), []);
    assert.throws(() => new ToolError("no", { code: 1 as never }), {
      code: "ERR_INVALID_ARG_TYPE",
    });
  });
});

describe("onToolError", () => {
  test("hears the error itself, with its stack, and who called", async () => {
    const { heard, onToolError } = hearing();
    const thrown = new Error("broken");
    const handler = () => fail(thrown);
    await withRuntime({ tools: { t: { ...anything, handler } }, onToolError }, async (runtime) => {
      const program = await runtime.spawnCommand("t", ["--json", "{}"]);
      assert.equal(await program.wait(), 1);
      assert.deepEqual(heard, [{ error: thrown, name: "t", pid: program.pid }]);
      assert.match(thrown.stack ?? "", /tool-errors\.spec/);
      // By the function it is the program that calls.
      const { value } = await runtime.run(
        `await callTool("t").catch(() => {}); globalThis.__return(process.pid);`,
      );
      assert.deepEqual(heard[1]?.pid, value);
    });
  });

  test("hears nothing of inputs that are wrong", async () => {
    const { heard, onToolError } = hearing();
    const t = { description: "", inputSchema: { type: "array" }, handler: () => 1 };
    await withRuntime({ tools: { t }, onToolError }, async (runtime) => {
      assert.match(
        (await runtime.execCommand("t", ["--json", "{}"])).stderr,
        /^t: invalid input: /,
      );
    });
    assert.deepEqual(heard, []);
  });

  test("may fail itself: that is a warning, and the guest is told the same", async () => {
    for (const onToolError of [
      () => fail(new Error("hook")),
      async () => fail(new Error("hook")),
    ]) {
      const warned = nextWarning("ERR_CALLBACK_THREW");
      const handler = () => fail(new ToolError("told"));
      await withRuntime(
        { tools: { t: { ...anything, handler } }, onToolError },
        async (runtime) => {
          assert.equal((await runtime.execCommand("t")).stderr, "t: told\n");
        },
      );
      assert.match((await warned).message, /onToolError threw: Error: hook/);
    }
  });

  test("is missed once: the first failure is a warning", async () => {
    const warned = nextWarning("SECURE_EXEC_TOOL_FAILED");
    const handler = () => fail(new Error("broken"));
    await withRuntime({ tools: { t: { ...anything, handler } } }, async (runtime) => {
      await runtime.execCommand("t");
      await runtime.execCommand("t");
    });
    assert.match((await warned).detail, /Error: broken/);
  });

  test("must be a function", async () => {
    await assert.rejects(NodeRuntime.create({ onToolError: 1 as never }), {
      code: "ERR_INVALID_ARG_TYPE",
    });
  });
});

test("a handler knows its signal, its name and who calls", async () => {
  const seen: unknown[] = [];
  const handler: ToolDefinition["handler"] = (_input, { signal, name, pid }) => {
    seen.push([signal instanceof AbortSignal, signal.aborted, name, pid]);
  };
  const tools = { t: { ...anything, handler, commandAliases: ["u"] } };
  await withRuntime({ tools }, async (runtime) => {
    const program = await runtime.spawnCommand("u", ["--json", "{}"]);
    assert.equal(await program.wait(), 0);
    assert.deepEqual(seen, [[true, false, "t", program.pid]]);
  });
});

const cycleFree = { n: 1 };

function fail(error: unknown): never {
  throw error;
}

/** An object whose every member throws. */
function hostile(target: object = {}): object {
  return new Proxy(target, {
    get: (_target, key) =>
      key === "message" || key === "name" || key === "code" ? fail(1) : undefined,
  });
}

type CodedWarning = Error & { code: string; detail: string };

function nextWarning(code: string): Promise<CodedWarning> {
  return new Promise((resolve) => {
    const listener = (warning: Error) => {
      if ((warning as CodedWarning).code !== code) return;
      process.off("warning", listener);
      resolve(warning as CodedWarning);
    };
    process.on("warning", listener);
  });
}

test("ToolError refuses options that it does not know", () => {
  const make = (options: object) => () => new ToolError("x", options);
  assert.throws(make({ codee: "A" }), {
    code: "ERR_INVALID_ARG_VALUE",
    message: 'The argument "options.codee" is not a known option. Known are code, data, cause',
  });
  assert.equal(make({ code: "A", data: 1, cause: 2 })().code, "A");
});

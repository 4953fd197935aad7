// Schemas of tools: what they may be, what they let through, and the flags that they give.

import assert from "node:assert/strict";
import { NodeRuntime, type StandardSchema, type ToolDefinition } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** A tool that gives back its input, and what its handler saw. */
function echo(inputSchema: object) {
  const seen: unknown[] = [];
  const handler = (input: unknown) => {
    seen.push(input);
    return input;
  };
  return { seen, tool: { description: "Echoes.", inputSchema, handler } satisfies ToolDefinition };
}

type Outcome = { input?: unknown; stderr: string };

/** Runs a shell's command line; `input` is what the handler saw. */
async function shell(runtime: NodeRuntime, seen: unknown[], line: string): Promise<Outcome> {
  seen.length = 0;
  const { stderr } = await runtime.execCommand("sh", ["-c", line]);
  return seen.length === 0 ? { stderr } : { input: seen[0], stderr };
}

describe("a JSON Schema", () => {
  test("gives flags, and the handler what they mean", async () => {
    const { seen, tool } = echo({
      type: "object",
      properties: {
        zip: { anyOf: [{ type: "string" }, { type: "null" }] },
        URL: { type: "string" },
        count: { type: "integer", default: 3 },
        tags: { type: "array", items: { type: "string" } },
        user: { $ref: "#/$defs/user" },
        quiet: { type: "boolean" },
      },
      $defs: { user: { type: "object", properties: { userID: { type: ["integer", "null"] } } } },
      additionalProperties: false,
    });
    const lines: [string, unknown][] = [
      ["t --zip 12345", { zip: "12345", count: 3 }],
      ["t --zip=-1 --url a --no-quiet", { zip: "-1", URL: "a", quiet: false, count: 3 }],
      ["t --tags a --tags 1 --count 5", { tags: ["a", "1"], count: 5 }],
      ["t --user.user-id 7", { user: { userID: 7 }, count: 3 }],
      [`t --user '{"userID":null}'`, { user: { userID: null }, count: 3 }],
      ["t </dev/null", { count: 3 }],
    ];
    await withRuntime({ tools: { t: tool } }, async (runtime) => {
      for (const [line, expected] of lines) {
        const { input, stderr } = await shell(runtime, seen, line);
        assert.deepEqual(input, expected, `${line}: ${stderr}`);
      }
      const { stderr } = await shell(runtime, seen, "t --urll a");
      assert.match(stderr, /^t: unknown flag --urll; did you mean --url\?/);
      const { stdout } = await runtime.execCommand("t", ["--help"]);
      assert.match(stdout, /--zip <string\|null>/);
      assert.match(stdout, /--count <integer> +\(default: 3\)/);
      assert.match(stdout, /--user\.user-id <integer\|null>/);
    });
  });

  test("never lets an integer be rounded, whichever way it comes", async () => {
    const { seen, tool } = echo({ type: "object", properties: { id: { type: "integer" } } });
    const large = "9007199254740993";
    const ways = [
      `t --id ${large}`,
      `t --id=-${large}`,
      `t --json '{"id":${large}}'`,
      `echo '{"id":${large}}' | t`,
      `echo '{"id":${large}}' > in.json; t --json-file in.json`,
      `t --json '{"deep":[{"id":${large}.0}]}'`,
    ];
    await withRuntime({ tools: { t: tool } }, async (runtime) => {
      for (const way of ways) {
        const { input, stderr } = await shell(runtime, seen, way);
        assert.deepEqual(input, undefined, way);
        assert.match(stderr, /9007199254740993(\.0)? is an integer beyond 2\^53/, way);
      }
      const told = await runtime.run<string[]>(`
        const told = [];
        for (const id of [${large}n, 5n, NaN]) {
          told.push(await callTool("t", { id }).catch(({ code, message }) => code + " " + message));
        }
        globalThis.__return(told);`);
      const refused =
        "ERR_INVALID_ARG_TYPE t: 'id' is a BigInt, which JSON cannot hold: give a string";
      const notANumber = "ERR_INVALID_ARG_TYPE t: 'id' is NaN, which JSON cannot hold";
      assert.deepEqual(told.value, [refused, refused, notANumber]);
      for (const id of ["9007199254740991", "-9007199254740991", "1152921504606846976"]) {
        const { input } = await shell(runtime, seen, `t --id ${id}`);
        assert.equal(String(BigInt((input as { id: number }).id)), id);
      }
    });
  });

  test("is checked with formats, and its defaults are there before", async () => {
    const { seen, tool } = echo({
      type: "object",
      required: ["mode"],
      properties: {
        when: { type: "string", format: "date-time" },
        mode: { enum: ["a", "b"], default: "a" },
        rows: { type: "array", items: { properties: { on: { default: true } } } },
      },
    });
    await withRuntime({ tools: { t: tool } }, async (runtime) => {
      const { stderr } = await shell(runtime, seen, "t --when nonsense");
      assert.match(stderr, /^t: invalid input: \/when: .*date-time/);
      const { input } = await shell(runtime, seen, `t --json '{"rows":[{},{"on":false}]}'`);
      assert.deepEqual(input, { rows: [{ on: true }, { on: false }], mode: "a" });
    });
  });

  test("that goes through many branches does not stop the host", async () => {
    const expr = { $ref: "#/$defs/expr" };
    const branch = (op: string) => ({
      type: "object",
      properties: { left: expr, op: { const: op } },
      required: ["op"],
    });
    const leaf = {
      type: "object",
      properties: { value: { type: "number" } },
      required: ["value"],
    };
    const { tool } = echo({
      ...expr,
      $defs: { expr: { oneOf: [branch("and"), branch("or"), leaf] } },
    });
    await withRuntime({ tools: { t: tool } }, async (runtime) => {
      // The host's event loop turns while the guest is refused.
      let turns = 0;
      const timer = setInterval(() => turns++, 10);
      const { value } = await runtime.run<string[]>(`
        const nested = (depth, leaf) => depth === 0 ? leaf : { left: nested(depth - 1, leaf), op: "or" };
        const told = [];
        for (const [depth, leaf] of [[2, { value: 1 }], [2, { bogus: 1 }], [40, { bogus: 1 }], [200, {}]]) {
          told.push(await callTool("t", nested(depth, leaf)).then(() => "fine", ({ message }) => message));
        }
        globalThis.__return(told);`);
      clearInterval(timer);
      const [fine, wrong, complex, deep] = value ?? [];
      assert.equal(fine, "fine");
      assert.match(wrong ?? "", /^t: invalid input: .*oneOf/);
      assert.match(complex ?? "", /^t: invalid input: /);
      assert.match(deep ?? "", /nested deeper|recursion limit/);
      assert.ok(turns > 0);
    });
  });
});

describe("a Standard Schema", () => {
  /** As a library makes it: an object of a class, with what it gives out being another than what it takes. */
  class Amount implements StandardSchema<{ amount: string }, { amount: number }> {
    readonly "~standard" = {
      version: 1,
      vendor: "test",
      validate: async (value: unknown) => {
        const text = (value as { amount?: unknown }).amount;
        const path = ["amount", { key: 0 }];
        if (typeof text !== "string") return { issues: [{ message: "text is needed", path }] };
        if (text === "crash") throw new Error("secret");
        return { value: { amount: Number(text) } };
      },
      jsonSchema: {
        input: ({ target }: { target: string }) => {
          assert.equal(target, "draft-2020-12");
          return {
            type: "object",
            properties: { amount: { type: "string" } },
            required: ["amount"],
          };
        },
      },
    } as const;
  }

  test("checks by itself, gives out the input, and has flags if it tells its JSON Schema", async () => {
    const { seen, tool } = echo(new Amount());
    const heard: unknown[] = [];
    const options = { tools: { t: tool }, onToolError: (error: unknown) => heard.push(error) };
    await withRuntime(options, async (runtime) => {
      assert.deepEqual((await shell(runtime, seen, "t --amount 5")).input, { amount: 5 });
      const { stdout } = await runtime.execCommand("t", ["--help"]);
      assert.match(stdout, /--amount <string> +\(required\)/);
      const wrong = await shell(runtime, seen, `t --json '{"amount":5}'`);
      assert.equal(wrong.stderr, "t: invalid input: /amount/0: text is needed\n");
      assert.deepEqual(heard, []);
      const crash = await shell(runtime, seen, "t --amount crash");
      assert.equal(crash.stderr, "t: the tool failed\n");
      assert.match(String(heard), /secret/);
      const large = await shell(runtime, seen, `t --json '{"amount":9007199254740993}'`);
      assert.match(large.stderr, /beyond 2\^53/);
    });
  });

  test("that tells no JSON Schema takes JSON alone", async () => {
    const validate = (value: unknown) => ({ value: [value] });
    const callable = Object.assign(() => {}, {
      "~standard": { version: 1, vendor: "x", validate },
    });
    const { seen, tool } = echo(callable);
    await withRuntime({ tools: { t: tool } }, async (runtime) => {
      assert.deepEqual((await shell(runtime, seen, `t --json '{"a":1}'`)).input, [{ a: 1 }]);
      assert.match((await shell(runtime, seen, "t --a 1")).stderr, /no flags but --json/);
    });
  });
});

test("inputs at a time are bounded in sum", async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let running = 0;
  const slow = {
    description: "",
    inputSchema: {},
    handler: async () => {
      running++;
      if (running === 2) started.resolve();
      await release.promise;
      return running;
    },
  };
  const limits = { tools: { maxPendingBytes: 2500 } };
  await withRuntime({ tools: { slow }, limits }, async (runtime) => {
    const json = JSON.stringify("x".repeat(1000));
    const programs = [];
    for (let count = 0; count < 2; count++) {
      programs.push(await runtime.spawnCommand("slow", ["--json", json]));
    }
    await started.promise;
    const { stderr } = await runtime.execCommand("slow", ["--json", json]);
    assert.equal(stderr, "slow: too many calls wait: limits.tools.maxPendingBytes is 2500\n");
    release.resolve();
    for (const program of programs) assert.equal(await program.wait(), 0);
    // One call alone is bounded by its own limit.
    const alone = await runtime.execCommand("slow", ["--json", JSON.stringify("x".repeat(5000))]);
    assert.equal(alone.exitCode, 0, alone.stderr);
  });
});

describe("what is no schema", () => {
  const wrong: [string, unknown, RegExp][] = [
    ["a function", () => {}, /is a function/],
    ["an instance of a class", new (class Schema {})(), /instance of a class without '~standard'/],
    ["a Map", new Map(), /instance of a class/],
    ["an old Zod", { _def: {} }, /Zod 3\.24/],
    ["a whole tool", { parameters: {}, execute() {} }, /whole tool/],
    ["a wrapped schema", { jsonSchema: { type: "object" } }, /'jsonSchema'/],
    [
      "a record of schemas",
      { a: { "~standard": { version: 1, vendor: "x", validate() {} } } },
      /record of schemas/,
    ],
    ["a record of properties", { city: { type: "string" } }, /belong under 'properties'/],
    ["no type", { type: "text" }, /is no JSON Schema/],
    ["a list", [], /must be an object/],
    ["a cycle", circular(), /circular/],
    ["defaults without end", { properties: { a: { $ref: "#", default: {} } } }, /no end/],
  ];
  test("is refused where it refers to another document, which is named", async () => {
    for (const $ref of [
      "https://example.com/s.json",
      "file:///etc/passwd",
      "other.json",
      "urn:a:b",
    ]) {
      const inputSchema = { type: "object", properties: { a: { $ref } } };
      const tools = { t: { description: "", inputSchema, handler: () => null } };
      await assert.rejects(NodeRuntime.create({ tools }), {
        code: "ERR_INVALID_ARG_VALUE",
        message: `The argument "options.tools.t.inputSchema" refers to another document, '${$ref}', and nothing is fetched: put what it means under '$defs' and refer to that`,
      });
    }
  });

  test("is refused with what to give instead", async () => {
    for (const [what, inputSchema, message] of wrong) {
      const tools = { t: { description: "", inputSchema, handler() {} } };
      await assert.rejects(NodeRuntime.create({ tools } as never), (error: Error) => {
        assert.ok(error instanceof TypeError, what);
        assert.match(error.message, message, what);
        assert.match(error.message, /options\.tools\.t\.inputSchema/, what);
        return true;
      });
    }
  });

  test("names the keys of other libraries", async () => {
    const tools = { t: { description: "", parameters: {}, execute() {} } };
    await assert.rejects(
      NodeRuntime.create({ tools } as never),
      /'handler' here|'inputSchema' here/,
    );
  });
});

function circular(): object {
  const schema: { properties: Record<string, unknown> } = { properties: {} };
  schema.properties.self = schema;
  return schema;
}

// Tools: functions of the host as commands and as callTool.

import assert from "node:assert/strict";
import { NodeRuntime, type ToolDefinition } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const weather: ToolDefinition<{ city: string; days?: number }> = {
  description: "Tells the weather.",
  inputSchema: {
    type: "object",
    properties: {
      city: { type: "string", description: "Where" },
      days: { type: "integer", minimum: 1 },
      verbose: { type: "boolean" },
    },
    required: ["city"],
    additionalProperties: false,
  },
  handler: ({ city, days = 1 }) => ({ city, days, forecast: "sunny" }),
  commandAliases: ["forecast"],
  examples: [{ description: "Tomorrow", input: { city: "Paris" } }],
};

const anything = { description: "", inputSchema: {} };

/** Runs guest code that reports by `__return`. */
async function inGuest(tools: Record<string, ToolDefinition>, code: string, limits = {}) {
  return await withRuntime({ tools, limits: { tools: limits } }, async (runtime) => {
    const { value, exitCode, stderr } = await runtime.run(code, { timeout: 20_000 });
    assert.equal(exitCode, 0, stderr);
    return value;
  });
}

/** What a failing call tells. */
const failing = (call: string) =>
  `globalThis.__return(await ${call}.then(() => "no failure", (error) => error.message));`;

describe("a tool as a command", () => {
  const commands: [string, string[], string | undefined, number, RegExp | string][] = [
    ["flags", ["weather", "--city", "Paris", "--days", "3"], undefined, 0, sunny("Paris", 3)],
    ["attached", ["weather", "--city=Rome"], undefined, 0, sunny("Rome", 1)],
    ["json", ["weather", "--json", '{"city":"Oslo"}'], undefined, 0, sunny("Oslo", 1)],
    ["a repeated name", ["weather", "weather", "--city", "Bonn"], undefined, 0, sunny("Bonn", 1)],
    ["an alias", ["forecast", "--city", "Bern"], undefined, 0, sunny("Bern", 1)],
    ["standard input", ["weather"], '{"city":"Kyiv","days":2}', 0, sunny("Kyiv", 2)],
    ["a file", ["weather", "--json-file", "in.json"], undefined, 0, sunny("Lima", 1)],
    ["help", ["weather", "--help"], undefined, 0, /^Tells the weather\.\n\nUsage: weather/],
    [
      "a missing property",
      ["weather", "--days", "3"],
      undefined,
      1,
      /^weather: invalid input: .*city/,
    ],
    ["a wrong value", ["weather", "--json", '{"city":1}'], undefined, 1, /invalid input: \/city: /],
    ["an unknown flag", ["weather", "--town", "x"], undefined, 1, /^weather: unknown flag --town/],
    ["no JSON", ["weather", "--json", "{"], undefined, 1, /^weather: invalid JSON/],
    ["no file", ["weather", "--json-file", "nope"], undefined, 1, /nope: no such file/],
    ["a late help", ["weather", "--city", "Paris", "-h"], undefined, 0, /^Tells the weather/],
  ];
  test("takes flags, JSON, a file and standard input", async () => {
    const files = { "/workspace/in.json": '{"city":"Lima"}' };
    await withRuntime({ tools: { weather }, files }, async (runtime) => {
      for (const [what, [command = "", ...args], stdin, code, expected] of commands) {
        const options = stdin === undefined ? {} : { stdin };
        const { stdout, stderr, exitCode } = await runtime.execCommand(command, args, options);
        const text = exitCode === 0 ? stdout : stderr;
        assert.equal(exitCode, code, `${what}: ${stdout}${stderr}`);
        if (typeof expected === "string") assert.equal(text, expected, what);
        else assert.match(text, expected, what);
      }
      assert.equal((await runtime.getResourceSnapshot()).processes, 0);
    });
  });

  test("is found by child processes of guests", async () => {
    const value = await inGuest(
      { weather },
      `import { execFileSync } from "node:child_process";
       globalThis.__return(JSON.parse(execFileSync("weather", ["--city", "Paris"])));`,
    );
    assert.deepEqual(value, { ok: true, result: { city: "Paris", days: 1, forecast: "sunny" } });
  });

  test("cannot be removed or replaced by a guest", async () => {
    await withRuntime({ tools: { weather } }, async (runtime) => {
      const { value } = await runtime.run(`
        import { unlinkSync, writeFileSync } from "node:fs";
        const codes = [];
        for (const attempt of [unlinkSync, (path) => writeFileSync(path, "#!/bin/sh")]) {
          try { attempt("/usr/local/bin/weather"); } catch (error) { codes.push(error.code); }
        }
        globalThis.__return(codes);`);
      assert.deepEqual(value, ["EACCES", "EACCES"]);
    });
  });
});

describe("callTool", () => {
  test("gives the result of the handler, under each of its names", async () => {
    const code = `
      const all = [];
      for (const call of [callTool, callHostTool, callBinding]) all.push(await call("weather", { city: "Paris" }));
      globalThis.__return(all);`;
    const result = { city: "Paris", days: 1, forecast: "sunny" };
    assert.deepEqual(await inGuest({ weather }, code), [result, result, result]);
  });

  test("runs many calls at a time without mixing them", async () => {
    const echo = { ...anything, handler: async (input: unknown) => input };
    const code = `
      const calls = Array.from({ length: 30 }, (_, n) => callTool("echo", { n }));
      globalThis.__return((await Promise.all(calls)).map(({ n }) => n));`;
    assert.deepEqual(
      await inGuest({ echo }, code),
      Array.from({ length: 30 }, (_, n) => n),
    );
  });

  test("keys like __proto__ stay data", async () => {
    let seen: unknown;
    const look = {
      ...anything,
      handler: (input: object) => {
        seen = { keys: Object.keys(input), polluted: ({} as { polluted?: unknown }).polluted };
        return input;
      },
    };
    const code = `globalThis.__return(JSON.stringify(await callTool("look", JSON.parse('{"__proto__":{"polluted":1}}'))));`;
    assert.equal(await inGuest({ look }, code), '{"__proto__":{"polluted":1}}');
    assert.deepEqual(seen, { keys: ["__proto__"], polluted: undefined });
  });

  test("tells of tools that are not there", async () => {
    assert.equal(await inGuest({}, failing('callTool("nope", {})')), "nope: no such tool");
    assert.equal(
      await inGuest({}, failing('callTool("../../bin/node", {})')),
      "../../bin/node: no such tool",
    );
  });
});

describe("limits of tools", () => {
  test("bound the input and the calls at a time", async () => {
    const echo = { ...anything, handler: async (input: unknown) => input };
    const large = failing('callTool("echo", { text: "x".repeat(2000) })');
    assert.match(
      String(await inGuest({ echo }, large, { maxPayloadBytes: 1000 })),
      /the input is too large: limits\.tools\.maxPayloadBytes is 1000/,
    );
    const wait = { ...anything, handler: () => new Promise<never>(() => {}) };
    const many = `
      const calls = Array.from({ length: 4 }, () => callTool("wait", {}));
      globalThis.__return(await Promise.race(calls.map((call) => call.catch((error) => error.message))));
      process.exit(0);`;
    assert.match(
      String(await inGuest({ wait }, many, { maxPending: 3 })),
      /limits\.tools\.maxPending is 3/,
    );
  });
});

describe("definitions of tools", () => {
  const create = (tools: unknown) => NodeRuntime.create({ tools } as never);
  const wrong: [string, unknown, string][] = [
    ["no record", 1, "ERR_INVALID_ARG_TYPE"],
    ["no description", { t: { inputSchema: {}, handler() {} } }, "ERR_INVALID_ARG_TYPE"],
    ["no handler", { t: { ...anything } }, "ERR_INVALID_ARG_TYPE"],
    ["an unknown key", { t: { ...anything, handler() {}, extra: 1 } }, "ERR_INVALID_ARG_VALUE"],
    ["a bad name", { "a b": { ...anything, handler() {} } }, "ERR_INVALID_ARG_VALUE"],
    ["a path as name", { "../x": { ...anything, handler() {} } }, "ERR_INVALID_ARG_VALUE"],
    ["a reserved name", { node: { ...anything, handler() {} } }, "ERR_INVALID_ARG_VALUE"],
    [
      "no schema",
      { t: { description: "", inputSchema: { type: 5 }, handler() {} } },
      "ERR_INVALID_ARG_VALUE",
    ],
    [
      "a remote schema",
      { t: { description: "", inputSchema: { $ref: "http://127.0.0.1:1/" }, handler() {} } },
      "ERR_INVALID_ARG_VALUE",
    ],
    [
      "NaN as timeout",
      { t: { ...anything, handler() {}, timeoutMs: Number.NaN } },
      "ERR_OUT_OF_RANGE",
    ],
    [
      "two of one name",
      { t: { ...anything, handler() {} }, u: { ...anything, handler() {}, commandAliases: ["t"] } },
      "ERR_INVALID_ARG_VALUE",
    ],
  ];
  test("are checked before anything starts", async () => {
    for (const [what, tools, code] of wrong) {
      await assert.rejects(create(tools), { code }, what);
    }
    const handler = () => 1;
    const both = {
      tools: { t: { ...anything, handler } },
      bindings: { u: { ...anything, handler } },
    };
    await assert.rejects(NodeRuntime.create(both), { code: "ERR_INVALID_ARG_VALUE" });
  });

  test("may come later, and under the other names", async () => {
    await withRuntime({ bindings: { one: { ...anything, handler: () => 1 } } }, async (runtime) => {
      await runtime.registerBindings({ two: { ...anything, handler: () => 2 } });
      const { value } = await runtime.run(
        `globalThis.__return([await callTool("one"), await callTool("two")]);`,
      );
      assert.deepEqual(value, [1, 2]);
    });
  });
});

function sunny(city: string, days: number): string {
  return `${JSON.stringify({ ok: true, result: { city, days, forecast: "sunny" } })}\n`;
}

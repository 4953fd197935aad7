// The types of the module `tools`, made from schemas, as compilers see them: in the guest, in the compiler's machine and on
// the host.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ToolDefinition, toolTypes } from "secure-exec";
import { createTypeScriptTools } from "secure-exec/typescript";
import ts from "typescript";
import { z } from "zod";
import { withRuntime } from "./support/guest.ts";
import { root } from "./support/releases.ts";
import { describe, test } from "./support/suite.ts";

/** The compiler reads megabytes of declarations. */
const timeout = 120_000;

const handler = () => null;
const tool = (inputSchema: object, outputSchema?: object): ToolDefinition => ({
  description: "Says */ what it does.\nIn lines.",
  inputSchema,
  handler,
  ...(outputSchema && { outputSchema }),
});

const node = {
  type: "object",
  properties: {
    value: { type: "number", default: 1, description: "A value */ export" },
    next: { anyOf: [{ $ref: "#" }, { type: "null" }] },
    'we"ird\u2028*/': { type: ["string", "integer"] },
  },
  required: ["next"],
};

const tools: Record<string, ToolDefinition> = {
  orders: tool(
    z.object({
      customer: z.string(),
      limit: z.number().default(2),
      kind: z.enum(["a", "b"]).optional(),
    }),
    z.array(z.object({ id: z.string(), at: z.iso.datetime().optional() })),
  ),
  "my-tool": tool(node, node),
  delete: tool({}),
  // biome-ignore lint/suspicious/noThenProperty: that is the point
  then: tool({ type: "object", properties: {} }, { const: { a: [1, "b", null] } }),
  lists: tool(
    {
      type: "array",
      prefixItems: [{ type: "string" }, { enum: [1, 2] }],
      items: {
        allOf: [
          { type: "object", properties: { a: { type: "number" } } },
          { $ref: "#/$defs/b%20c" },
        ],
      },
      $defs: {
        "b c": {
          type: "object",
          properties: { b: { type: "boolean" } },
          additionalProperties: { type: "number" },
        },
      },
    },
    {
      type: "object",
      additionalProperties: { oneOf: [{ type: "string" }, { type: "array", items: false }] },
    },
  ),
  // Types that would be nothing but themselves.
  circles: tool({
    $ref: "#/$defs/a",
    $defs: {
      a: { anyOf: [{ $ref: "#/$defs/b" }, { type: "string" }] },
      b: { allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }, { $ref: "#" }] },
    },
  }),
  unknown: tool({ $ref: "#/nowhere" }, true as never),
};
delete tools.unknown;
for (const name of [
  "Promise",
  "Record",
  "Array",
  "all",
  "tools",
  "MyTool",
  "OrdersInput",
  "constructor",
  "string",
]) {
  tools[name] = tool({ type: "object", properties: { "my-name": { type: "string" } } });
}

const right = `import all, { orders, "my-tool" as own, myTool, delete as remove, then_, lists, circles } from "tools";
import * as namespace from "tools";
import type { OrdersInput, OrdersOutput, MyToolInput } from "tools";
export async function main(): Promise<string> {
  const input: OrdersInput = { customer: "a", kind: "b" };
  const result: OrdersOutput = await orders(input);
  const first: string | undefined = result[0]?.id;
  const chain: MyToolInput = { next: { next: null, value: 2 } };
  const { value } = await own(chain);
  const sure: number = value;
  const same: typeof myTool = all["my-tool"];
  await namespace.orders({ customer: "a", limit: 1 });
  await remove();
  const { a: [, b] } = await then_();
  const letter: "b" = b;
  await lists(["x", 2, { a: 1, b: true }]);
  await circles("x");
  return [first, sure, same.name, letter].join();
}
`;

const wrong: [string, number][] = [
  [`import { orders } from "tools"; await orders({}); export {};`, 2345],
  [`import { orders } from "tools"; await orders({ customer: 1 }); export {};`, 2322],
  [`import { orders } from "tools"; await orders({ customer: "", kind: "c" }); export {};`, 2322],
  [`import { orders } from "tools"; (await orders({ customer: "" }))[0]!.cost; export {};`, 2339],
  [`import { nope } from "tools"; export { nope };`, 2614],
  [`import tools from "tools"; tools.orders = tools.orders; export {};`, 2540],
];

describe("in a machine", () => {
  test("the compiler's tools take a program that uses them, and find what is wrong in one", {
    timeout,
  }, async () => {
    await using compiler = createTypeScriptTools({ tools });
    const compilerOptions = { strict: true, noUncheckedIndexedAccess: true };
    const check = (sourceText: string) => compiler.typecheckSource({ sourceText, compilerOptions });
    assert.deepEqual(await check(right), { success: true, diagnostics: [] });
    for (const [sourceText, code] of wrong) {
      const { diagnostics } = await check(sourceText);
      assert.deepEqual(
        diagnostics.map((each) => each.code),
        [code],
        sourceText,
      );
    }
  });

  test("tsc finds them where programs find the tools", { timeout }, async () => {
    const options = {
      tools,
      mounts: [{ guestPath: "/opt/typescript", hostPath: join(root, "node_modules/typescript") }],
      files: { "/workspace/main.mts": right },
      limits: {
        resources: { maxMemoryBytes: 2 ** 30, cpuCount: 2 },
        jsRuntime: { v8HeapLimitMb: 400 },
      },
    };
    await withRuntime(options, async (runtime) => {
      const flags = ["--strict", "--module", "nodenext", "--target", "es2022", "--noEmit"];
      const result = await runtime.execCommand("node", [
        "/opt/typescript/bin/tsc",
        ...flags,
        "main.mts",
      ]);
      assert.deepEqual([result.stdout, result.exitCode], ["", 0]);
    });
  });
});

describe("on the host", () => {
  /** What the compiler says of a program that is checked with files beside it. */
  async function compile(name: string, files: Record<string, string>, options: ts.CompilerOptions) {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-tool-types-"));
    try {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), text);
      }
      const names = Object.keys(files).filter((file) => /^[^/]*\.[cm]?ts$/.test(file));
      const program = ts.createProgram(
        names.map((file) => join(folder, file)),
        {
          strict: true,
          noUncheckedIndexedAccess: true,
          noEmit: true,
          types: [],
          target: ts.ScriptTarget.ES2022,
          ...options,
        },
      );
      assert(names.includes(name));
      return ts
        .getPreEmitDiagnostics(program)
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  test("the declaration that toolTypes gives", { timeout }, async () => {
    const text = toolTypes(tools);
    assert.match(text, /^declare module "tools" \{\n/);
    assert.match(text, /export function orders\(input: OrdersInput\): Promise<OrdersOutput>;/);
    const files = { "tools.d.ts": text, "main.mts": right };
    const module = ts.ModuleKind.NodeNext;
    assert.deepEqual(await compile("main.mts", files, { module }), []);
    const broken = { ...files, "main.mts": right.replace('customer: "a", kind', "kind") };
    assert.match((await compile("main.mts", broken, { module })).join(), /'customer' is missing/);
  });

  test("the files of the package, for ES modules and CommonJS, under every resolution", {
    timeout,
  }, async () => {
    const names = ["package.json", "index.js", "index.d.ts", "index.d.cts"];
    const files: Record<string, string> = {};
    await withRuntime({ tools }, async (runtime) => {
      for (const name of names) {
        files[`node_modules/tools/${name}`] = await runtime.readFile(
          `/node_modules/tools/${name}`,
          "utf8",
        );
      }
    });
    const { ModuleKind, ModuleResolutionKind } = ts;
    const module = { ...files, "main.mts": right };
    const bare = `import tools = require("tools");
      export const id = async () => (await tools.orders({ customer: "a" }))[0]?.id satisfies string | undefined;`;
    const commonJs = { ...files, "main.cts": bare, "package.json": "{}" };
    const named = {
      ...files,
      "main.ts": right
        .replace(/^import type.*$/m, "")
        .replaceAll(/: (OrdersInput|OrdersOutput|MyToolInput) =/g, " =")
        .replace('{ customer: "a", kind: "b" }', '{ customer: "a", kind: "b" as const }'),
    };
    for (const [file, all, options] of [
      ["main.mts", module, { module: ModuleKind.Node16 }],
      ["main.mts", module, { module: ModuleKind.NodeNext }],
      [
        "main.mts",
        module,
        { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
      ],
      ["main.cts", commonJs, { module: ModuleKind.Node16 }],
      ["main.cts", commonJs, { module: ModuleKind.NodeNext }],
      [
        "main.ts",
        named,
        {
          module: ModuleKind.CommonJS,
          moduleResolution: ModuleResolutionKind.Node10,
          esModuleInterop: true,
        },
      ],
    ] as const) {
      assert.deepEqual(await compile(file, all, options), [], `${file} ${options.module}`);
    }
  });

  test("are made in a moment, of many tools and of schemas that are nothing but references", () => {
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, n) => [`tool-${n}`, tool({})]),
    );
    const $defs: Record<string, object> = { a5000: { type: "string" } };
    for (let n = 0; n < 5000; n += 1) $defs[`a${n}`] = { $ref: `#/$defs/a${n + 1}` };
    const started = performance.now();
    assert.match(toolTypes(many), /function tool999\(/);
    assert.match(
      toolTypes({ chain: tool({ $ref: "#/$defs/a0", $defs }) }),
      /type ChainInput = any;/,
    );
    assert(performance.now() - started < 10_000);
  });

  test("definitions that are wrong are told by name", () => {
    assert.throws(() => toolTypes({ t: { description: "" } } as never), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /tools\.t\.inputSchema/,
    });
    assert.throws(() => createTypeScriptTools({ tools: { "a b": tool({}) } }), {
      code: "ERR_INVALID_ARG_VALUE",
      message: /options\.tools/,
    });
  });
});

// What the types of tools promise. Compiled by `npm run typecheck`, never run.

import {
  defineTool,
  NodeRuntime,
  type StandardSchema,
  type ToolDefinition,
  ToolError,
  type ToolInput,
} from "secure-exec";

/** Fails to compile unless both types are the same. */
type Same<Left, Right> =
  (<Any>() => Any extends Left ? 1 : 2) extends <Any>() => Any extends Right ? 1 : 2 ? true : false;
const proven = <_Claim extends true>() => {};

const schema = {
  type: "object",
  properties: {
    city: { type: "string" },
    days: { type: "integer", default: 3 },
    zip: { type: ["string", "null"] },
    kind: { enum: ["a", "b"] },
    tags: { type: "array", items: { type: "string" } },
    pair: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
    either: { anyOf: [{ type: "number" }, { const: "auto" }] },
    env: { type: "object", additionalProperties: { type: "string" } },
    inner: { type: "object", properties: { on: { type: "boolean" } }, required: ["on"] },
  },
  required: ["city"],
} as const;

type Expected = {
  city: string;
  days: number;
  zip?: string | null;
  kind?: "a" | "b";
  tags?: string[];
  pair?: [string, number];
  either?: number | "auto";
  env?: Record<string, string>;
  inner?: { on: boolean };
};
proven<Same<ToolInput<typeof schema>, Expected>>();

const both = {
  allOf: [
    { type: "object", properties: { a: { type: "string" } } },
    { type: "object", properties: { b: { type: "null" } }, required: ["b"] },
  ],
} as const;
const fromBoth = (input: ToolInput<typeof both>): [string | undefined, null] => [input.a, input.b];

// A library's object: what comes out counts, not what goes in.
declare const library: StandardSchema<{ amount?: string }, { amount: number }>;
proven<Same<ToolInput<typeof library>, { amount: number }>>();

const pay = defineTool({
  description: "Pays.",
  inputSchema: library,
  handler: ({ amount }, { signal, pid, name }) => {
    proven<Same<typeof amount, number>>();
    proven<Same<[typeof signal, typeof pid, typeof name], [AbortSignal, number, string]>>();
    return { paid: amount };
  },
});
const look = defineTool({
  description: "Looks.",
  inputSchema: {
    type: "object",
    properties: { q: { type: "string" }, n: { type: "integer" } },
    required: ["q"],
  },
  handler: async ({ q, n }) => {
    proven<Same<typeof q, string>>();
    proven<Same<typeof n, number | undefined>>();
    // @ts-expect-error There is no such property.
    (input: { q: string; n?: number }) => input.nope;
    return q;
  },
  examples: [{ q: "x" }] as const,
  commandAliases: ["find"] as const,
});
proven<
  Same<typeof look extends ToolDefinition<infer Input> ? Input : never, { q: string; n?: number }>
>();

// Definitions of every kind fit where runtimes take them.
const explicit: ToolDefinition<{ city: string }> = {
  description: "",
  inputSchema: schema,
  handler: ({ city }) => city,
};
const tools = { pay, look, explicit } as const;
export const use = async () => {
  await NodeRuntime.create({
    tools: {
      inline: {
        description: "",
        inputSchema: library,
        handler: ({ amount }) => {
          proven<Same<typeof amount, number>>();
        },
      },
      literal: {
        description: "",
        inputSchema: schema,
        handler: (input) => {
          proven<Same<typeof input, Expected>>();
        },
      },
    },
  });
  const runtime = await NodeRuntime.create({
    tools,
    onToolError: (error, { name, pid }) => console.error(name, pid, error),
  });
  await runtime.registerTools({
    loose: {
      description: "",
      inputSchema: JSON.parse("{}"),
      handler: ({ anything }) => anything,
    },
  });
  throw new ToolError("no", { code: "NO", data: { at: 1 }, cause: fromBoth });
};

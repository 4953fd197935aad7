// Code mode: the model writes one program that calls your functions as typed modules, instead of one tool call after another.
import { generateText, stepCountIs, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { defineTool, NodeRuntime, toolTypes } from "secure-exec";
import { forModel } from "secure-exec/ai";
import { createTypeScriptTools } from "secure-exec/typescript";
import { z } from "zod";

const tools = {
  orders: defineTool({
    description: "Lists the orders of a customer.",
    inputSchema: z.object({ customer: z.string() }),
    outputSchema: z.array(z.object({ id: z.number(), total: z.number() })),
    handler: ({ customer }) => [
      { id: 1, total: customer.length },
      { id: 2, total: 10 },
    ],
  }),
  "send-mail": defineTool({
    description: "Sends a mail to a customer.",
    inputSchema: z.object({ to: z.string(), text: z.string().max(200) }),
    outputSchema: z.object({ sent: z.boolean() }),
    handler: () => ({ sent: true }),
  }),
};
const rt = await NodeRuntime.create({ tools });
const compiler = createTypeScriptTools({ tools });

/** Runs a program of the model's, if its types are right. */
const program = tool({
  description: `Runs a TypeScript program. It may import:\n${toolTypes(tools)}`,
  inputSchema: z.object({ code: z.string() }),
  execute: async ({ code }, { abortSignal }) => {
    const compilerOptions = { strict: true };
    const { success, diagnostics } = await compiler.typecheckSource({
      // Without the types of Node.js, of which there are none here.
      sourceText: `declare const console: { log(...values: unknown[]): void };${code}`,
      compilerOptions,
    });
    if (!success) return diagnostics.map(({ line, message }) => `${line}: ${message}`).join("\n");
    const outcome = await rt
      .exec(code, { timeout: 10_000, signal: abortSignal })
      .catch((error) => error);
    return forModel(outcome, { maxChars: 2000 });
  },
});

/** What the model writes: first with a mistake, which the compiler finds. */
const programs = [
  `import { orders } from "tools";
console.log((await orders({ name: "ada" })).length);`,
  `import { orders, sendMail } from "tools";
const total = (await orders({ customer: "ada" })).reduce((sum, order) => sum + order.total, 0);
const { sent } = await sendMail({ to: "ada", text: \`You owe \${total}.\` });
console.log(total, sent);`,
];
const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};
const model = new MockLanguageModelV3({
  doGenerate: async ({ prompt }) => {
    const code = programs[prompt.filter(({ role }) => role === "tool").length];
    const input = JSON.stringify({ code });
    const content = code
      ? [{ type: "tool-call", toolCallId: `${prompt.length}`, toolName: "program", input }]
      : [{ type: "text", text: "Ada has her mail." }];
    const finishReason = { unified: code ? "tool-calls" : "stop", raw: undefined };
    return { content, finishReason, usage, warnings: [] };
  },
});

try {
  const { steps, text } = await generateText({
    model,
    prompt: "Tell Ada what she owes.",
    tools: { program },
    stopWhen: stepCountIs(5),
  });
  for (const { toolResults } of steps) {
    for (const { output } of toolResults) console.log(`> ${output.trimEnd()}`);
  }
  console.log(text);
} finally {
  await compiler.dispose();
  await rt.dispose();
}

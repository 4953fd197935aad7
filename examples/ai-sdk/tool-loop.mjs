// A loop of the Vercel AI SDK whose model works in a machine. The model is the SDK's mock, so that this runs offline: it says
// what a model might say, step by step. Put your provider's model in its place.
import { simulateReadableStream, stepCountIs, streamText } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { NodeRuntime } from "secure-exec";
import { aiTools } from "secure-exec/ai";

/** What the model asks for; then it answers. */
const calls = [
  ["writeFile", { path: "sales.csv", content: "north,3\nsouth,4\nnorth,5\n" }],
  ["shell", { command: "cut -d, -f2 sales.csv | sort -n > numbers; export FILE=numbers" }],
  // The shell's state is there for the next call.
  ["shell", { command: 'cat "$FILE" | tr "\\n" " "' }],
  [
    "run",
    {
      code: `import { readFileSync } from "node:fs";
             const numbers: number[] = readFileSync("numbers", "utf8").trim().split("\\n").map(Number);
             console.log(numbers.reduce((a, b) => a + b));`,
    },
  ],
  // Mistakes, endless loops, too much output and limits: each is one short answer, and the loop goes on.
  ["run", { code: "JSON.parse('{')" }],
  ["run", { code: "for (;;);", timeoutMs: 200 }],
  ["run", { code: "console.log('x'.repeat(1e6))" }],
  ["run", { code: "const all = []; for (;;) all.push(new Array(1e5).fill(all.length));" }],
];

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};
const model = new MockLanguageModelV3({
  doStream: async ({ prompt }) => {
    const [toolName, input] = calls[prompt.filter(({ role }) => role === "tool").length] ?? [];
    const chunks = toolName
      ? [{ type: "tool-call", toolCallId: `${prompt.length}`, toolName, input: JSON.stringify(input) }]
      : [
          { type: "text-start", id: "0" },
          ...["They ", "add up ", "to 12."].map((delta) => ({ type: "text-delta", id: "0", delta })),
          { type: "text-end", id: "0" },
        ];
    const finishReason = { unified: toolName ? "tool-calls" : "stop", raw: undefined };
    chunks.push({ type: "finish", finishReason, usage });
    return { stream: simulateReadableStream({ chunks, chunkDelayInMs: null }) };
  },
});

const rt = await NodeRuntime.create({ limits: { jsRuntime: { v8HeapLimitMb: 32 } } });
try {
  const { fullStream } = streamText({
    model,
    prompt: "What do the sales add up to?",
    tools: aiTools(rt, { maxChars: 300, timeoutMs: 20_000 }),
    stopWhen: stepCountIs(20),
  });
  for await (const part of fullStream) {
    if (part.type === "tool-call") console.log(`> ${part.toolName}`);
    if (part.type === "tool-result") console.log(String(part.output).trimEnd());
    if (part.type === "tool-error" || part.type === "error") console.log("failed:", part.error);
    if (part.type === "text-delta") process.stdout.write(part.text);
  }
  console.log();
} finally {
  await rt.dispose();
}

// Machines for models: one bounded text however a call ends, and tools for the AI SDK.

import assert from "node:assert/strict";
import { join } from "node:path";
import { NodeRuntime, Sandbox } from "secure-exec";
import { aiTools, forModel } from "secure-exec/ai";
import ts from "typescript";
import { generateText, MockLanguageModelV3, stepCountIs } from "./support/ai-sdk.mjs";
import { withRuntime } from "./support/guest.ts";
import { root } from "./support/releases.ts";
import { connectTo, withServer } from "./support/server.ts";
import { describe, test } from "./support/suite.ts";

const ended = (stdout: string, stderr = "", exitCode = 0) => ({ stdout, stderr, exitCode });

describe("forModel", () => {
  test("folds every ending into one text", async () => {
    await withRuntime({ limits: { jsRuntime: { v8HeapLimitMb: 32 } } }, async (runtime) => {
      const told = async (call: Promise<object>) =>
        forModel((await call.catch((error) => error)) as Error);
      assert.equal(await told(runtime.exec("")), "[no output]");
      assert.equal(
        await told(runtime.exec("console.log(1); console.error(2)")),
        "1\n[stderr]\n2\n",
      );
      const value = runtime.run("console.log(1); globalThis.__return({ a: [1] })");
      assert.equal(await told(value), '1\n[value]\n{"a":[1]}\n');
      assert.equal(await told(runtime.exec("process.exit(3)")), "[exit status 3]");
      assert.equal(await told(runtime.exec("process.kill(process.pid)")), "[ended by SIGTERM]");
      const late = runtime.exec("console.log(1); for (;;);", { timeout: 500 });
      assert.match(await told(late), /\[killed: it took too long\]$/);
      const heap = runtime.exec(
        "const all = []; for (;;) all.push(new Array(1e5).fill(all.length))",
      );
      assert.match(
        await told(heap),
        /\[killed: limit reached: limits\.jsRuntime\.v8HeapLimitMb is 32 MiB\]$/,
      );
      const cut = runtime.exec("console.log('x'.repeat(100))", { maxOutputBytes: 10 });
      assert.match(await told(cut), /^x{10}\n\[more was written than is kept\]/);
      const stop = new AbortController();
      const onStdout = () => stop.abort();
      const aborted = runtime.exec("console.log(1); setInterval(() => {}, 1e3)", {
        onStdout,
        signal: stop.signal,
      });
      assert.equal(await told(aborted), "[killed: This operation was aborted]");
      await using runner = await runtime.createResidentRunner();
      assert.match(
        await told(runner.evaluate("for (;;);", { timeout: 300 })),
        /^\[The snippet did not end within 300 ms/,
      );
      const none = runtime.execCommand("nope");
      assert.equal(await told(none), "[stderr]\nnope: command not found\n[exit status 127]");
      assert.equal(
        await told(runtime.readFile("/nope")),
        "[ENOENT: no such file or directory, open '/nope']",
      );
      await runtime.dispose();
      assert.match(await told(runtime.exec("")), /^\[.*disposed.*\]$/);
    });
  });

  test("never is longer than it may be, and keeps how it ended", () => {
    for (const maxChars of [200, 201, 1000]) {
      for (const [stdout, stderr] of [
        ["a".repeat(5000), ""],
        ["a".repeat(5000), "b".repeat(5000)],
        ["short", "\u{1f600}".repeat(5000)],
        ["\ud83d".repeat(5000), "line\n".repeat(1000)],
      ] as const) {
        const value = { long: "v".repeat(5000) };
        const text = forModel({ ...ended(stdout, stderr, 7), value }, { maxChars });
        assert(text.length <= maxChars, `${text.length} of ${maxChars}`);
        assert(text.endsWith("[exit status 7]"));
        assert(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(text));
      }
    }
    const text = forModel(ended("short", `${"b".repeat(5000)}end`, 1), { maxChars: 300 });
    assert.match(
      text,
      /^short\n\[stderr\]\nb+\n\[\.\.\. 5003 characters, not all shown \.\.\.\]\nb+end\n\[exit/,
    );
  });

  test("leaves frames of Node.js's own out, unless they are asked for", async () => {
    await withRuntime({}, async (runtime) => {
      const result = await runtime.exec(`import fs from "node:fs"; fs.readFileSync("/nope")`);
      assert.match(result.stderr, /node:fs|node:internal/);
      const text = forModel(result);
      assert.match(text, /ENOENT[\s\S]*at file:/);
      assert.doesNotMatch(text, /node:internal/);
      assert.match(forModel(result, { hideInternals: false }), /node:internal[\s\S]*Node\.js v/);
    });
  });

  test("throws what is no answer, and refuses what is wrong by name", () => {
    const own = new TypeError("of the host's own");
    assert.throws(() => forModel(own), own);
    assert.throws(() => forModel({} as never), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /outcome/,
    });
    assert.throws(() => forModel(ended(""), { maxChars: 10 }), {
      code: "ERR_OUT_OF_RANGE",
      message: /options\.maxChars/,
    });
    assert.throws(() => forModel(ended(""), { max: 10 } as never), { message: /options\.max/ });
  });
});

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};

/** What a model that makes these calls, one after the other, is told. */
async function loop(tools: ReturnType<typeof aiTools>, calls: [string, object][]) {
  const model = new MockLanguageModelV3({
    doGenerate: async ({ prompt }) => {
      const [toolName, input] = calls[prompt.filter(({ role }) => role === "tool").length] ?? [];
      const content = toolName
        ? [
            {
              type: "tool-call" as const,
              toolCallId: `${prompt.length}`,
              toolName,
              input: JSON.stringify(input),
            },
          ]
        : [{ type: "text" as const, text: "done" }];
      const unified = toolName ? ("tool-calls" as const) : ("stop" as const);
      return { content, finishReason: { unified, raw: undefined }, usage, warnings: [] };
    },
  });
  await generateText({ model, prompt: "", tools, stopWhen: stepCountIs(20) });
  const prompt = model.doGenerateCalls.at(-1)?.prompt ?? [];
  return prompt.flatMap(({ role, content }) =>
    role === "tool" ? content.map(({ output }) => output) : [],
  );
}

describe("aiTools", () => {
  test("are tools of the AI SDK, whose shell keeps its state", async () => {
    await withRuntime({}, async (runtime) => {
      const results = await loop(aiTools(runtime, { maxChars: 300 }), [
        ["shell", { command: "mkdir a; cd a; X=1" }],
        ["shell", { command: "echo $X $PWD" }],
        ["writeFile", { path: "a/p.png", content: "AAEC", encoding: "base64" }],
        ["readFile", { path: "a/p.png" }],
        ["listFiles", {}],
        ["run", { code: "console.log('x'.repeat(1e4))" }],
        ["run", { kode: "" }],
      ]);
      const [, second, third, picture, list, long, wrong] = results;
      assert.deepEqual(second, { type: "text", value: "1 /workspace/a\n" });
      assert.deepEqual(third, { type: "text", value: "[wrote 3 bytes to /workspace/a/p.png]" });
      assert.deepEqual(picture, {
        type: "content",
        value: [
          { type: "text", text: "[image/png, 3 bytes]" },
          { type: "image-data", data: "AAEC", mediaType: "image/png" },
        ],
      });
      assert.deepEqual(list, { type: "text", value: "a/" });
      assert(long?.type === "text" && long.value.length <= 300);
      assert.match(JSON.stringify(wrong), /code.*is a required property/);
    });
  });

  test("take a sandbox, and an abort ends what runs", async () => {
    await using sandbox = await Sandbox.create();
    const { run, shell } = aiTools(sandbox);
    const stop = new AbortController();
    const running = run.execute(
      { code: `import fs from "node:fs"; fs.writeFileSync("on", ""); for (;;);` },
      { abortSignal: stop.signal },
    );
    await shell.execute({ command: "until [ -e on ]; do :; done" });
    stop.abort(new Error("enough"));
    await assert.rejects(running, /enough/);
    assert.equal(await shell.execute({ command: "rm on; echo fine" }), "fine\n");
    await assert.rejects(
      shell.execute({ command: "echo 1" }, { abortSignal: AbortSignal.abort() }),
      {
        name: "AbortError",
      },
    );
  });

  test("take a sandbox at the other end of a network", { timeout: 60_000 }, async () => {
    await withServer({}, async (server) => {
      await using sandbox = await connectTo(server);
      const { run, shell, writeFile, readFile, listFiles } = aiTools(sandbox, { maxChars: 300 });
      const code = "const n: number = 2; console.log(n, await 3);";
      assert.equal(await run.execute({ code }), "2 3\n");
      const failed = await run.execute({ code: `throw new Error("no")` });
      assert.match(failed, /Error: no[\s\S]*\[exit status 1\]$/);
      await shell.execute({ command: "mkdir a; cd a; X=1" });
      assert.equal(await shell.execute({ command: "echo $X $PWD" }), "1 /workspace/a\n");
      assert.equal(
        await writeFile.execute({ path: "f", content: "hello" }),
        "[wrote 5 bytes to /workspace/f]",
      );
      assert.equal(await readFile.execute({ path: "f" }), "hello");
      assert.equal(await listFiles.execute({}), "a/\nf (5 bytes)");
      for (const late of [
        run.execute({ code: "for (;;);", timeoutMs: 300 }),
        shell.execute({ command: "while :; do :; done", timeoutMs: 300 }),
      ]) {
        assert.match(await late, /\[killed: it took too long\]$/);
      }
      assert.match((await readFile.execute({ path: "nope" })) as string, /^\[ENOENT/);
      assert.match(await shell.execute({ command: "exit 3" }), /the shell has ended/);
      assert.equal(await shell.execute({ command: "pwd" }), "/workspace\n");
      await sandbox.kill();
      assert.match(await run.execute({ code: "1" }), /^\[.*disposed.*\]$/);
    });
  });

  test("validate what they are given as their schemas say", async () => {
    const runtime = await NodeRuntime.create();
    try {
      const { "~standard": standard } = aiTools(runtime).run.inputSchema;
      assert.deepEqual(await standard.validate({ code: "1" }), { value: { code: "1" } });
      const { issues } = await standard.validate({ code: "1", timeoutMs: 0.5 });
      assert.match(issues?.[0]?.message, /timeoutMs/);
    } finally {
      await runtime.dispose();
    }
  });

  test("have types that the SDKs take", { timeout: 180_000 }, () => {
    const program = ts.createProgram([join(root, "__test__/fixtures/types/ai.mts")], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: ["node"],
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
    });
    const texts = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    assert.deepEqual(texts, []);
  });

  test("refuse what is wrong by name", () => {
    assert.throws(() => aiTools({} as never), { code: "ERR_INVALID_ARG_TYPE", message: /runtime/ });
    const runtime = { exec() {}, shell() {} } as never;
    assert.throws(() => aiTools(runtime, { cwd: "a" }), {
      code: "ERR_INVALID_ARG_VALUE",
      message: /options\.cwd/,
    });
    assert.throws(() => aiTools(runtime, { timeoutMs: 0 }), { code: "ERR_OUT_OF_RANGE" });
  });
});

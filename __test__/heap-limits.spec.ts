// A JavaScript heap that is full is one and the same named limit, wherever in a program it happens.

import assert from "node:assert/strict";
import { NodeRuntime, VmError } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

const bomb = "const kept = []; for (;;) kept.push(new Array(1e5).fill(1.5));";
const quoted = JSON.stringify(bomb);
const limits = { jsRuntime: { v8HeapLimitMb: 32 } };

let runtime: NodeRuntime;
before(async () => {
  const worker = `import { Worker } from "node:worker_threads";
    new Worker("/workspace/bomb.cjs").on("error", (error) => console.log("caught", error.code));`;
  runtime = await NodeRuntime.create({
    limits,
    files: {
      "/workspace/bomb.cjs": bomb,
      "/workspace/bomb.mjs": bomb,
      "/workspace/worker.mjs": worker,
    },
  });
});
after(() => runtime.dispose());

function isHeapLimit(error: unknown): true {
  assert.ok(error instanceof VmError, String(error));
  assert.equal(error.code, "ERR_RESOURCE_LIMIT");
  assert.equal(error.limit, "limits.jsRuntime.v8HeapLimitMb");
  assert.equal(error.bound, 32);
  assert.doesNotMatch(error.stdout ?? "", /caught|behind/);
  assert.match(error.stderr ?? "", /^FATAL ERROR: .*heap out of memory.*\n$/);
  return true;
}

const caught = "catch (error) { console.log('caught', error); } finally { console.log('caught'); }";

const programs: Record<string, string> = {
  "an ES module": bomb,
  "a timer": `setTimeout(() => { ${bomb} }, 1);`,
  "a timer under a handler of uncaught exceptions": `process.on("uncaughtException", () => console.log("caught")); setTimeout(() => { ${bomb} }, 1);`,
  "an immediate": `setImmediate(() => { ${bomb} });`,
  "a tick": `process.nextTick(() => { ${bomb} });`,
  "a microtask": `queueMicrotask(() => { ${bomb} });`,
  "a promise with a handler": `Promise.resolve().then(() => { ${bomb} }).catch(() => console.log("caught")).finally(() => console.log("caught"));`,
  "an async function that catches": `async function eat() { try { ${bomb} } ${caught} } await eat(); console.log("behind");`,
  "a generator that cleans up": `function* eat() { try { yield 1; ${bomb} } finally { console.log("caught"); } } for (const _ of eat()); console.log("behind");`,
  "a script of node:vm": `import vm from "node:vm"; try { vm.runInNewContext(${quoted}, {}, { timeout: 20_000 }); } ${caught} console.log("behind");`,
  "a module of node:vm": `const { SourceTextModule } = await import("node:vm"); if (!SourceTextModule) { ${bomb} } const made = new SourceTextModule(${quoted}); await made.link(() => {}); await made.evaluate().catch(() => console.log("caught"));`,
  "an import that is caught": `await import("/workspace/bomb.mjs").catch(() => console.log("caught")); console.log("behind");`,
  "a require that is caught": `import { createRequire } from "node:module"; try { createRequire("/workspace/")("./bomb.cjs"); } ${caught} console.log("behind");`,
  "a listener of exit": `process.on("exit", () => { ${bomb} });`,
  "a listener of beforeExit": `process.on("beforeExit", () => { ${bomb} });`,
  "a callback of fs": `import { readFile } from "node:fs"; readFile("/workspace/bomb.cjs", () => { ${bomb} });`,
  "a stream": `import { createReadStream } from "node:fs"; createReadStream("/workspace/bomb.cjs").on("error", () => console.log("caught")).on("data", () => { ${bomb} });`,
  "an inspected object": `import { inspect } from "node:util"; console.log({ [inspect.custom]() { ${bomb} } }); console.log("behind");`,
  toJSON: `try { JSON.stringify({ toJSON() { ${bomb} } }); } ${caught}`,
  "a comparator": `try { [2, 1].sort(() => { ${bomb} }); } ${caught}`,
  "a formatter of stacks": `Error.prepareStackTrace = () => { ${bomb} }; try { new Error("x").stack; } ${caught}`,
  "an async hook": `import { createHook } from "node:async_hooks"; createHook({ init() { ${bomb} } }).enable(); setTimeout(() => {}, 1);`,
  "a worker": `import { Worker } from "node:worker_threads"; new Worker(${quoted}, { eval: true }).on("error", () => console.log("caught")); setTimeout(() => console.log("behind"), 25_000);`,
  "a worker whose own limit is above the machine's": `import { Worker } from "node:worker_threads"; new Worker(${quoted}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 4096 } }).on("error", () => console.log("caught"));`,
  "a loop that calls nothing of its own": `const kept = []; for (;;) kept.push(new Array(1000).fill({}));`,
  "arrays of middle size": `const kept = []; for (;;) kept.push({ x: new Array(100).fill(1.5) });`,
  "a long chain": `let last = null; for (;;) last = { last, values: new Array(200).fill(0.5) };`,
  "arrays out of iterations": `const kept = []; for (;;) kept.push([...Array(50)].map((_, at) => ({ at })));`,
  "many small objects": `const kept = new Map(); for (let at = 0; ; at++) kept.set(at, { at });`,
  strings: `const kept = []; for (;;) kept.push(String(Math.random()).repeat(100).split(""));`,
};

describe("exec rejects with the limit where the heap is filled by", () => {
  for (const [name, code] of Object.entries(programs)) {
    test(name, async () => {
      await assert.rejects(runtime.exec(code), isHeapLimit);
    });
  }
});

describe("commands reject with it as well:", () => {
  const commands: Record<string, [string[], string?]> = {
    "node -e": [["-e", bomb]],
    "node -p": [["-p", bomb]],
    "a CommonJS file": [["bomb.cjs"]],
    "an ES module file": [["bomb.mjs"]],
    "standard input": [["-"], bomb],
    "a preloaded module": [["-r", "./bomb.cjs", "-e", "console.log('behind')"]],
    "a worker of a file": [["worker.mjs"]],
  };
  for (const [name, [args, stdin]] of Object.entries(commands)) {
    test(name, async () => {
      const ended = runtime.execCommand("node", args, stdin === undefined ? {} : { stdin });
      await assert.rejects(ended, isHeapLimit);
    });
  }
});

test("a child's end is told to its parent, with the limit on its standard error", async () => {
  const { stdout } = await runtime.exec(`
    import { spawnSync } from "node:child_process";
    for (const file of ["bomb.cjs", "bomb.mjs", "worker.mjs"]) {
      const { status, signal, stderr } = spawnSync("node", [file], { encoding: "utf8" });
      console.log(status, signal, stderr.includes("v8HeapLimitMb is 32"));
    }`);
  assert.equal(stdout, "null SIGABRT true\n".repeat(3));
  const shell = await runtime.execCommand("sh", ["-c", "node bomb.mjs 2>/dev/null; echo $?"]);
  assert.equal(shell.stdout, "134\n");
});

test("a worker with a lower limit of its own ends alone, as in Node.js", async () => {
  const { stdout, exitCode } = await runtime.exec(`
    import { Worker } from "node:worker_threads";
    const resourceLimits = { maxOldGenerationSizeMb: 8 };
    new Worker(${quoted}, { eval: true, resourceLimits })
      .on("error", (error) => console.log(error.code))
      .on("exit", (status) => console.log(status));`);
  assert.equal(stdout, "ERR_WORKER_OUT_OF_MEMORY\n1\n");
  assert.equal(exitCode, 0);
});

test("the machine and its files are there afterwards", async () => {
  await runtime.writeFile("/workspace/kept", "kept");
  await assert.rejects(runtime.exec(bomb), isHeapLimit);
  assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
  assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
});

/** Code of `number` that is unlike any other, some 60 kB. */
const code = (number: number | string) =>
  `${"f()".padEnd(10)};\nfunction f() { return ${JSON.stringify(`${number} ${"text ".repeat(12_000)}`)}; }\n`;

const garbage: Record<string, string> = {
  modules: `import { SourceTextModule } from "node:vm";
    for (let i = 0; i < 1500; i++) {
      const module = new SourceTextModule(code(i), { initializeImportMeta() {}, importModuleDynamically() {} });
      await module.link(() => {});
      await module.evaluate();
    }`,
  scripts: `import { Script } from "node:vm";
    for (let i = 0; i < 1500; i++) new Script(code(i), { importModuleDynamically() {} }).runInThisContext();`,
  functions: `import { compileFunction } from "node:vm";
    for (let i = 0; i < 1500; i++) compileFunction(code(i), [], { importModuleDynamically() {} })();`,
  contexts: `import { runInNewContext } from "node:vm";
    for (let i = 0; i < 150; i++) runInNewContext("kept = new Array(1e5).fill(1.5)", {});`,
};

// Together each makes three times what the heap holds, and has hold of one at a time.
describe("what is garbage does not count", () => {
  const head = `const code = ${code};`;
  for (const [name, loop] of Object.entries(garbage)) {
    test(`${name} in a loop`, { timeout: 120_000 }, async () => {
      const program = `${head}\n${loop}\nconsole.log("end");`;
      await runtime.writeFile("/workspace/garbage.mjs", program);
      const args = ["--experimental-vm-modules", "--no-warnings", "/workspace/garbage.mjs"];
      const { stdout, stderr } = await runtime.execCommand("node", args);
      assert.deepEqual({ stdout, stderr }, { stdout: "end\n", stderr: "" });
    });
  }

  for (const kind of ["exec", "run", "evaluate"] as const) {
    test(`snippets of a resident runner: ${kind}`, { timeout: 120_000 }, async () => {
      const runner = await runtime.createResidentRunner();
      for (let i = 0; i < 700; i++) {
        const { exitCode, restarted } = await runner[kind](code(`${kind} ${i}`));
        assert.deepEqual({ exitCode, restarted }, { exitCode: 0, restarted: undefined });
      }
      await runner.dispose();
    });
  }
});

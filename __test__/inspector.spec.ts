// The inspector: sessions of a program with itself, coverage, profiles.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

/** What every program here starts with. `post` shows what a command is answered. */
const head = `
  import inspector, { Session } from "node:inspector";
  const session = new Session();
  session.connect();
  const show = (...values) => console.log(JSON.stringify(values));
  const post = (method, params) => session.post(method, params, (error, result) =>
    show(method, error?.code, error?.message, result));
`;

describe("a session in the program itself", () => {
  test("evaluates, answers and refuses as in Node.js", async () => {
    await assertSameAsHost(`${head}
      post("Runtime.evaluate", { expression: "6 * 7" });
      post("Runtime.evaluate", { expression: "({ a: [1, 'x'] })", returnByValue: true });
      post("Runtime.evaluate", { expression: "require('node:path').sep", includeCommandLineAPI: true });
      post("Runtime.evaluate", { expression: "typeof require" });
      post("Runtime.evaluate", { expression: "for (;;);", timeout: 20 });
      post("Runtime.evaluate", { expression: "1", timeout: "soon" });
      post("Runtime.evaluate", { expression: "2", timeout: -5 });
      post("Runtime.evaluate", { expression: "'\\ud800'.length" });
      post("Runtime.evaluate", {});
      post("No.such");
      post("NodeRuntime.noSuch");
      post("Profiler.start");
      post("Schema.getDomains");
      show(inspector.url(), typeof inspector.console.log, process.features.inspector);
      for (const work of [() => session.connect(), () => session.post(1), () => session.connectToMainThread(),
        () => new Session().post("Runtime.enable")]) {
        try { work(); show("fine"); } catch (error) { show(error.code); }
      }
      session.disconnect();
      session.disconnect();
      try { session.post("Runtime.enable"); } catch (error) { show(error.code); }
    `);
  });

  test("hears of the console, of contexts and of scripts", async () => {
    await assertSameAsHost(`${head}
      import vm from "node:vm";
      session.on("Runtime.consoleAPICalled", ({ params }) => {
        const { type, args, timestamp } = params;
        process.stdout.write(JSON.stringify([type, args.map(({ value }) => value), timestamp > 1.7e12]) + "\\n");
      });
      session.on("Runtime.executionContextCreated", ({ params: { context } }) =>
        show(context.name.replace(/^.*node\\[\\d+\\]/, "node[N]"), context.auxData));
      vm.createContext({}, { name: "before" });
      post("Runtime.enable");
      vm.createContext({}, { name: "after" });
      console.log("one", 2);
      console.error("three");
      console.debug();
      const urls = [];
      session.on("Debugger.scriptParsed", ({ params }) => urls.push(params.url));
      session.post("Debugger.enable");
      vm.runInThisContext("1", { filename: "/some/file name.js" });
      show(urls.includes("node:inspector"), urls.at(-1));
    `);
  });

  test("is told of a pause and goes on at once, as nobody else could resume it", async () => {
    await assertSameAsHost(`${head}
      session.on("Debugger.paused", ({ params }) => {
        const [frame] = params.callFrames;
        show(params.reason, frame.functionName);
        session.post("Debugger.evaluateOnCallFrame", { callFrameId: frame.callFrameId, expression: "local + 1" },
          (error, { result }) => show(error, result));
        throw new Error("a listener may throw");
      });
      session.on("Debugger.resumed", () => show("resumed"));
      process.on("warning", ({ message }) => show(message));
      post("Debugger.setPauseOnExceptions", { state: "none" });
      session.post("Debugger.enable");
      (function inner(local) { debugger; show("behind", local); })(41);
      session.post("Debugger.disable");
      debugger;
      show("end");
    `);
  });

  test("takes profiles, coverage and snapshots", async () => {
    await assertSameAsHost(`${head}
      import { Session as Promised } from "node:inspector/promises";
      const own = new Promised();
      own.connect();
      await own.post("Profiler.enable");
      await own.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
      const used = new Function("a", "if (a) { return 1 } return 2;//# sourceURL=covered.js");
      used(1); used(1);
      const { result } = await own.post("Profiler.takePreciseCoverage");
      show(result.filter(({ url }) => url.endsWith("covered.js")).map(({ functions }) => functions));
      await own.post("Profiler.start");
      for (const end = Date.now() + 50; Date.now() < end;);
      const { profile } = await own.post("Profiler.stop");
      show(Object.keys(profile), profile.samples.length > 3, profile.samples.length === profile.timeDeltas.length);
      await own.post("HeapProfiler.startSampling", { samplingInterval: 1024 });
      globalThis.kept = Array.from({ length: 1e4 }, () => ({}));
      show(Object.keys((await own.post("HeapProfiler.stopSampling")).profile));
      let snapshot = "";
      own.on("HeapProfiler.addHeapSnapshotChunk", ({ params }) => { snapshot += params.chunk; });
      await own.post("HeapProfiler.takeHeapSnapshot");
      show(Object.keys(JSON.parse(snapshot)));
      await own.post("No.such").catch((error) => show(error.code, error.message));
    `);
  });

  test("what is nested too deep for a message is an error, and harms nobody", async () => {
    await withRuntime({}, async (rt) => {
      const program = `${head}
        const nest = (depth) => \`(() => { let outer = {}; for (let at = 0; at < \${depth}; at++) outer = { outer }; return outer; })()\`;
        post("Runtime.evaluate", { expression: nest(140), returnByValue: true });
        post("Runtime.evaluate", { expression: nest(400), returnByValue: true });
        post("Runtime.evaluate", { expression: nest(1e5), serializationOptions: { serialization: "deep" } });
        session.post("Debugger.enable");
        session.post("Debugger.setAsyncCallStackDepth", { maxDepth: 1e5 });
        session.once("Debugger.paused", ({ params }) => {
          let depth = 0;
          for (let stack = params.asyncStackTrace; stack; stack = stack.parent) depth++;
          console.log("paused", depth);
          session.post("Debugger.disable");
          session.post("HeapProfiler.startSampling", { samplingInterval: 128, stackDepth: 1000 });
          const recurse = (depth) => (depth ? [recurse(depth - 1)] : []);
          recurse(900);
          session.post("HeapProfiler.stopSampling", (error, result) =>
            console.log(error ? error.message : Object.keys(result)));
        });
        const later = (times) => setTimeout(() => {
          if (times > 0) return later(times - 1);
          debugger;
        });
        later(500);`;
      const { stdout, stderr, exitCode } = await rt.exec(program, { timeout: 30_000 });
      assert.equal(exitCode, 0, stderr);
      const lines = stdout.trim().split("\n");
      assert.match(
        lines[0] ?? "",
        /^\["Runtime.evaluate",null,null,\{"result":\{"type":"object","value":\{"outer"/,
      );
      const tooLong = /ERR_INSPECTOR_COMMAND.*Object reference chain is too long/;
      assert.match(lines[1] ?? "", tooLong);
      assert.match(lines[2] ?? "", tooLong);
      assert.equal(lines[3], "paused 200");
      assert.match(lines[4] ?? "", /Object reference chain is too long|profile/);
    });
  });

  test("finds objects by their prototype", async () => {
    await assertSameAsHost(`
      import v8 from "node:v8";
      class A {}
      class B extends A {}
      globalThis.kept = [new A(), new B(), new B()];
      class C {}
      console.log(JSON.stringify([v8.queryObjects(A), v8.queryObjects(B), v8.queryObjects(C)]));
      console.log(JSON.stringify(v8.queryObjects(B, { format: "summary" })));
      const nothing = () => {};
      console.log(v8.queryObjects(nothing));
    `);
  });

  test("shows asynchronous calls once they are asked for", async () => {
    await assertSameAsHost(`${head}
      session.on("Debugger.paused", ({ params }) => {
        const names = [];
        for (let at = params.asyncStackTrace; at; at = at.parent) names.push(at.description);
        show(names.slice(0, 1));
      });
      session.post("Debugger.enable");
      setTimeout(() => { debugger; }, 1);
      session.post("Debugger.setAsyncCallStackDepth", { maxDepth: 8 });
      setTimeout(() => { debugger; session.disconnect(); }, 2);
    `);
  });
});

/** Runs a command line and gives its output; it must succeed. */
async function sh(runtime: NodeRuntime, line: string, status = 0): Promise<string> {
  const { stdout, stderr, exitCode } = await runtime.execCommand("sh", ["-c", line], {
    timeout: 60_000,
  });
  assert.equal(exitCode, status, `${line}\n${stdout}\n${stderr}`);
  return stdout;
}

const program = `
  const { Worker, isMainThread } = require("node:worker_threads");
  function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
  function never() {}
  fib(isMainThread ? 24 : 22);
  if (isMainThread) new Worker(__filename);
`;

/** Reads files of a folder as JSON and shows what \`of\` makes of each. */
const read = (folder: string, of: string) =>
  `node -e "const fs = require('fs'); for (const name of fs.readdirSync('${folder}').sort()) {
    const json = JSON.parse(fs.readFileSync('${folder}/' + name)); ${of} }"`;

describe("coverage and profiles of whole programs", () => {
  test("NODE_V8_COVERAGE has a file of each thread and process, with what source maps say", async () => {
    const map = JSON.stringify({ version: 3, sources: ["a.ts"], names: [], mappings: "AAAA" });
    const encoded = Buffer.from(map).toString("base64");
    const files = {
      "/workspace/p.cjs": program,
      "/workspace/m.cjs": `1;\n//# sourceMappingURL=data:application/json;base64,${encoded}\n`,
      "/workspace/parent.cjs": `require("node:child_process").execFileSync("node", ["p.cjs"]); require("./m.cjs");`,
    };
    await withRuntime({ files }, async (runtime) => {
      await sh(runtime, "NODE_V8_COVERAGE=cov node parent.cjs");
      const shown = await sh(
        runtime,
        read(
          "cov",
          `
          const own = json.result.filter(({ url }) => url.startsWith('file:'));
          const counts = own.flatMap(({ functions }) => functions.map(({ functionName, ranges }) => functionName + ranges[0].count));
          console.log([/^coverage-\\\\d+-\\\\d+-\\\\d\\\\.json$/.test(name), counts.join(), ...Object.keys(json['source-map-cache'] ?? {})].join(' '));`,
        ),
      );
      assert.deepEqual(shown.trim().split("\n").sort(), [
        "true 1,1 file:///workspace/m.cjs",
        "true 1,fib150049,never0",
        "true 1,fib57313,never0",
      ]);
      await sh(
        runtime,
        `NODE_V8_COVERAGE=taken node -e "const v8 = require('v8');
          v8.takeCoverage(); setTimeout(() => { v8.takeCoverage(); v8.stopCoverage(); }, 5)"`,
      );
      assert.equal((await sh(runtime, "ls taken | wc -l")).trim(), "2");
    });
  });

  test("node --test counts what tests have run, and holds a threshold against it", async () => {
    const files = {
      "/workspace/lib.mjs":
        "export function used(a) {\n  if (a) {\n    return 1;\n  }\n  return 2;\n}\n",
      "/workspace/t.test.mjs":
        'import { test } from "node:test"; import { used } from "./lib.mjs"; test("t", () => used(1));',
    };
    await withRuntime({ files }, async (runtime) => {
      const options = "--test --experimental-test-coverage";
      const shown = await sh(runtime, `node ${options} t.test.mjs`);
      assert.match(shown, /lib\.mjs +\| +83\.33 \| +66\.67 \| +100\.00 \| 5/);
      const lcov = await sh(runtime, `node ${options} --test-reporter=lcov t.test.mjs`);
      assert.match(lcov, /SF:lib\.mjs\nFN:1,used\nFNDA:1,used\n/);
      const missed = await sh(runtime, `node ${options} --test-coverage-lines=90 t.test.mjs`, 1);
      assert.match(missed, /83\.33% line coverage does not meet threshold of 90%/);
    });
  });

  test("--cpu-prof and --heap-prof have a file of each thread, where and as it was asked for", async () => {
    await withRuntime({ files: { "/workspace/p.cjs": program } }, async (runtime) => {
      await sh(runtime, "mkdir here && cd here && node --cpu-prof --heap-prof ../p.cjs");
      const shown = await sh(
        runtime,
        read(
          "here",
          "console.log(name.replace(/\\\\d+/g, 'N'), Object.keys(json).slice(0, 2).join())",
        ),
      );
      assert.deepEqual(shown.trim().split("\n"), [
        "CPU.N.N.N.N.N.cpuprofile nodes,startTime",
        "CPU.N.N.N.N.N.cpuprofile nodes,startTime",
        "Heap.N.N.N.N.N.heapprofile head,samples",
        "Heap.N.N.N.N.N.heapprofile head,samples",
      ]);
      const place = "--cpu-prof-dir=x/y --cpu-prof-name=n.cpuprofile --cpu-prof-interval=500";
      await sh(runtime, `node --cpu-prof ${place} -e "process.exit()"`);
      const nodes = `console.log(name, json.nodes[0].callFrame.functionName)`;
      assert.equal(await sh(runtime, read("x/y", nodes)), "n.cpuprofile (root)\n");
      const both = await runtime.execCommand("node", ["--cpu-prof-dir=x", "-e", "1"]);
      assert.deepEqual(
        [both.exitCode, both.stderr],
        [9, "node: --cpu-prof-dir must be used with --cpu-prof\n"],
      );
    });
  });
});

/** What is meant to break the machine, and what comes of it. */
const attacks: Record<string, [code: string, expected: string]> = {
  "ends a session in the middle of its own events": [
    `session.post("Runtime.evaluate", { expression: "1" }, () => session.disconnect());
     for (const [event, method] of [["Debugger.scriptParsed", "Debugger.enable"], ["Runtime.executionContextCreated", "Runtime.enable"]]) {
       const other = new Session();
       other.connect();
       other.on(event, () => other.disconnect());
       other.post(method);
     }
     const last = new Session();
     last.connect();
     last.on("Debugger.paused", () => last.disconnect());
     last.post("Debugger.enable");
     debugger;
     show("alive");`,
    '["alive"]\n',
  ],
  "ends a session in the middle of an evaluation": [
    `globalThis.session = session;
     session.post("Runtime.evaluate", { expression: "session.disconnect(); [1]" }, (error) => show(error.code));
     setTimeout(() => show("alive"), 1);`,
    '["ERR_INSPECTOR_CLOSED"]\n["alive"]\n',
  ],
  "evaluates evaluations": [
    `globalThis.again = () => session.post("Runtime.evaluate", { expression: "again()" }, () => {});
     try { again(); } catch (error) { show(error.name); }
     show("alive");`,
    "alive",
  ],
  "sends what is no command, or none of this length": [
    `const long = "x".repeat(1e7);
     session.post(long, (error) => show(error.message.length));
     session.post("Runtime.evaluate", { expression: JSON.stringify(long) + ".length" }, (error, { result }) => show(result.value));
     let deep = {};
     for (let depth = 0; depth < 2000; depth++) deep = { deep };
     session.post("Runtime.evaluate", deep, (error) => show(error.code));
     show("alive");`,
    '[10000039]\n[10000000]\n["alive"]\n',
  ],
  "replaces every script there is": [
    `const ids = [];
     session.on("Debugger.scriptParsed", ({ params }) => ids.push(params.scriptId));
     session.post("Debugger.enable");
     for (const scriptId of ids) session.post("Debugger.setScriptSource", { scriptId, scriptSource: "0" });
     process.stdout.write("alive");`,
    "alive",
  ],
  "ends what runs, from inside": [
    `process.on("exit", () => show("exit"));
     setTimeout(() => show("later"), 5);
     session.post("Runtime.enable");
     session.post("Runtime.terminateExecution");
     for (;;);`,
    '["later"]\n["exit"]\n',
  ],
  "connects without end": [
    `let connected = 1;
     try {
       for (;; connected++) { const other = new Session(); other.connect(); other.post("Debugger.enable"); }
     } catch (error) { show(connected, error.code); }`,
    '[256,"ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"]\n',
  ],
  "leaves everything running at its end": [
    `session.post("Profiler.enable");
     session.post("Profiler.start");
     session.post("HeapProfiler.startTrackingHeapObjects", { trackAllocations: true });
     session.post("Debugger.enable");
     session.post("Debugger.pause");
     show("alive");`,
    '["alive"]\n',
  ],
  "asks for a sample in each microsecond": [
    `session.post("Profiler.enable");
     session.post("Profiler.setSamplingInterval", { interval: 1 });
     session.post("Profiler.start");
     for (const end = Date.now() + 100; Date.now() < end;);
     session.post("Profiler.stop", (error, { profile }) => show(profile.samples.length < 3000));`,
    "[true]\n",
  ],
  "has a console that throws": [
    `globalThis.console = new Proxy({}, { get() { throw 1; }, set() { throw 2; }, defineProperty() { throw 3; } });
     const other = new Session();
     other.connect();
     other.post("Runtime.enable");
     process.stdout.write("alive");`,
    "alive",
  ],
  "calls bindings that a frame of the library has": [
    `const names = [];
     session.on("Debugger.paused", ({ params }) => {
       for (const { callFrameId, url } of params.callFrames.filter(({ url }) => url.startsWith("node:"))) {
         for (const expression of ["internalBinding('fs').open(1, 2, 3)", "internalBinding('inspector').consoleCall(1)",
           "new (internalBinding('inspector').Connection)(1)", "internalBinding('profiler').setCoverageDirectory({})",
           "internalBinding('inspector').asyncTaskScheduled('x', -1e300, 1)", "internalBinding('inspector').emitProtocolEvent({}, 1)",
           "internalBinding('inspector').Connection.prototype.dispatch.call({}, 'x')", "primordials.ArrayPrototypePush = 0"]) {
           session.post("Debugger.evaluateOnCallFrame", { callFrameId, expression, silent: true }, () => names.push(url));
         }
       }
     });
     session.post("Debugger.enable");
     debugger;
     process._rawDebug(names.length > 8 ? "alive" : "few");`,
    "",
  ],
};

describe("hostile programs", () => {
  for (const [name, [code, expected]] of Object.entries(attacks)) {
    test(`one that ${name} harms itself only`, async () => {
      await withRuntime({}, async (runtime) => {
        const { stdout } = await runtime.exec(head + code, { timeout: 30_000 });
        assert.ok(stdout.includes(expected), stdout);
        assert.equal((await runtime.exec("console.log('alive')")).stdout, "alive\n");
      });
    });
  }

  test("trace events are collected only where their file may be written", async () => {
    await withRuntime({}, async (rt) => {
      const code = `
        const { createTracing } = require("node:trace_events");
        try {
          createTracing({ categories: ["node.async_hooks"] }).enable();
          console.log("enabled");
        } catch ({ code, permission, resource }) {
          console.log(code, permission, resource);
        }`;
      const run = async (...options: string[]) => {
        const args = ["--permission", "--allow-fs-read=*", ...options, "-e", code];
        return (await rt.execCommand("node", args)).stdout;
      };
      const denied = "ERR_ACCESS_DENIED FileSystemWrite node_trace.1.log\n";
      assert.equal(await run(), denied);
      assert.equal(await run("--allow-fs-write=/tmp"), denied);
      assert.equal(await run("--allow-fs-write=/workspace/node_trace.1.log"), "enabled\n");
    });
  });

  test("the debugger does not raise the limit of a heap", async () => {
    await withRuntime({ limits: { jsRuntime: { v8HeapLimitMb: 64 } } }, async (runtime) => {
      const fill = "const all = []; for (;;) all.push(Array.from({ length: 1000 }, () => ({})));";
      for (const code of [
        `session.post("Debugger.enable"); ${fill}`,
        `session.on("Debugger.scriptParsed", () => { ${fill} }); session.post("Debugger.enable");`,
      ]) {
        const ended = runtime.exec(head + code, { timeout: 30_000 });
        await assert.rejects(ended, { code: "ERR_RESOURCE_LIMIT" });
      }
      assert.equal((await runtime.exec("console.log('alive')")).stdout, "alive\n");
    });
  });

  test("a program that evaluates, waits for a debugger or stands still is ended when it is told to", async () => {
    await withRuntime({}, async (runtime) => {
      for (const code of [
        `show(0); for (;;) session.post("Runtime.evaluate", { expression: "for (;;);", timeout: 1e9 });`,
        `show(0); for (;;) session.post("Runtime.evaluate", { expression: "for (;;);", timeout: 1 });`,
        `session.disconnect(); inspector.open(0); show(0); inspector.waitForDebugger();`,
      ]) {
        const { promise: started, resolve } = Promise.withResolvers<void>();
        const program = await runtime.spawn(head + code, { onStdout: () => resolve() });
        await started;
        program.kill("SIGKILL");
        assert.equal(await program.wait(), 137);
      }
      assert.equal((await runtime.exec("console.log('alive')")).stdout, "alive\n");
    });
  });

  test("where the time stands still nobody is told it", async () => {
    await withRuntime({ jsRuntime: { timingMitigation: "freeze" } }, async (runtime) => {
      const code = `try { new Session().connect(); } catch (error) { console.log(error.code); }`;
      const { stdout } = await runtime.exec(`import { Session } from "node:inspector"; ${code}`);
      assert.equal(stdout, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM\n");
    });
  });
});

async function targets(url: string): Promise<Message> {
  const response = await fetch(`${url}/json/list`);
  return await response.json();
}

/** A debugger at an address of `/json/list`. */
class Debugger {
  #socket: WebSocket;
  #answers = new Map<number, (answer: Message) => void>();
  #events: Message[] = [];
  #waiting: (() => void)[] = [];
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message: Message = JSON.parse(String(data));
      if (message.id !== undefined) this.#answers.get(message.id)?.(message);
      else this.#events.push(message);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async attach(url: string): Promise<Debugger> {
    const [{ webSocketDebuggerUrl }] = await targets(url);
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Debugger(socket);
  }

  async send(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#answers.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await promise;
    assert.equal(error, undefined, method);
    return result;
  }

  /** The next event of this name. */
  async event(name: string): Promise<Message> {
    for (;;) {
      const at = this.#events.findIndex(({ method }) => method === name);
      const [event] = at < 0 ? [] : this.#events.splice(at, 1);
      if (event) return event.params;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  raw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  async closed(): Promise<number> {
    return await new Promise((resolve) =>
      this.#socket.addEventListener("close", ({ code }) => resolve(code)),
    );
  }

  close(): void {
    this.#socket.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what the protocol says of each message is longer than these tests.
type Message = any;

const debugged = `function add(a, b) {
  const sum = a + b;
  return sum;
}
console.log(add(1, 2));
setTimeout(() => {
  for (globalThis.turns = 0; !globalThis.over; turns++);
}, 1);
`;

/** Runs \`node <options> app.js\` with its port published, and attaches a debugger. */
async function debug(
  options: string[],
  work: (
    debug: Debugger,
    context: {
      url: string;
      port: number;
      path: string;
      runtime: NodeRuntime;
      ended: () => Promise<number>;
      stderr: () => string;
    },
  ) => Promise<void>,
): Promise<void> {
  await withRuntime({ files: { "/workspace/app.js": debugged } }, async (runtime) => {
    let stderr = "";
    const program = await runtime.spawnCommand("node", [...options, "app.js"], {
      onStderr: (chunk) => {
        stderr += Buffer.from(chunk).toString();
      },
    });
    const { port } = await runtime.waitForListener({ processId: program.pid });
    const exposed = await runtime.exposePort(port ?? 0);
    const attached = await Debugger.attach(exposed.url);
    const ended = () => program.wait();
    const [{ id }] = await targets(exposed.url);
    const context = { url: exposed.url, port: port ?? 0, path: `/${id}`, runtime, ended };
    await work(attached, { ...context, stderr: () => stderr });
    attached.close();
    await exposed.close();
  });
}

describe("a debugger on a port of the machine", () => {
  test("stops at the first line, at breakpoints and in a loop, evaluates, steps, and leaves", async () => {
    await debug(["--inspect-brk=0"], async (it, { ended, stderr }) => {
      await it.send("NodeRuntime.enable");
      await it.event("NodeRuntime.waitingForDebugger");
      await it.send("Runtime.enable");
      await it.send("Debugger.enable");
      const url = "file:///workspace/app.js";
      await it.send("Debugger.setBreakpointByUrl", { url, lineNumber: 2 });
      await it.send("Runtime.runIfWaitingForDebugger");
      const at = async () => {
        const { reason, callFrames } = await it.event("Debugger.paused");
        return [
          reason,
          callFrames[0].functionName,
          callFrames[0].location.lineNumber,
          callFrames[0],
        ];
      };
      assert.deepEqual((await at()).slice(0, 3), ["Break on start", "", 4]);
      await it.send("Debugger.resume");
      const [reason, name, line, { callFrameId }] = await at();
      assert.deepEqual([reason, name, line], ["other", "add", 2]);
      const evaluated = { callFrameId, expression: "sum * 10" };
      const { result } = await it.send("Debugger.evaluateOnCallFrame", evaluated);
      assert.equal(result.value, 30);
      await it.send("Debugger.stepOut");
      assert.deepEqual((await at()).slice(0, 3), ["step", "", 4]);
      await it.send("Debugger.resume");
      assert.equal((await it.event("Runtime.consoleAPICalled")).args[0].value, 3);

      const turns = async () =>
        (await it.send("Runtime.evaluate", { expression: "globalThis.turns ?? 0" })).result.value;
      while ((await turns()) === 0);
      await it.send("Debugger.pause");
      assert.equal((await at())[2], 6);
      const stands = await turns();
      assert.equal(await turns(), stands);
      await it.send("Runtime.evaluate", { expression: "globalThis.over = true" });
      await it.send("Debugger.resume");
      await it.event("Runtime.executionContextDestroyed");
      it.close();
      assert.equal(await ended(), 0);
      const said = stderr().replace(/:\d+\/[\w-]+/, ":N/ID");
      assert.equal(
        said,
        "Debugger listening on ws://127.0.0.1:N/ID\n" +
          "For help, see: https://nodejs.org/learn/getting-started/debugging\n" +
          "Debugger attached.\nWaiting for the debugger to disconnect...\n",
      );
    });
  });

  test("is let in by its address alone, and not by pages from elsewhere", async () => {
    await debug(["--inspect=0"], async (it, { url }) => {
      const get = async (path: string) => {
        const response = await fetch(url + path);
        return [response.status, response.headers.get("content-type"), await response.text()];
      };
      const [status, type, text] = await get("/json/version");
      assert.deepEqual([status, type], [200, "application/json; charset=UTF-8"]);
      assert.deepEqual(JSON.parse(String(text)), {
        Browser: "node.js/v24.21.0",
        "Protocol-Version": "1.1",
      });
      assert.equal((await get("/"))[0], 400);
      assert.equal((await get("/json/nothing"))[0], 400);
      const { port } = new URL(url);
      const { request } = await import("node:http");
      const refused = await new Promise((resolve) => {
        const headers = { host: "evil.example" };
        request({ host: "127.0.0.1", port, path: "/json", headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).end();
      });
      assert.equal(refused, 400);
      const stranger = new WebSocket(`ws://127.0.0.1:${port}/0`);
      await new Promise((resolve) => stranger.addEventListener("error", resolve));
      it.close();
    });
  });

  test("who sends what is no command gets an error, and who breaks the protocol is put out", async () => {
    await debug(["--inspect=0"], async (it, { url, port, path, runtime }) => {
      for (const text of [
        "",
        "null",
        "[1]",
        "{",
        '{"id":9001}',
        '{"id":"x","method":"a"}',
        "\u0000",
      ])
        it.raw(text);
      it.raw(`{"id":1e400,"method":"${"x".repeat(1 << 20)}"}`);
      const { result } = await it.send("Runtime.evaluate", { expression: "1 + 1" });
      assert.equal(result.value, 2);
      const second = await Debugger.attach(url);
      const closed = second.closed();
      second.raw(Uint8Array.of(0xd8, 0x5a, 0, 0));
      assert.equal(await closed, 1002);
      const large = await runtime.connect(port);
      large.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      large.write(Buffer.of(0x81, 0xff, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0));
      const answer: Buffer[] = [];
      for await (const chunk of large) answer.push(chunk);
      const end = Buffer.concat(answer).subarray(-4);
      assert.deepEqual([...end], [0x88, 2, 1009 >> 8, 1009 & 0xff]);
      assert.equal((await it.send("Runtime.evaluate", { expression: "2 + 2" })).result.value, 4);
      assert.equal((await runtime.exec("console.log('alive')")).stdout, "alive\n");
    });
  });

  test("one that never reads holds up its program, which is ended all the same", async () => {
    await debug(["--inspect=0"], async (it, { runtime }) => {
      await it.send("Runtime.enable");
      const net = await import("node:net");
      assert.equal(net.isIP("127.0.0.1"), 4);
      const code = `
        import inspector from "node:inspector";
        inspector.open(0);
        console.log(inspector.url());
        inspector.waitForDebugger();
        for (;;) console.debug("x".repeat(1e5));
      `;
      const { promise: address, resolve } = Promise.withResolvers<string>();
      const flood = await runtime.spawn(code, {
        onStdout: (chunk) => resolve(Buffer.from(chunk).toString().trim()),
      });
      const { port, pathname } = new URL(await address);
      const stream = await runtime.connect(Number(port));
      stream.write(
        `GET ${pathname} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      const frame = (value: object) => {
        const bytes = Buffer.from(JSON.stringify(value));
        return Buffer.concat([Buffer.of(0x81, 0x80 | bytes.length, 0, 0, 0, 0), bytes]);
      };
      stream.write(frame({ id: 1, method: "Runtime.enable" }));
      stream.write(frame({ id: 2, method: "Runtime.runIfWaitingForDebugger" }));
      await new Promise((resolve) => stream.once("data", resolve));
      flood.kill("SIGKILL");
      assert.equal(await flood.wait(), 137);
      stream.destroy();
    });
  });

  test("opens and closes by the program itself", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        import inspector from "node:inspector";
        const show = (...values) => console.log(JSON.stringify(values));
        for (let turn = 0; turn < 3; turn++) {
          inspector.open(9300);
          show(inspector.url().startsWith("ws://127.0.0.1:9300/"), process.debugPort);
          try { inspector.open(); } catch (error) { show(error.code); }
          inspector.close();
          show(inspector.url() ?? null);
        }
        try { inspector.waitForDebugger(); } catch (error) { show(error.code); }
      `;
      const { stdout, exitCode } = await runtime.exec(code, { timeout: 20_000 });
      const turn = '[true,9300]\n["ERR_INSPECTOR_ALREADY_ACTIVATED"]\n[null]\n';
      const expected = `${turn.repeat(3)}["ERR_INSPECTOR_NOT_ACTIVE"]\n`;
      assert.deepEqual([stdout, exitCode], [expected, 0]);
    });
  });

  test("leaves the port of one that runs tests to these, and SIGPROF to the profiler", async () => {
    const files = {
      "/workspace/one.test.mjs":
        "import inspector from 'node:inspector'; console.log(typeof inspector.url());",
      "/workspace/sigprof.mjs": "process.on('SIGPROF', () => {});",
    };
    await withRuntime({ files }, async (runtime) => {
      const run = async (args: string[]) => {
        const { stdout, stderr } = await runtime.execCommand("node", args, { timeout: 20_000 });
        return { stdout, stderr, ports: stderr.match(/Debugger listening on/g)?.length ?? 0 };
      };
      const apart = await run(["--test", "--inspect=0", "one.test.mjs"]);
      // The process of the file has one.
      assert.equal(apart.ports, 1, apart.stderr);
      assert.match(apart.stdout, /^string$/m);
      assert.match(apart.stderr, /Using the inspector with --test forces running at a concurrency/);
      const together = ["--test", "--test-isolation=none", "--inspect=0", "one.test.mjs"];
      assert.equal((await run(together)).ports, 1);
      const { stderr } = await run(["--inspect=0", "sigprof.mjs"]);
      assert.match(stderr, /Warning: process\.on\(SIGPROF\) is reserved while debugging/);
    });
  });

  test("node inspect debugs a program in a terminal", async () => {
    const files = { "/workspace/app.js": "const a = 20;\ndebugger;\nconsole.log(a + 1);\n" };
    await withRuntime({ files }, async (runtime) => {
      const terminal = await runtime.openShell({
        command: "node",
        args: ["inspect", "app.js"],
        env: { TERM: "dumb" },
      });
      const until = reader(terminal);
      await until("debug> ");
      await terminal.write("cont\r");
      await until("break in app.js:2");
      await until("debug> ");
      await terminal.write("exec a + 2\r");
      await until("22");
      await until("debug> ");
      await terminal.write(".exit\r");
      assert.equal(await terminal.wait(), 0);
    });
  });

  test("a worker looks into its main thread", async () => {
    await assertSameAsHost(`
      import { Worker } from "node:worker_threads";
      globalThis.value = 41;
      const worker = new Worker(\`
        const { Session } = process.getBuiltinModule("inspector");
        const { parentPort } = process.getBuiltinModule("worker_threads");
        const session = new Session();
        session.connectToMainThread();
        session.post("Runtime.evaluate", { expression: "++value" }, (error, { result }) => {
          parentPort.postMessage(result);
          session.disconnect();
        });
        setTimeout(() => {}, 60_000);\`, { eval: true });
      worker.on("message", (result) => {
        console.log(JSON.stringify([result, value]));
        worker.terminate();
      });
    `);
  });
});

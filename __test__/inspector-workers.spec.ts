// The inspector's domain `NodeWorker`: who looks into the main thread looks into its workers, as in Node.js.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { withRuntime } from "./support/guest.ts";
import { pinnedNode } from "./support/programs.ts";
import { describe, test } from "./support/suite.ts";

const head = `
  const { once } = require("node:events");
  const { Worker } = require("node:worker_threads");
  const { Session } = require("node:inspector");
  const session = new Session();
  session.connect();
  const sorted = (key, value) => value?.constructor === Object
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)) : value;
  const show = (...values) => console.log(JSON.stringify(values, sorted).replace(/file:[^"]*\\//g, "file:"));
  const post = (method, params) => session.post("NodeWorker." + method, params,
    (error, result) => show(method, error?.message, result));
  // The answer may come in the middle of what follows.
  const send = (sessionId, id, method, params) => session.post("NodeWorker.sendMessageToWorker",
    { sessionId, message: JSON.stringify({ id, method, params }) }, (error) => error && show(error.message));
  const shown = ["Debugger.paused", "Runtime.consoleAPICalled"];
  session.on("NodeWorker.attachedToWorker", ({ params }) => show("attached", params));
  session.on("NodeWorker.detachedFromWorker", ({ params }) => show("detached", params));
  session.on("NodeWorker.receivedMessageFromWorker", ({ params: { sessionId, message } }) => {
    const { id, method, params, result, error } = JSON.parse(message);
    if (id) show(sessionId, "answer", id, result?.result ?? {}, error);
    else if (shown.includes(method)) show(sessionId, method, params.reason ?? params.args);
    session.emit(id ? "answer" + id : method, sessionId, params);
  });
`;

const programs = {
  "is debugged from before its start": `
    post("enable", { waitForDebuggerOnStart: true });
    session.on("NodeWorker.attachedToWorker", ({ params: { sessionId } }) => send(sessionId, 1, "Debugger.enable"));
    session.on("answer1", (id) => send(id, 2, "Runtime.runIfWaitingForDebugger"));
    session.on("Debugger.paused", (id, { callFrames: [{ callFrameId }] }) =>
      send(id, 3, "Debugger.evaluateOnCallFrame", { callFrameId, expression: "local" }));
    session.on("answer3", (id) => send(id, 4, "Debugger.resume"));
    const worker = new Worker("function f(local) { debugger; } f(42);", { eval: true, name: "named" });
    worker.on("exit", (code) => { show("exit", code); session.disconnect(); });`,
  "has its last words heard before its end, whenever that comes": `
    session.on("NodeWorker.attachedToWorker", ({ params: { sessionId } }) => send(sessionId, 1, "Debugger.enable"));
    session.on("answer1", (id) => send(id, 2, "Runtime.runIfWaitingForDebugger"));
    session.on("Debugger.paused", (id) => send(id, 3, "Debugger.resume"));
    (async () => {
      post("enable", { waitForDebuggerOnStart: true });
      for (let round = 0; round < 12; round += 1) {
        const [code] = await once(new Worker("debugger;", { eval: true }), "exit");
        show("exit", code);
      }
      session.disconnect();
    })();`,
  "is found when it runs already, and left again": `
    (async () => {
      const worker = new Worker(__dirname + "/worker.cjs");
      await once(worker, "online");
      const attached = once(session, "NodeWorker.attachedToWorker");
      post("enable", { waitForDebuggerOnStart: false });
      const [{ params: { sessionId: id } }] = await attached;
      const answer = once(session, "answer1");
      send(id, 1, "Runtime.evaluate", { expression: "6 * 7" });
      await answer;
      post("detach", { sessionId: id });
      send(id, 2, "Runtime.evaluate", { expression: "1" });
      post("detach", { sessionId: "77" });
      await worker.terminate();
      post("disable");
      await once(new Worker("", { eval: true }), "exit");
      show("over");
    })();`,
  "is told of when it ends": `
    post("enable", { waitForDebuggerOnStart: false });
    const worker = new Worker(__dirname + "/worker.cjs");
    session.on("NodeWorker.attachedToWorker", () => worker.terminate());`,
  "refuses what is no command": `
    post("noSuch");
    post("enable", {});
    post("sendMessageToWorker", {});
    post("detach");
    send("1", 1, "Runtime.enable");`,
};

const worker = "setInterval(() => {}, 1000);";

describe("a worker that is looked into by its main thread", () => {
  for (const [name, code] of Object.entries(programs)) {
    test(`${name}, as on the host`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "secure-exec-workers-"));
      try {
        await writeFile(join(folder, "main.cjs"), head + code);
        await writeFile(join(folder, "worker.cjs"), worker);
        await withRuntime({}, async (runtime) => {
          await runtime.writeFile("/workspace/main.cjs", head + code);
          await runtime.writeFile("/workspace/worker.cjs", worker);
          const [expected, got] = await Promise.all([
            promisify(execFile)(pinnedNode, ["main.cjs"], { cwd: folder }),
            runtime.execCommand("node", ["main.cjs"]),
          ]);
          assert.notEqual(expected.stdout, "", expected.stderr);
          assert.equal(got.stdout, expected.stdout, got.stderr);
          assert.equal(got.exitCode, 0, got.stderr);
        });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  test("is ended while it waits, stands still, or nobody reads what it says", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `${head}
        (async () => {
          post("enable", { waitForDebuggerOnStart: true });
          const attached = () => once(session, "NodeWorker.attachedToWorker");
          let told = attached();
          let worker = new Worker("for (;;);", { eval: true });
          await told;
          show("terminated", await worker.terminate());

          session.on("answer1", (id) => send(id, 2, "Runtime.runIfWaitingForDebugger"));
          told = attached();
          worker = new Worker("debugger;", { eval: true });
          const [{ params: { sessionId } }] = await told;
          const paused = once(session, "Debugger.paused");
          send(sessionId, 1, "Debugger.enable");
          await paused;
          show("terminated", await worker.terminate());

          told = attached();
          worker = new Worker("for (;;) console.debug('x');", { eval: true });
          await told;
          session.disconnect();
          await worker.terminate();
          process.exit(3);
        })();`;
      await runtime.writeFile("/workspace/main.cjs", code);
      const { stdout, stderr, exitCode } = await runtime.execCommand("node", ["main.cjs"]);
      assert.equal(exitCode, 3, stderr);
      assert.equal(stdout.split('["terminated",1]').length, 3, stdout);
      assert.equal((await runtime.getResourceSnapshot()).processes, 0);
    });
  });
});

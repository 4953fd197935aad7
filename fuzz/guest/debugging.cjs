"use strict";
// What Node.js's library does when it is debugged or measured, each for the natives that it calls.

const inspector = require("node:inspector");
const workers = require("node:worker_threads");

const quiet = () => {};

/** Asks a session of the program's own, one after the other. */
function ask(...requests) {
  const session = new inspector.Session();
  session.connect();
  for (const [method, parameters] of requests) session.post(method, parameters, quiet);
  return session;
}

const sessions = [
  () =>
    ask(
      ["Runtime.enable"],
      ["Runtime.evaluate", { expression: "[1, {}]", generatePreview: true }],
      ["Runtime.getProperties", { objectId: "1" }],
      ["Runtime.compileScript", { expression: "1", sourceURL: "a", persistScript: true }],
      ["Schema.getDomains"],
    ),
  () =>
    ask(
      ["Debugger.enable"],
      ["Debugger.setAsyncCallStackDepth", { maxDepth: 4 }],
      ["Debugger.setBreakpointByUrl", { lineNumber: 0, url: "a" }],
      ["Debugger.setPauseOnExceptions", { state: "none" }],
      ["Debugger.setSkipAllPauses", { skip: true }],
    ),
  () =>
    ask(
      ["Profiler.enable"],
      ["Profiler.start"],
      ["Profiler.startPreciseCoverage", { callCount: true }],
      ["Profiler.takePreciseCoverage"],
      ["Profiler.stop"],
    ).disconnect(),
  () =>
    ask(
      ["HeapProfiler.enable"],
      ["HeapProfiler.startSampling"],
      ["HeapProfiler.stopSampling"],
      ["HeapProfiler.collectGarbage"],
    ).disconnect(),
  () =>
    ask(
      ["NodeTracing.getCategories"],
      ["NodeWorker.enable", { waitForDebuggerOnStart: false }],
      ["NodeRuntime.enable"],
      ["Network.enable"],
    ),
  () => {
    const text = "const { Session } = require('inspector'); new Session().connectToMainThread()";
    new workers.Worker(text, { eval: true }).on("error", quiet).unref();
  },
];

const agents = [
  () => [inspector.url(), inspector.console.debug("a"), console.debug("b")],
  () => inspector.Network?.requestWillBeSent({ requestId: "1", request: { url: "a" } }),
  () => inspector.open(0, "127.0.0.1", false),
  () => inspector.close(),
];

module.exports = [...sessions, ...agents];

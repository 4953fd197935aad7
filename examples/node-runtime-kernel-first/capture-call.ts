import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from "secure-exec";

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});

// #region documented
// Per-execution hook (exec only)
const logs: string[] = [];
await runtime.exec("console.log('hello'); console.error('oops')", {
  onStdio: (event) => logs.push(`[${event.channel}] ${event.message}`),
});
// logs: ["[stdout] hello", "[stderr] oops"]
// #endregion

console.log(logs);
runtime.dispose();

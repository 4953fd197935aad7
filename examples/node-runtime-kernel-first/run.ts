import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from "secure-exec";

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});

// #region documented
// Evaluate a user-provided expression and get the result
const result = await runtime.run<{ default: number }>("export default 40 + 2");
console.log(result.exports?.default); // 42
// #endregion

runtime.dispose();

import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from "secure-exec";

// #region documented
// Runtime-level hook (applies to both exec and run)
const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  onStdio: (event) => console.log(event.message),
});
// #endregion

await runtime.exec("console.log('from exec')");
await runtime.run("console.log('from run'); export default 1");
runtime.dispose();

import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from "secure-exec";

// #region documented
const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  memoryLimit: 128, // 128 MB isolate memory cap
  cpuTimeLimitMs: 5000, // 5 second CPU budget
  timingMitigation: "freeze", // freeze high-resolution timers (default)
});
// #endregion

const { code } = await runtime.exec("const all = []; for (;;) all.push(new Array(1e5).fill(0.5))");
console.log(code !== 0);
const clock = "const start = Date.now(); for (let i = 0; i < 1e7; i++); export default Date.now() - start";
console.log((await runtime.run<{ default: number }>(clock)).exports);
runtime.dispose();

import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from "secure-exec";

const toolSteps = [{ code: "globalThis.n = 1; console.log(n)" }, { code: "console.log(typeof n)" }];
const log = (message: string) => console.log(message);

// #region documented
// Recommended: create once, call many times, dispose at the end
const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});

// AI SDK tool loop — each step reuses the same runtime
for (const step of toolSteps) {
  const result = await runtime.exec(step.code, {
    onStdio: (e) => log(e.message),
  });
}

// Clean up when the session is over
runtime.dispose();
// #endregion

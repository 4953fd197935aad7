import {
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  type ExecResult,
  NodeRuntime,
} from "secure-exec";

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});
const toolSteps = [
  { code: "console.log('key', process.env.API_KEY)", apiKey: "secret-1" },
  { code: "console.log('in', process.cwd()); process.exitCode = 2", apiKey: "secret-2" },
];
const appendToToolResult = (message: string) => console.log(message);
const handleError = ({ code }: ExecResult) => console.log("failed with", code);

// #region documented
// AI SDK tool loop — capture stdout from each step
for (const step of toolSteps) {
  const result = await runtime.exec(step.code, {
    onStdio: (e) => appendToToolResult(e.message),
    env: { API_KEY: step.apiKey },
    cwd: "/workspace",
  });
  if (result.code !== 0) handleError(result);
}
// #endregion

runtime.dispose();

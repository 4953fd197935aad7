import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const { value, exitCode } = await rt.run(`
  const sum = [1, 2, 3].reduce((a, b) => a + b, 0);
  globalThis.__return({ sum });
`);

console.log(exitCode, value); // 0 { sum: 6 }
// #endregion

await rt.dispose();

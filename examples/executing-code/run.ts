import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const { value } = await rt.run<{ sum: number }>(`
globalThis.__return({ sum: 2 + 40 });
`);

console.log(value?.sum); // 42
// #endregion

await rt.dispose();

import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const result = await rt.run<string>(
`
let input = "";
for await (const chunk of process.stdin) input += chunk;
globalThis.__return(input.trim().toUpperCase());
`,
{ stdin: "piped through stdin", timeout: 10_000 },
);
// #endregion

console.log(result.value, result.exitCode);
await rt.dispose();

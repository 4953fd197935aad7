import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const { stdout } = await rt.exec(
  `process.stdin.pipe(process.stdout);`,
  { stdin: "echo me back\n" },
);
// stdout === "echo me back\n"
// #endregion

console.log(JSON.stringify(stdout));
await rt.dispose();

// #region documented
import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

const { stdout, exitCode } = await rt.exec(`
  import os from "node:os";
  console.log("hello from", os.platform(), process.version);
`);

console.log(exitCode, stdout); // 0 hello from linux v24.21.0
await rt.dispose();
// #endregion

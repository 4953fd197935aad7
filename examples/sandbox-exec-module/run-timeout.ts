import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create();
const begun = performance.now();

// #region documented
const result = await sandbox.exec.run('sleep 30', { timeout: 5 });
// #endregion

console.log(result.exitCode, result.stderr);
console.log(performance.now() - begun < 30_000);
await sandbox.kill();

import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create();

// #region documented
const result = await sandbox.exec.run('echo $MY_VAR', {
  env: { MY_VAR: 'hello' },
});
// #endregion

console.log(result.stdout, result.exitCode);
await sandbox.kill();

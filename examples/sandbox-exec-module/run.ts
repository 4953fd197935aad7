import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create();

// #region documented
const result = await sandbox.exec.run('echo "Hello, World!"');

console.log(result.stdout);   // Hello, World!
console.log(result.stderr);   // (empty)
console.log(result.exitCode); // 0
// #endregion

await sandbox.kill();

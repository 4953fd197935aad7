import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create({ files: { "/app/index.js": "console.log(1)" } });

// #region documented
const result = await sandbox.exec.run('ls -la', { cwd: '/app' });
// #endregion

console.log(result.stdout.includes("index.js"), result.exitCode);
await sandbox.kill();

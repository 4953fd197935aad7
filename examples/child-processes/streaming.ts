import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const proc = await rt.spawn("setInterval(() => console.log('tick'), 100)", {
  onStdout: (chunk) => process.stdout.write(new TextDecoder().decode(chunk)),
});
// ... later
proc.kill(); // SIGTERM
await proc.wait();
// #endregion

console.log(proc.exitCode);
await rt.dispose();

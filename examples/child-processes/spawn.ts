import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const proc = await rt.spawn(`
  process.stdin.on("data", (chunk) => {
    process.stdout.write("got: " + chunk.toString());
  });
`);

proc.writeStdin("hello\n"); // feed stdin
proc.closeStdin(); // signal end-of-input

const exitCode = await proc.wait();
console.log(proc.pid, exitCode);
// #endregion

await rt.dispose();

import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();
let stdout = "";
const onStdout = (chunk: Uint8Array) => {
  stdout += new TextDecoder().decode(chunk);
};

// #region documented
const proc = await rt.spawn(
  `
  process.stdin.on("data", (chunk) => {
    process.stdout.write("got: " + chunk.toString());
  });
`,
  { onStdout },
);

proc.writeStdin("hello\n"); // feed stdin
proc.closeStdin(); // signal end-of-input

const exitCode = await proc.wait();
console.log(proc.pid, exitCode);
// #endregion

console.log(stdout.trim());
await rt.dispose();

import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const decoder = new TextDecoder();

const { stdout, exitCode } = await rt.exec(
  `
    for (let i = 0; i < 3; i++) console.log("tick", i);
  `,
  {
    onStdout: (chunk) => process.stdout.write(decoder.decode(chunk)),
    onStderr: (chunk) => process.stderr.write(decoder.decode(chunk)),
  },
);

// stdout still holds the complete buffered output after the run.
// #endregion

console.log(JSON.stringify(stdout), exitCode);
await rt.dispose();

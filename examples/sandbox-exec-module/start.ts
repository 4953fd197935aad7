import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create({
  files: {
    "/app/package.json": JSON.stringify({ scripts: { dev: "node dev.js" } }),
    "/app/dev.js": `
      console.log("ready");
      console.error("a warning");
      process.stdin.once("data", (data) => console.log("got", String(data).trim()));
    `,
  },
});

// #region documented
const session = await sandbox.exec.start("npm run dev", {
  cwd: "/app",
  onStdout: (data) => {
    console.log("stdout:", new TextDecoder().decode(data));
  },
  onStderr: (data) => {
    console.error("stderr:", new TextDecoder().decode(data));
  },
  onExit: (exitCode) => {
    console.log(`Process exited with code: ${exitCode}`);
  },
});

// Send input to the process
session.sendStdin("some input\n");

// Kill the process later
await session.kill();

// Or wait for it to finish
const exitCode = await session.done;
// #endregion

console.log(exitCode);
await sandbox.kill();

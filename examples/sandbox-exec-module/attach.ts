import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create();
await sandbox.exec.start("echo hello; read -r line; exit 3", { sessionId: "session-id" });

// #region documented
const session = await sandbox.exec.attach("session-id", {
  onStdout: (data) => console.log(new TextDecoder().decode(data)),
  onExit: (code) => console.log(`Exited: ${code}`),
});
// #endregion

session.closeStdin();
await session.done;
await sandbox.kill();

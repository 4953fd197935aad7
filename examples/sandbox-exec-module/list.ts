import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create();
await sandbox.exec.start("sleep 100", { sessionId: "dev-" });

// #region documented
const sessions = await sandbox.exec.list();
for (const s of sessions) {
  console.log(`${s.sessionID}${s.command} — running: ${s.running}`);
}
// #endregion

await sandbox.kill();

import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();
const code = `
  console.error("no such record");
  process.exit(7);
`;

try {
  // #region documented
  const { stderr, exitCode } = await rt.exec(code);
  if (exitCode !== 0) throw new Error(`guest exited ${exitCode}: ${stderr}`);
  // #endregion
} catch (error) {
  console.log(String(error).trim());
} finally {
  await rt.dispose();
}

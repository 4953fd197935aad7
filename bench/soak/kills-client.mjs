// The client of kills.mjs: it works, says what it has finished, and takes another sandbox where its own has gone.

import { randomUUID } from "node:crypto";
import { Sandbox } from "../../index.js";
import { token } from "./served.mjs";

const [url, given] = process.argv.slice(2);
const tell = (message) => process.send(message);
const numbers = (count) => Array.from({ length: count }, (_, n) => `${n}\n`).join("");
/** What may be when the server was killed, and with it the sandbox. */
const mayBe = new Set(["ERR_SANDBOX_NOT_FOUND", "ERR_CONNECTION_LOST"]);

async function enter(sandboxId) {
  for (;;) {
    try {
      const sandbox = await Sandbox.connect(url, { token, ...(sandboxId && { sandboxId }) });
      if (!sandboxId) tell({ sandboxId: sandbox.sandboxId });
      return sandbox;
    } catch (error) {
      if (!mayBe.has(error.code)) throw error;
      if (error.code === "ERR_SANDBOX_NOT_FOUND") sandboxId = undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function work({ exec, files }) {
  const step = randomUUID();
  const line = `echo ${step} >> /tmp/log; for ((n = 0; n < 300; n += 1)); do echo $n; done`;
  const { stdout, exitCode } = await exec.run(line);
  if (exitCode !== 0 || stdout !== numbers(300))
    tell({ wrong: `a result of ${stdout.length} bytes` });
  tell({ finished: step });
  const sessionId = randomUUID();
  const count = 2000;
  let text = "";
  const session = await exec.start(`for ((n = 0; n < ${count}; n += 1)); do echo $n; done`, {
    sessionId,
    onStdout: (data) => {
      text += Buffer.from(data).toString("latin1");
    },
  });
  tell({ begun: { sessionId, text: numbers(count) } });
  const code = await session.done;
  if (code !== 0 || text !== numbers(count)) tell({ wrong: `a session of ${text.length} bytes` });
  await files.writeFile("/tmp/file", step);
  if ((await files.readFile("/tmp/file", "utf8")) !== step) tell({ wrong: "a file" });
}

let sandbox = await enter(given);
for (;;) {
  try {
    await work(sandbox);
  } catch (error) {
    if (!mayBe.has(error.code)) {
      tell({ wrong: String(error.stack) });
      process.exit(1);
    }
    sandbox.close();
    sandbox = await enter();
  }
}

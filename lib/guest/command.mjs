// Stands for a command that the host runs (`commandExecutor` of a driver), as its parent sees it: with its input, its output
// and its end. lib/driver/command-executor.cjs is the other side.

import { constants } from "node:os";

const [, , command, ...args] = process.argv;
const call = globalThis.callTool.bind(globalThis, "commandExecutor");
const passedOn = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"];
/** A command that has ended takes no more input and no signals: its end is told by what is read. */
const nothingToDo = () => {};

/** As a shell says it of a command that it cannot run. */
function fail(error) {
  process.stderr.write(`${command}: ${error.message}\n`, () => process.exit(126));
}

async function feed(id) {
  for await (const chunk of process.stdin) {
    await call({ action: "write", id, data: chunk.toString("base64") });
  }
  await call({ action: "close", id });
}

function show(stream, data) {
  return new Promise((resolve) => {
    stream.write(Buffer.from(data, "base64"), resolve);
  });
}

async function run() {
  const env = { ...process.env };
  const { id } = await call({ action: "begin", command, args, cwd: process.cwd(), env });
  for (const name of passedOn) {
    const signal = constants.signals[name];
    process.on(name, () => call({ action: "kill", id, signal }).catch(nothingToDo));
  }
  feed(id).catch(nothingToDo);
  for (;;) {
    const { stdout, stderr, exitCode } = await call({ action: "read", id });
    if (exitCode !== undefined) process.exit(exitCode);
    if (stdout !== undefined) await show(process.stdout, stdout);
    if (stderr !== undefined) await show(process.stderr, stderr);
  }
}

run().catch(fail);

"use strict";
// `secure-exec shell`: a shell on a terminal of the machine, shown in this process's terminal.

const { NodeRuntime } = require("../node-runtime.cjs");
const { UsageError, runtimeOptions } = require("./arguments.cjs");

async function shell(operands, flags) {
  if (operands.length > 0) throw new UsageError("shell takes no arguments");
  const { stdin, stdout } = process;
  const runtime = await NodeRuntime.create(runtimeOptions(flags));
  try {
    const terminal = await runtime.openShell({
      cols: stdout.columns ?? 80,
      rows: stdout.rows ?? 24,
      ...(process.env.TERM && { env: { TERM: process.env.TERM } }),
      ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    });
    const resize = () => terminal.resize(stdout.columns, stdout.rows);
    // In raw mode every key goes to the machine, whose terminal does the editing and the signals.
    if (stdin.isTTY) stdin.setRawMode(true);
    if (stdout.isTTY) stdout.on("resize", resize);
    terminal.onData((chunk) => stdout.write(chunk));
    stdin.on("data", (chunk) => terminal.write(chunk));
    // End of file is a key there.
    stdin.on("end", () => terminal.write("\x04"));
    const hangUp = () => terminal.kill("SIGHUP");
    process.on("SIGHUP", hangUp).on("SIGTERM", hangUp);
    try {
      return await terminal.wait();
    } finally {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdout.off("resize", resize);
      process.off("SIGHUP", hangUp).off("SIGTERM", hangUp);
      stdin.destroy();
    }
  } catch (error) {
    if (error.code === "ENOENT" && error.syscall === "spawn") {
      throw new Error("the machine has no shell: the WebAssembly commands are not installed");
    }
    throw error;
  } finally {
    await runtime.dispose();
  }
}

module.exports = { shell };

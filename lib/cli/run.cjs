"use strict";
// `secure-exec run file [arguments]`: one program with this process's standard streams.

const { once } = require("node:events");
const { readFile } = require("node:fs/promises");
const { basename } = require("node:path");
const { NodeRuntime } = require("../node-runtime.cjs");
const { UsageError, runtimeOptions } = require("./arguments.cjs");

/** Where the program is in the machine. */
const directory = "/workspace";

async function run(operands, flags) {
  const [file, ...args] = operands;
  if (file === undefined) throw new UsageError("run needs a file");
  const source = await readFile(file).catch((error) => {
    throw new Error(`${file} cannot be read: ${error.code}`);
  });
  const path = `${directory}/${basename(file)}`;
  const runtime = await NodeRuntime.create({
    ...runtimeOptions(flags),
    files: { [path]: source },
  });
  try {
    const program = await runtime.spawnCommand("node", [path, ...args], {
      ...(flags.timeout !== undefined && { timeout: flags.timeout }),
      maxOutputBytes: 0,
      onStdout: (chunk) => write(process.stdout, chunk),
      onStderr: (chunk) => write(process.stderr, chunk),
    });
    const stop = forwardSignals(program);
    feed(program);
    const code = await program.wait();
    stop();
    return code;
  } finally {
    process.stdin.destroy();
    await runtime.dispose();
  }
}

/** Writes, and waits while the reader is slow. */
async function write(stream, chunk) {
  if (!stream.write(chunk)) await once(stream, "drain");
}

async function feed(program) {
  try {
    for await (const chunk of process.stdin) await program.writeStdin(chunk);
  } catch {
    // The program has ended, or standard input is closed.
  }
  program.closeStdin();
}

function forwardSignals(program) {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const handlers = signals.map((signal) => [signal, () => program.kill(signal)]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

module.exports = { run };

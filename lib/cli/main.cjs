#!/usr/bin/env node
"use strict";
// The command line: `secure-exec run`, `secure-exec shell`.

const { version } = require("../../package.json");
const { UsageError, parseCommandLine } = require("./arguments.cjs");

const usage = `Usage: secure-exec run [options] <file> [arguments]
       secure-exec shell [options]

Runs a program, or an interactive shell, in a small, deny-by-default machine.

Options:
  --cwd <dir>         working directory in the machine (default: /workspace)
  --env <NAME=value>  environment variable; may be repeated
  --timeout <ms>      kill the program after this time
  --trace             print the system calls of guests on standard error
  --commands <dir>    directory with WebAssembly commands
  --help              show this text
  --version           show the version
`;

/** sysexits.h: EX_USAGE. */
const EX_USAGE = 64;

async function main(argv) {
  const { command, flags, operands } = parseCommandLine(argv);
  if (flags.help) return print(usage);
  if (flags.version) return print(`${version}\n`);
  switch (command) {
    case "run":
      return await require("./run.cjs").run(operands, flags);
    case "shell":
      return await require("./shell.cjs").shell(operands, flags);
    case "serve":
      throw new UsageError("serve is not available yet");
    case undefined:
      throw new UsageError("a command is missing: run or shell");
    default:
      throw new UsageError(`unknown command: ${command}`);
  }
}

function print(text) {
  process.stdout.write(text);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    const misused = error instanceof UsageError;
    process.stderr.write(`secure-exec: ${error.message}\n`);
    if (misused) process.stderr.write("Try 'secure-exec --help'.\n");
    process.exitCode = misused ? EX_USAGE : 1;
  },
);

#!/usr/bin/env -S node --
"use strict";
// The command line: `secure-exec run`, `exec`, `shell`, `doctor`, `serve`.
// Without `--` above, Node.js would take the program's own `--env-file` for one of its options.

const { version } = require("../../package.json");
const { commands, parseCommandLine } = require("./arguments.cjs");
const { failure } = require("./failures.cjs");
const { help, usage } = require("./help.cjs");
const { UsageError } = require("./usage-error.cjs");

/** sysexits.h. */
const EX_USAGE = 64;

async function main(argv) {
  const { command, flags, operands } = parseCommandLine(argv);
  if (flags.help) return print(help(command));
  if (flags.version) return print(`${version}\n`);
  switch (command) {
    case "run":
      return await require("./run.cjs").run(operands, flags);
    case "exec":
      return await require("./exec.cjs").exec(operands, flags);
    case "shell":
      return await require("./shell.cjs").shell(operands, flags);
    case "doctor":
      return await require("./doctor.cjs").doctor(operands, flags);
    case "serve":
      return await require("./serve.cjs").serve(operands, flags);
    case "mcp":
      return await require("./mcp.cjs").mcp(operands, flags);
    case "help":
      return print(help(known(operands[0])));
    case "version":
      return print(`${version}\n`);
    case undefined:
      process.stderr.write(`${usage}Try 'secure-exec --help'.\n`);
      return EX_USAGE;
    default:
      throw new UsageError(`unknown command: ${command}`);
  }
}

/** A command that help is asked for. */
function known(command) {
  if (command !== undefined && !commands.includes(command)) {
    throw new UsageError(`unknown command: ${command}`);
  }
  return command;
}

function print(text) {
  process.stdout.write(text);
  return 0;
}

// Who does not read what is printed here does not want to hear of that either.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    const { message, exitCode } = failure(error);
    if (message !== undefined) process.stderr.write(message);
    process.exitCode = exitCode;
  },
);

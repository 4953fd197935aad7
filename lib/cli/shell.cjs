"use strict";
// `secure-exec shell`: a line, a script, standard input, or a terminal.

const { ownProgram } = require("../own-programs.cjs");
const { interpreterOf } = require("./interpreter.cjs");
const { variablesOf } = require("./machine-options.cjs");
const { runInMachine } = require("./session.cjs");

async function shell(operands, flags) {
  const sh = ownProgram("sh", variablesOf(flags));
  if (flags.line !== undefined) {
    return await runInMachine(flags, { argv: () => [sh, "-c", flags.line, ...operands] });
  }
  const [script, ...args] = operands;
  if (script === undefined) return await runInMachine(flags, { argv: () => [sh], shell: true });
  return await runInMachine(flags, {
    program: script,
    argv: (program, source) => [...(interpreterOf(source) ?? [sh]), program, ...args],
  });
}

module.exports = { shell };

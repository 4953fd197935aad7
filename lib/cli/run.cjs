"use strict";
// `secure-exec run`: a program with node.

const { ownProgram } = require("../own-programs.cjs");
const { variablesOf } = require("./machine-options.cjs");
const { UsageError } = require("./usage-error.cjs");
const { runInMachine } = require("./session.cjs");

async function run(operands, flags) {
  const node = ownProgram("node", variablesOf(flags));
  const code = flags.eval ?? flags.print;
  if (code !== undefined) {
    const option = flags.print === undefined ? "--eval" : "--print";
    return await runInMachine(flags, { argv: () => [node, option, code, "--", ...operands] });
  }
  const [file, ...args] = operands;
  if (file === undefined) {
    throw new UsageError("run needs a file, -e <code>, or - for a program on standard input");
  }
  if (file === "-") return await runInMachine(flags, { argv: () => [node, "-", ...args] });
  return await runInMachine(flags, {
    program: file,
    argv: (program) => [node, program, ...args],
  });
}

module.exports = { run };

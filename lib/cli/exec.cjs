"use strict";
// `secure-exec exec`: a command of the machine, without a shell.

const { UsageError } = require("./usage-error.cjs");
const { runInMachine } = require("./session.cjs");

async function exec(operands, flags) {
  if (operands.length === 0) throw new UsageError("exec needs a command");
  return await runInMachine(flags, { argv: () => operands });
}

module.exports = { exec };

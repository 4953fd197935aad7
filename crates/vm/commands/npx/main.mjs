// npx(1): a program of an installed package, or of the machine.

import { findPrefix, NpmError, version } from "../npm/project.mjs";
import { runProgram } from "../npm/run.mjs";

try {
  const args = process.argv.slice(1);
  // Nothing is downloaded, so there is nothing to agree to.
  while (["-y", "--yes", "--no", "--no-install", "--"].includes(args[0])) args.shift();
  if (args[0] === "-v" || args[0] === "--version") process.stdout.write(`${version}\n`);
  else process.exitCode = runProgram(findPrefix(process.cwd()), args);
} catch (error) {
  if (!(error instanceof NpmError)) throw error;
  for (const line of error.lines) process.stderr.write(`npm error ${line}\n`);
  process.exitCode = error.status;
}

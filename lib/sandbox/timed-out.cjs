"use strict";
// How a sandbox tells that the time of a command was over.

/** A result of the runtime as the sandbox gives it. */
function timedOutResult({ timedOut, signal: _, usage: _usage, ...result }) {
  if (!timedOut) return result;
  const { stderr } = result;
  const separator = stderr === "" || stderr.endsWith("\n") ? "" : "\n";
  return { ...result, exitCode: -1, stderr: `${stderr}${separator}Process timed out` };
}

module.exports = { timedOutResult };

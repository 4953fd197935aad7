"use strict";
// Runtimes that nobody holds any more and nobody has disposed of: their machines are ended when the garbage collector
// finds them, and the first is told by a warning.

let isTold = false;

const runtimes = new FinalizationRegistry((machine) => {
  if (machine.disposed) return;
  machine.abandon();
  if (isTold) return;
  isTold = true;
  const message =
    'A NodeRuntime was garbage collected without dispose(); its machine is ended now. Use "await using", or dispose()';
  process.emitWarning(message, { code: "SECURE_EXEC_NOT_DISPOSED" });
});

/** @type {WeakMap<import("./execution.cjs").Execution, object>} */
const owners = new WeakMap();

/**
 * Watches a runtime, which its machine must not hold.
 * @param {object} runtime
 * @param {import("./machine.cjs").Machine} machine
 */
function watch(runtime, machine) {
  runtimes.register(runtime, machine);
}

/** Keeps a runtime as long as a program runs, or somebody holds its handle. */
function keep(runtime, execution) {
  owners.set(execution, runtime);
  return execution;
}

module.exports = { keep, watch };

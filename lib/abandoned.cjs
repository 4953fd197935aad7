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

/**
 * Watches a runtime, which its machine must not hold.
 * @param {object} runtime
 * @param {import("./machine.cjs").Machine} machine
 */
function watch(runtime, machine) {
  runtimes.register(runtime, machine);
}

module.exports = { watch };

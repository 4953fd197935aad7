"use strict";
// Terminals that clients have open in a sandbox: a program of it on each. They end with their client.

const { invalidValue } = require("../errors.cjs");
const { packFailure } = require("../wire/failures.cjs");

/**
 * @param {(operation: import("./operation.cjs").Operation, hears: string[]) => Promise<{ onStdout: Function }>} fedBy
 * @param {(call: import("./methods.cjs").Call, id: number, kind: string) => any} handleOf
 * @returns {Record<string, (call: import("./methods.cjs").Call) => Promise<void>>}
 */
function terminalMethods(fedBy, handleOf) {
  const terminalOf = (call) => handleOf(call, call.params.terminal, "terminal");
  return {
    "terminal.open": async ({ hosted, operation, params }) => {
      if ("signal" in params) throw invalidValue("params.signal", "is not for this method");
      const terminal = await hosted.sandbox.runtime.openShell(params);
      operation.handle = { terminal };
      operation.release = () => terminal.dispose();
      const { onStdout } = await fedBy(operation, ["onStdout"]);
      terminal.onData(onStdout);
      const ended = terminal.wait();
      hosted.sessionRuns(ended);
      ended.then(
        (exitCode) => operation.end({ event: "exit", exitCode }),
        (error) => operation.end({ event: "failed", error: packFailure(error) }),
      );
      operation.answer({ pid: terminal.pid }, [], { goesOn: true });
    },
    "terminal.write": async (call) => {
      await terminalOf(call).write(call.body ?? "");
      call.operation.answer(null);
    },
    "terminal.resize": async (call) => {
      const { cols, rows } = call.params;
      terminalOf(call).resize(cols, rows);
      call.operation.answer(null);
    },
    "terminal.kill": async (call) => {
      terminalOf(call).kill(call.params.signal);
      call.operation.answer(null);
    },
  };
}

module.exports = { terminalMethods };

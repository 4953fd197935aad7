"use strict";
// The archive that a program of a machine writes, as a stream: it fails where the program does.

const { VmError } = require("./errors.cjs");

const SIGKILL = 9;
const ENOTDIR = -20;

/**
 * @param {import("./execution.cjs").Execution} execution Writes an archive on its standard output, and complaints on the
 *   other channel.
 * @returns {ReadableStream<Uint8Array>}
 */
function archiveStream(execution) {
  execution.closeInput();
  const reader = execution.reader.stream(0).getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        const { exitCode, stderr } = await execution.result;
        if (exitCode !== 0) throw incomplete(stderr);
        controller.close();
      },
      async cancel() {
        execution.kill(SIGKILL);
        await reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

function incomplete(stderr) {
  const message = `The archive is not complete: ${stderr.trim()}`;
  return new VmError({ code: "EIO", message, errno: -5, syscall: "read", stateLost: false });
}

function notDirectory(path) {
  const message = `ENOTDIR: not a directory, scandir '${path}'`;
  const failure = { code: "ENOTDIR", message, errno: ENOTDIR, syscall: "scandir", path };
  return new VmError({ ...failure, stateLost: false });
}

module.exports = { archiveStream, notDirectory };

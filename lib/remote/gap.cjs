"use strict";
// Output that is lost to a client: it was away for so long that the server has not kept it.

/** @type {WeakSet<object>} */
const told = new WeakSet();

/** Warns, once for each session or call. */
function warnOfGap(session, bytes) {
  if (told.has(session)) return;
  told.add(session);
  const text = `${bytes} bytes of output are lost: while there was no connection more came than the server keeps`;
  const warning = new Error(text);
  warning.name = "SecureExecWarning";
  warning.code = "ERR_OUTPUT_LOST";
  process.emitWarning(warning);
}

module.exports = { warnOfGap };

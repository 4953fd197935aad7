"use strict";
// The value of `--file`.

const { lstatSync } = require("node:fs");
const { UsageError } = require("./usage-error.cjs");

/**
 * Reads `host:guest` or `host`, which goes into the working directory under its own name.
 *
 * @returns {{host: string, guest: string}} `guest` is empty where it is left out.
 */
function namedFile(text, flag) {
  const at = text.lastIndexOf(":");
  // A name of the host may hold a colon, as long as it is there.
  if (at < 0 || lstatSync(text, { throwIfNoEntry: false })) return { host: text, guest: "" };
  const [host, guest] = [text.slice(0, at), text.slice(at + 1)];
  if (host === "" || guest === "") {
    throw new UsageError(`${flag} takes host:guest or host, not '${text}'`);
  }
  return { host, guest };
}

module.exports = { namedFile };

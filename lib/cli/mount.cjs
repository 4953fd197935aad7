"use strict";
// The value of `--mount`.

const { statSync } = require("node:fs");
const { posix } = require("node:path");
const { workspace } = require("./project.cjs");
const { UsageError } = require("./usage-error.cjs");

/**
 * Reads `host:guest` or `host:guest:rw`. A name of the host may hold a colon, a place in the machine may not.
 *
 * @returns {{hostPath: string, guestPath: string, readOnly: boolean}}
 */
function mount(text, flag) {
  const [, host, guest, mode] = /^(.+?):([^:]+)(?::(ro|rw))?$/s.exec(text) ?? [];
  if (!host || !guest)
    throw new UsageError(`${flag} takes host:guest or host:guest:rw, not '${text}'`);
  const stat = statSync(host, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) throw new UsageError(`${flag} takes a folder, which ${host} is not`);
  return { hostPath: host, guestPath: posix.resolve(workspace, guest), readOnly: mode !== "rw" };
}

module.exports = { mount };

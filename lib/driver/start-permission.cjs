"use strict";
// Which programs guests may start: the machine asks before each, as it calls a tool, and its guests cannot.

const { warn } = require("../callback.cjs");
const { allows, decide } = require("./permissions.cjs");

/** What the machine calls (`START_PERMISSION` of the protocol). No tool has this name. */
const name = "";

/**
 * @param {Function} permission
 * @param {(request: object) => void} [onAllowed]
 * @returns {object | undefined} For the machine's toolbox; undefined if nothing must be asked.
 */
function startPermission(permission, onAllowed) {
  if (allows(permission)) return undefined;
  const handler = async (request) => {
    const isAllowed = await decision(permission, request);
    if (isAllowed) onAllowed?.(request);
    return isAllowed;
  };
  const inputSchema = { check: async (text) => ({ value: requestOf(text) }) };
  return { name, inputSchema, handler, timeoutMs: undefined, isOurs: true };
}

function requestOf(text) {
  const { command, path, args, cwd } = JSON.parse(text);
  return { op: "spawn", command, path, args, cwd };
}

/** A permission that throws allows nothing, and its error is told. */
async function decision(permission, request) {
  try {
    const { allow } = await decide(permission, { ...request, args: [...request.args] });
    return allow;
  } catch (error) {
    warn("permissions.childProcess", permission, error);
    return false;
  }
}

module.exports = { startPermission };

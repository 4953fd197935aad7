"use strict";
// What the library knows of the live handles that it gives away, and their types do not tell.

/** @type {WeakMap<object, import("./execution.cjs").Execution>} */
const executions = new WeakMap();

/**
 * @template {object} T
 * @param {T} handle A process or a terminal.
 * @param {import("./execution.cjs").Execution} execution
 * @returns {T} The handle.
 */
function track(handle, execution) {
  executions.set(handle, execution);
  return handle;
}

/** The limits that the program of a handle has passed and survived, once it has ended. */
async function limitsOf(handle) {
  const { limits = [] } = await executions.get(handle).end;
  return limits;
}

module.exports = { limitsOf, track };

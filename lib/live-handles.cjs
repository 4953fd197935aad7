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

/** How the program of a handle has ended, for somebody who does not wait for it. */
function endOf(handle) {
  return executions.get(handle).end;
}

/** Has the program of a handle keep the host alive no more, unless somebody waits for it. */
function unhold(handle) {
  executions.get(handle).unhold();
}

/** The limits that the program of a handle has passed and survived, once it has ended. */
async function limitsOf(handle) {
  const { limits = [] } = await executions.get(handle).end;
  return limits;
}

module.exports = { endOf, limitsOf, track, unhold };

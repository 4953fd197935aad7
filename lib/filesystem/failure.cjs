"use strict";
// What the file methods of the host's filesystems reject with.

const { VmError } = require("../errors.cjs");
const { amount } = require("../limits.cjs");

/**
 * What native code threw, as Node words the errors of its own `fs`: the text has number, name and meaning of the errno.
 * @param {Error} thrown
 * @param {{ syscall: string, path: string, dest?: string }} call
 * @param {{ limit: string, bound: number, used: number } | null} breach The limit that was in the way.
 * @param {string} setter What sets that limit.
 */
function failure(thrown, { syscall, path, dest }, breach, setter) {
  const [, errno, code, meaning] = /^(-\d+) (E\w+) (.*)$/s.exec(thrown.message) ?? [];
  if (errno === undefined) return thrown;
  const where = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`;
  const told = breach ? `: ${breachText(breach)}. ${setter} sets it` : "";
  const message = `${code}: ${meaning}, ${syscall} ${where}${told}`;
  const error = new VmError({ code, message, errno: Number(errno), stateLost: false });
  Object.assign(error, { syscall, path }, dest === undefined ? {} : { dest });
  return Object.assign(error, breach ?? {});
}

/** Errors of those who may not look at what they name: it is not listed for them either. */
const unlisted = new WeakSet();

function unlist(error) {
  unlisted.add(error);
  return error;
}

function isUnlisted(error) {
  return typeof error === "object" && error !== null && unlisted.has(error);
}

function breachText({ limit, bound, used }) {
  const asked = used > bound ? `${amount(limit, used)} would be used` : "it was used up";
  return `${limit} is ${amount(limit, bound)}, ${asked}`;
}

module.exports = { failure, isUnlisted, unlist };

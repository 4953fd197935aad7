"use strict";
// Permissions as functions: `(request) => boolean | { allow, reason? }`. Words and rules become such.

const { VmError, invalidType } = require("../errors.cjs");
const check = require("../validate.cjs");
const { addressesOf, isRules, rulesCheck } = require("./rules.cjs");

const EACCES = -13;

const allow = () => ({ allow: true });
const deny = () => ({ allow: false });

const allowAllFs = Object.freeze({ fs: allow });
const allowAllNetwork = Object.freeze({ network: allow });
const allowAllChildProcess = Object.freeze({ childProcess: allow });
const allowAllEnv = Object.freeze({ env: allow });
const allowAll = Object.freeze({
  ...allowAllFs,
  ...allowAllNetwork,
  ...allowAllChildProcess,
  ...allowAllEnv,
});

/** A checker of a scope's permission: a function, a word for one, or rules. */
function permission(scope) {
  return (value, name) => {
    if (value === "allow") return allow;
    if (value === "deny") return deny;
    if (typeof value === "function") return value;
    if (isRules(value)) return rulesCheck(value, name, scope);
    // `fs: allowAllFs` is meant as `...allowAllFs`.
    if (check.isPlainObject(value) && isAllow(Object.values(value))) return allow;
    throw invalidType(name, "a function, 'allow', 'deny' or an object with rules", value);
  };
}

function isAllow(members) {
  return members.length > 0 && members.every((member) => member === allow);
}

const scopes = {
  fs: check.optional(permission("fs"), allow),
  network: check.optional(permission("network"), deny),
  childProcess: check.optional(permission("childProcess"), allow),
  env: check.optional(permission("env"), allow),
};

/** A checker of options. */
function permissions(value, name) {
  return check.object(value, name, scopes);
}

/** One permission for several, which must all allow. */
function allOf(permissions) {
  const asked = permissions.filter((one) => !allows(one));
  if (asked.length < 2) return asked[0] ?? allow;
  return async (request) => {
    for (const one of asked) {
      const decision = await decide(one, request);
      if (!decision.allow) return decision;
    }
    return true;
  };
}

/** Whether rules allow an address by naming it, or a subnet that it is in. */
function namesAddress(permission, address) {
  return addressesOf(permission)?.(address) === true;
}

/** Whether it needs not be asked. */
function allows(permission) {
  return permission === allow;
}

/**
 * Asks.
 * @returns {Promise<{ allow: boolean, reason?: string }>}
 */
async function decide(permission, request) {
  const answer = await permission(request);
  if (typeof answer === "object" && answer !== null) {
    const { allow: allowed, reason } = answer;
    return { allow: allowed === true, reason };
  }
  return { allow: answer === true };
}

/** Names and values of the variables that the driver lets in. */
async function allowedEnvironment(flat, permission) {
  const pairs = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [key, value] = [flat[i], flat[i + 1]];
    const { allow } = await decide(permission, { op: "read", key, value });
    if (allow) pairs.push([key, value]);
  }
  return pairs;
}

/**
 * The error of what was denied.
 * @param {string} syscall
 * @param {string} resource
 * @param {string} what Scope and operation.
 * @param {string} [reason]
 */
function denied(syscall, resource, what, reason = `blocked by ${what} policy`) {
  const message = `EACCES: permission denied, ${syscall} '${resource}': ${reason}`;
  return new VmError({
    code: "EACCES",
    message,
    errno: EACCES,
    stateLost: false,
    syscall,
    path: resource,
  });
}

module.exports = {
  allowAll,
  allowAllChildProcess,
  allowAllEnv,
  allowAllFs,
  allowAllNetwork,
  allOf,
  allows,
  allowedEnvironment,
  decide,
  denied,
  namesAddress,
  permissions,
};

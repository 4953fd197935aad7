"use strict";
// Permissions as functions: `(request) => boolean | { allow, reason? }`.

const { VmError, invalidType, unsupported } = require("../errors.cjs");
const check = require("../validate.cjs");

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

/** A function, or a word for one. */
function permission(value, name) {
  if (value === "allow") return allow;
  if (value === "deny") return deny;
  if (typeof value === "function") return value;
  // `fs: allowAllFs` is meant as `...allowAllFs`.
  if (typeof value === "object" && value !== null) {
    if (Object.values(value).every((member) => member === allow)) return allow;
    if (Object.hasOwn(value, "rules") || Object.hasOwn(value, "default")) throw unsupported(name);
  }
  throw invalidType(name, "a function, 'allow' or 'deny'", value);
}

/** What the machine has no question for yet. */
function onlyAllow(value, name) {
  const given = permission(value, name);
  if (given !== allow) throw unsupported(`${name} that denies or decides`);
  return given;
}

const scopes = {
  fs: check.optional(permission, allow),
  network: check.optional(permission, deny),
  childProcess: check.optional(onlyAllow, allow),
  env: check.optional(permission, allow),
};

/** A checker of options. */
function permissions(value, name) {
  return check.object(value, name, scopes);
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
  allows,
  allowedEnvironment,
  decide,
  denied,
  permissions,
};

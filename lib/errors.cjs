"use strict";
// The errors that the API throws and rejects with. Every one has a stable `code`.

const { inspect } = require("node:util");
const { breachText } = require("./limits.cjs");

/** Every error that was made here. */
const ours = new WeakSet();

/** Whether an error was made by the API, and is not the caller's own. */
function isOurs(error) {
  return typeof error === "object" && error !== null && ours.has(error);
}

/** Has an error count as the API's. */
function markOurs(error) {
  ours.add(error);
}

function isFailure(value) {
  try {
    return typeof value?.code === "string";
  } catch {
    return false;
  }
}

/** Something went wrong in or with a VM: a limit, a crash, a file that is not there. */
class VmError extends Error {
  /** @param {import("../binding.d.cts").Failure} failure */
  constructor(failure) {
    if (!isFailure(failure)) throw notConstructible("VmError");
    super(failure.limit && failure.errno ? withLimit(failure) : failure.message);
    ours.add(this);
    this.code = failure.code;
    if (failure.errno !== 0) this.errno = failure.errno;
    for (const key of ["syscall", "path", "why"]) {
      if (failure[key] !== undefined && failure[key] !== null) this[key] = failure[key];
    }
    if (failure.limit) Object.assign(this, failure.limit);
    if (failure.code !== "ERR_VM_CRASHED") return;
    this.why ??= failure.message;
    this.stateLost = failure.stateLost === true;
    this.securityViolation = failure.securityViolation === true;
  }
}
Object.defineProperty(VmError.prototype, "name", {
  value: "VmError",
  configurable: true,
  writable: true,
});

const toolErrorOptions = ["code", "data", "cause"];

/** The options that are there. Each of the caller's getters runs once. */
function readToolErrorOptions(options) {
  if (typeof options !== "object" || options === null) {
    throw invalidType("options", "an object", options);
  }
  const read = {};
  let name = "options";
  try {
    for (const key of Object.keys(options)) {
      name = `options.${key}`;
      if (!toolErrorOptions.includes(key)) {
        const known = toolErrorOptions.join(", ");
        throw invalidValue(name, `is not a known option. Known are ${known}`);
      }
      read[key] = options[key];
    }
  } catch (error) {
    throw isOurs(error) ? error : unreadable(name, error);
  }
  if (read.code !== undefined && typeof read.code !== "string") {
    throw invalidType("options.code", "of type string", read.code);
  }
  return read;
}

/** What a tool's handler throws to tell the guest; of other errors the guest hears only that the tool failed. */
class ToolError extends Error {
  /**
   * @param {string} message
   * @param {{ code?: string, data?: unknown, cause?: unknown }} [options]
   */
  constructor(message, options = {}) {
    const { code, data, ...cause } = readToolErrorOptions(options);
    super(message, cause);
    if (code !== undefined) this.code = code;
    if (data !== undefined) this.data = data;
  }
}
Object.defineProperty(ToolError.prototype, "name", {
  value: "ToolError",
  configurable: true,
  writable: true,
});

/** The limit behind an errno: the same one stands for several of them. */
function withLimit({ message, limit }) {
  return `${message}: ${breachText(limit)}`;
}

/** A guest ended because it reached a limit. */
function limitError({ limit, bound, used }, message = limitMessage({ limit, bound, used })) {
  return new VmError({
    code: "ERR_RESOURCE_LIMIT",
    message,
    errno: 0,
    stateLost: false,
    limit: { limit, bound, used },
  });
}

function limitMessage(breach) {
  return `The guest was ended: ${breachText(breach)}`;
}

/** Node's error for input behind the end of input. */
function writeAfterEnd() {
  const message = "Standard input has been closed";
  const code = "ERR_STREAM_WRITE_AFTER_END";
  return new VmError({ code, message, errno: 0, stateLost: false });
}

function disposedError() {
  const message = "NodeRuntime has been disposed";
  return new VmError({ code: "ERR_VM_DISPOSED", message, errno: 0, stateLost: false });
}

/** The types have no constructor for it either. */
function notConstructible(
  name,
  how = "is made by secure-exec only: use instanceof to recognise it",
) {
  return withCode(new TypeError(`${name} ${how}`), "ERR_INVALID_ARG_TYPE");
}

function unsupported(name) {
  return withCode(new TypeError(`${name} is not supported yet`), "ERR_FEATURE_UNAVAILABLE");
}

function invalidType(name, expected, value) {
  const received = describe(value);
  return withCode(
    new TypeError(`The "${name}" argument must be ${expected}. Received ${received}`),
    "ERR_INVALID_ARG_TYPE",
  );
}

function invalidValue(name, reason, value) {
  const received = value === undefined ? "" : `. Received ${describe(value)}`;
  return withCode(
    new TypeError(`The argument "${name}" ${reason}${received}`),
    "ERR_INVALID_ARG_VALUE",
  );
}

/** What the caller's own getters or traps have thrown is the cause. */
function unreadable(name, cause) {
  return Object.assign(invalidValue(name, `cannot be read: ${messageOf(cause)}`), { cause });
}

/** The option that every error of JavaScript takes. */
function errorCause(options) {
  try {
    const isThere = typeof options === "object" && options !== null && "cause" in options;
    return isThere ? { cause: options.cause } : undefined;
  } catch (cause) {
    throw unreadable("options.cause", cause);
  }
}

/** What was thrown may throw itself when it is asked. */
function messageOf(thrown) {
  try {
    return String(thrown?.message);
  } catch {
    return "what it throws cannot be shown";
  }
}

function outOfRange(name, range, value) {
  return withCode(
    new RangeError(
      `The value of "${name}" is out of range. It must be ${range}. Received ${value}`,
    ),
    "ERR_OUT_OF_RANGE",
  );
}

/** Two limits that cannot both hold. */
function limitsContradict({ part, text }) {
  return withCode(
    new RangeError(`The value of "options.${part}" is out of range. It is ${text}`),
    "ERR_OUT_OF_RANGE",
  );
}

/** An error of the API's. */
function withCode(error, code) {
  ours.add(error);
  return Object.assign(error, { code });
}

// Never more than a few words, whatever it is given, and never the caller's own code.
function describe(value) {
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return isArray(value) ? "an array" : "an object";
  if (value === undefined || value === null) return String(value);
  const text = inspect(value);
  return `type ${typeof value} (${text.length > 40 ? `${text.slice(0, 40)}...` : text})`;
}

/** A revoked proxy of an array throws when it is asked. */
function isArray(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

module.exports = {
  ToolError,
  VmError,
  disposedError,
  errorCause,
  invalidType,
  invalidValue,
  isOurs,
  limitError,
  limitsContradict,
  markOurs,
  notConstructible,
  outOfRange,
  unreadable,
  unsupported,
  withCode,
  writeAfterEnd,
};

"use strict";
// The errors of kernels: `code` is the name of an error number.

const { VmError, errorCause, markOurs } = require("../errors.cjs");
const { withSetter } = require("../limits.cjs");

class KernelError extends Error {
  /**
   * @param {string} code The name of an error number, as `ENOENT`.
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message.startsWith(`${code}: `) ? message : `${code}: ${message}`, errorCause(options));
    this.code = code;
    markOurs(this);
  }
}
Object.defineProperty(KernelError.prototype, "name", {
  value: "KernelError",
  configurable: true,
  writable: true,
});

/** Error numbers of what has none of its own. */
const codes = {
  ERR_VM_DISPOSED: "ESHUTDOWN",
  ERR_VM_CRASHED: "EIO",
  ERR_TIMEOUT: "ETIMEDOUT",
  ERR_STREAM_WRITE_AFTER_END: "EPIPE",
};

const told = ["errno", "syscall", "path", "dest", "limit", "bound", "used", "stdout", "stderr"];

/** What a machine has thrown, as an error of the kernel's; what is the caller's stays as it is. */
function kernelError(error) {
  if (!(error instanceof VmError)) return error;
  const code = codes[error.code] ?? (error.code.startsWith("ERR_") ? limitCode(error) : error.code);
  const message = withSetter(error.message, "createKernel({ limits })");
  const made = new KernelError(code, message, { cause: error });
  for (const key of told) if (error[key] !== undefined) made[key] = error[key];
  return made;
}

function limitCode({ limit = "" }) {
  if (limit.endsWith("Ms")) return "ETIMEDOUT";
  return limit === "" ? "EIO" : "ENOMEM";
}

module.exports = { KernelError, kernelError };

// Errors of machines.

// biome-ignore lint/complexity/noUselessEmptyExport: without it TypeScript exports what is not marked so, too
export {};

interface VmErrorBase extends Error {
  readonly name: "VmError";
  /** What the program had written. */
  readonly stdout?: string;
  readonly stderr?: string;
}

/** A limit was passed. What the machine's files hold is still there. */
export interface VmLimitError extends VmErrorBase {
  readonly code: "ERR_RESOURCE_LIMIT";
  /** The limit, by the name that `create` knows it under. */
  readonly limit: string;
  /** Its bound, in the unit of the limit. */
  readonly bound: number;
  /** What was used or asked for, in the same unit. */
  readonly used: number;
}

/** The VM process ended. The next call gets a new one. */
export interface VmCrashError extends VmErrorBase {
  readonly code: "ERR_VM_CRASHED";
  /** What ended it. */
  readonly why: string;
  /** Files written since creation are lost: the new process has those that `create` was given. */
  readonly stateLost: boolean;
  /**
   * The process made a system call that no guest can make it do (`why` is `signal SIGSYS`): code in it that is not ours.
   * Look at what ran there before you run it again.
   */
  readonly securityViolation: boolean;
  /** Where a limit ended it: the limit, its bound, and the use. */
  readonly limit?: string;
  readonly bound?: number;
  readonly used?: number;
}

/** A system call of the machine failed. */
export interface VmSystemError extends VmErrorBase {
  readonly code: ErrnoName;
  /** Negative, as in Node.js. */
  readonly errno: number;
  readonly syscall?: string;
  /** The guest path. */
  readonly path?: string;
  /** The port of the machine that nothing listens on. */
  readonly port?: number;
  /** Where a limit is behind it (`ENOSPC`, `EFBIG`, `E2BIG`, `EAGAIN`, `EMFILE`, `ENOBUFS`): the limit, its bound, and the use. */
  readonly limit?: string;
  readonly bound?: number;
  readonly used?: number;
}

/** The call came at the wrong time, or took too long. */
export interface VmStateError extends VmErrorBase {
  /**
   * - `ERR_VM_DISPOSED`: the runtime, or the resident runner, was disposed of.
   * - `ERR_VM_START`: no VM process could be started.
   * - `ERR_ISOLATION_UNAVAILABLE`: less than `requireIsolation` holds; the message names what is missing.
   * - `ERR_RUNNER_BUSY`: the resident runner is running another snippet.
   * - `ERR_SHELL_CLOSED`: the shell of `rt.shell()` has ended, or was closed.
   * - `ERR_SNAPSHOT_DISPOSED`: a snapshot of files was disposed of.
   * - `ERR_SESSION_NOT_FOUND`, `ERR_SESSION_EXISTS`: a sandbox has no session of that name, or has one already.
   * - `ERR_SANDBOX_NOT_FOUND`, `ERR_TOO_MANY_SANDBOXES`, `ERR_SERVER_DRAINING`, `ERR_SERVER_BUSY`, `ERR_UNAUTHORIZED`,
   *   `ERR_FORBIDDEN_ORIGIN`, `ERR_BODY_TOO_LARGE`, `ERR_RESULT_DROPPED`, `ERR_CANCELLED`, `ERR_SERVER`: a server of sandboxes
   *   has refused, or has failed.
   * - `ERR_CONNECTION_LOST`, `ERR_CONNECTION_CLOSED`: the server could not be reached for too long; `close()` was called.
   * - `ERR_VM_EXPIRED`: `idleTimeoutMs` or `maxLifetimeMs` of the runtime is over.
   * - `ERR_INVALID_STATE`: the output of a live program is read in another way already.
   * - `ERR_TIMEOUT`: a snippet did not end in time and was killed; a server did not answer, or nothing listened in time.
   * - `ERR_INVALID_HTTP_RESPONSE`: what a server of a guest has sent is no response.
   * - `ERR_INVALID_VALUE`: what a snippet gave back as its value is no value.
   * - `ERR_STREAM_WRITE_AFTER_END`: input was written behind `closeStdin`.
   * - `ERR_OUT_OF_RANGE`: a request or its answer does not fit into a message to the VM process.
   */
  readonly code:
    | "ERR_VM_DISPOSED"
    | "ERR_VM_START"
    | "ERR_ISOLATION_UNAVAILABLE"
    | "ERR_RUNNER_BUSY"
    | "ERR_SHELL_CLOSED"
    | "ERR_VM_EXPIRED"
    | "ERR_INVALID_STATE"
    | "ERR_SESSION_NOT_FOUND"
    | "ERR_SESSION_EXISTS"
    | "ERR_SANDBOX_NOT_FOUND"
    | "ERR_TOO_MANY_SANDBOXES"
    | "ERR_SERVER_DRAINING"
    | "ERR_SERVER_BUSY"
    | "ERR_UNAUTHORIZED"
    | "ERR_FORBIDDEN_ORIGIN"
    | "ERR_BODY_TOO_LARGE"
    | "ERR_RESULT_DROPPED"
    | "ERR_CANCELLED"
    | "ERR_SERVER"
    | "ERR_CONNECTION_LOST"
    | "ERR_CONNECTION_CLOSED"
    | "ERR_SNAPSHOT_DISPOSED"
    | "ERR_TIMEOUT"
    | "ERR_INVALID_HTTP_RESPONSE"
    | "ERR_INVALID_VALUE"
    | "ERR_STREAM_WRITE_AFTER_END"
    | "ERR_OUT_OF_RANGE";
}

/** What calls reject with when it is not the caller's argument that is wrong; `code` tells which. */
export type VmError = VmLimitError | VmCrashError | VmSystemError | VmStateError;

/** Only the runtime makes errors of this class; `instanceof` recognises them. */
// biome-ignore lint/complexity/noBannedTypes: what `instanceof` asks of its right side
export interface VmErrorConstructor extends Function {
  readonly prototype: VmError;
}

/** The class of the errors of machines, for `instanceof`. */
export const VmError: VmErrorConstructor;

/** Names of Linux error numbers, as in `errno(3)`. */
export type ErrnoName =
  | "EPERM"
  | "ENOENT"
  | "ESRCH"
  | "EINTR"
  | "EIO"
  | "ENXIO"
  | "E2BIG"
  | "ENOEXEC"
  | "EBADF"
  | "ECHILD"
  | "EAGAIN"
  | "ENOMEM"
  | "EACCES"
  | "EFAULT"
  | "ENOTBLK"
  | "EBUSY"
  | "EEXIST"
  | "EXDEV"
  | "ENODEV"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "ENFILE"
  | "EMFILE"
  | "ENOTTY"
  | "ETXTBSY"
  | "EFBIG"
  | "ENOSPC"
  | "ESPIPE"
  | "EROFS"
  | "EMLINK"
  | "EPIPE"
  | "EDOM"
  | "ERANGE"
  | "EDEADLK"
  | "ENAMETOOLONG"
  | "ENOLCK"
  | "ENOSYS"
  | "ENOTEMPTY"
  | "ELOOP"
  | "EIDRM"
  | "ENODATA"
  | "EPROTO"
  | "EOVERFLOW"
  | "EILSEQ"
  | "EUSERS"
  | "ENOTSOCK"
  | "EDESTADDRREQ"
  | "EMSGSIZE"
  | "EPROTOTYPE"
  | "ENOPROTOOPT"
  | "EPROTONOSUPPORT"
  | "ESOCKTNOSUPPORT"
  | "ENOTSUP"
  | "EAFNOSUPPORT"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ECONNABORTED"
  | "ECONNRESET"
  | "ENOBUFS"
  | "EISCONN"
  | "ENOTCONN"
  | "ESHUTDOWN"
  | "ETIMEDOUT"
  | "ETOOMANYREFS"
  | "ECONNREFUSED"
  | "EHOSTDOWN"
  | "EHOSTUNREACH"
  | "EALREADY"
  | "EINPROGRESS"
  | "ESTALE"
  | "EDQUOT"
  | "ECANCELED";

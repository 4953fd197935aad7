// Commands of a machine that functions of the host's are.

import type { AbortSignal, Readable, Writable } from "./host.js";

/** What a command of the host is run with. All of it is a guest's. */
export interface HostCommandCall {
  /** The name of the command, and its arguments. */
  argv: string[];
  env: Record<string, string>;
  /** The working directory of the guest's process. */
  cwd: string;
  /** Its standard input. Nothing of it is read before this is. */
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** Aborts when the guest's process has ended. */
  signal: AbortSignal;
  /** The guest's process. */
  pid: number;
}

/** A command of the host; it gives back the exit status, and nothing for 0. */
// biome-ignore lint/suspicious/noConfusingVoidType: an async function without a result is meant
export type HostCommand = (call: HostCommandCall) => number | void | PromiseLike<number | void>;

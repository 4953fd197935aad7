// Live processes that run one snippet after another.

import type { AbortSignal } from "./host.js";
import type { NodeRuntime } from "./node-runtime.js";
import type { NodeRuntimeExecResult, ProgramUsage, SignalName } from "./programs.js";

/** Options of the methods of {@link ResidentRunner}. */
export interface ResidentRunnerOptions {
  /** Milliseconds after which the process is killed; the call rejects with `ERR_TIMEOUT`. */
  timeout?: number | undefined;
  /** Kills the process; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** As for {@link NodeRuntime.exec}: the snippet's output as it comes. */
  onStdout?: ((chunk: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((chunk: Uint8Array) => unknown) | undefined;
  /**
   * Bytes kept of each output channel of the snippet.
   * @default the VM's limit, 16 MiB
   */
  maxOutputBytes?: number | undefined;
  /**
   * Which part is kept of more than that, as for {@link NodeRuntime.exec}.
   * @default head
   */
  keep?: "head" | "tail" | "both" | undefined;
  /**
   * What the code is taken for, as for {@link NodeRuntime.exec}. A snippet of `evaluate` is `"js"` or `"ts"`.
   * @default a module that may have types; with `filename` what Node.js makes of a file of that name
   */
  language?: "js" | "ts" | "cjs" | "auto" | undefined;
  /**
   * The file that the code is taken for, which need not be there: in stack traces, in `import.meta` and `__filename`, and
   * imports are looked for beside it.
   */
  filename?: string | undefined;
}

/** Options of {@link ResidentRunner.evaluate}. */
export interface ResidentRunnerEvaluateOptions extends ResidentRunnerOptions {
  language?: "js" | "ts" | undefined;
}

/** How a snippet ended and what it wrote. */
export interface ResidentRunnerResult
  extends Omit<NodeRuntimeExecResult, "signal" | "usage" | "timedOut"> {
  /** Only if the process ended with the snippet: the signal that ended it, or null. */
  signal?: SignalName | null;
  /** Only if the process ended with the snippet: what it took over its life. */
  usage?: ProgramUsage;
  /**
   * The process of the snippet before had ended (it exited, ran out of time or memory, or crashed), so that this one ran
   * on a new one, without what earlier ones had defined.
   */
  restarted?: true;
  /**
   * What earlier snippets have written since the last result, from timers and the like, and the errors that they left to
   * nobody. Each channel is kept up to the VM's limit.
   */
  background?: {
    stdout: string;
    stderr: string;
    stdoutTruncated?: true;
    stderrTruncated?: true;
  };
}

/** As {@link ResidentRunnerResult}, with a value. */
export interface ResidentRunnerValue<T> extends ResidentRunnerResult {
  /** Only if `exitCode` is 0. */
  value?: T;
}

/**
 * A live guest process that runs one snippet after another, with shared globals. Standard input is at end of file, and
 * the limit of processor time holds for each snippet by itself. It keeps the host process alive only while a snippet
 * runs.
 *
 * A snippet's output and errors are its own. One that throws, or leaves a rejection to nobody, has `exitCode` 1 and its
 * error on `stderr`; the process goes on. After a call that rejected the next snippet gets a new process, unless it was
 * for a value of `run` that is longer than `limits.jsRuntime.returnValueLimitBytes`.
 */
export interface ResidentRunner {
  /** Runs a snippet as a module of its own. One at a time. */
  exec(code: string, options?: ResidentRunnerOptions): Promise<ResidentRunnerResult>;
  /** As {@link exec}, with the value that the snippet hands back by `globalThis.__return(value)`, as JSON. */
  run<T = unknown>(code: string, options?: ResidentRunnerOptions): Promise<ResidentRunnerValue<T>>;
  /**
   * Runs a snippet as a REPL does, and gives back the value of its last expression by structured clone; of a promise,
   * what it is fulfilled with. What it declares or imports at its top level stays for the next snippets, which may
   * declare it again. A value that cannot be cloned, or is longer than `limits.jsRuntime.returnValueLimitBytes`, fails the
   * snippet.
   */
  evaluate<T = unknown>(
    code: string,
    options?: ResidentRunnerEvaluateOptions,
  ): Promise<ResidentRunnerValue<T>>;
  /** Ends the process. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

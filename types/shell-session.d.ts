// Shells that keep their state from one line to the next.

import type { AbortSignal } from "./host.js";
import type { NodeRuntime } from "./node-runtime.js";
import type { LimitBreach } from "./limits.js";
import type { SignalName } from "./programs.js";

/** Options of {@link NodeRuntime.shell}. */
export interface ShellSessionOptions {
  /**
   * The name that the shell is called by, and with it what it understands.
   * @default "bash"
   */
  shell?: "bash" | "sh" | undefined;
  /** Where it begins. @default that of the runtime */
  cwd?: string | undefined;
  /** Variables in addition to those of the runtime. */
  env?: Record<string, string> | undefined;
  /** What jobs write between lines, as it comes; without it the next result has that as `background`. */
  onStdout?: ((chunk: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((chunk: Uint8Array) => unknown) | undefined;
}

/** Options of {@link ShellSession.run}. */
export interface ShellLineOptions {
  /** Standard input of the line. It is at end of file without. 64 MiB at most, the line included. */
  stdin?: string | Uint8Array | undefined;
  /** Milliseconds after which the line is given up: what it waits for is killed, the shell and its jobs go on. */
  timeout?: number | undefined;
  /** Gives the line up; the call rejects with the signal's reason, and the shell goes on. */
  signal?: AbortSignal | undefined;
  /** The line's output as it comes. A promise holds the guest up until it settles, or the line is given up. */
  onStdout?: ((chunk: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((chunk: Uint8Array) => unknown) | undefined;
  /**
   * Bytes kept of each output channel of the line.
   * @default the VM's limit, 16 MiB
   */
  maxOutputBytes?: number | undefined;
  /**
   * Which part is kept of more than that, as for {@link NodeRuntime.exec}.
   * @default head
   */
  keep?: "head" | "tail" | "both" | undefined;
}

/** How a line ended and what it wrote. */
export interface ShellLineResult {
  stdout: string;
  stderr: string;
  /** The line's status; 137 if it was given up. */
  exitCode: number;
  /** The signal that ended the shell, or null. */
  signal: SignalName | null;
  /** The shell's working directory behind it. */
  cwd: string;
  /** The time was over, and the line was given up. */
  timedOut?: true;
  /** The shell ended with this line: by `exit`, by `exec`, by a signal. */
  closed?: true;
  /** More was written than is kept. */
  stdoutTruncated?: true;
  stderrTruncated?: true;
  /** Limits that were reached. */
  limits?: LimitBreach[];
  /** What jobs have written between lines since the last result. Each channel is kept up to the VM's limit. */
  background?: {
    stdout: string;
    stderr: string;
    stdoutTruncated?: true;
    stderrTruncated?: true;
  };
}

/**
 * A shell of the guest's that runs one line after another: its directory, variables, functions, aliases, options and jobs
 * stay. What a line writes is its own, as is its status. Lines that are given while one runs wait for their turn. The
 * limit of processor time holds for each line of the shell by itself. It keeps the host process alive only while a line
 * runs.
 */
export interface ShellSession {
  readonly pid: number;
  /** The working directory behind the last line. */
  readonly cwd: string;
  /** Whether it has ended, or {@link close} was called. */
  readonly closed: boolean;
  /**
   * Runs a line, or several.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong.
   * @throws {VmError} `ERR_SHELL_CLOSED`: the shell has ended. What {@link NodeRuntime.execCommand} throws.
   * @throws The reason of `signal`; what a callback threw.
   *
   * @example
   * ```js
   * await using shell = await rt.shell();
   * await shell.run("cd /tmp && export NAME=value");
   * const { stdout, exitCode } = await shell.run('echo "$NAME in $PWD"');
   * ```
   */
  run(line: string, options?: ShellLineOptions): Promise<ShellLineResult>;
  /** Ends the shell and its jobs: the line that runs is given up, traps on `EXIT` run. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

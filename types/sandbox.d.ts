// Sandboxes: commands and files of one machine. Times are seconds.

import type { NodeRuntimeCreateOptions } from "./create-options.js";
import type { AbortSignal, URL } from "./host.js";
import type { NodeRuntime } from "./node-runtime.js";
import type { LimitBreach } from "./limits.js";
import type { SignalName } from "./programs.js";

/** Options of {@link SandboxExec.run}. */
export interface RunOpts {
  /**
   * Seconds after which the command and what it has started are killed: `exitCode` is -1.
   * @default 60
   */
  timeout?: number | undefined;
  /** Variables in addition to those of the sandbox. */
  env?: Record<string, string> | undefined;
  cwd?: string | undefined;
  /** Kills the command; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Standard input; without it there is none. */
  stdin?: string | Uint8Array | undefined;
  /** Output as it comes. A promise holds the command up until it settles. */
  onStdout?: ((data: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((data: Uint8Array) => unknown) | undefined;
  /**
   * Bytes kept of each output channel.
   * @default the limit of the sandbox, 16 MiB
   */
  maxOutputBytes?: number | undefined;
  /**
   * Which part is kept of more than that, as for {@link NodeRuntime.exec}.
   * @default head
   */
  keep?: "head" | "tail" | "both" | undefined;
}

/** How a command ended and what it wrote. */
export interface ProcessResult {
  /** 0 for success; 128 and the signal's number of what a signal ended; -1 when its time was over. */
  exitCode: number;
  stdout: string;
  /** Ends with `Process timed out` when its time was over. */
  stderr: string;
  /** More was written than is kept. */
  stdoutTruncated?: true;
  stderrTruncated?: true;
  /** Limits that were reached. */
  limits?: LimitBreach[];
}

/** Options of {@link SandboxExec.start}. With a callback the session keeps the host process alive until it ends or is closed. */
export interface ExecStartOpts {
  /** Starts a program with these arguments, without a shell. */
  args?: readonly string[] | undefined;
  /**
   * Names the session: 1 to 64 letters, digits, `_`, `.` or `-`.
   * @default a UUID
   */
  sessionId?: string | undefined;
  env?: Record<string, string> | undefined;
  cwd?: string | undefined;
  /** Seconds after which it is killed: `done` resolves with -1. */
  timeout?: number | undefined;
  /** Output as it comes. A promise holds the command up until it settles. What it throws is told by a warning. */
  onStdout?: ((data: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((data: Uint8Array) => unknown) | undefined;
  onExit?: ((exitCode: number) => unknown) | undefined;
  /** As that of {@link ExecAttachOpts}; only a client at the other end of a network loses output of what it has started. */
  onGap?: ((bytes: number) => unknown) | undefined;
}

/** Options of {@link SandboxExec.attach}. */
export interface ExecAttachOpts {
  onStdout?: ((data: Uint8Array) => unknown) | undefined;
  onStderr?: ((data: Uint8Array) => unknown) | undefined;
  onExit?: ((exitCode: number) => unknown) | undefined;
  /**
   * So many bytes of output are not kept any more: those from the beginning, or those that came while a client at the other
   * end of a network had no connection. Without it the latter is told by a warning of the process (`ERR_OUTPUT_LOST`).
   */
  onGap?: ((bytes: number) => unknown) | undefined;
  /** What was kept has been shown: what comes now is new. */
  onScrollbackEnd?: (() => unknown) | undefined;
}

/** A client of a started command. */
export interface ExecSession {
  /** Names the command for {@link SandboxExec.attach}. */
  readonly sessionId: string;
  /** The exit code, once the command has ended. Whoever waits for it keeps the host process alive. */
  readonly done: Promise<number>;
  /** Sends input. What it returns resolves when the command has taken it, and need not be awaited. */
  sendStdin(data: string | Uint8Array): Promise<void>;
  /** Ends the command's input. */
  closeStdin(): void;
  /**
   * Signals the command and what it has started.
   * @param signal Number or name. @default 9
   */
  kill(signal?: number | SignalName): Promise<void>;
  /** Detaches: no callback of this client is called or waited for any more, and the command goes on. */
  close(): void;
  /** Kills the command. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A started command, as {@link SandboxExec.list} tells of it. */
export interface ExecSessionInfo {
  sessionID: string;
  sandboxID: string;
  command: string;
  args: string[];
  running: boolean;
  /** Only of one that has ended. */
  exitCode?: number;
  /** ISO 8601. */
  startedAt: string;
  attachedClients: number;
}

/** Options of {@link SandboxExec.shell}. */
export interface SandboxShellOpts {
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** @default "bash" */
  shell?: "bash" | "sh" | undefined;
  /** What jobs write between lines; without it the next result has that as `background`. */
  onStdout?: ((data: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((data: Uint8Array) => unknown) | undefined;
}

/** How a line of a shell ended and what it wrote. */
export interface SandboxShellResult extends ProcessResult {
  /** The shell's working directory behind it. */
  cwd: string;
  /** The shell ended with this line. */
  closed?: true;
  /** What jobs have written between lines since the last result. */
  background?: {
    stdout: string;
    stderr: string;
    stdoutTruncated?: true;
    stderrTruncated?: true;
  };
}

/** A shell that keeps its state, as {@link NodeRuntime.shell}. A line that takes too long is given up; the shell goes on. */
export interface SandboxShell {
  readonly sessionId: string;
  /** The working directory behind the last line. */
  readonly cwd: string;
  readonly closed: boolean;
  /** Runs a line, or several. `cwd` and `env` are the shell's own. */
  run(command: string, opts?: Omit<RunOpts, "cwd" | "env">): Promise<SandboxShellResult>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Commands of a sandbox. Command lines are run by `bash`. */
export interface SandboxExec {
  /**
   * Runs a line and waits for its end.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong.
   * @throws {VmError} What {@link NodeRuntime.execCommand} throws.
   */
  run(command: string, opts?: RunOpts): Promise<ProcessResult>;
  /**
   * Starts a line, or a program if there are `args`.
   *
   * @throws {VmError} `ERR_SESSION_EXISTS`: its `sessionId` is taken. What {@link NodeRuntime.spawnCommand} throws.
   */
  start(command: string, opts?: ExecStartOpts): Promise<ExecSession>;
  /** What runs, and what has ended within five minutes (the last hundred). */
  list(): Promise<ExecSessionInfo[]>;
  /**
   * Becomes a client of a started command: the last MiB of its output is shown, then what comes.
   *
   * @throws {VmError} `ERR_SESSION_NOT_FOUND`.
   */
  attach(sessionId: string, opts?: ExecAttachOpts): Promise<ExecSession>;
  /** Starts a shell that keeps its state. */
  shell(opts?: SandboxShellOpts): Promise<SandboxShell>;
}

/** Files of a sandbox. */
export type SandboxFiles = Pick<
  NodeRuntime,
  | "appendFile"
  | "chmod"
  | "cp"
  | "download"
  | "exists"
  | "mkdir"
  | "readDir"
  | "readDirWithTypes"
  | "readFile"
  | "remove"
  | "rename"
  | "stat"
  | "symlink"
  | "upload"
  | "watch"
  | "writeFile"
>;

/** What all sandboxes have, wherever their machine is. */
export interface SandboxHandle {
  readonly sandboxId: string;
  readonly exec: SandboxExec;
  readonly files: SandboxFiles;
  /** Ends everything in it. */
  kill(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A machine of its own, for commands. */
export interface Sandbox extends SandboxHandle {
  /** The machine itself. */
  readonly runtime: NodeRuntime;
}

/** A sandbox at the other end of a network. One that `connect` has made ends when it is disposed of, unless it was closed. */
export interface RemoteSandbox extends SandboxHandle {
  /**
   * Closes the connection. The sandbox goes on with its sessions, and `Sandbox.connect(url, { token, sandboxId })` finds it;
   * shells of this connection end. Calls that wait reject with `ERR_CONNECTION_CLOSED`.
   */
  close(): void;
}

/** Options of {@link Sandbox.connect}. */
export interface SandboxConnectOptions
  extends Pick<NodeRuntimeCreateOptions, "cwd" | "env" | "files" | "limits" | "jsRuntime"> {
  /** What the server knows this client by. */
  token?: string | undefined;
  /**
   * A sandbox that is there, in place of a new one.
   * @default a sandbox is made
   */
  sandboxId?: string | undefined;
  /** For addresses with `https:`. */
  tls?:
    | {
        /** Certificates that sign the server's, in place of those that Node.js knows, as PEM. */
        ca?: string | Uint8Array | undefined;
        /** Certificate and key of this client, as PEM. */
        cert?: string | Uint8Array | undefined;
        key?: string | Uint8Array | undefined;
        /** The name that the server's certificate is for. @default that of the address */
        servername?: string | undefined;
        /** @default true */
        rejectUnauthorized?: boolean | undefined;
      }
    | undefined;
  /**
   * Seconds for which a connection that is lost is opened anew, before the calls that wait reject with
   * `ERR_CONNECTION_LOST`. The next call tries again.
   * @default 60
   */
  reconnectSeconds?: number | undefined;
}

/** What makes a {@link Sandbox}, and tells it from other objects by `instanceof`. */
export const Sandbox: {
  readonly prototype: Sandbox;
  /**
   * Makes a sandbox.
   *
   * @example
   * ```js
   * await using sandbox = await Sandbox.create();
   * const { stdout } = await sandbox.exec.run("echo hello | tr a-z A-Z");
   * ```
   */
  create<Schemas = Record<string, object>>(
    options?: NodeRuntimeCreateOptions<Schemas>,
  ): Promise<Sandbox>;
  /**
   * Makes a sandbox on a server (`secure-exec serve`, {@link createSandboxServer}), or finds one there. Commands, sessions and
   * files are the same as those of a sandbox of this process: see `docs/server.md`.
   *
   * @param url The server's address, `http:` or `https:`.
   * @throws {TypeError} An option is wrong, or has no meaning over a network, such as `mounts`.
   * @throws {VmError} `ERR_CONNECTION_LOST`: the server cannot be reached. `ERR_UNAUTHORIZED`, `ERR_SANDBOX_NOT_FOUND`,
   *   `ERR_TOO_MANY_SANDBOXES`, `ERR_SERVER_DRAINING`.
   *
   * @example
   * ```js
   * const token = "what the server knows this client by";
   * await using sandbox = await Sandbox.connect("https://sandboxes.example.org", { token });
   * const { stdout } = await sandbox.exec.run("echo hello | tr a-z A-Z");
   * ```
   */
  connect(url: string | URL, options?: SandboxConnectOptions): Promise<RemoteSandbox>;
};

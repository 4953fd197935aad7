// Programs that run in a machine, and what becomes of them.

import type { AbortSignal, ByteStream, InputStream } from "./host.js";
import type { LimitBreach } from "./limits.js";
import type { NodeRuntime } from "./node-runtime.js";

/** Options of {@link NodeRuntime.exec}, {@link NodeRuntime.run} and {@link NodeRuntime.spawn}. */
export interface NodeRuntimeExecOptions {
  /** Standard input. For `exec` and `run` end of file follows; without it, at once. */
  stdin?: string | Uint8Array | undefined;
  /** Environment over the VM's. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Working directory. */
  cwd?: string | undefined;
  /** Milliseconds after which the program is killed; the result then has `timedOut`. */
  timeout?: number | undefined;
  /**
   * Kills the program and what it started, as far as that is still in its session; the call rejects with the signal's
   * reason.
   */
  signal?: AbortSignal | undefined;
  /**
   * Output as it comes, in the asynchronous context of the call. The program waits while a promise that this gives
   * back is pending, and so does the call, no longer than `timeout`. What it throws ends the program and rejects the
   * call.
   */
  onStdout?: ((chunk: Uint8Array) => unknown) | undefined;
  /** As `onStdout`. */
  onStderr?: ((chunk: Uint8Array) => unknown) | undefined;
  /**
   * What the code is: `js` an ES module, `ts` one with types, `cjs` a script with `require`, `module`, `exports` and
   * `__filename`, `auto` what Node.js would take it for, by the extension of `filename`, the `type` of the nearest
   * `package.json` and its syntax.
   * @default an ES module, which may be TypeScript; `auto` where `filename` is given
   */
  language?: CodeLanguage | undefined;
  /**
   * The file that the code is taken for, absolute or relative to the working directory; it need not be there. It is in stack
   * traces, `process.argv[1]` and `import.meta.url`, and imports are resolved from there.
   */
  filename?: string | undefined;
  /** `process.argv` behind the executable, and behind `filename`. */
  args?: readonly string[] | undefined;
  /**
   * Bytes kept of each output channel. Default: the VM's limit, 16 MiB; for live programs nothing of a channel with a
   * callback.
   */
  maxOutputBytes?: number | undefined;
  /**
   * Which part is kept of output over the bound: the first bytes, the last, or half of each, with a line between them that
   * says how many were left out. Texts are cut between characters.
   * @default head
   */
  keep?: "head" | "tail" | "both" | undefined;
}

/** How code is read: {@link NodeRuntimeExecOptions.language}. */
export type CodeLanguage = "js" | "ts" | "cjs" | "auto";

/** Options of {@link NodeRuntime.spawn}. */
export type NodeRuntimeSpawnOptions = NodeRuntimeExecOptions;

/** Options of {@link NodeRuntime.execCommand} and {@link NodeRuntime.spawnCommand}. */
export type NodeRuntimeCommandOptions = Omit<
  NodeRuntimeExecOptions,
  "args" | "language" | "filename"
>;

/** What a program took, together with all that it started. */
export interface ProgramUsage {
  /** Milliseconds from its start to its end. */
  wallMs: number;
  /** Milliseconds of processor time. */
  cpuMs: number;
  /** The most memory in use at a time: JavaScript heaps, array buffers, memories of commands. */
  peakMemoryBytes: number;
}

/** How a program ended and what it wrote. */
export interface NodeRuntimeExecResult {
  stdout: string;
  stderr: string;
  /** The exit status, or 128 and the number of the signal that ended the program. */
  exitCode: number;
  /** The signal that ended the program, or null: it exited, whatever its status. */
  signal: SignalName | null;
  /** What it took. */
  usage: ProgramUsage;
  /** Limits that the program, or one that it started, passed and survived; only if there are any. */
  limits?: LimitBreach[];
  /** The program was killed by its timeout; `exitCode` is 137. */
  timedOut?: true;
  /** Output over the bound was dropped. */
  stdoutTruncated?: true;
  /** Output over the bound was dropped. */
  stderrTruncated?: true;
}

/** As {@link NodeRuntimeExecResult}, with the value that the program handed back. */
export interface NodeRuntimeRunResult<T> extends NodeRuntimeExecResult {
  /** What `globalThis.__return(value)` was last called with; only if `exitCode` is 0. */
  value?: T;
}

/**
 * A running guest program. It keeps the host process alive while somebody waits for it, or hears of its output.
 */
export interface NodeRuntimeProcess {
  /** Its number in the guest. */
  readonly pid: number;
  /** Its exit status once it has ended, else null. */
  readonly exitCode: number | null;
  /** The signal that ended it; null if it has exited by itself, or runs. */
  readonly signal: SignalName | null;
  /**
   * What has been kept of its output so far, up to `maxOutputBytes`. Of a channel that is read by its stream nothing is kept
   * any more, unless `maxOutputBytes` is given.
   */
  readonly captured: CapturedOutput;
  /**
   * Its standard output as a stream of bytes. From when this is first asked for the program waits for whoever reads it; until
   * then its output is kept as for {@link captured}, which the stream begins with. Cancelling the stream drops what follows.
   * It ends with the program, however that ends, and fails where the VM process does. Where a read waits, it keeps the host
   * process alive.
   */
  readonly stdout: ByteStream;
  /** As `stdout`. */
  readonly stderr: ByteStream;
  /**
   * Its standard input as a stream of bytes or text: a write resolves when the program's pipe has taken it. Closing it, and
   * aborting it, is `closeStdin`. A write behind the program's end fails with `EPIPE`.
   */
  readonly stdin: InputStream;
  /**
   * What `exec` gives of a program, when this one has ended. It rejects as `exec` does.
   */
  readonly result: Promise<NodeRuntimeExecResult>;
  /**
   * Feeds standard input. The data is copied. The promise resolves when the program's pipe has taken the data, or the
   * program has ended. A write may have any size, and nobody has to wait for it; it rejects with `ERR_RESOURCE_LIMIT`
   * when more waits than `stdinBufferLimitBytes` lets, and with `ERR_STREAM_WRITE_AFTER_END` behind `closeStdin`.
   * After a write that was refused all others are, and `wait` rejects with its error.
   */
  writeStdin(data: string | Uint8Array): Promise<void>;
  /** Ends standard input behind what was written. */
  closeStdin(): void;
  /**
   * Sends a signal, by default SIGTERM. SIGKILL takes along what is still in the program's session. Nothing happens
   * after the end.
   */
  kill(signal?: SignalName | number): void;
  /**
   * Sends a signal, and SIGKILL when the program has not ended `graceMs` later. Resolves with the exit status.
   *
   * @example
   * ```js
   * const server = await rt.spawnCommand("node", ["server.js"]);
   * await server.kill({ graceMs: 2000 });
   * ```
   */
  kill(options: KillOptions): Promise<number>;
  /** Resolves with the exit status. */
  wait(): Promise<number>;
  /** Keeps the host process alive until the program has ended. */
  ref(): this;
  /** Does not keep the host process alive, whoever waits for it or reads its output. */
  unref(): this;
  /**
   * Its output as it comes, both channels in their order: {@link stdout} and {@link stderr} in one, instead of them. Leaving
   * the loop early drops what follows.
   *
   * @throws {VmStateError} `ERR_INVALID_STATE`: it is iterated already, or one of its streams was asked for.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<OutputPiece>;
  /** Kills the program and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is kept of the output of a program that runs. */
export interface CapturedOutput {
  readonly stdout: string;
  readonly stderr: string;
  /** Output over the bound was dropped. */
  readonly stdoutTruncated?: true;
  /** Output over the bound was dropped. */
  readonly stderrTruncated?: true;
}

/** Some of a program's output. */
export interface OutputPiece {
  channel: "stdout" | "stderr";
  data: Uint8Array;
}

/** Options of `kill` of {@link NodeRuntimeProcess}. */
export interface KillOptions {
  /**
   * The first signal.
   * @default SIGTERM
   */
  signal?: SignalName | number | undefined;
  /** Milliseconds from that to SIGKILL; 0 for at once. */
  graceMs: number;
}

/** Options of {@link NodeRuntime.openShell}. */
export interface NodeRuntimeShellOptions {
  /**
   * Columns of the window.
   * @default 80
   */
  cols?: number | undefined;
  /**
   * Lines of the window.
   * @default 24
   */
  rows?: number | undefined;
  /**
   * What runs on the terminal.
   * @default sh
   */
  command?: string | undefined;
  /** Its arguments. */
  args?: readonly string[] | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  cwd?: string | undefined;
  /** Milliseconds after which it is killed. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A program on a terminal of its own. Iterating it gives its output. It keeps the host process alive while somebody
 * waits for it, listens to it or iterates.
 */
export interface NodeRuntimeTerminal extends AsyncIterable<Uint8Array> {
  readonly pid: number;
  readonly cols: number;
  readonly rows: number;
  readonly exitCode: number | null;
  /**
   * Types. The promise resolves when the terminal has taken the data, or the program has ended. Sizes and errors are
   * those of `NodeRuntimeProcess.writeStdin`.
   */
  write(data: string | Uint8Array): Promise<void>;
  /** Changes the size of the window; the foreground group gets SIGWINCH. */
  resize(cols: number, rows: number): void;
  /** Sends a signal to the program, by default SIGHUP. */
  kill(signal?: SignalName | number): void;
  /** Resolves with the exit status. */
  wait(): Promise<number>;
  /**
   * Hears of output, in the asynchronous context of this call; the first listener also of what came before, up to
   * 1 MiB. The program waits while a promise that the listener gives back is pending. What it throws ends the program,
   * and `wait` rejects with it.
   */
  onData(listener: (chunk: Uint8Array) => unknown): { dispose(): void };
  /** Kills the program and what it started. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A process of a VM. */
export interface ProcessInfo {
  pid: number;
  ppid: number;
  /** Process group. */
  pgid: number;
  /** Session. */
  sid: number;
  uid: number;
  state: "running" | "stopped" | "zombie";
  /** The first arguments: at most 1,000, of 32 KiB together. */
  argv: string[];
  cwd: string;
  /** Path of the terminal of its session. */
  terminal?: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Open descriptors. */
  fds: number;
  /** Milliseconds of processor time that it has taken. */
  cpuMs: number;
  /** Memory in use, bytes: JavaScript heap, array buffers, memory of commands. */
  memoryBytes: number;
}

/** A signal by its name. */
export type SignalName =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGIOT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGCHLD"
  | "SIGSTKFLT"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPOLL"
  | "SIGPWR"
  | "SIGSYS";

// The public API of secure-exec. The build copies this file to index.d.cts, for CommonJS.

/// <reference lib="esnext.disposable" />

/** The global one, where the types of Node.js or of the DOM are there. */
type AbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : { readonly aborted: boolean; readonly reason: unknown };

/** Node.js's own, where its types are there. */
// @ts-ignore: an error where they are missing
type Duplex = import("node:stream").Duplex;

/** A stream of bytes of the Web's kind, where the types of Node.js or of the DOM are there. */
// @ts-ignore: an error where they are missing
type ByteStream = ReadableStream<Uint8Array>;

/** Bounds of what a VM holds. */
export interface ResourceLimits {
  /**
   * Processors that guests see, and as whose the time of all of them together is bounded.
   * @default 1
   */
  cpuCount?: number | undefined;
  /**
   * Processes at a time.
   * @default 64
   */
  maxProcesses?: number | undefined;
  /**
   * Open descriptors per process.
   * @default 256
   */
  maxOpenFds?: number | undefined;
  /**
   * Pipes made by guests.
   * @default 128
   */
  maxPipes?: number | undefined;
  /**
   * Pseudoterminals, those of `openShell` included.
   * @default 16
   */
  maxPtys?: number | undefined;
  /**
   * Sockets made by guests; the two of a pair count as one.
   * @default 256
   */
  maxSockets?: number | undefined;
  /**
   * Connections of TCP within the machine: those that nobody has accepted and those that the host makes included.
   * @default 256
   */
  maxConnections?: number | undefined;
  /**
   * Bytes that wait in sockets to be read.
   * @default 32 MiB
   */
  maxSocketBufferedBytes?: number | undefined;
  /**
   * Bytes of all files.
   * @default 64 MiB, at most half of the memory
   */
  maxFilesystemBytes?: number | undefined;
  /**
   * Files, directories and links.
   * @default 16384
   */
  maxInodeCount?: number | undefined;
  /**
   * Bytes of one file.
   * @default 32 MiB
   */
  maxFileBytes?: number | undefined;
  /**
   * Bytes by which what guests write may let the directory of one mount with `readOnly: false` grow on the host. A name
   * counts 4,096 bytes.
   * @default 1 GiB
   */
  maxMountBytes?: number | undefined;
  /**
   * Bytes of the arguments of one process.
   * @default 1 MiB
   */
  maxProcessArgvBytes?: number | undefined;
  /**
   * Bytes of the environment of one process.
   * @default 1 MiB
   */
  maxProcessEnvBytes?: number | undefined;
  /**
   * Memory of the VM process. At least 64 MiB. Each running `node` program has 12 MiB of it set aside.
   * @default 512 MiB
   */
  maxMemoryBytes?: number | undefined;
}

/** Bounds of guest JavaScript. */
export interface JsRuntimeLimits {
  /**
   * JavaScript heap of each guest process, in MiB.
   * @default 128, at most half of the memory
   */
  v8HeapLimitMb?: number | undefined;
  /**
   * Processor time of each program that the host starts, in milliseconds: of its threads, of what works for it in the
   * background, and of all that it starts; Infinity for no bound.
   * @default 30 s
   */
  cpuTimeLimitMs?: number | undefined;
  /** Time that each program may run, in milliseconds; Infinity for no bound, which is the default. */
  wallClockLimitMs?: number | undefined;
  /**
   * Bytes kept of each output channel.
   * @default 16 MiB
   */
  capturedOutputLimitBytes?: number | undefined;
  /**
   * Bytes of input that may wait behind the write in progress, which may have any size itself. Writes beyond that
   * wait for a program that reads, up to sixteen times as much; when it has taken nothing for 5 s they are refused,
   * and so is all that follows.
   * @default 1 MiB
   */
  stdinBufferLimitBytes?: number | undefined;
  /**
   * Bytes of JSON that a value may have which a program hands back by `globalThis.__return`, or a snippet by
   * `evaluate`. An array or object counts at least sixteen bytes and an element one. The host parses values on the
   * thread that it runs on; a megabyte takes some 10 ms.
   * @default 1 MiB, at most 256 MiB
   */
  returnValueLimitBytes?: number | undefined;
  /**
   * Timers of a guest process.
   * @default 4096
   */
  maxTimers?: number | undefined;
}

/** Bounds of `fetch`. */
export interface HttpLimits {
  /**
   * Bytes of the body of one response that is not streamed.
   * @default 64 MiB
   */
  maxFetchResponseBytes?: number | undefined;
  /**
   * Milliseconds that a whole response may take, and the head of one that is streamed.
   * @default 5 min
   */
  fetchTimeoutMs?: number | undefined;
}

/** Bounds of tools. */
export interface ToolLimits {
  /**
   * Milliseconds that a handler may take unless its definition says otherwise.
   * @default 30 s
   */
  defaultToolTimeoutMs?: number | undefined;
  /**
   * Bytes of the input, and of the result, of one call.
   * @default 1 MiB, at most 3 MiB
   */
  maxPayloadBytes?: number | undefined;
  /**
   * Calls at a time.
   * @default 256
   */
  maxPending?: number | undefined;
  /**
   * Bytes of the inputs of all calls at a time; one call alone is always let in.
   * @default 8 MiB
   */
  maxPendingBytes?: number | undefined;
}

/** An object of a schema library that speaks Standard Schema: Zod 3.24 and later, Valibot, ArkType and others. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    // biome-ignore lint/suspicious/noExplicitAny: libraries differ in what they give back
    readonly validate: (value: unknown, ...rest: any[]) => any;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/**
 * What the handler of a tool with this schema gets: what a Standard Schema gives out, or what a JSON Schema whose type
 * is literal (`as const`, or given to {@link defineTool}) describes by `type`, `properties`, `required`, `default`,
 * `items`, `prefixItems`, `additionalProperties`, `enum`, `const`, `anyOf`, `oneOf` and `allOf`. Anything else, like
 * `$ref`, is `any`.
 */
export type ToolInput<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema["~standard"]["types"]>["output"]
  : FromJsonSchema<Schema>;

// biome-ignore lint/suspicious/noExplicitAny: a schema that says nothing allows anything
type Anything = any;

type FromJsonSchema<Schema> = Schema extends { readonly const: infer Value }
  ? Mutable<Value>
  : Schema extends { readonly enum: readonly (infer Value)[] }
    ? Mutable<Value>
    : Schema extends { readonly anyOf: readonly (infer Part)[] }
      ? FromJsonSchema<Part>
      : Schema extends { readonly oneOf: readonly (infer Part)[] }
        ? FromJsonSchema<Part>
        : Schema extends { readonly allOf: readonly [infer First, ...infer Rest] }
          ? FromJsonSchema<First> &
              (Rest extends readonly [] ? unknown : FromJsonSchema<{ readonly allOf: Rest }>)
          : Schema extends { readonly type: infer Type }
            ? FromType<Type extends readonly (infer Each)[] ? Each : Type, Schema>
            : Anything;

type FromType<Type, Schema> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "null"
        ? null
        : Type extends "array"
          ? FromArray<Schema>
          : Type extends "object"
            ? FromObject<Schema>
            : Anything;

type FromArray<Schema> = Schema extends {
  readonly prefixItems: infer First extends readonly unknown[];
}
  ? { -readonly [Index in keyof First]: FromJsonSchema<First[Index]> }
  : Schema extends { readonly items: infer Items }
    ? FromJsonSchema<Items>[]
    : Anything[];

type FromObject<Schema> = Schema extends { readonly properties: infer Properties }
  ? FromProperties<Properties, PresentNames<Schema, Properties>>
  : Schema extends { readonly additionalProperties: infer Extra extends object }
    ? Record<string, FromJsonSchema<Extra>>
    : Record<string, Anything>;

type FromProperties<Properties, Present> = Flat<
  {
    -readonly [Name in keyof Properties as Name extends Present ? Name : never]: FromJsonSchema<
      Properties[Name]
    >;
  } & {
    -readonly [Name in keyof Properties as Name extends Present ? never : Name]?: FromJsonSchema<
      Properties[Name]
    >;
  }
>;

/** Names that are required, and those whose default is filled in. */
type PresentNames<Schema, Properties> =
  | (Schema extends { readonly required: readonly (infer Name)[] } ? Name : never)
  | {
      [Name in keyof Properties]: Properties[Name] extends { readonly default: unknown }
        ? Name
        : never;
    }[keyof Properties];

type Flat<Type> = { [Name in keyof Type]: Type[Name] };
type Mutable<Type> = Type extends object
  ? { -readonly [Name in keyof Type]: Mutable<Type[Name]> }
  : Type;

/** What a handler knows of the call. */
export interface ToolContext {
  /** Aborted by the timeout, when the guest ends, and by `dispose`. */
  readonly signal: AbortSignal;
  /** The name that the tool is registered under. */
  readonly name: string;
  /** The guest process that calls: the command, or the program that has called `callTool`. */
  readonly pid: number;
}

/** A function of the host that guests can call, as a command and by `callTool`. */
export interface ToolDefinition<Input = Anything, Result = unknown, Schema = object> {
  /** What it does, for the command's `--help`. */
  readonly description: string;
  /**
   * What the input must be; flags are derived from it. JSON Schema as a plain object is checked on a thread of its own,
   * within a bound of steps, with `format` and with defaults filled in. A Standard Schema is checked by its library, in
   * this thread, and the handler gets what that gives out; it has flags if its library tells its JSON Schema.
   *
   * @throws `ERR_INVALID_ARG_VALUE` for another kind of object, with what to give instead.
   */
  readonly inputSchema: Schema;
  /**
   * Runs in the host. What it gives back must be what JSON can hold. Of what it throws the guest is told the message
   * of a {@link ToolError}; of anything else that the tool failed.
   */
  readonly handler: (input: Input, context: ToolContext) => Result | Promise<Result>;
  /**
   * Milliseconds for the check and the handler.
   * @default the VM's limit, 30 s
   */
  readonly timeoutMs?: number | undefined;
  /** Inputs to show in the help, by themselves or as `{ description, input }`. */
  readonly examples?: readonly unknown[] | undefined;
  /** Further names of the command. */
  readonly commandAliases?: readonly string[] | undefined;
}

/** Tools by name; the input of each handler is inferred from the schema beside it. */
export type ToolDefinitions<Schemas = Record<string, object>> = {
  readonly [Name in keyof Schemas]: ToolDefinition<
    ToolInput<Schemas[Name]>,
    unknown,
    Schemas[Name]
  >;
};

/**
 * Gives back the definition, with the handler's input inferred from the schema.
 *
 * @example
 * ```js
 * const pay = defineTool({
 *   description: "Pays.",
 *   inputSchema: { type: "object", properties: { amount: { type: "number" } }, required: ["amount"] },
 *   handler: ({ amount }) => ({ paid: amount }),
 * });
 * await rt.registerTools({ pay });
 * ```
 */
export function defineTool<const Schema extends object, Result>(
  definition: ToolDefinition<ToolInput<Schema>, Result, Schema>,
): ToolDefinition<ToolInput<Schema>, Result, Schema>;

/**
 * What a handler throws to tell the guest: the message, and if given a code and data, which are `code` and `data` of
 * the error that `callTool` rejects with. The code there is `ERR_TOOL_FAILED` otherwise.
 */
export class ToolError extends Error {
  constructor(
    message: string,
    options?: {
      code?: string | undefined;
      data?: unknown;
      cause?: unknown;
    },
  );
  readonly code?: string;
  /** Must be what JSON can hold. */
  readonly data?: unknown;
}

/** Bounds of WebAssembly commands. */
export interface WasmLimits {
  /**
   * Memory of one process.
   * @default 256 MiB, at most half of the VM process's
   */
  maxMemoryBytes?: number | undefined;
  /**
   * Size of a module that a guest brings along.
   * @default 16 MiB
   */
  maxModuleBytes?: number | undefined;
  /**
   * Stack of compiled code of one process.
   * @default 1 MiB
   */
  maxStackBytes?: number | undefined;
}

/** Bounds of a VM. */
export interface Limits {
  resources?: ResourceLimits | undefined;
  jsRuntime?: JsRuntimeLimits | undefined;
  tools?: ToolLimits | undefined;
  http?: HttpLimits | undefined;
  wasm?: WasmLimits | undefined;
}

/** A file of a new machine, with its attributes. */
export interface FileContent {
  /** Text is written as UTF-8. */
  data: string | Uint8Array;
  /**
   * Permission bits, as `0o755`. A file that is there keeps its own.
   * @default 0o644
   */
  mode?: number | undefined;
  /**
   * Owner.
   * @default 1000, the guests' user
   */
  uid?: number | undefined;
  /**
   * Group.
   * @default 1000
   */
  gid?: number | undefined;
}

/** A directory of the host in the machine. */
export interface MountOptions {
  /** Where it is in the machine: an absolute path, neither `/` nor in `/dev`, `/proc` or `/sys`. Missing directories are made. */
  guestPath: string;
  /** The directory of the host. Files of the system's own (`/proc`, `/sys`) cannot be served. */
  hostPath: string;
  /**
   * With `false` guests change the directory of the host, up to `limits.resources.maxMountBytes`. What they make belongs to
   * the user of this process, has no set-user-ID bits, and no links that lead out of it.
   * @default true
   */
  readOnly?: boolean | undefined;
  /**
   * Guests may change what they see, and the machine keeps the changes: the host's files stay as they are.
   * @default false
   */
  overlay?: boolean | undefined;
  /**
   * Directories of the host that symbolic links in it may lead to, such as the packages of a workspace. Each is read-only in
   * the machine below `/mnt/outside`. Other links that leave the directory lead nowhere.
   * @default none
   */
  followOutside?: readonly string[] | undefined;
}

/** A filesystem of the host's in the machine: one in memory, a directory, or an object with the same methods. */
export interface FileSystemMountOptions {
  /**
   * Where it is in the machine: an absolute path, not in `/dev`, `/proc` or `/sys`. Missing directories are made. As `/` it is the tree
   * of the machine's user: of the directories in `/` the machine keeps `bin`, `dev`, `etc`, `lib`, `proc`, `run`, `sbin`, `tmp`, `usr` and
   * `var`, and every other name is the filesystem's.
   */
  guestPath: string;
  /**
   * What the guests write is what its methods read, and the other way round, at once; other machines may have it too. Methods of
   * an object that is not made by this package are called when guests ask: what they throw with the name of an errno as `code` is
   * that error for the guest, anything else is `EIO`, and so is no answer within ten seconds.
   */
  filesystem: VirtualFileSystem;
  /**
   * Guests cannot change it.
   * @default false
   */
  readOnly?: boolean | undefined;
  /**
   * Guests may change what they see, and the machine keeps the changes.
   * @default false
   */
  overlay?: boolean | undefined;
}

/** A `node_modules` of the host in the machine. */
export interface NodeModulesOptions {
  /** The directory of the host. */
  hostPath: string;
  /**
   * Where it is in the machine.
   * @default "/node_modules"
   */
  guestPath?: string | undefined;
  /** As that of {@link MountOptions}. */
  followOutside?: readonly string[] | undefined;
}

/** Options of {@link NodeRuntime.create}. */
export interface NodeRuntimeCreateOptions<Schemas = Record<string, object>> {
  /** Environment of every program, over the VM's own. Nothing of the host's environment is there. */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * Working directory of programs. Default `/workspace`, which exists and is writable. Another one is made, with the
   * directories on the way to it, if it is missing.
   */
  cwd?: string | undefined;
  /**
   * Files by any absolute path, written with the host's rights; they and the directories on the way to them are there
   * before the first program. They belong to the guests' user unless their attributes say otherwise.
   */
  files?: Readonly<Record<string, string | Uint8Array | FileContent>> | undefined;
  /** Bounds; every one has a default. Two that cannot both hold are a RangeError that names them. */
  limits?: Limits | undefined;
  /**
   * Where the VM lives: `process` (default) in an operating system process of its own, `shared` in one
   * with the other shared VMs of this application that have their commands from the same directories, `in-process` in this
   * process, which is for trusted code only.
   * VMs of one process share its fate: when it ends, the programs of all of them end, and files written since creation may
   * be lost.
   */
  isolation?: "process" | "shared" | "in-process" | undefined;
  /** In place of `isolation`: a VM process of its own for whatever is given it. Its owner disposes of it. */
  v8Runtime?: V8Runtime | undefined;
  /**
   * The least that must hold the VM back ({@link Isolation.level}); if it does not, `create` rejects with
   * `ERR_ISOLATION_UNAVAILABLE`, which names what is missing. It is checked from outside the VM process.
   * - `sealed`: everything.
   * - `partial`: a filter of system calls, and no way to gain privileges.
   * - `process`: a process of its own with resource limits, also where the system has no filters of system calls.
   *
   * Default: a VM process ends itself if it cannot put on its filter, limits and `no_new_privs`, and takes the rest as far
   * as the system has it.
   */
  requireIsolation?: "process" | "partial" | "sealed" | undefined;
  jsRuntime?:
    | {
        /** Guest clocks at full resolution instead of whole milliseconds. */
        highResolutionTime?: boolean | undefined;
        /**
         * `freeze`: guest clocks stand still within a turn of the event loop.
         * @default off
         */
        timingMitigation?: "off" | "freeze" | undefined;
      }
    | undefined;
  /**
   * Directories of the host in the machine. Guests see what is below them as it is, files that the host changes with a delay
   * of at most a tenth of a second, and nothing outside: see `docs/mounts.md`.
   * @default none: guests reach no file of the host
   */
  mounts?: readonly (MountOptions | FileSystemMountOptions)[] | undefined;
  /** The tree of the machine's user: a mount at `/`, see {@link FileSystemMountOptions}. */
  filesystem?: VirtualFileSystem | undefined;
  /**
   * A `node_modules` of the host, or where one is in the machine. It is read-only, and at `/node_modules` unless
   * `guestPath` says otherwise, so that every program finds its packages by name. Packages with native code refuse to load.
   */
  nodeModules?: string | NodeModulesOptions | undefined;
  /** Functions of the host that guests can call, by name. */
  tools?: ToolDefinitions<Schemas> | undefined;
  /** Another name of `tools`. */
  bindings?: ToolDefinitions | undefined;
  /**
   * Directory of the host with WebAssembly commands. Default: what the environment variable
   * `SECURE_EXEC_WASM_COMMANDS_DIR` names, else the commands of the build or of the installed package.
   * Only those are machine code that was made ahead of time; modules of any other directory are compiled in the VM process.
   */
  commandsDir?: string | undefined;
  /** Further directories of commands; those that come first win. */
  wasmCommandDirs?: readonly string[] | undefined;
  /**
   * Ports that the machine shares with the loopback of the host, at most 1,024. A guest that connects to one of them on 127.0.0.1,
   * where nobody in the machine listens, reaches what listens there on the host; what a guest listens on there is published on the
   * host's 127.0.0.1 at the same port, as by `exposePort`. Where the host has the port already, that is one warning of the
   * process (`SECURE_EXEC_PORT_NOT_PUBLISHED`). Whatever listens on such a port of the host is the guest's to use: give it
   * only what a guest may have.
   * @default none: guests reach nothing of the host
   */
  loopbackExemptPorts?: readonly number[] | undefined;
  /**
   * Hears of everything that goes wrong in a tool but not in its input: what a handler (or a Standard Schema) throws,
   * with its stack, also a {@link ToolError}; results that JSON cannot hold or that are too large; calls that took too
   * long. Without it the first failure of a runtime that is no ToolError is a warning of the process. If it throws or rejects itself,
   * that is a warning of the process, too, and nothing else.
   */
  onToolError?: ((error: unknown, call: { name: string; pid: number }) => unknown) | undefined;
  /**
   * Hears of the system calls, signals and ends of guests: lines as `strace -f -a1` prints them, each with its process
   * in front (`[pid     2] close(3) = 0`). `times` tells for each line when it was made, in milliseconds since 1970 with
   * their fraction. While a promise that it gives back is pending, lines are gathered up to a bound. Guests' calls beyond
   * that wait 20 ms each; those that are left out then are counted by a line. What it throws is told by a warning of the
   * process.
   */
  onTrace?: ((lines: string, times: readonly number[]) => unknown) | undefined;
  /**
   * Hears that four fifths of a limit are in use, before anybody meets it: once for each limit and each call, or once
   * for all that belongs to no call. It runs in the asynchronous context of that call. Told of are all limits of which a
   * machine or a program can have less or more in use: processes, descriptors, pipes, terminals, sockets, connections and
   * what they hold, files and their bytes, memory, heaps, processor and wall-clock time, timers, and calls of tools that
   * wait. What it throws is told by a warning of the process.
   */
  onLimitWarning?: ((warning: LimitBreach) => unknown) | undefined;
  /**
   * Hears how long each phase of the boot took: `kernel`, the making of the machine in its VM process, and `total`, all of
   * `create` with the wait for that process. What it throws rejects `create`.
   */
  onBootTiming?: ((timing: { phase: string; durationMs: number }) => unknown) | undefined;
}

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
  /** `process.argv` behind the executable. */
  args?: readonly string[] | undefined;
  /**
   * Bytes kept of each output channel. Default: the VM's limit, 16 MiB; for live programs nothing of a channel with a
   * callback.
   */
  maxOutputBytes?: number | undefined;
}

/** Options of {@link NodeRuntime.spawn}. */
export type NodeRuntimeSpawnOptions = NodeRuntimeExecOptions;

/** Options of {@link NodeRuntime.execCommand} and {@link NodeRuntime.spawnCommand}. */
export type NodeRuntimeCommandOptions = Omit<NodeRuntimeExecOptions, "args">;

/** What a program took, together with all that it started. */
export interface ProgramUsage {
  /** Milliseconds from its start to its end. */
  wallMs: number;
  /** Milliseconds of processor time. */
  cpuMs: number;
  /** The most memory in use at a time: JavaScript heaps, array buffers, memories of commands. */
  peakMemoryBytes: number;
}

/** A limit that was passed. */
export interface LimitBreach {
  /** The limit, by the name that `create` knows it under, as `limits.resources.maxFileBytes`. */
  limit: string;
  /** Its bound, in the unit of the limit. */
  bound: number;
  /** What was used or asked for, in the same unit. */
  used: number;
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
  /** What has been kept of its output so far, up to `maxOutputBytes`. */
  readonly stdout: string;
  /** As `stdout`. */
  readonly stderr: string;
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
  /** Resolves with the exit status. */
  wait(): Promise<number>;
  /** Kills the program and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
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
}

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
    options?: ResidentRunnerOptions,
  ): Promise<ResidentRunnerValue<T>>;
  /** Ends the process. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How the bytes of a text are to be read. */
export type TextEncoding = "utf8" | "utf-8";

/** The encoding that `readFile` decodes with, by itself or as an option; none gives the bytes. */
export type ReadFileOptions<Encoding extends TextEncoding | undefined> =
  | Encoding
  | (Encoding extends undefined
      ? { readonly encoding?: undefined } | null
      : { readonly encoding: Encoding });

/** A name in a directory. */
export interface DirectoryEntry {
  name: string;
  isFile: boolean;
  isDirectory: boolean;
  isSymbolicLink: boolean;
}

/** What `stat(2)` tells of a file. */
export interface FileStat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  birthtimeMs: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymbolicLink: boolean;
}

/**
 * Files by their absolute paths, as a machine can have them: {@link createInMemoryFileSystem} makes one, and any object with these
 * methods is one. What fails rejects with an error that has the name of an errno as its `code`.
 */
export interface VirtualFileSystem {
  /** The content of a file. */
  readFile(path: string): Promise<Uint8Array>;
  /** The content of a file of UTF-8 text. */
  readTextFile(path: string): Promise<string>;
  /** Creates a file, or replaces the content of one. Its directory must be there. */
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  /** Makes a directory; with `recursive` those on the way to it too, and one that is there is no failure. */
  mkdir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  /** The names in a directory. */
  readDir(path: string): Promise<string[]>;
  /** As {@link readDir}, with the kind of each. */
  readDirWithTypes(path: string): Promise<DirectoryEntry[]>;
  /** Whether there is something; links are followed. */
  exists(path: string): Promise<boolean>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /** Of a symbolic link what is told of itself. */
  lstat(path: string): Promise<FileStat>;
  /** Removes a file or a link. */
  removeFile(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDir(path: string): Promise<void>;
  /** Renames a file or a directory; a file of the new name is replaced, and so is an empty directory by another. */
  rename(from: string, to: string): Promise<void>;
  /** The path of what is there, without links. */
  realpath(path: string): Promise<string>;
  /** Makes a symbolic link at `path`. */
  symlink(target: string, path: string): Promise<void>;
  /** Where a symbolic link leads. */
  readlink(path: string): Promise<string>;
  /** Gives the file `from` another name. */
  link(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Sets the times of access and of the last change: seconds since 1970, or a `Date`. */
  utimes(path: string, atime: number | Date, mtime: number | Date): Promise<void>;
  /**
   * Sets the length of a file; what is added is zeroes.
   * @default 0
   */
  truncate(path: string, length?: number): Promise<void>;
  /** Up to `length` bytes of a file from `position` on: fewer at its end, none behind it. */
  pread(path: string, position: number, length: number): Promise<Uint8Array>;
  /** Writes all bytes at a position of a file that is there; what lies between its end and them is zeroes. */
  pwrite(path: string, position: number, data: string | Uint8Array): Promise<void>;
}

/** Bounds of {@link createInMemoryFileSystem}. What passes one rejects with `ENOSPC` or `EFBIG`, and its name. */
export interface InMemoryFileSystemOptions {
  /**
   * Bytes of all files, in whole blocks of 4096.
   * @default 64 MiB
   */
  maxFilesystemBytes?: number | undefined;
  /**
   * Files, directories and links; each further name of a file counts too.
   * @default 16384
   */
  maxInodeCount?: number | undefined;
  /**
   * Bytes of one file.
   * @default `maxFilesystemBytes`
   */
  maxFileBytes?: number | undefined;
}

/**
 * Files in the memory of the host's process. They live as long as the object. A new one has the directories `/root`,
 * `/home/user` and `/workspace`. What is made belongs to the guests' user, and no permission stops the host.
 *
 * @throws {VmSystemError} What fails rejects with `ENOENT`, `EEXIST`, `ENOTDIR` and their like.
 */
export interface InMemoryFileSystem extends VirtualFileSystem {
  readFile(path: string, options?: ReadFileOptions<undefined>): Promise<Uint8Array>;
  readFile(path: string, options: ReadFileOptions<TextEncoding>): Promise<string>;
  readFile(
    path: string,
    options?: ReadFileOptions<TextEncoding | undefined>,
  ): Promise<string | Uint8Array>;
  /** Removes an empty directory, or with `recursive` one with all that is in it. */
  removeDir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
}

/** What makes an {@link InMemoryFileSystem}, and tells it from other objects by `instanceof`. */
export declare const InMemoryFileSystem: {
  readonly prototype: InMemoryFileSystem;
  new (options?: InMemoryFileSystemOptions): InMemoryFileSystem;
};

/**
 * Makes files in memory.
 *
 * @throws {TypeError | RangeError} An option is wrong: the message has its name.
 *
 * @example
 * ```js
 * const filesystem = createInMemoryFileSystem();
 * await filesystem.mkdir("/root/src");
 * await filesystem.writeFile("/root/src/index.ts", "export const answer = 42;\n");
 * ```
 */
export declare function createInMemoryFileSystem(
  options?: InMemoryFileSystemOptions,
): InMemoryFileSystem;

/** Options of {@link NodeFileSystem}. */
export interface NodeFileSystemOptions {
  /** The directory of the host. */
  root: string;
  /**
   * Nothing is changed through it.
   * @default false
   */
  readOnly?: boolean | undefined;
}

/**
 * A directory of the host with the methods of a filesystem: paths are those below it, and nothing outside is reached. Links that lead
 * out of it are not followed. Owners cannot be changed.
 */
export interface NodeFileSystem extends InMemoryFileSystem {}

/**
 * Makes a {@link NodeFileSystem}.
 *
 * @throws {TypeError} An option is wrong, or there is no such directory.
 *
 * @example
 * ```js
 * const project = new NodeFileSystem({ root: "./project", readOnly: true });
 * const rt = await NodeRuntime.create({ mounts: [{ guestPath: "/project", filesystem: project }] });
 * ```
 */
export declare const NodeFileSystem: {
  readonly prototype: NodeFileSystem;
  new (options: NodeFileSystemOptions): NodeFileSystem;
};

/** What a VM holds right now. */
export interface ResourceSnapshot {
  processes: number;
  zombies: number;
  fds: number;
  pipes: number;
  ptys: number;
  sockets: number;
  /** Sockets of TCP that listen. */
  listeners: number;
  /** Bytes that wait in sockets, local ones too, and in pipes for somebody to read them. */
  bufferedBytes: number;
  filesystemBytes: number;
  inodes: number;
  heapBytes: number;
}

/** A connection to a server of a guest: a duplex stream with the face of a `net.Socket`. */
export interface GuestSocket extends Duplex {
  /** The connection is being made. */
  readonly connecting: boolean;
  /** It is not there yet. */
  readonly pending: boolean;
  readonly readyState: "opening" | "open" | "readOnly" | "writeOnly" | "closed";
  /** Bytes that have come and gone. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The machine's loopback; absent for a local socket. */
  readonly remoteAddress: string | undefined;
  readonly remoteFamily: string | undefined;
  readonly remotePort: number | undefined;
  readonly timeout: number | undefined;
  /** It has no address of the host's. */
  address(): Record<string, never>;
  /** Emits `timeout` when nothing has come or gone for that long; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this;
  /** Without effect: nothing is delayed. */
  setNoDelay(noDelay?: boolean): this;
  /** Without effect: nothing gets lost. */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  /** Ends it so that the guest sees a reset. */
  resetAndDestroy(): this;
  /** Destroys it when everything that was written has gone. */
  destroySoon(): void;
  /** Has it keep the host's process alive, which is so at the beginning. */
  ref(): this;
  unref(): this;
}

/** Options of {@link NodeRuntime.connect}. */
export interface ConnectOptions {
  /**
   * The writable side stays open when the guest has ended its own.
   * @default false
   */
  allowHalfOpen?: boolean | undefined;
  /** Destroys the socket with its reason. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link NodeRuntime.fetch}. */
export interface FetchOptions {
  /** @default "GET" */
  method?: string | undefined;
  /**
   * With the query, as it is to be sent.
   * @default "/"
   */
  path?: string | undefined;
  /** A record, pairs of names and values, or a `Headers`. */
  headers?:
    | Readonly<Record<string, string | number | readonly string[]>>
    | Iterable<readonly [string, string]>
    | undefined;
  /** Text is sent as UTF-8; a stream is sent as far as the server takes it. */
  body?:
    | string
    | ArrayBufferView
    | ArrayBuffer
    | ByteStream
    | AsyncIterable<string | Uint8Array>
    | null
    | undefined;
  /**
   * Gives the response back with its head.
   * @default false
   */
  stream?: boolean | undefined;
  /** Ends the request; with `stream` the body too. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds for the whole response, with `stream` for its head.
   * @default `limits.http.fetchTimeoutMs`
   */
  timeout?: number | undefined;
}

/** The head of a response. */
export interface FetchResponseHead {
  readonly status: number;
  readonly statusText: string;
  /** By name in lower case; of several of one name the values, with commas between them. */
  readonly headers: Record<string, string>;
  /** Names and values as they were sent, in order: each `set-cookie` by itself. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
}

/** A whole response. */
export interface FetchResponse extends FetchResponseHead {
  /** The body as text, read as UTF-8. */
  readonly body: string;
  /** The body as it was sent. */
  readonly bytes: Uint8Array;
  /** What came behind the body, as `headers`. */
  readonly trailers: Record<string, string>;
}

/** A response whose body comes as it is read. */
export interface StreamedFetchResponse extends FetchResponseHead {
  readonly body: ByteStream;
  /** What came behind the body; rejects as the body fails. */
  readonly trailers: Promise<Record<string, string>>;
}

/** What to look for; at least one of `port`, `path` and `processId`. */
export interface ListenerQuery {
  port?: number | undefined;
  /** Path of a local socket. */
  path?: string | undefined;
  /** An address that it must be reached at; `localhost` is 127.0.0.1 or ::1. */
  host?: string | undefined;
  /** The process that listens. */
  processId?: number | undefined;
}

/** A socket of a guest that waits for connections. */
export interface Listener {
  /** The process that has called `listen`. */
  readonly processId: number;
  /** The address that it listens on, `0.0.0.0` or `::` for all; absent for a local socket. */
  readonly host?: string;
  readonly port?: number;
  /** The absolute path of a local socket. */
  readonly path?: string;
}

/** Options of {@link NodeRuntime.waitForListener}. */
export interface WaitForListenerOptions {
  /** @default 10000 */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of {@link NodeRuntime.exposePort}. */
export interface ExposePortOptions {
  /**
   * The host's port; 0 for one that is free.
   * @default 0
   */
  hostPort?: number | undefined;
  /**
   * The host's address. Another one than the loopback's lets others reach the guest.
   * @default "127.0.0.1"
   */
  host?: string | undefined;
}

/** A port of the host's that leads into a machine. */
export interface ExposedPort {
  /** `http://127.0.0.1:49152`. */
  readonly url: string;
  /** The host's port. */
  readonly port: number;
  /** Closes it with all its connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A virtual machine in which guest programs run. Calls that are running keep the host process alive;
 * a runtime itself never does.
 */
export interface NodeRuntime {
  /**
   * Runs `code` as an ES module in a fresh guest process and captures its output. The call settles when that process
   * has ended. What it leaves behind (`x &`, `nohup`, `detached`) goes on until it ends or the runtime is disposed of;
   * what that writes to the call's output then is dropped. The code is no argument of the process: its size is bounded
   * by the memory, and it shows neither in `ps` nor in `process.execArgv`.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmLimitError} It passed a limit that it cannot survive; `stdout` and `stderr` have what it had written.
   * @throws {VmCrashError} The VM process ended.
   * @throws The reason of `signal`; what a callback threw.
   *
   * @example
   * ```js
   * const { stdout, exitCode } = await rt.exec(`console.log(1 + 1)`, { timeout: 1000 });
   * ```
   */
  exec(code: string, options?: NodeRuntimeExecOptions): Promise<NodeRuntimeExecResult>;
  /**
   * As {@link exec}, with the value that the program hands back by `globalThis.__return(value)`.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmLimitError} It passed a limit that it cannot survive; `stdout` and `stderr` have what it had written.
   * @throws {VmCrashError} The VM process ended.
   * @throws The reason of `signal`; what a callback threw.
   *
   * @example
   * ```js
   * const { value } = await rt.run(`globalThis.__return({ sum: 2 + 40 })`);
   * ```
   */
  run<T = unknown>(
    code: string,
    options?: NodeRuntimeExecOptions,
  ): Promise<NodeRuntimeRunResult<T>>;
  /**
   * Starts `code` and gives back a live handle. Its standard input stays open.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmSystemError} It cannot be started.
   *
   * @example
   * ```js
   * const child = await rt.spawn(`process.stdin.pipe(process.stdout)`, { onStdout: console.log });
   * await child.writeStdin("hello");
   * child.closeStdin();
   * await child.wait();
   * ```
   */
  spawn(code: string, options?: NodeRuntimeSpawnOptions): Promise<NodeRuntimeProcess>;
  /**
   * Runs a guest command, without a shell.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmLimitError} It passed a limit that it cannot survive; `stdout` and `stderr` have what it had written.
   * @throws {VmCrashError} The VM process ended.
   * @throws The reason of `signal`; what a callback threw.
   *
   * @example
   * ```js
   * const { stdout } = await rt.execCommand("sh", ["-c", "ls | wc -l"]);
   * ```
   */
  execCommand(
    command: string,
    args?: readonly string[],
    options?: NodeRuntimeCommandOptions,
  ): Promise<NodeRuntimeExecResult>;
  /**
   * Starts a guest command, without a shell.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmSystemError} It cannot be started.
   *
   * @example
   * ```js
   * const child = await rt.spawnCommand("tail", ["-f", "log"], { onStdout: console.log });
   * ```
   */
  spawnCommand(
    command: string,
    args?: readonly string[],
    options?: NodeRuntimeCommandOptions,
  ): Promise<NodeRuntimeProcess>;
  /**
   * Starts a program on a terminal of its own, by default a shell.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmSystemError} It cannot be started, or there are `limits.resources.maxPtys` terminals.
   *
   * @example
   * ```js
   * await using terminal = await rt.openShell({ cols: 120, rows: 40 });
   * terminal.onData((chunk) => process.stdout.write(chunk));
   * await terminal.write("ls\n");
   * ```
   */
  openShell(options?: NodeRuntimeShellOptions): Promise<NodeRuntimeTerminal>;
  /** Every guest process, ascending. */
  processes(): Promise<ProcessInfo[]>;
  /**
   * Adds tools; one of the same name is replaced.
   *
   * @throws {TypeError | RangeError} A name, a schema or another part of a definition is wrong.
   *
   * @example
   * ```js
   * await rt.registerTools({
   *   weather: {
   *     description: "Weather of a city",
   *     inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
   *     handler: ({ city }) => ({ city, celsius: 21 }),
   *   },
   * });
   * ```
   */
  registerTools<Schemas = Record<string, object>>(tools: ToolDefinitions<Schemas>): Promise<void>;
  /** Another name of {@link registerTools}. */
  registerBindings<Schemas = Record<string, object>>(
    tools: ToolDefinitions<Schemas>,
  ): Promise<void>;
  /**
   * A live guest process for one snippet after another.
   *
   *
   * @example
   * ```js
   * await using runner = await rt.createResidentRunner();
   * await runner.exec(`globalThis.count = 1`);
   * const { stdout } = await runner.exec(`console.log(count)`);
   * ```
   */
  createResidentRunner(): Promise<ResidentRunner>;

  /**
   * Connects to a server of a guest: to a port of TCP at whatever address of the machine it listens, or to the path of
   * a local socket. Nothing of the host's network is used, and no permission of the machine is needed.
   *
   * The socket is there at once and connects meanwhile, as that of `net.connect`; what is written waits for the
   * connection. Both directions have back-pressure. A connection that cannot be made is an `error` event with `code`
   * `ECONNREFUSED`, whose message has what listens instead. It keeps the host's process alive until it is closed, unless
   * it is unreferenced by `unref()`. Clients of the host's that make no connection of their own speak over it: `socket` of
   * `tls.connect`, `createConnection` of `http2.connect` and of `http.request`.
   *
   * @throws {TypeError | RangeError} An argument is wrong.
   * @throws {VmStateError} The runtime has been disposed of.
   *
   * @example
   * ```js
   * const socket = rt.connect(6379);
   * socket.write("PING\r\n");
   * for await (const chunk of socket) console.log(String(chunk));
   * ```
   */
  connect(target: number | string, options?: ConnectOptions): GuestSocket;
  /**
   * Makes a request of HTTP to a server of a guest, by its port or the path of its local socket, and gives back the whole
   * response. Each request has a connection of its own; redirects are not followed, and nothing is decompressed.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was sent.
   * @throws {VmSystemError} `ECONNREFUSED`: nothing listens there; the message has what does. `ECONNRESET`: the server
   *   has closed the connection before its response was complete.
   * @throws {VmLimitError} The response has more than `limits.http.maxFetchResponseBytes`, or takes longer than
   *   `limits.http.fetchTimeoutMs`.
   * @throws {VmStateError} `ERR_INVALID_HTTP_RESPONSE`: what came is no response. `ERR_TIMEOUT`: `timeout` has passed.
   * @throws The reason of `signal`; what the stream of `body` failed with.
   *
   * @example
   * ```js
   * await rt.spawn(`
   *   import http from "node:http";
   *   http.createServer((request, response) => response.end("ok")).listen(3000);
   * `);
   * await rt.waitForListener({ port: 3000 });
   * const { status, body } = await rt.fetch(3000, { path: "/" });
   * ```
   */
  fetch(
    target: number | string,
    options?: FetchOptions & { stream?: false },
  ): Promise<FetchResponse>;
  /**
   * With `stream` the response is given back with its head, and its body comes as it is read. The limits on the body's
   * size and time are the reader's then.
   */
  fetch(
    target: number | string,
    options: FetchOptions & { stream: true },
  ): Promise<StreamedFetchResponse>;
  fetch(
    target: number | string,
    options?: FetchOptions,
  ): Promise<FetchResponse | StreamedFetchResponse>;
  /**
   * A socket of a guest that waits for connections, or null. The host is told of them as they come and go; this asks
   * nobody.
   *
   * @throws {TypeError | RangeError} The query is wrong.
   * @throws {VmStateError} The runtime has been disposed of.
   *
   * @example
   * ```js
   * const listener = rt.findListener({ port: 3000 });
   * ```
   */
  findListener(query: ListenerQuery): Listener | null;
  /**
   * Waits until there is such a listener. Without a port, `processId` finds the one that a program was given by
   * `listen(0)`.
   *
   * @throws {TypeError | RangeError} The query or an option is wrong.
   * @throws {VmStateError} `ERR_TIMEOUT`: there was none in time; the message has what listens instead.
   * @throws The reason of `signal`.
   *
   * @example
   * ```js
   * const server = await rt.spawn(code);
   * const { port } = await rt.waitForListener({ processId: server.pid }, { timeoutMs: 5000 });
   * ```
   */
  waitForListener(query: ListenerQuery, options?: WaitForListenerOptions): Promise<Listener>;
  /**
   * Publishes a port of the machine on the host: every connection to the host's port goes to whoever listens on the
   * machine's at that time, and is reset where nobody does. It ends with `close()` and with the runtime. It does not
   * keep the host's process alive.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong.
   * @throws {Error} The host's port cannot be had: Node.js's own error, as `EADDRINUSE`.
   * @throws {VmStateError} The runtime has been disposed of.
   *
   * @example
   * ```js
   * const server = await rt.spawn(code);
   * await using exposed = await rt.exposePort(3000);
   * console.log(`open ${exposed.url}`);
   * await server.wait();
   * ```
   */
  exposePort(port: number, options?: ExposePortOptions): Promise<ExposedPort>;

  // The file methods act with the host's rights: no permission of the machine stops them, and what they make belongs to
  // the guests' user. Links are followed inside the machine only.

  /**
   * Creates a file, or replaces the content of one. Its directory must be there: `mkdir(path, { recursive: true })`.
   * FIFOs, sockets and terminals are refused with `EINVAL`.
   *
   * @throws {VmSystemError} `ENOENT`, `EISDIR`, `EFBIG`, `ENOSPC` and their like.
   *
   * @example
   * ```js
   * await rt.writeFile("/workspace/data.json", JSON.stringify(data));
   * ```
   */
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  /**
   * The content of a file. FIFOs, sockets, terminals and devices that give bytes for ever are refused with `EINVAL`;
   * more than `limits.resources.maxFileBytes` is `EFBIG`.
   *
   * @throws {VmSystemError} `ENOENT`, `EISDIR` and their like.
   *
   * @example
   * ```js
   * const text = await rt.readFile("/workspace/out.txt", "utf8");
   * ```
   */
  readFile(path: string, options?: ReadFileOptions<undefined>): Promise<Uint8Array>;
  readFile(path: string, options: ReadFileOptions<TextEncoding>): Promise<string>;
  readFile(
    path: string,
    options?: ReadFileOptions<TextEncoding | undefined>,
  ): Promise<string | Uint8Array>;
  /** The names in a directory, sorted. */
  readDir(path: string): Promise<string[]>;
  /** As {@link readDir}, with the kind of each. */
  readDirWithTypes(path: string): Promise<DirectoryEntry[]>;
  /** Makes a directory; with `recursive` those on the way to it too, and one that is there is no failure. */
  mkdir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /** Whether there is something; links are followed. */
  exists(path: string): Promise<boolean>;
  /**
   * Removes a file, a link, or a directory: an empty one, or with `recursive` one with all that is in it. With `force`
   * it is no failure if there is nothing.
   */
  remove(
    path: string,
    options?: { recursive?: boolean | undefined; force?: boolean | undefined },
  ): Promise<void>;
  /** Renames a file or a directory; a file of the new name is replaced. */
  rename(from: string, to: string): Promise<void>;

  /** What held the VM's process back when it was created. */
  readonly isolation: Isolation;

  /** What the VM holds right now. */
  getResourceSnapshot(): Promise<ResourceSnapshot>;

  /** Kills and frees everything. Running programs resolve with status 143; later calls reject. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link NodeRuntime} is as a value: it makes VMs, and tells them from other objects by `instanceof`. */
// biome-ignore lint/complexity/noBannedTypes: what `instanceof` asks of its right side
export interface NodeRuntimeConstructor extends Function {
  readonly prototype: NodeRuntime;
  /**
   * Makes a VM.
   *
   * @throws {TypeError | RangeError} An option is wrong: the message has its name.
   * @throws {VmLimitError} The host has no memory for another VM.
   * @throws {VmSystemError} A file of `files` cannot be written.
   * @throws {VmStateError} No VM process can be started.
   * @throws {Error} There is no binary for this platform (`ERR_PLATFORM_UNSUPPORTED`), or none at all.
   *
   * @example
   * ```js
   * await using rt = await NodeRuntime.create({ files: { "/workspace/in.txt": "hello" } });
   * console.log((await rt.execCommand("cat", ["in.txt"])).stdout);
   * ```
   */
  create<Schemas = Record<string, object>>(
    options?: NodeRuntimeCreateOptions<Schemas>,
  ): Promise<NodeRuntime>;
  /**
   * Runs code for its result, from a driver: see {@link DriverNodeRuntime}. The machine is made by the first call.
   *
   * @throws {TypeError | RangeError} An option is wrong: the message has its name.
   */
  new (options: NodeRuntimeDriverOptions): DriverNodeRuntime;
}

/**
 * One name with two faces: `await NodeRuntime.create()` makes a machine with all that belongs to one; `new NodeRuntime()`
 * runs code for its result, from a driver.
 */
export const NodeRuntime: NodeRuntimeConstructor;

/** A line of output. */
export interface StdioEvent {
  channel: "stdout" | "stderr";
  /** The line, without its end. One of more than 64 KiB comes in several events. */
  message: string;
}

/**
 * Hears of output line by line, as it comes. The program waits while a promise that it gives back is pending. What it
 * throws ends the program and rejects the call.
 */
export type StdioHook = (event: StdioEvent) => unknown;

/** What a permission is asked for. */
export interface PermissionRequest {
  /**
   * What is to be done: `fetch`, `http` and `dns` of the network, `read` of the environment; of files `read`, `write`, `stat`, `exists`,
   * `readdir`, `mkdir`, `rm`, `rename`, `link`, `symlink`, `readlink`, `chmod`, `chown` and `utimes`.
   */
  op: string;
  path?: string;
  url?: string;
  method?: string;
  hostname?: string;
  /** Name and value of a variable. */
  key?: string;
  value?: string;
}

/** What a permission says: a reason is what the caller is told of a denial. */
export type PermissionDecision = boolean | { allow: boolean; reason?: string };

/** Decides about a request. What is no plain yes is a no. */
export type PermissionCheck<Request = PermissionRequest> = (
  request: Request,
) => PermissionDecision | Promise<PermissionDecision>;

/** What programs of a driver or a kernel may do, by scope. */
export interface DriverPermissions {
  /**
   * What guests do with the driver's or kernel's `filesystem`, or with one of its own if none was given. It is asked on this
   * thread for each operation; what the machine keeps for itself (`/tmp`, `/usr`, ...) and what the host does is not asked about.
   * @default allow
   */
  fs?: "allow" | "deny" | PermissionCheck | undefined;
  /**
   * What `runtime.network` may reach outside of the machine. Programs reach nothing there.
   * @default deny
   */
  network?: "allow" | "deny" | PermissionCheck | undefined;
  /** Programs that programs start, within the machine. Only `allow` for now, which is the default. */
  childProcess?: "allow" | PermissionCheck | undefined;
  /**
   * Which of the variables that the host gives are there.
   * @default allow
   */
  env?: "allow" | "deny" | PermissionCheck | undefined;
}

/** Allows all of the files: `permissions: { ...allowAllFs }`. */
export const allowAllFs: Required<Pick<DriverPermissions, "fs">>;
/** Allows all of the network. */
export const allowAllNetwork: Required<Pick<DriverPermissions, "network">>;
/** Allows all child processes. */
export const allowAllChildProcess: Required<Pick<DriverPermissions, "childProcess">>;
/** Allows all variables of the environment. */
export const allowAllEnv: Required<Pick<DriverPermissions, "env">>;
/** Allows everything. */
export const allowAll: Required<DriverPermissions>;

/** Functions of the host as a tree, which guests call as `await SecureExec.bindings.db.query(...args)`. */
export interface BindingTree {
  // biome-ignore lint/suspicious/noExplicitAny: arguments are what guests give
  readonly [name: string]: ((...args: any[]) => unknown) | ToolDefinition | BindingTree;
}

/** Answer of {@link NetworkAdapter.httpRequest}. */
export interface NetworkResponse {
  status: number;
  statusText: string;
  headers: Record<string, string>;
  body: string;
  url: string;
}

/** Answer of {@link NetworkAdapter.fetch}. */
export interface NetworkFetchResponse extends NetworkResponse {
  ok: boolean;
  redirected: boolean;
}

/** A request of {@link NetworkAdapter}. */
export interface NetworkRequestOptions {
  method?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | null | undefined;
  rejectUnauthorized?: boolean | undefined;
}

/** How `runtime.network` reaches what is outside, where the permission is given. */
export interface NetworkAdapter {
  fetch(url: string, options: NetworkRequestOptions): Promise<NetworkFetchResponse>;
  dnsLookup(
    hostname: string,
  ): Promise<{ address: string; family: number } | { error: string; code: string }>;
  httpRequest(url: string, options: NetworkRequestOptions): Promise<NetworkResponse>;
}

/** Options of {@link createNodeDriver}. */
export interface NodeDriverOptions {
  /**
   * The tree of the runtimes' user, as that of {@link KernelOptions}. Several drivers may have one.
   * @default files of each runtime's own
   */
  filesystem?: VirtualFileSystem | undefined;
  /** Without it everything outward is denied. */
  permissions?: DriverPermissions | undefined;
  /**
   * The packages that code finds: the `node_modules` that is nearest to `cwd`, read-only, at `/app/node_modules` and
   * `/root/node_modules`, and at `/node_modules` unless there is a `filesystem`, in which the directories on the way are made.
   * Packages with native code refuse to load.
   * @default the `node_modules` that is nearest to the working directory of this process, if there is one
   */
  moduleAccess?: { cwd?: string | undefined } | undefined;
  /** Reaches the network for `runtime.network`; without one, nothing does. */
  networkAdapter?: NetworkAdapter | undefined;
  /** There is no default network yet: what it would reach is denied. */
  useDefaultNetwork?: boolean | undefined;
  /** As for {@link NodeRuntimeConstructor.create}. */
  loopbackExemptPorts?: readonly number[] | undefined;
  /** What every program is started with. */
  processConfig?:
    | {
        /**
         * Working directory.
         * @default /root
         */
        cwd?: string | undefined;
        env?: Readonly<Record<string, string>> | undefined;
        /** `process.argv` behind the program. */
        argv?: readonly string[] | undefined;
        stdin?: string | Uint8Array | undefined;
      }
    | undefined;
  osConfig?: { homedir?: string | undefined; tmpdir?: string | undefined } | undefined;
}

/** What a runtime may use: made by {@link createNodeDriver}. */
export interface SystemDriver {
  readonly name: "node";
  /** The files that it was given. */
  readonly filesystem: VirtualFileSystem | undefined;
}

/** Says what the programs of a runtime may use. */
export function createNodeDriver(options?: NodeDriverOptions): SystemDriver;

/** A VM process of its own, for the runtimes that are given it: made by {@link createV8Runtime}. */
export interface V8Runtime {
  /** Ends the process with all that is in it. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a VM process for the runtimes that are given it, and for no other: its end is theirs alone.
 *
 * @example
 * ```js
 * await using v8Runtime = createV8Runtime();
 * const runtimeDriverFactory = createNodeRuntimeDriverFactory({ v8Runtime });
 * ```
 */
export function createV8Runtime(options?: {
  /**
   * Calls of `exec` and `run` at a time, of all its runtimes; others wait.
   * @default no bound
   */
  maxSessions?: number | undefined;
}): V8Runtime;

/** Where runtimes run: made by {@link createNodeRuntimeDriverFactory}. */
export interface NodeRuntimeDriverFactory {
  readonly name: "node";
}

/** Says where runtimes run: all of them in one VM process, unless they are given one of their own. */
export function createNodeRuntimeDriverFactory(options?: {
  v8Runtime?: V8Runtime | undefined;
}): NodeRuntimeDriverFactory;

/** Options of `new NodeRuntime()`. */
export interface NodeRuntimeDriverOptions {
  systemDriver: SystemDriver;
  runtimeDriverFactory: NodeRuntimeDriverFactory;
  /**
   * JavaScript heap of each call, in MB.
   * @default 128
   */
  memoryLimit?: number | undefined;
  /**
   * Processor time of each call, in milliseconds.
   * @default 30 s
   */
  cpuTimeLimitMs?: number | undefined;
  /**
   * `freeze`: clocks stand still within a turn of the event loop.
   * @default freeze
   */
  timingMitigation?: "off" | "freeze" | undefined;
  /** Hears of the output of every call. Without it, and without one of the call, output is dropped. */
  onStdio?: StdioHook | undefined;
  payloadLimits?:
    | {
        /**
         * Bytes of the exports of a call as JSON.
         * @default 1 MiB
         */
        jsonPayloadBytes?: number | undefined;
        /** Bytes of one file. */
        base64TransferBytes?: number | undefined;
      }
    | undefined;
  resourceBudgets?:
    | {
        /** Bytes of output of a call that are heard of; what comes behind is dropped. */
        maxOutputBytes?: number | undefined;
        /** Timers of a program. */
        maxTimers?: number | undefined;
        /** Programs that programs have started, at a time. */
        maxChildProcesses?: number | undefined;
        /** Open descriptors of a program. */
        maxHandles?: number | undefined;
      }
    | undefined;
  /** Functions of the host that guests can call. */
  bindings?: BindingTree | undefined;
}

/** Options of {@link DriverNodeRuntime.exec}. */
export interface ExecOptions {
  /** What the code is called: decides whether it is a module, and what it finds beside it. It need not be there. */
  filePath?: string | undefined;
  /** Environment over the driver's. */
  env?: Readonly<Record<string, string>> | undefined;
  cwd?: string | undefined;
  /** Standard input; end of file follows. */
  stdin?: string | Uint8Array | undefined;
  /** In place of the runtime's, for the program and all that it starts. */
  cpuTimeLimitMs?: number | undefined;
  /** In place of the runtime's. */
  timingMitigation?: "off" | "freeze" | undefined;
  /** In place of the runtime's. */
  onStdio?: StdioHook | undefined;
}

/** How code ended. */
export interface ExecResult {
  /** The exit status; 128 and the number of a signal; 124 where the processor time was used up. */
  code: number;
  /** Why it failed, where there is more to say than the status. */
  errorMessage?: string;
}

/** As {@link ExecResult}, with what the code exports. */
export interface RunResult<T> extends ExecResult {
  /**
   * The module's namespace, or its `module.exports`, as it is when the code has been run to its end (with its top-level
   * `await`): a copy by structured clone. Only if `code` is 0.
   */
  exports?: T;
  /** What is not in `exports`: functions, symbols, promises and their like, each by its place. */
  notes?: string[];
}

/** What reaches servers of programs, and with permission what is outside. */
export interface DriverNetwork {
  /** `http://127.0.0.1:<port>` and `localhost` are in the machine. */
  fetch(
    url: string | { readonly href: string },
    options?: NetworkRequestOptions,
  ): Promise<NetworkFetchResponse>;
  dnsLookup(
    hostname: string,
  ): Promise<{ address: string; family: number } | { error: string; code: string }>;
  httpRequest(
    url: string | { readonly href: string },
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse>;
}

/**
 * Runs code for its result. Each call is a program of its own in one machine, which is made by the first call; all such
 * machines live in one VM process unless {@link createNodeRuntimeDriverFactory} says otherwise.
 */
export interface DriverNodeRuntime {
  /**
   * Runs code as a program, for what it does and writes. It is an ES module or CommonJS by the extension of `filePath`,
   * the `type` of the nearest package, or else by its syntax.
   *
   * @throws {VmError} The runtime has been disposed of ("NodeExecutionDriver has been disposed").
   * @throws What `onStdio` has thrown.
   *
   * @example
   * ```js
   * const { code } = await runtime.exec("console.log('hello')", { onStdio: ({ message }) => console.log(message) });
   * ```
   */
  exec(code: string, options?: ExecOptions): Promise<ExecResult>;
  /**
   * Runs code for what it exports.
   *
   * @throws {VmError} The runtime has been disposed of.
   *
   * @example
   * ```js
   * const { exports } = await runtime.run<{ default: number }>("export default 40 + 2");
   * console.log(exports?.default); // 42
   * ```
   */
  run<T = unknown>(code: string, filePath?: string): Promise<RunResult<T>>;
  readonly network: DriverNetwork;
  /** Ends all that runs, at once. Running calls resolve with status 143. */
  dispose(): void;
  /** Lets HTTP servers finish what they are answering, for at most 10 s, then ends everything. */
  terminate(): Promise<void>;
  [Symbol.dispose](): void;
  /** As `terminate`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a kernel can be given to run programs with. */
export interface KernelRuntime {
  readonly name: string;
  /** Commands that it brings along. */
  readonly commands: readonly string[];
}

/** Node.js for a kernel. */
export function createNodeRuntime(options?: {
  /**
   * JavaScript heap of each program, in MB.
   * @default 128
   */
  memoryLimit?: number | undefined;
  permissions?: Omit<DriverPermissions, "fs"> | undefined;
  /** A directory whose nearest `node_modules` is `/node_modules` of the machine, read-only. */
  moduleAccessCwd?: string | undefined;
  /** Functions of the host, which programs call as `await callBinding("db.query", { args: [1] })`. */
  bindings?: BindingTree | undefined;
  /** As for {@link NodeRuntimeConstructor.create}. */
  loopbackExemptPorts?: readonly number[] | undefined;
}): KernelRuntime;

/** Directories of WebAssembly commands for a kernel, before the machine's own. */
export function createWasmVmRuntime(options?: {
  commandDirs?: readonly string[] | undefined;
}): KernelRuntime;

/** Options of {@link createKernel}. */
export interface KernelOptions {
  /**
   * The tree of the machine's user: of the directories in `/` the machine keeps `bin`, `dev`, `etc`, `lib`, `proc`, `run`, `sbin`, `tmp`,
   * `usr` and `var`, and every other name is the filesystem's. What guests write is what its methods read, and the other way
   * round.
   * @default files of the machine's own
   */
  filesystem?: VirtualFileSystem | undefined;
  /** As for {@link NodeRuntimeConstructor.create}. */
  mounts?: NodeRuntimeCreateOptions["mounts"];
  permissions?: DriverPermissions | undefined;
  /** Environment of every program. */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * Working directory of programs.
   * @default /workspace
   */
  cwd?: string | undefined;
  /** Another name of `limits.resources.maxProcesses`. */
  maxProcesses?: number | undefined;
  limits?: Limits | undefined;
}

/** Options of {@link Kernel.exec} and {@link Kernel.spawn}. */
export type KernelExecOptions = NodeRuntimeCommandOptions;

/** A machine, kernel first: it is made when it is first used. */
export interface Kernel {
  /**
   * Gives the kernel a runtime, before it is first used.
   *
   * @throws {KernelError} `EBUSY`: it has been used. `EEXIST`: it has such a runtime.
   */
  mount(runtime: KernelRuntime): Promise<void>;
  /**
   * Mounts a filesystem, before the kernel is first used.
   *
   * @throws {KernelError} `EBUSY`: it has been used, or something is mounted there.
   */
  mountFs(
    path: string,
    filesystem: VirtualFileSystem,
    options?: { readOnly?: boolean | undefined; overlay?: boolean | undefined },
  ): Promise<void>;
  /**
   * Takes one away, before the kernel is first used.
   *
   * @throws {KernelError} `EBUSY`: it has been used. `EINVAL`: nothing is mounted there.
   */
  unmountFs(path: string): Promise<void>;
  /**
   * Runs a line of the shell, as `sh -c` does.
   *
   * @throws {KernelError} `ETIMEDOUT`: `timeout` has passed; the error has the output. `ENOEXEC`: no runtime is mounted.
   */
  exec(commandLine: string, options?: KernelExecOptions): Promise<NodeRuntimeExecResult>;
  /** Starts a program, without a shell. */
  spawn(
    command: string,
    args?: readonly string[],
    options?: KernelExecOptions,
  ): Promise<NodeRuntimeProcess>;
  /** As {@link NodeRuntime.openShell}. */
  openShell(options?: NodeRuntimeShellOptions): Promise<NodeRuntimeTerminal>;
  processes(): Promise<ProcessInfo[]>;
  getResourceSnapshot(): Promise<ResourceSnapshot>;

  // The file methods act with the host's rights, as those of NodeRuntime do.

  readFile(path: string, options?: ReadFileOptions<undefined>): Promise<Uint8Array>;
  readFile(path: string, options: ReadFileOptions<TextEncoding>): Promise<string>;
  /** As {@link readFile}, as text. */
  readTextFile(path: string): Promise<string>;
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  mkdir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  readDir(path: string): Promise<string[]>;
  readDirWithTypes(path: string): Promise<DirectoryEntry[]>;
  stat(path: string): Promise<FileStat>;
  exists(path: string): Promise<boolean>;
  remove(
    path: string,
    options?: { recursive?: boolean | undefined; force?: boolean | undefined },
  ): Promise<void>;
  /** Removes what is no directory. */
  removeFile(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;

  /** Kills and frees everything; later calls reject with `ESHUTDOWN`. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a kernel. Its machine is that of {@link NodeRuntimeConstructor.create}, in a VM process of its own. */
export function createKernel(options?: KernelOptions): Kernel;

/** What went wrong in or with a kernel. */
export class KernelError extends Error {
  constructor(code: ErrnoName, message: string, options?: { cause?: unknown });
  readonly name: "KernelError";
  /** The name of an error number. */
  readonly code: ErrnoName;
  readonly errno?: number;
  readonly syscall?: string;
  readonly path?: string;
  /** What a command had written. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** Where a limit is behind it: the limit, its bound, and the use. */
  readonly limit?: string;
  readonly bound?: number;
  readonly used?: number;
}

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

/** What holds back the process behind a VM, as the operating system says of each of its threads. */
export interface Isolation {
  /**
   * All of it in one word, from the strongest:
   * - `sealed`: as `partial`; it has no capability, is not root, and reaches no file of the host.
   * - `partial`: as `process`; it has few system calls, and cannot gain privileges.
   * - `process`: a process of its own, with resource limits.
   * - `shared`: the process serves other runtimes too, however well it is confined.
   * - `none`: it is this process.
   */
  readonly level: "sealed" | "partial" | "process" | "shared" | "none";
  /** Every thread has a filter of system calls of its own. */
  readonly seccomp: boolean;
  /** Version of Landlock's interface that the process is under; 0 for none. */
  readonly landlock: number;
  /** No thread can gain privileges by executing a program. */
  readonly noNewPrivs: boolean;
  /** Bits of the capabilities that some thread has or could take (capabilities(7)). */
  readonly capabilities: number;
  /** The user that the process is. */
  readonly uid: number;
  /** Whether the process has a namespace of users, of the network, of processes of its own. */
  readonly userns: boolean;
  readonly netns: boolean;
  readonly pidns: boolean;
  /** Whether V8 makes machine code in it, for which it has memory that is writable and executable. Always true for now. */
  readonly jit: boolean;
  /** How the processor may guess in it, in the kernel's words; empty where it does not say. */
  readonly speculation: { readonly storeBypass: string; readonly indirectBranch: string };
  /** What keeps `level` from being `sealed`, for people. */
  readonly missing: readonly string[];
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

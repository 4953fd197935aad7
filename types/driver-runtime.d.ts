// Runtimes from drivers, which run code for its result.

import type {
  NetworkFetchResponse,
  NetworkRequestOptions,
  NetworkResponse,
  NodeRuntimeDriverFactory,
  SystemDriver,
  createNodeRuntimeDriverFactory,
} from "./drivers.js";
import type { BindingTree } from "./tools.js";

/** A line of output. */
export interface StdioEvent {
  channel: "stdout" | "stderr";
  /** The line, without its end. One of more than 64 KiB comes in several events. */
  message: string;
}

/**
 * Hears of output line by line, as it comes, one after the other: while a promise that it gives back is pending, it is told
 * nothing more and the program waits. What it throws ends the program and rejects the call.
 */
export type StdioHook = (event: StdioEvent) => unknown;

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
        /** Programs that a call has started, at a time. */
        maxChildProcesses?: number | undefined;
        /** Open descriptors of a program. */
        maxHandles?: number | undefined;
        /** Calls of `bindings` that a call and what it starts may make in all. */
        maxBridgeCalls?: number | undefined;
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

// What runtimes are made of: what they may use, and where they run.

import type { VirtualFileSystem } from "./filesystems.js";
import type { KernelOptions } from "./kernel.js";
import type { NodeRuntimeConstructor } from "./node-runtime.js";
import type { DriverPermissions } from "./permissions.js";

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

/** A command that a {@link CommandExecutor} runs. */
export interface SpawnedProcess {
  /** Takes input; a promise holds back what comes behind it. */
  writeStdin(data: Uint8Array): unknown;
  closeStdin(): unknown;
  kill(signal?: number): unknown;
  /** The exit status, once it has ended and all of its output was told. */
  wait(): Promise<number>;
}

/** Runs the commands that programs of a driver start. */
export interface CommandExecutor {
  spawn(
    command: string,
    args: string[],
    options: {
      cwd: string;
      env: Record<string, string>;
      onStdout: (data: Uint8Array) => void;
      onStderr: (data: Uint8Array) => void;
    },
  ): SpawnedProcess;
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
   * `/root/node_modules`, and at `/node_modules` unless there is a `filesystem`; nothing is made in that.
   * Packages with native code refuse to load.
   * @default the `node_modules` that is nearest to the working directory of this process, if there is one
   */
  moduleAccess?: { cwd?: string | undefined } | undefined;
  /** Reaches the network for `runtime.network`, in place of `useDefaultNetwork`. */
  networkAdapter?: NetworkAdapter | undefined;
  /**
   * Runs every program that programs start, in place of the machine: no file of that name need be there. `permissions.childProcess` is asked
   * first.
   * @default the machine runs them
   */
  commandExecutor?: CommandExecutor | undefined;
  /**
   * Has `runtime.network` reach public addresses of the Internet, and others that rules of `permissions.network` name, by the client of this
   * process. Without it, and without a `networkAdapter`, nothing outside is reached.
   * @default false
   */
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
        /**
         * Who the programs are. Not 0: no program is root.
         * @default 1000
         */
        uid?: number | undefined;
        /** @default uid, or 1000 */
        gid?: number | undefined;
        /** For runtimes that have no option of this name. */
        timingMitigation?: "off" | "freeze" | undefined;
        /** What the machine is, and nothing else. */
        platform?: "linux" | undefined;
        /** What the machine is, and nothing else. */
        arch?: "x64" | undefined;
        /** Where Node.js is, and nothing else. */
        execPath?: "/usr/bin/node" | undefined;
      }
    | undefined;
  osConfig?:
    | {
        /** `HOME`. */
        homedir?: string | undefined;
        /** `TMPDIR`. */
        tmpdir?: string | undefined;
        /** @default secure-exec */
        hostname?: string | undefined;
        /** What the machine is, and nothing else. */
        platform?: "linux" | undefined;
        /** What the machine is, and nothing else. */
        arch?: "x64" | undefined;
        /** What the machine is, and nothing else. */
        type?: "Linux" | undefined;
      }
    | undefined;
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

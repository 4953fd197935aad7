// Machines kernel first.

import type { NodeRuntimeCreateOptions } from "./create-options.js";
import type { ErrnoName } from "./errors.js";
import type { VirtualFileSystem } from "./filesystems.js";
import type { Limits } from "./limits.js";
import type { Machine } from "./machine.js";
import type { NodeRuntimeConstructor } from "./node-runtime.js";
import type { DriverPermissions } from "./permissions.js";
import type {
  NodeRuntimeCommandOptions,
  NodeRuntimeExecResult,
  NodeRuntimeProcess,
} from "./programs.js";
import type { BindingTree } from "./tools.js";

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
  /** Asked besides the kernel's: both must allow. */
  permissions?: DriverPermissions | undefined;
  /** A directory whose nearest `node_modules` is `/node_modules` of the machine, read-only. */
  moduleAccessCwd?: string | undefined;
  /**
   * Functions of the host, which programs call as `await callBinding("db.query", { args: [1] })`: that gives `{ value }` with what the
   * function gives back, or `{}` for `undefined`.
   */
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
export interface Kernel extends Machine {
  /**
   * Gives the kernel a runtime, before it is first used.
   *
   * @throws {KernelError} `EBUSY`: it has been used. `EEXIST`: it has such a runtime.
   */
  mount(runtime: KernelRuntime): Promise<void>;
  /**
   * Mounts a filesystem, at any time. `permissions.fs` is asked about its files, by their paths in the machine.
   *
   * @throws {KernelError} `EBUSY`: something is mounted there.
   */
  mountFs(
    path: string,
    filesystem: VirtualFileSystem,
    options?: { readOnly?: boolean | undefined; overlay?: boolean | undefined },
  ): Promise<void>;
  /**
   * Takes one away, at any time.
   *
   * @throws {KernelError} `EBUSY`: a file of it is open, or a process works in it. `EINVAL`: nothing is mounted there.
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
  /** As {@link MachineFiles.readFile}, as text. */
  readTextFile(path: string): Promise<string>;
  /** Removes what is no directory. */
  removeFile(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDir(path: string): Promise<void>;

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

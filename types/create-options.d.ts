// What a machine is made with.

import type { V8Runtime } from "./drivers.js";
import type { VirtualFileSystem } from "./filesystems.js";
import type { HostCommand } from "./host-commands.js";
import type { Isolation } from "./isolation.js";
import type { LimitBreach, Limits } from "./limits.js";
import type {
  FileContent,
  FileSystemMountOptions,
  MountOptions,
  NodeModulesOptions,
} from "./mounts.js";
import type { NodeRuntime } from "./node-runtime.js";
import type { PythonOptions } from "./python.js";
import type { FileSnapshot } from "./snapshots.js";
import type { ToolDefinitions, ToolError } from "./tools.js";

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
  /**
   * Files that are there from the beginning, without a copy; `files` are written over them. Their bytes count towards
   * `limits.resources.maxFilesystemBytes`.
   */
  snapshot?: FileSnapshot | undefined;
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
  /**
   * Python in the machine, from the npm package `pyodide` of the application: `true` finds it from the working directory. The first
   * machine of a process waits until a snapshot of an interpreter's memory is made, from which every `python3` starts. See
   * `docs/python.md`.
   * @default false
   */
  python?: boolean | PythonOptions | undefined;
  /** Functions of the host that guests can call, by name. */
  tools?: ToolDefinitions<Schemas> | undefined;
  /**
   * Commands that guests find in `/usr/local/bin`, by name: functions of the host's with arguments as they are, streams, and
   * any exit status.
   * @default none
   */
  commands?: Readonly<Record<string, HostCommand>> | undefined;
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
   * what they hold, files and their bytes, memory, heaps, memories of WebAssembly, processor and wall-clock time, captured
   * output, timers, and calls of tools that wait. What it throws is told by a warning of the process.
   */
  onLimitWarning?: ((warning: LimitBreach) => unknown) | undefined;
  /**
   * Milliseconds after which the machine is disposed of when nothing is asked of it: no call runs, no program that a call has
   * started, and no connection is open. Calls after that reject with `ERR_VM_EXPIRED`.
   * @default none
   */
  idleTimeoutMs?: number | undefined;
  /**
   * Milliseconds after which the machine is disposed of whatever it does. Calls that run then, and those after it, reject
   * with `ERR_VM_EXPIRED`.
   * @default none
   */
  maxLifetimeMs?: number | undefined;
  /**
   * Hears how long each phase of the boot took: `kernel`, the making of the machine in its VM process, and `total`, all of
   * `create` with the wait for that process. What it throws rejects `create`.
   */
  onBootTiming?: ((timing: { phase: string; durationMs: number }) => unknown) | undefined;
}

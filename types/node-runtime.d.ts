// The machine as a whole.

import type { NodeRuntimeCreateOptions } from "./create-options.js";
import type { DriverNodeRuntime, NodeRuntimeDriverOptions } from "./driver-runtime.js";
import type { NodeRuntimeEvents } from "./events.js";
import type { FileWatcher, UploadOptions, UploadResult, WatchOptions } from "./file-transfer.js";
import type { AbortSignal, ByteStream } from "./host.js";
import type { Isolation } from "./isolation.js";
import type { Machine } from "./machine.js";
import type {
  ConnectOptions,
  ExposePortOptions,
  ExposedPort,
  FetchOptions,
  FetchResponse,
  GuestSocket,
  Listener,
  ListenerQuery,
  StreamedFetchResponse,
  WaitForListenerOptions,
} from "./network.js";
import type {
  NodeRuntimeCommandOptions,
  NodeRuntimeExecOptions,
  NodeRuntimeExecResult,
  NodeRuntimeProcess,
  NodeRuntimeRunResult,
  NodeRuntimeSpawnOptions,
} from "./programs.js";
import type { ResidentRunner } from "./resident-runner.js";
import type { Python } from "./python.js";
import type { ShellSession, ShellSessionOptions } from "./shell-session.js";
import type { FileDifference, FileSnapshot } from "./snapshots.js";
import type { ToolDefinitions } from "./tools.js";

/**
 * A virtual machine in which guest programs run. Calls that are running keep the host process alive;
 * a runtime itself never does.
 */
export interface NodeRuntime extends Machine {
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
   * Starts a shell that keeps its state from one line to the next, without a terminal.
   *
   * @throws {TypeError | RangeError} An option is wrong.
   * @throws {VmSystemError} It cannot be started.
   *
   * @example
   * ```js
   * await using shell = await rt.shell({ cwd: "/workspace" });
   * await shell.run("mkdir build && cd build");
   * const { cwd } = await shell.run("ls"); // "/workspace/build"
   * ```
   */
  shell(options?: ShellSessionOptions): Promise<ShellSession>;
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
   * Waits until there is such a listener, and its program has begun to wait for connections: a server that listens for a
   * moment to see whether its port is free is not taken for the one that follows. Without a port, `processId` finds the one that a program was given by
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

  // File methods that a kernel has not: as for those of MachineFiles.

  /** Changes the permission bits of a file or a directory; links are followed. */
  chmod(path: string, mode: number): Promise<void>;
  /** Adds to the end of a file, which is made if it is missing. As {@link MachineFiles.writeFile} otherwise. */
  appendFile(path: string, data: string | Uint8Array): Promise<void>;
  /** Makes a symbolic link at `path` that leads to `target`, whatever is there. */
  symlink(target: string, path: string): Promise<void>;
  /**
   * Copies a file, a link as a link, or with `recursive` a directory, into one that may be there. `to` is the copy itself, as
   * for `fs.cp`. Permission bits are copied, owners and times are not.
   *
   * @throws {VmSystemError} `EISDIR`: a directory, and not `recursive`. `EINVAL`: a directory into itself, a file to itself,
   *   FIFOs, sockets and devices.
   */
  cp(from: string, to: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  /**
   * Copies a directory of the host into the machine: files with their permission bits and times, links as links. `guestDir`
   * and those on the way to it are made; files that are there are replaced. Nothing outside of `hostDir` is read, wherever
   * links lead.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong.
   * @throws {Error} The directory of the host cannot be read: Node.js's own error.
   * @throws {VmSystemError} `ENOSPC` and their like.
   * @throws The reason of `signal`; what `filter` threw.
   *
   * @example
   * ```js
   * await rt.upload("./project", "/workspace/project", {
   *   filter: (path) => path !== "node_modules",
   * });
   * ```
   */
  upload(hostDir: string, guestDir: string, options?: UploadOptions): Promise<UploadResult>;
  /**
   * A tar (POSIX) of what is in a directory of the machine, with names from `./` on, as it is read: the machine's `tar` writes
   * it as root, and waits for the reader. It fails where that does, and with the reason of `signal`.
   *
   * @throws {VmSystemError} `ENOENT`, `ENOTDIR`.
   *
   * @example
   * ```js
   * for await (const chunk of await rt.download("/workspace")) console.log(chunk.length);
   * ```
   */
  download(guestDir: string, options?: { signal?: AbortSignal | undefined }): Promise<ByteStream>;
  /**
   * Hears of changes of a file or a directory, by guests and by the host. A guest process of ours watches, which counts as
   * one. What is not there is told by `ready` and by the first `next`.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong.
   * @throws {VmStateError} The runtime has been disposed of.
   * @throws The reason of `signal`.
   *
   * @example
   * ```js
   * for await (const { eventType, filename } of rt.watch("/workspace", { recursive: true })) {
   *   console.log(eventType, filename);
   * }
   * ```
   */
  watch(path: string, options?: WatchOptions): FileWatcher;

  /**
   * Has `listener` called with each event of a kind, in the asynchronous context of the call that it belongs to. What it
   * throws is a warning of the process. The same is told on channels of `node:diagnostics_channel`, `secure-exec:exit` and so
   * on, for all runtimes.
   *
   * @throws {TypeError} There is no such event, or the listener is no function.
   *
   * @example
   * ```js
   * rt.on("limit", ({ limit, bound, used }) => console.warn(`${limit}: ${used} of ${bound}`));
   * ```
   */
  on<Name extends keyof NodeRuntimeEvents>(
    event: Name,
    listener: (event: NodeRuntimeEvents[Name]) => unknown,
  ): this;
  /** As {@link on}, for the next event only. */
  once<Name extends keyof NodeRuntimeEvents>(
    event: Name,
    listener: (event: NodeRuntimeEvents[Name]) => unknown,
  ): this;
  /** Takes a listener away. */
  off<Name extends keyof NodeRuntimeEvents>(
    event: Name,
    listener: (event: NodeRuntimeEvents[Name]) => unknown,
  ): this;

  /** Programs in Python, with inputs and a value. The package comes by the option `python` of `create`. */
  readonly python: Python;

  /** What held the VM's process back when it was created. */
  readonly isolation: Isolation;

  /**
   * All files as they are at this moment, whatever programs are doing. What has not changed since the last snapshot, or since
   * the one that the machine was made from, is not copied. The first one copies every byte once.
   *
   * @throws {VmSystemError} `ENAMETOOLONG`: a file lies so deep that no path names it.
   *
   * @example
   * ```js
   * using snapshot = await rt.snapshot();
   * await using other = await NodeRuntime.create({ snapshot });
   * ```
   */
  snapshot(): Promise<FileSnapshot>;

  /**
   * Puts the files of a snapshot in place of all that there are. Mounts and commands stay.
   *
   * @throws {TypeError} It is no snapshot.
   * @throws {VmStateError} `ERR_SNAPSHOT_DISPOSED`.
   * @throws {VmSystemError} `EBUSY`: programs run. `ENOSPC`, `EFBIG`: it does not fit the limits. Nothing has changed then.
   */
  restore(snapshot: FileSnapshot): Promise<void>;

  /**
   * Makes a second machine with the same files, and with the options that this one was made with but for those that are given.
   * `files` are written over what there is. Nothing of what runs is in it.
   *
   * @throws What {@link NodeRuntime.snapshot} and {@link NodeRuntimeConstructor.create} throw.
   */
  fork<Schemas = Record<string, object>>(
    options?: Omit<NodeRuntimeCreateOptions<Schemas>, "snapshot">,
  ): Promise<NodeRuntime>;

  /**
   * What has changed since a snapshot, in the order of the paths. Bytes are compared only where they were written to.
   *
   * @throws {TypeError} It is no snapshot.
   * @throws {VmStateError} `ERR_SNAPSHOT_DISPOSED`.
   */
  diff(snapshot: FileSnapshot): Promise<FileDifference[]>;

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

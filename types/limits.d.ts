// Bounds of machines.

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
   * @default 2 MiB
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

/** A limit that was passed. */
export interface LimitBreach {
  /** The limit, by the name that `create` knows it under, as `limits.resources.maxFileBytes`. */
  limit: string;
  /** Its bound, in the unit of the limit. */
  bound: number;
  /** What was used or asked for, in the same unit. */
  used: number;
}

// What the addon exports (src/*.rs).

export interface VmOptions {
  env: string[];
  cwd?: string;
  files: { path: string; data: Uint8Array }[];
  commandDirs?: string[];
  limits: Record<string, number | undefined>;
  isolation: string;
  startupSnapshot?: string;
  group?: number;
  requireIsolation?: string;
  highResolutionTime: boolean;
  freezeTime: boolean;
  trace: boolean;
  warn: boolean;
  tools: ToolOption[];
  outboundPorts: number[];
  mounts: MountOption[];
}

export interface MountOption {
  name: string;
  guestPath: string;
  hostPath: string;
  readOnly: boolean;
  overlay: boolean;
  prepared?: boolean;
  follow: { hostPath: string; guestPath: string }[];
}

export interface ToolOption {
  name: string;
  description: string;
  schema: string;
  aliases: string[];
  examples: { description?: string; input: string }[];
}

export interface SizeOption {
  cols: number;
  rows: number;
}

export interface ProgramOptions {
  argv: string[];
  env: string[];
  cwd?: string;
  stdin?: Uint8Array;
  timeoutMs?: number;
  cpuTimeMs?: number;
  freezeTime?: boolean;
  streaming: boolean;
  announce: boolean;
  returns: boolean;
  control: boolean;
  terminal?: SizeOption;
}

export interface LimitReached {
  limit: string;
  bound: number;
  used: number;
}

export interface Failure {
  code: string;
  message: string;
  why?: string;
  limit?: LimitReached;
  stateLost: boolean;
  securityViolation: boolean;
  errno: number;
  syscall?: string;
  path?: string;
}

export interface Content {
  number?: number;
  stream?: number;
  data?: Buffer;
  stdout?: Buffer;
  stderr?: Buffer;
  timedOut?: boolean;
  more?: number;
  exists?: boolean;
  entries?: { name: string; kind: number }[];
  stat?: Record<string, number | bigint>;
  resources?: Record<string, number>;
  phases?: { phase: string; durationMs: number }[];
  isolation?: Omit<import("./index.js").Isolation, "jit">;
  processes?: Record<string, unknown>[];
  tool?: string;
  text?: string;
  limit?: LimitReached;
  error?: Failure;
}

export interface CheckedInput {
  refused?: string;
  errors: string[];
  defaults?: string;
}

export declare class Schema {
  constructor(json: string);
  check(json: string): Promise<CheckedInput>;
}

/** Files in memory, or of a directory of the host's. What fails throws an error whose message has number, name and text of the errno. */
export declare class NativeFiles {
  constructor(options: { maxBytes: number; maxInodes: number; maxFileBytes: number });
  static directory(root: string, writable: boolean): NativeFiles;
  /** By which the mounts of machines name it. */
  get number(): number;
  read(path: string, offset: number, length?: number): Uint8Array;
  write(path: string, data: Uint8Array): void;
  writeAt(path: string, offset: number, data: Uint8Array): void;
  truncate(path: string, size: number): void;
  mkdir(path: string, recursive: boolean): void;
  entries(path: string): { name: string; mode: number }[];
  stat(path: string, follow: boolean): Stat;
  unlink(path: string): void;
  rmdir(path: string, recursive: boolean): void;
  rename(from: string, to: string): void;
  realpath(path: string): string;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  link(from: string, to: string): void;
  chmod(path: string, mode: number): void;
  chown(path: string, uid: number, gid: number): void;
  /** Times are milliseconds. */
  utimes(path: string, atime: number, mtime: number): void;
  breach(): { limit: string; bound: number; used: number } | null;
}

/** Files that functions of JavaScript serve. */
export declare class ScriptFiles {
  constructor(onCall: (call: FileCall) => void);
  /** By which the mounts of machines name it. */
  get number(): number;
  answer(id: number, answer: FileAnswer): void;
}

export interface FileCall {
  id: number;
  kind: string;
  path: Buffer;
  other?: Buffer;
  data?: Buffer;
  position?: number;
  offset?: number;
  count?: number;
  size?: number;
  mode?: number;
  flags?: number;
  atimeMs?: number;
  mtimeMs?: number;
}

export interface FileAnswer {
  errno?: number;
  stat?: ScriptStat;
  entries?: { name: Uint8Array; stat: ScriptStat; next: number }[];
  last?: boolean;
  target?: Uint8Array;
  data?: Uint8Array;
  count?: number;
  end?: number;
}

export interface ScriptStat {
  ino: number;
  mode: number;
  nlink: number;
  size: number;
  blocks: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  birthtimeMs: number;
}

export declare class Vm {
  constructor(options: VmOptions, onEvent: (kind: number, call: number, content: Content) => void);
  spawn(program: ProgramOptions): number;
  input(call: number, stream: number, data: Uint8Array, end: boolean): void;
  signal(call: number, signal: number): void;
  credit(call: number, stream: number, bytes: number): void;
  writeFile(path: string, data: Uint8Array): number;
  readFile(path: string): number;
  readMore(handle: number): number;
  readDirectory(path: string): number;
  makeDirectory(path: string, recursive: boolean): number;
  stat(path: string): number;
  exists(path: string): number;
  remove(path: string, recursive: boolean): number;
  rename(from: string, to: string): number;
  resources(): number;
  processes(): number;
  resize(call: number, size: SizeOption): void;
  registerTools(tools: ToolOption[]): number;
  toolResult(
    id: number,
    result: string | undefined,
    error: { message: string; code?: string; data?: string } | undefined,
  ): void;
  dispose(): void;
}

export declare function configure(
  launcher: string,
  addon: string,
  snapshot: string | undefined,
  uid: number,
): void;
/** Whom VM processes are where the host is root. */
export declare const vmUser: number;
/** The folder of the platform package. */
export declare const folder: string;
export declare function prepare(): void;
export declare function vmProcessIds(): number[];
export declare function release(bytes: ArrayBufferLike): void;
/** What the kernel has to confine VM processes. */
export declare function confinement(): { seccomp: boolean; landlock: number };

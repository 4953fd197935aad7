// What the addon exports (src/*.rs).

export interface VmOptions {
  env: string[];
  cwd?: string;
  files: { path: string; data: Uint8Array }[];
  commandDirs?: string[];
  limits: Record<string, number | undefined>;
  isolation: string;
  requireIsolation?: string;
  highResolutionTime: boolean;
  freezeTime: boolean;
  trace: boolean;
  warn: boolean;
  tools: ToolOption[];
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

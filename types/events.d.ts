// What a machine tells of what happens in it.

import type { VmCrashError } from "./errors.js";
import type { LimitBreach } from "./limits.js";
import type { ProgramUsage, SignalName } from "./programs.js";

/** The events of {@link NodeRuntime.on}, by name. */
export interface NodeRuntimeEvents {
  /** A program that a call has started has ended. */
  exit: ProgramEnd;
  /** A program, or one that it started, has passed a limit. */
  limit: LimitBreach;
  /** The VM process has ended; told once, however many calls end with it. */
  crash: { error: VmCrashError };
  /** A call of a tool is over. */
  tool: ToolCallEnd;
}

/** How a program ended that a call has started. */
export interface ProgramEnd {
  argv: string[];
  exitCode: number;
  signal: SignalName | null;
  /** It was killed by its timeout. */
  timedOut?: true;
  usage: ProgramUsage;
}

/** How a call of a tool ended. */
export interface ToolCallEnd {
  name: string;
  /** The process that called. */
  pid: number;
  durationMs: number;
  /** What the guest was told, where it failed. */
  error?: string;
}

// The types of `secure-exec/ai`. The build copies this file to ai.d.cts, for CommonJS.

import type {
  NodeRuntime,
  NodeRuntimeExecResult,
  SandboxHandle,
  ShellLineResult,
  StandardSchema,
} from "secure-exec";

/** Options of {@link aiTools} and {@link createMcpServer}. */
export interface ModelToolsOptions {
  /**
   * Characters of an answer at most, from 200 on.
   * @default 8000
   */
  maxChars?: number | undefined;
  /**
   * Milliseconds that code or a line of the shell may take. A model may ask for less.
   * @default 60000
   */
  timeoutMs?: number | undefined;
  /**
   * Where programs and the shell begin, and what relative paths are relative to.
   * @default "/workspace"
   */
  cwd?: string | undefined;
}

/** A tool as the Vercel AI SDK takes it. */
export interface ModelTool<Input, Output = string> {
  description: string;
  /** Standard Schema, which tells its JSON Schema. */
  inputSchema: StandardSchema<Input>;
  /** Gives the answer for the model. Rejects with the reason of `abortSignal` only. */
  execute(
    input: Input,
    options?: { readonly abortSignal?: AbortSignalLike | undefined },
  ): Promise<Output>;
}

/** A picture that a model has asked for. */
export interface Picture {
  /** What it is, in words. */
  text: string;
  /** In base64. */
  data: string;
  mediaType: string;
}

/** What the AI SDK shows to a model. */
export type ModelOutput =
  | { type: "text"; value: string }
  | {
      type: "content";
      value: (
        | { type: "text"; text: string }
        | { type: "image-data"; data: string; mediaType: string }
      )[];
    };

/** As the DOM and Node.js have it. */
export interface AbortSignalLike {
  readonly aborted: boolean;
}

/** The tools of {@link aiTools}. */
export type ModelTools = {
  /** JavaScript or TypeScript in a process of its own. */
  run: ModelTool<{ code: string; timeoutMs?: number | undefined }>;
  /** A line of bash in a shell that keeps its state. */
  shell: ModelTool<{ command: string; timeoutMs?: number | undefined }>;
  /** A text file as text; PNG, JPEG, GIF and WebP as a picture. */
  readFile: ModelTool<{ path: string; offset?: number | undefined }, string | Picture> & {
    toModelOutput(result: { output: string | Picture }): ModelOutput;
  };
  writeFile: ModelTool<{
    path: string;
    content: string;
    encoding?: "utf8" | "base64" | undefined;
  }>;
  listFiles: ModelTool<{ path?: string | undefined }>;
};

/**
 * A machine, or a sandbox at the other end of a network, as tools for a model: `tools` of `generateText` and `streamText` of the Vercel AI SDK. However a call ends, its
 * answer is one text of bounded length, which {@link forModel} makes. The machine stays yours: dispose of it when the
 * conversation is over.
 *
 * @throws {TypeError | RangeError} An argument or an option is wrong: the message has its name.
 */
export declare function aiTools(
  target: NodeRuntime | SandboxHandle,
  options?: ModelToolsOptions,
): ModelTools;

/** Options of {@link forModel}. */
export interface ForModelOptions {
  /**
   * Characters of the text at most, from 200 on. Of what is longer the beginning and the end are shown.
   * @default 8000
   */
  maxChars?: number | undefined;
  /**
   * Leaves frames of Node.js's own out of stacks.
   * @default true
   */
  hideInternals?: boolean | undefined;
}

/**
 * Folds what a call has given back, or what it has thrown, into one text for a model: the output, and in brackets how it
 * ended, such as `[exit status 1]`, `[killed: it took too long]`, `[killed: limit reached: ...]`. It takes results of
 * `exec`, `run`, `execCommand`, of a shell's lines and of a sandbox, errors of limits, of machines that have ended, and
 * aborts.
 *
 * @throws What is handed in, if it is an error of another kind: that is the host's own, and no answer.
 * @throws {TypeError | RangeError} An argument or an option is wrong: the message has its name.
 */
export declare function forModel(
  outcome:
    | NodeRuntimeExecResult
    | ShellLineResult
    | { stdout: string; stderr: string; exitCode: number; value?: unknown }
    | Error,
  options?: ForModelOptions,
): string;

/** A server of the Model Context Protocol. `Server` of `@modelcontextprotocol/sdk` is one. */
export interface McpServer {
  /** Speaks over a transport of the SDK, until that is closed. */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK is an optional dependency, and so are its types
  connect(transport: any): Promise<void>;
  /** Ends the connection and the shell. The machine stays yours. */
  close(): Promise<void>;
}

/**
 * A server of the Model Context Protocol with the tools `run`, `shell`, `read_file`, `write_file` and `list_files` of a
 * machine, and its files as resources. It needs the package `@modelcontextprotocol/sdk`, 1.20 or later. Each server has one
 * shell, and takes one connection.
 *
 * @throws {TypeError | RangeError} An argument or an option is wrong: the message has its name.
 * @throws {Error} `ERR_MODULE_NOT_FOUND`: the SDK is not installed.
 */
export declare function createMcpServer(
  target: NodeRuntime | SandboxHandle,
  options?: ModelToolsOptions,
): McpServer;

// The types of `secure-exec/typescript`. The build copies this file to typescript.d.cts, for CommonJS.

/// <reference lib="esnext.disposable" />

import type { NodeRuntimeDriverFactory, SystemDriver, ToolDefinitions } from "secure-exec";

/** Makes tools for TypeScript, whose compiler runs in a machine of its own. It is started by the first call. */
export declare function createTypeScriptTools(options?: TypeScriptToolsOptions): TypeScriptTools;

/** Options of `createTypeScriptTools`. */
export interface TypeScriptToolsOptions {
  /**
   * Whose files the compiler sees, `node_modules` included. Without one it sees an empty machine with the packages that are
   * nearest to the working directory: sources can be checked and compiled, and there are no projects.
   */
  systemDriver?: SystemDriver | undefined;
  /** Where the compiler's machine runs: with a `v8Runtime` in that process, else in one of its own. */
  runtimeDriverFactory?: NodeRuntimeDriverFactory | undefined;
  /** MiB of heap that the compiler may use, 64 to 4096. Default 512. */
  memoryLimit?: number | undefined;
  /** Milliseconds of processor time that one call may use; `Infinity` for no limit. Default 30,000. */
  cpuTimeLimitMs?: number | undefined;
  /**
   * The compiler that is used: a package or the path of a file in the machine, as `require` in `/root` takes it. Default:
   * the package `typescript` that is installed on the host beside this package, or else from the working directory.
   */
  compilerSpecifier?: string | undefined;
  /** Tools of the machines that the programs are for: their types are those of the module `tools`. None is called. */
  tools?: ToolDefinitions | undefined;
}

/**
 * What a call resolves with is the compiler's answer, whatever that is: a compiler that fails, or that a limit ends, gives
 * `success: false` and one diagnostic of code 0 that says why, and the next call finds a new one. A call rejects where its
 * options are wrong.
 *
 * Calls are answered one after the other.
 */
export interface TypeScriptTools {
  /** Looks for errors in one source. */
  typecheckSource(options: TypeScriptSourceOptions): Promise<TypeCheckResult>;
  /** Looks for errors in a project, as `tsc --noEmit` does. */
  typecheckProject(options?: TypeScriptProjectOptions): Promise<TypeCheckResult>;
  /** Makes JavaScript of one source, which is type-checked as well. No file is written. */
  compileSource(options: TypeScriptSourceOptions): Promise<SourceCompileResult>;
  /** Makes JavaScript of a project, as `tsc` does, and writes it into the files that it was read from. */
  compileProject(options?: TypeScriptProjectOptions): Promise<ProjectCompileResult>;
  /** Ends the compiler's machine. Later calls get one diagnostic of code 0. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of `typecheckProject` and `compileProject`. */
export interface TypeScriptProjectOptions {
  /** Absolute path of the directory that the compiler works in. Default `/root`. */
  cwd?: string | undefined;
  /** The `tsconfig.json`, or its directory, from `cwd`. Default: the next one from `cwd` upwards. */
  configFilePath?: string | undefined;
}

/** Options of `typecheckSource` and `compileSource`. */
export interface TypeScriptSourceOptions {
  /** The source. */
  sourceText: string;
  /**
   * The name of the source, from `cwd`: imports are resolved from there, and diagnostics name it. There need not be such
   * a file; one that is there is not read. Default `source.ts`.
   */
  filePath?: string | undefined;
  /** Absolute path of the directory that the compiler works in. Default `/root`. */
  cwd?: string | undefined;
  /** A `tsconfig.json` whose compiler options hold. Without it none is looked for. */
  configFilePath?: string | undefined;
  /**
   * Compiler options as they are in a `tsconfig.json`, over those of `configFilePath`. Without a `tsconfig.json` the
   * target is `es2022`, the module format `esnext` resolved as bundlers do, `skipLibCheck` holds and `libReplacement` does
   * not, unless it is said otherwise; everything else is the compiler's own default.
   */
  compilerOptions?: Record<string, unknown> | undefined;
}

/** What the compiler has found. */
export interface TypeCheckResult {
  /** Whether no diagnostic is an error. */
  success: boolean;
  diagnostics: TypeScriptDiagnostic[];
  /** How many more diagnostics there are, if they are too many to be told: behind 10,000, or 8 MiB of text. */
  omittedDiagnostics?: number;
}

/** What became of a source. */
export interface SourceCompileResult extends TypeCheckResult {
  /** The JavaScript. There are errors with which the compiler still makes it. */
  outputText?: string;
  /** Its source map, with the option `sourceMap`. */
  sourceMapText?: string;
}

/** What became of a project. */
export interface ProjectCompileResult extends TypeCheckResult {
  /** Nothing was written, because of the options or of errors. */
  emitSkipped: boolean;
  /** Absolute paths of what was written. */
  emittedFiles: string[];
}

/** Something that the compiler has to say. */
export interface TypeScriptDiagnostic {
  /** The compiler's number; 0 where the compiler failed. */
  code: number;
  category: "error" | "warning" | "suggestion" | "message";
  message: string;
  /** Where it is, if it is about a place: line and column count from 1. */
  filePath?: string;
  line?: number;
  column?: number;
}

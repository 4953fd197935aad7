// Python in a machine.

import type { NodeRuntimeCommandOptions, NodeRuntimeExecResult } from "./programs.js";

/** Where the interpreter and packages are, as directories of the host: see the option `python` of `NodeRuntime.create`. */
export interface PythonOptions {
  /** The npm package `pyodide`. @default that which the working directory has, or else what is beside this package */
  packageDir?: string | undefined;
  /**
   * Wheels that programs import from: those of a distribution of Pyodide, with its `pyodide-lock.json`, and any wheel of pure
   * Python. One is unpacked in the interpreter's memory at its first import.
   * @default none
   */
  wheelsDir?: string | undefined;
  /**
   * Where the snapshot of the interpreter's memory stays for the next process, 30 MB: a directory of this user's that nobody else
   * may write. It is made anew where it is not as it was left, and for each version of this package and of `pyodide`.
   * @default it is made by the first `create` of each process, and gone with that
   */
  cacheDir?: string | undefined;
}

/** Options of {@link Python.run}. */
export interface PythonRunOptions extends NodeRuntimeCommandOptions {
  /**
   * Globals of the program: what JSON has, bigints (`int`) and `Uint8Array`s (`bytes`). Whole numbers are `int`, others `float`;
   * `null` and `undefined` are `None`.
   */
  inputs?: Readonly<Record<string, unknown>> | undefined;
}

/** How a program in Python ended, and its value. */
export interface PythonRunResult<T = unknown> extends NodeRuntimeExecResult {
  /**
   * That of the last statement, if it is an expression: `dict` is an object, `list` and `tuple` an array, `bytes` a `Uint8Array`,
   * an `int` beyond 2 ** 53 a bigint, `None` is `null`. `undefined` where the program has failed.
   */
  value: T | undefined;
}

/** Programs in Python of a machine. */
export interface Python {
  /**
   * Runs `code` in an interpreter of its own. A program that raises resolves with `exitCode` 1 and its traceback in `stderr`.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmStateError} `ERR_INVALID_VALUE`: the value has no counterpart in JavaScript.
   * @throws {VmLimitError} It passed a limit that it cannot survive, or its value is larger than `returnValueLimitBytes`.
   * @throws {VmCrashError} The VM process ended.
   *
   * @example
   * ```js
   * const { value } = await rt.python.run("sum(numbers)", { inputs: { numbers: [1, 2, 3] } });
   * ```
   */
  run<T = unknown>(code: string, options?: PythonRunOptions): Promise<PythonRunResult<T>>;
}

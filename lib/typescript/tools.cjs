"use strict";
// The tools for TypeScript: the compiler in a machine of its own.

const { withCallerStacks } = require("../caller.cjs");
const { failed, result } = require("./answers.cjs");
const { Compiler, CompilerFailure } = require("./compiler.cjs");
const { machineOf } = require("./machine.cjs");
const { projectOptions, sourceOptions, toolsOptions } = require("./options.cjs");

/** Processor time that a call has unless it is said otherwise, as every program. */
const usualCpuTimeMs = 30_000;

class TypeScriptTools {
  /** @type {Compiler} */
  #compiler;

  constructor(compiler) {
    this.#compiler = compiler;
  }

  async typecheckSource(options) {
    return await this.#call("typecheckSource", sourceOptions(options));
  }

  async typecheckProject(options) {
    return await this.#call("typecheckProject", projectOptions(options));
  }

  async compileSource(options) {
    return await this.#call("compileSource", sourceOptions(options));
  }

  async compileProject(options) {
    return await this.#call("compileProject", projectOptions(options));
  }

  async dispose() {
    await this.#compiler.dispose();
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.dispose();
  }

  async #call(kind, request) {
    try {
      return result(kind, await this.#compiler.ask({ kind, ...request }));
    } catch (error) {
      if (!(error instanceof CompilerFailure)) throw error;
      return failed(kind, error.message);
    }
  }
}

const calls = ["typecheckSource", "typecheckProject", "compileSource", "compileProject"];

withCallerStacks(TypeScriptTools.prototype, ...calls);

/**
 * @param {object} [options]
 * @param {{ resolve?: (request: string) => string }} [from] Of a package that brings the compiler as its dependency.
 * @returns {TypeScriptTools}
 */
function createTypeScriptTools(options, { resolve } = {}) {
  const settings = toolsOptions(options);
  return toolsIn(machineOf(settings, resolve), settings.cpuTimeLimitMs);
}

/**
 * Tools whose compiler runs in the machine that `open` makes. What waits for something is no processor time: a call may
 * take some multiple of it.
 */
function toolsIn(open, cpuTimeLimitMs = usualCpuTimeMs) {
  const longest = 4 * cpuTimeLimitMs + 10_000;
  return new TypeScriptTools(new Compiler(open, longest < 2 ** 31 ? longest : undefined));
}

module.exports = { createTypeScriptTools, toolsIn };

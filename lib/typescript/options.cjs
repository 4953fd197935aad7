"use strict";
// The options of a tool set and of its calls.

const { types } = require("node:util");
const { runtimeDriverFactory } = require("../driver/factory.cjs");
const { systemDriver } = require("../driver/node-driver.cjs");
const { invalidType, invalidValue } = require("../errors.cjs");
const { toolDefinitions } = require("../tools/definitions.cjs");
const check = require("../validate.cjs");

const { integer, object, optional } = check;

/** MiB of heap: with less the compiler does not load; V8 has no larger heaps. */
const memoryLimit = integer(64, { maximum: 4096 });
const cpuTimeLimitMs = integer(1, { infinite: true });

/** Where the documents have their projects. */
const usualCwd = "/root";

function toolsOptions(value) {
  return object(value, "options", {
    systemDriver: optional(systemDriver),
    runtimeDriverFactory: optional(runtimeDriverFactory),
    memoryLimit: optional(memoryLimit, 512),
    cpuTimeLimitMs: optional(cpuTimeLimitMs),
    compilerSpecifier: optional(check.program),
    tools: optional(toolDefinitions),
  });
}

/** Options of `typecheckProject` and `compileProject`. */
function projectOptions(value) {
  return object(value, "options", {
    cwd: optional(check.absolutePath, usualCwd),
    configFilePath: optional(check.program),
  });
}

/** Options of `typecheckSource` and `compileSource`. */
function sourceOptions(value) {
  return object(value, "options", {
    sourceText: check.text,
    filePath: optional(check.program),
    cwd: optional(check.absolutePath, usualCwd),
    configFilePath: optional(check.program),
    compilerOptions: optional(json, {}),
  });
}

/** Compiler options as they are in a tsconfig.json. */
function json(value, name) {
  if (!check.isPlainObject(value) || types.isProxy(value)) {
    throw invalidType(name, "an object as in a tsconfig.json", value);
  }
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    throw Object.assign(invalidValue(name, `must be JSON: ${cause?.message}`), { cause });
  }
}

module.exports = { projectOptions, sourceOptions, toolsOptions };

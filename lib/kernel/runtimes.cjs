"use strict";
// What a kernel can be given to run programs with.

const { invalidType } = require("../errors.cjs");
const { bindings } = require("../driver/bindings.cjs");
const { modulesDirectory } = require("../driver/module-access.cjs");
const { permissions } = require("../driver/permissions.cjs");
const options = require("../options.cjs");
const check = require("../validate.cjs");

/** Settings of runtimes, which users only hold. */
const settingsOf = new WeakMap();

class KernelRuntime {
  constructor(name, commands, settings) {
    this.name = name;
    this.commands = Object.freeze(commands);
    settingsOf.set(Object.freeze(this), settings);
  }
}

const nodeKeys = {
  memoryLimit: check.optional(check.integer(1, { maximum: 16_384 }), 128),
  permissions: check.optional(permissions),
  bindings: check.optional(bindings, { tools: [], names: [] }),
  moduleAccessCwd: check.optional(modulesDirectory),
  loopbackExemptPorts: check.optional(options.exemptPorts, []),
};

/** Node.js for a kernel. */
function createNodeRuntime(given) {
  const settings = check.object(given, "options", nodeKeys);
  return new KernelRuntime("node", ["node", "npm", "npx"], settings);
}

const wasmKeys = { commandDirs: check.optional(check.list(options.directory), []) };

/** WebAssembly commands for a kernel. */
function createWasmVmRuntime(given) {
  const settings = check.object(given, "options", wasmKeys);
  return new KernelRuntime("wasmvm", [], settings);
}

/** A checker: what a runtime was made from. */
function kernelRuntime(value, name) {
  const settings = settingsOf.get(value);
  const makers = "createNodeRuntime() or createWasmVmRuntime()";
  if (!settings) throw invalidType(name, `what ${makers} gives back`, value);
  return { name: value.name, ...settings };
}

module.exports = { createNodeRuntime, createWasmVmRuntime, kernelRuntime };

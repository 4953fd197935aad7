"use strict";
// The CommonJS entry.

// First: it tells a bundle apart before anything is required.
require("./binding.cjs");
const { createNodeRuntimeDriverFactory } = require("./lib/driver/factory.cjs");
const { createNodeDriver } = require("./lib/driver/node-driver.cjs");
const permissions = require("./lib/driver/permissions.cjs");
const { createV8Runtime } = require("./lib/driver/dedicated-process.cjs");
const { ToolError, VmError } = require("./lib/errors.cjs");
const { FileSnapshot } = require("./lib/file-snapshot.cjs");
const { createInMemoryFileSystem, InMemoryFileSystem } = require("./lib/filesystem/in-memory.cjs");
const { NodeFileSystem } = require("./lib/filesystem/node-file-system.cjs");
const { createKernel } = require("./lib/kernel/kernel.cjs");
const { KernelError } = require("./lib/kernel/kernel-error.cjs");
const { createNodeRuntime, createWasmVmRuntime } = require("./lib/kernel/runtimes.cjs");
const { NodeRuntime } = require("./lib/node-runtime.cjs");
const { Sandbox } = require("./lib/sandbox/sandbox.cjs");
const { defineTool, toolTypes } = require("./lib/tools/definitions.cjs");

const { allowAll, allowAllChildProcess, allowAllEnv, allowAllFs, allowAllNetwork } = permissions;

/** Loaded by who uses it only. */
async function createSandboxServer(options) {
  return await require("./lib/server/server.cjs").createSandboxServer(options);
}

module.exports = {
  NodeRuntime,
  defineTool,
  ToolError,
  VmError,
  KernelError,
  FileSnapshot,
  InMemoryFileSystem,
  NodeFileSystem,
  Sandbox,
  allowAll,
  allowAllChildProcess,
  allowAllEnv,
  allowAllFs,
  allowAllNetwork,
  createInMemoryFileSystem,
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
  createSandboxServer,
  createV8Runtime,
  createWasmVmRuntime,
  toolTypes,
};

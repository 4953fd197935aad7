"use strict";
// The CommonJS entry: objects of secure-exec, the same as that package exports.

const {
  KernelError,
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
  defineTool,
  ToolError,
  VmError,
} = require("secure-exec");

module.exports = {
  KernelError,
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
  defineTool,
  ToolError,
  VmError,
};

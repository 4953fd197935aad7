// The ES module entry: the same objects as the CommonJS one, so that both can be used in one program.

import entry from "./index.cjs";

export const {
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
} = entry;

// The ES module entry: objects of secure-exec, the same as that package exports.

export {
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
} from "secure-exec";

// The ES module entry: objects of secure-exec, the same as that package exports.

export {
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
  createV8Runtime,
  NodeRuntime,
} from "secure-exec";

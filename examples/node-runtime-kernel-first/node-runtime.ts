// biome-ignore format: as it is documented
// #region documented
import {
  NodeRuntime,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
} from "secure-exec";

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver(),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});
// #endregion

console.log(await runtime.exec("process.exit(3)"));
runtime.dispose();

import { createKernel, createNodeRuntime } from "secure-exec";

const kernel = createKernel();

// biome-ignore format: as it is documented
// #region documented
await kernel.mount(createNodeRuntime({
  memoryLimit: 128, // 128 MB per isolate
}));
// #endregion

const result = await kernel.exec("node -p process.platform");
process.stdout.write(result.stdout);
await kernel.dispose();

// biome-ignore format: as it is documented
// #region documented
import {
  createKernel,
  createInMemoryFileSystem,
  createNodeRuntime,
} from "secure-exec";

const kernel = createKernel({
  filesystem: createInMemoryFileSystem(),
});

await kernel.mount(createNodeRuntime());

const result = await kernel.exec("node -e \"console.log('hello')\"");
console.log(result.stdout); // "hello\n"

await kernel.dispose();
// #endregion

// Runtimes of the driver API beside `NodeRuntime.create()`, and what a permission for programs costs.

import {
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
} from "secure-exec";
import { percentileRows, sampleInTurn } from "./table.mjs";

const program = "console.log(1)";

export async function drivers({ NodeRuntime, scale }) {
  const count = Math.max(20, Math.round(100 * scale));
  const machine = await NodeRuntime.create({ isolation: "shared" });
  const driver = new NodeRuntime({
    systemDriver: createNodeDriver(),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  });
  const kernels = await Promise.all([kernelWith({}), kernelWith({ childProcess: () => true })]);
  const line = "for i in 1 2 3 4 5 6 7 8 9 10; do cat /dev/null; done";
  try {
    const [made, exec, run, free, asked] = await sampleInTurn(count, [
      () => machine.exec(program),
      () => driver.exec(program),
      () => driver.run("export default 42"),
      () => kernels[0].exec(line),
      () => kernels[1].exec(line),
    ]);
    const create = { "exec of create()": made };
    return [
      ...percentileRows("warm exec of a driver's runtime", exec, create),
      ...percentileRows("warm run of a driver's runtime", run, create),
      ...percentileRows("ten commands of the shell, each asked for", asked, { "not asked": free }),
    ];
  } finally {
    driver.dispose();
    await Promise.all([machine, ...kernels].map((each) => each.dispose()));
  }
}

async function kernelWith(permissions) {
  const kernel = createKernel({ permissions });
  await kernel.mount(createNodeRuntime());
  return kernel;
}

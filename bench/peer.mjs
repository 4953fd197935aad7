// The product that is compared with, where one is installed.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Its module, loaded from the package folder that SECURE_EXEC_BENCH_PEER names. */
export async function loadPeer() {
  const folder = process.env.SECURE_EXEC_BENCH_PEER;
  if (!folder) return undefined;
  const manifest = join(resolve(folder), "package.json");
  const require = createRequire(manifest);
  // By its own name from inside, so that its `exports` are honoured.
  return await import(pathToFileURL(require.resolve(require(manifest).name)).href);
}

// #region documented
import { createInMemoryFileSystem } from "@secure-exec/core";
import {
  createNodeDriver,
  createNodeRuntimeDriverFactory,
} from "@secure-exec/nodejs";
import { createTypeScriptTools } from "@secure-exec/typescript";

const filesystem = createInMemoryFileSystem();
const systemDriver = createNodeDriver({ filesystem });
const runtimeDriverFactory = createNodeRuntimeDriverFactory();

const ts = createTypeScriptTools({
  systemDriver,
  runtimeDriverFactory,
});
// #endregion

console.log(typeof ts.typecheckSource, typeof ts.compileProject);
await ts.dispose();

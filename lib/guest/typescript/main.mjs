// The program of a tool set, inside the guest. It loads the compiler once, and then answers requests, each a snippet of
// the resident runner that calls what is defined here.

import { createRequire, enableCompileCache, flushCompileCache } from "node:module";
import { Compiler } from "./requests.mjs";

/** Where names of packages are looked up from: the overlay of the host's packages is here. */
const from = "/root/";

/** Milliseconds after the first answer, when most of what the compiler needs has been compiled, and nobody may wait. */
const untilCached = 1000;

/**
 * Defines the function that answers requests.
 * @param {string} specifier The compiler's package, or the path of its file.
 * @param {string} [cacheFolder] Where the compiler's own code is kept once it is compiled, for the next process.
 */
export function start(specifier, cacheFolder) {
  const require = createRequire(from);
  // In a heap that was made with the compiler in it, it is there already, with the language's library.
  const prepared = require.cache[require.resolve(specifier)]?.prepared;
  if (cacheFolder !== undefined && !prepared) enableCompileCache(cacheFolder);
  const typescript = require(specifier);
  if (typeof typescript?.createProgram !== "function") {
    throw new TypeError(`'${specifier}' has no createProgram: it is not the TypeScript compiler`);
  }
  const compiler = prepared ?? new Compiler(typescript);
  let keep =
    cacheFolder === undefined || prepared
      ? undefined
      : () => setTimeout(flushCompileCache, untilCached);
  const value = (request) => {
    keep?.();
    keep = undefined;
    return answer(compiler, request);
  };
  Object.defineProperty(globalThis, "answer", { value });
}

/** A compiler that has thrown may have left anything half done: `failure` has its process ended. */
function answer(compiler, request) {
  try {
    return compiler.answer(request);
  } catch (error) {
    return { failure: describe(error) };
  }
}

function describe(error) {
  try {
    return String(error instanceof Error ? `${error.name}: ${error.message}` : error).slice(
      0,
      4096,
    );
  } catch {
    return "an error that cannot be shown";
  }
}

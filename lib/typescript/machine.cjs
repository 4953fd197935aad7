"use strict";
// The machine that a tool set's compiler runs in.

const { rmSync } = require("node:fs");
const binding = require("../../binding.cjs");
const { NodeRuntimeDriverFactory } = require("../driver/factory.cjs");
const { moduleMounts } = require("../driver/module-access.cjs");
const { createNodeDriver, systemDriver } = require("../driver/node-driver.cjs");
const { boot } = require("../node-runtime.cjs");
const { createOptions } = require("../options.cjs");
const { packageMount } = require("../tools/package.cjs");
const { compilerFolder, guestFolder } = require("./compiler-package.cjs");
const { heapOf, isUsable, makeLater } = require("./heap.cjs");

const mebibyte = 1 << 20;
/** MiB that the machine may use besides the compiler's heap, at least: its files, and what native code holds. */
const besidesHeap = 512;
/** MiB of heap from which on a compiler that has parsed more than it may need is no loss. */
const leastPrepared = 256;
/** Bytes of an answer as JSON: the output of a source, or what is wrong with a project. */
const longestAnswer = 64 * mebibyte;

/** The limits of a machine for a compiler with so much heap, which may be half of the memory. */
function limits({ memoryLimit, cpuTimeLimitMs }) {
  return {
    resources: {
      // The compiler is one thread, and V8's collector works beside it.
      cpuCount: 2,
      maxMemoryBytes: (memoryLimit + Math.max(memoryLimit, besidesHeap)) * mebibyte,
    },
    jsRuntime: {
      v8HeapLimitMb: memoryLimit,
      returnValueLimitBytes: longestAnswer,
      ...(cpuTimeLimitMs !== undefined && { cpuTimeLimitMs }),
    },
  };
}

/**
 * A way to make the machine of a tool set. It is one of its own: what else a driver's programs do takes nothing of its
 * memory. With a V8Runtime it is in that process.
 * @param {(request: string) => string} [resolve] Of the module that depends on the compiler.
 * @returns {() => Promise<import("./compiler.cjs").Place>}
 */
function machineOf(settings, resolve) {
  const { compilerSpecifier, runtimeDriverFactory } = settings;
  const driver = settings.systemDriver ?? systemDriver(createNodeDriver());
  const filesystem = driver.machineFiles ?? driver.filesystem;
  const v8Runtime =
    runtimeDriverFactory && NodeRuntimeDriverFactory.v8RuntimeOf(runtimeDriverFactory);
  const mounts = moduleMounts(driver.moduleAccess, driver.filesystem);
  const folder = compilerSpecifier === undefined ? compilerFolder(resolve) : undefined;
  if (folder !== undefined) mounts.push({ guestPath: guestFolder, hostPath: folder });
  const isPrepared =
    folder !== undefined && v8Runtime === undefined && settings.memoryLimit >= leastPrepared;
  const options = {
    limits: limits(settings),
    ...(v8Runtime && { v8Runtime }),
    ...(filesystem && { filesystem }),
  };
  return async () => {
    const ofTools = settings.tools ? [await packageMount(settings.tools)] : [];
    const checked = createOptions({ ...options, mounts: [...mounts, ...ofTools] });
    return {
      runtime: isPrepared ? await prepared(checked, folder) : await boot(checked),
      // The files of a driver are the user's.
      ...(filesystem === undefined && { cacheFolder: "/tmp/compiler" }),
      specifier: compilerSpecifier ?? `${guestFolder}/lib/typescript.js`,
    };
  };
}

/** A machine from a heap with the compiler in it, if there is one; otherwise one is made for the next. */
async function prepared(options, folder) {
  const heap = heapOf(folder, binding.folder);
  if (heap === undefined) return await boot(options);
  if (isUsable(heap)) {
    try {
      return await boot({ ...options, startupSnapshot: heap });
    } catch {
      // What is damaged is made anew.
      rmSync(heap, { force: true });
    }
  }
  makeLater(heap, folder, binding.folder);
  return await boot(options);
}

module.exports = { limits, machineOf };

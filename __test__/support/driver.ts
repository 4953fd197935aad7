// A runtime of the driver API for one test.

import {
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  type DriverNodeRuntime,
  type NodeDriverOptions,
  NodeRuntime,
  type NodeRuntimeDriverOptions,
  type StdioEvent,
  type V8Runtime,
} from "secure-exec";
import { ownedByTest } from "./suite.ts";

type Options = Partial<NodeRuntimeDriverOptions> & {
  driver?: NodeDriverOptions;
  v8Runtime?: V8Runtime;
};

export function driverRuntime({ driver, v8Runtime, ...options }: Options = {}): DriverNodeRuntime {
  const runtime = new NodeRuntime({
    systemDriver: createNodeDriver(driver),
    runtimeDriverFactory: createNodeRuntimeDriverFactory({ v8Runtime }),
    ...options,
  });
  ownedByTest({ dispose: async () => runtime.dispose() });
  return runtime;
}

/** A hook, and what it has heard as `channel:line`. */
export function recorder(): { lines: string[]; onStdio: (event: StdioEvent) => void } {
  const lines: string[] = [];
  return { lines, onStdio: ({ channel, message }) => void lines.push(`${channel}:${message}`) };
}

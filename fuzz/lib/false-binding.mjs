// `lib/` with a native part that does nothing by itself: the target is the VM.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Where the addon's loader would be. */
const bindingPath = require.resolve("../../binding.cjs");

/** Kinds of events by name, from where lib/ has them. */
const machine = readFileSync(new URL("../../lib/machine.cjs", import.meta.url), "utf8");
const [, table] = /const Kind = \{([^}]*)\}/.exec(machine);
export const kinds = Object.fromEntries(
  [...table.matchAll(/(\w+): (\d+)/g)].map(([, name, number]) => [name, Number(number)]),
);
/** What every VM says first. */
export const booted = { phases: [], isolation: { level: "process", missing: [] } };

const isOurs = (path) =>
  !path.includes("node_modules") && /[\\/](lib[\\/]|index\.cjs|binding\.cjs)/.test(path);

/** Loads `lib/` anew, and hears of every error that nobody catches. */
export async function openLibrary() {
  const world = { vms: [], loose: [] };
  // The table of limits is the real one.
  const { limitTable } = require(bindingPath);
  const entries = Object.entries(require.cache).filter(([path]) => isOurs(path));
  for (const [path] of entries) delete require.cache[path];
  const exports = Object.assign(falseBinding(world), { limitTable });
  require.cache[bindingPath] = { id: bindingPath, filename: bindingPath, loaded: true, exports };
  world.NodeRuntime = require("../../index.cjs").NodeRuntime;
  world.reset = () => {
    for (const vm of world.vms.splice(0)) end(vm);
    world.loose.length = 0;
  };
  world.before = entries;
  world.hear = (error) => world.loose.push(error);
  world.warn = process.emitWarning;
  // Told once for each callback: thousands here.
  process.emitWarning = () => {};
  process.on("uncaughtException", world.hear);
  process.on("unhandledRejection", world.hear);
  return world;
}

/** Settles whatever a run has left: what is pending keeps the process alive. */
function end(vm) {
  const error = { code: "ERR_VM_DISPOSED", message: "over", errno: 0, stateLost: false };
  const failed = vm.calls.map((_name, at) => [kinds.failed, at + 1]);
  for (const [kind, call] of [[kinds.created, 0], ...failed, [kinds.disposed, 0]]) {
    try {
      vm.onEvent(kind, call, { error });
    } catch {
      // Told by the run, if it is a failure.
    }
  }
}

export async function closeLibrary({ before, hear, reset, warn }) {
  reset();
  process.emitWarning = warn;
  process.off("uncaughtException", hear);
  process.off("unhandledRejection", hear);
  for (const path of Object.keys(require.cache).filter(isOurs)) delete require.cache[path];
  for (const [path, module] of before) require.cache[path] = module;
}

/** Every method of the native VM gives back the number of a new call. */
function falseBinding(world) {
  class Vm {
    calls = [];
    constructor(_options, onEvent) {
      this.onEvent = onEvent;
      world.vms.push(this);
      // biome-ignore lint/correctness/noConstructorReturn: whatever the native VM has, this has
      return new Proxy(this, {
        get(vm, name) {
          if (name in vm || typeof name === "symbol" || name === "then") return vm[name];
          return () => vm.calls.push(name);
        },
      });
    }
  }
  class Schema {
    async check() {
      return { errors: [] };
    }
  }
  const known = { Vm, Schema, configure() {}, prepare() {}, vmProcessIds: () => [], folder: "/" };
  return new Proxy(known, { get: (binding, name) => binding[name] ?? (() => 0) });
}

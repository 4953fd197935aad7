// Options of the public API, in front of a native VM that does nothing.

import { Broken } from "../lib/runs.mjs";
import { booted, closeLibrary, kinds, openLibrary } from "../lib/false-binding.mjs";

/** Names of options at any place, so that they meet values of others. */
const names = [
  "env",
  "cwd",
  "files",
  "limits",
  "isolation",
  "jsRuntime",
  "resources",
  "tools",
  "onTrace",
  "commandsDir",
  "wasmCommandDirs",
  "timeout",
  "signal",
  "stdin",
  "args",
  "maxOutputBytes",
  "onStdout",
  "cols",
  "rows",
  "v8HeapLimitMb",
  "cpuTimeLimitMs",
  "maxMemoryBytes",
  "maxFilesystemBytes",
  "maxInodeCount",
  "maxProcesses",
  "maxOpenFds",
  "timingMitigation",
  "recursive",
  "force",
  "encoding",
  "name",
  "description",
  "inputSchema",
  "handler",
  "commandAliases",
  "examples",
  "data",
  "mode",
  "uid",
  "gid",
  "maxPending",
  "/a",
  "/a/b",
  "a",
  "__proto__",
  "toString",
  "then",
];

const methods = [
  ["exec"],
  ["run"],
  ["spawn"],
  ["execCommand"],
  ["spawnCommand"],
  ["openShell"],
  ["readFile"],
  ["writeFile"],
  ["mkdir"],
  ["remove"],
  ["rename"],
  ["stat"],
  ["readDir"],
  ["registerTools"],
  ["exists"],
];

export default {
  name: "options",
  about:
    "options of any shape to the public API: taken, or refused by an error with a code, at once",
  longest: 300,
  open: openLibrary,
  close: closeLibrary,
  async run(input, world) {
    world.reset();
    const given = input.onceIn(2) ? undefined : value(input, 4);
    input.note(() => `create(${shown(given)})`);
    const creating = world.NodeRuntime.create(given);
    const outcome = await settled(creating);
    if (outcome?.error) return refused("create", outcome.error);
    const [vm] = world.vms;
    if (!vm) throw new Broken("create() neither fails nor makes a VM");
    vm.onEvent(kinds.created, 0, booted);
    const runtime = await creating;
    for (let count = 1 + input.below(4); count > 0; count -= 1) {
      const [name] = input.pick(methods);
      const args = input.list(4, () => value(input, 3));
      input.note(() => `${name}(${args.map(shown).join(", ")})`);
      const done = await settled(runtime[name](...args));
      if (done?.error) refused(name, done.error);
    }
    if (world.loose.length > 0)
      throw new Broken("an error that nobody catches", world.loose[0]?.stack);
  },
};

/** How a promise has settled after some turns; nothing if it is pending, as a call without an answer is. */
async function settled(promise) {
  let outcome;
  promise.then(
    (result) => {
      outcome = { result };
    },
    (error) => {
      outcome = { error };
    },
  );
  for (let turns = 0; turns < 4 && !outcome; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return outcome;
}

/** A refusal is an error that says what is wrong, not one of ours that went astray. */
function refused(name, error) {
  if (error instanceof Error && typeof error.code === "string" && error.message) return;
  throw new Broken(`${name} fails by something without a code`, error?.stack ?? String(error));
}

function value(input, depth) {
  const kind = input.below(depth > 0 ? 16 : 10);
  const flat = [
    undefined,
    null,
    true,
    input.number(),
    input.pick(["", "a", "/a", "process", "shared", "x\0y", "utf8", "freeze"]),
    1n,
    () => {},
    Symbol("s"),
    new Uint8Array(3),
    input.below(100),
  ];
  if (kind < flat.length) return flat[kind];
  if (kind < 12) return input.list(4, () => value(input, depth - 1));
  const made = input.onceIn(6) ? Object.create(null) : {};
  for (let count = input.below(5); count > 0; count -= 1) {
    const key = input.pick(names);
    Object.defineProperty(made, key, {
      value: value(input, depth - 1),
      enumerable: true,
      configurable: true,
    });
  }
  return made;
}

function shown(given) {
  const plain = (_key, it) => (typeof it === "object" || typeof it === "string" ? it : String(it));
  return JSON.stringify(given, plain) ?? "undefined";
}

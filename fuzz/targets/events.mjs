// The event handlers of lib/, in front of a native VM that says whatever it likes.

import { booted, closeLibrary, kinds, openLibrary } from "../lib/false-binding.mjs";
import { Broken } from "../lib/runs.mjs";

/** What the VM says is one of these. */
const numbers = Object.values(kinds);

export default {
  name: "events",
  about: "event handlers of lib/ with any content: none throws, every promise settles",
  longest: 400,
  open: openLibrary,
  close: closeLibrary,
  run,
};

async function run(input, world) {
  const { NodeRuntime } = world;
  world.reset();
  const promises = [];
  const keep = (name, promise) => {
    const kept = { name, settled: false };
    const done = () => {
      kept.settled = true;
    };
    // A method may also give back an object whose promises are what counts.
    Promise.resolve(promise).then(done, done);
    promises.push(kept);
    return promise;
  };
  const options = {
    onTrace: input.onceIn(2) ? () => input.onceIn(3) && Promise.reject(new Error("x")) : undefined,
    tools: input.onceIn(2) ? { t: tool(input) } : undefined,
  };
  const creating = keep("create", NodeRuntime.create(options));
  const [vm] = world.vms;
  if (!vm) throw new Broken("create() makes no VM", await creating.catch((error) => error.message));
  tell(input, vm, kinds.created, 0, input.onceIn(8) ? { ...booted, ...content(input) } : booted);
  const runtime = await Promise.race([creating.catch(() => undefined), turn()]);
  while (!input.isSpent) {
    if (runtime && input.onceIn(2)) act(input, runtime, keep);
    else tell(input, vm, input.pick(numbers), input.below(vm.calls.length + 2), content(input));
    if (input.onceIn(4)) await turn();
  }
  // The last word of the broker: every call fails, also those that are made because others have failed, and the VM is gone.
  keep("dispose", runtime?.dispose());
  const error = failure(input);
  tell(input, vm, kinds.created, 0, { error });
  const isPending = () => promises.some(({ settled }) => !settled);
  for (let turns = 0; turns === 0 || (turns < 40 && isPending()); turns += 1) {
    for (let call = 0; call <= vm.calls.length; call += 1)
      tell(input, vm, kinds.failed, call, { error });
    tell(input, vm, kinds.disposed, 0, {});
    await turn();
  }
  const pending = promises.filter(({ settled }) => !settled).map(({ name }) => name);
  if (pending.length > 0) throw new Broken("a promise stays pending", pending.join(" "));
  if (world.loose.length > 0) {
    throw new Broken("an error that nobody catches", world.loose[0]?.stack ?? world.loose[0]);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Has the VM say something. */
function tell(input, vm, kind, call, what) {
  input.note(() => `event ${kind} of call ${call}: ${shown(what)}`);
  try {
    vm.onEvent(kind, call, what);
  } catch (error) {
    throw new Broken(`an event handler throws (kind ${kind})`, error?.stack ?? error);
  }
}

/** Calls something of the API. */
function act(input, runtime, keep) {
  const callback = () => {
    if (input.onceIn(4)) throw new Error("the embedder's");
    return input.onceIn(4) ? Promise.reject(new Error("later")) : undefined;
  };
  const given = input.onceIn(2)
    ? {}
    : { onStdout: callback, onStderr: callback, maxOutputBytes: 10 };
  const swallow = (name, promise) => keep(name, promise).catch(() => {});
  const live = async (starting) => {
    const program = await starting;
    program.exited?.catch?.(() => {});
    if (input.onceIn(2)) program.write?.("x")?.catch?.(() => {});
    if (input.onceIn(2)) program.kill?.();
    return program;
  };
  const actions = {
    exec: () => swallow("exec", runtime.exec("1", given)),
    run: () => swallow("run", runtime.run("1", given)),
    execCommand: () => swallow("execCommand", runtime.execCommand("a", [], given)),
    spawn: () => swallow("spawn", live(runtime.spawn("1", given))),
    shell: () => swallow("openShell", live(runtime.openShell())),
    readFile: () => swallow("readFile", runtime.readFile("/a")),
    readDir: () => swallow("readDir", runtime.readDirWithTypes("/a")),
    stat: () => swallow("stat", runtime.stat("/a")),
    exists: () => swallow("exists", runtime.exists("/a")),
    writeFile: () => swallow("writeFile", runtime.writeFile("/a", "x")),
    processes: () => swallow("processes", runtime.processes()),
    resources: () => swallow("resources", runtime.getResourceSnapshot()),
    resident: async () => {
      const runner = await swallow("resident", runtime.createResidentRunner());
      if (runner) swallow("resident exec", runner.exec("1"));
    },
  };
  const name = input.pick(Object.keys(actions));
  input.note(name);
  actions[name]();
}

function tool(input) {
  return {
    description: "A tool.",
    inputSchema: { type: "object" },
    handler: async () => {
      if (input.onceIn(3)) throw input.onceIn(2) ? null : new Error("x");
      return input.pick([undefined, 1n, { a: 1 }, "x"]);
    },
  };
}

/** Numbers of a program's end and of streams that say something, and others. */
const small = (input) => (input.onceIn(3) ? input.number() : input.below(6));
const text = (input) =>
  input.pick(["", "t", "ERR_VM_DISPOSED", "{bad", "\ud800", "__proto__", "x".repeat(3000)]);
const bytes = (input) =>
  Buffer.from(input.pick(["", "{bad", "[1]", '{"a":1}', "x".repeat(70_000), "\u0000"]));

const failure = (input) => ({
  code: text(input),
  message: text(input),
  why: perhaps(input, text),
  limit: perhaps(input, limit),
  stateLost: input.onceIn(2),
  errno: small(input),
  syscall: perhaps(input, text),
  path: perhaps(input, text),
});

const limit = (input) => ({ limit: text(input), bound: small(input), used: small(input) });

const perhaps = (input, one) => (input.onceIn(2) ? one(input) : undefined);

/** Each part of `Content` in src/event.rs. */
const parts = {
  number: small,
  stream: small,
  data: bytes,
  stdout: bytes,
  stderr: bytes,
  timedOut: (input) => input.onceIn(2),
  more: small,
  exists: (input) => input.onceIn(2),
  entries: (input) => input.list(3, () => ({ name: text(input), kind: small(input) })),
  stat: (input) => ({
    mode: small(input),
    size: small(input),
    atimeNs: 1n,
    mtimeNs: -1n,
    ctimeNs: 0n,
    birthtimeNs: 0n,
  }),
  resources: (input) => ({ processes: small(input) }),
  processes: (input) => input.list(2, () => ({ pid: small(input), argv: [text(input)] })),
  tool: (input) => input.pick(["t", "none", "__proto__"]),
  program: small,
  text: (input) => input.pick(["{}", "{bad", "[", "null", "1", text(input)]),
  times: (input) => input.list(3, small),
  phases: (input) => input.list(2, () => ({ phase: text(input), durationMs: small(input) })),
  limit,
  limits: (input) => input.list(2, limit),
  usage: (input) => ({ wallMs: small(input), cpuMs: 0, peakMemoryBytes: 0 }),
  signal: small,
  error: failure,
};

function content(input) {
  const made = {};
  for (const [name, make] of Object.entries(parts)) {
    if (input.onceIn(3)) made[name] = make(input);
  }
  return made;
}

function shown(what) {
  const plain = (_key, value) => {
    if (typeof value === "bigint") return `${value}n`;
    if (value?.type === "Buffer") return Buffer.from(value.data).toString().slice(0, 30);
    return typeof value === "string" ? value.slice(0, 40) : value;
  };
  return JSON.stringify(what, plain);
}

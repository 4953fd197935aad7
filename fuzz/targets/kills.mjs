// VM processes that are killed and stopped at any point of the protocol.

import { createRequire } from "node:module";
import { loadApi } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";
import { eventually, openDescriptors, Promises } from "../lib/settling.mjs";

const require = createRequire(import.meta.url);

/** Programs that the host hears much of. */
const programs = [
  "console.log('x')",
  "for (let i = 0; i < 50; i += 1) console.log('x'.repeat(5000))",
  "process.stdin.pipe(process.stdout)",
  "await new Promise((resolve) => setTimeout(resolve, 20))",
  "globalThis.__return({ big: 'x'.repeat(300_000) })",
  "import { spawn } from 'node:child_process'; spawn('sh', ['-c', 'echo a; sleep 1'], { stdio: 'inherit' })",
  "await callTool('echo', { text: 'x' }).catch(() => {})",
  "for (;;);",
];

const signals = ["SIGKILL", "SIGKILL", "SIGSTOP", "SIGSEGV", "SIGTERM"];

export default {
  name: "kills",
  about:
    "VM processes that get SIGKILL, SIGSTOP and others at any moment: every promise settles, nothing is left",
  longest: 60,
  shrinkFor: 120,
  async open() {
    const { NodeRuntime } = await loadApi();
    const binding = require("../../binding.cjs");
    const world = { NodeRuntime, binding };
    // What is opened once stays open.
    await (await NodeRuntime.create()).dispose();
    await eventually("the spare does not come", () => binding.vmProcessIds().length <= 1);
    world.descriptors = openDescriptors();
    return world;
  },
  async run(input, world) {
    const stopped = new Set();
    try {
      await rounds(input, world, stopped);
    } finally {
      // A spare that is stopped would be the next run's.
      for (const pid of stopped) send(pid, "SIGKILL");
    }
  },
};

async function rounds(input, { NodeRuntime, binding, descriptors }, stopped) {
  const promises = new Promises();
  const strike = () => {
    const signal = input.pick(signals);
    const pids = binding.vmProcessIds();
    if (pids.length === 0) return;
    const pid = input.pick(pids);
    input.note(`${signal} to one of ${pids.length}`);
    send(pid, signal);
    if (signal === "SIGSTOP") stopped.add(pid);
  };
  // Only after the creation has begun: without a VM there may be no process.
  const options = input.onceIn(2) ? { tools: { echo } } : {};
  const creating = NodeRuntime.create(options);
  promises.keep("create", creating);
  if (input.onceIn(4)) strike();
  const runtime = await Promise.race([creating.catch(() => undefined), pause(3000)]);
  if (!runtime) return await gone(promises, binding, descriptors);
  for (let count = 1 + input.below(8); count > 0; count -= 1) {
    if (input.onceIn(3)) strike();
    else act(input, runtime, promises);
    await moment(input);
  }
  strike();
  await moment(input);
  // A machine whose process was killed gets another one; what is stopped is told by a deadline of its own.
  const last = runtime.exec("console.log(1)", { timeout: 1000 });
  promises.keep("last exec", last);
  await Promise.race([last.catch(() => {}), pause(4000)]);
  promises.keep("dispose", runtime.dispose());
  await gone(promises, binding, descriptors);
  for (const outcome of promises.outcomes) input.note(outcome);
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by now.
  }
}

const echo = {
  description: "Gives back its input.",
  inputSchema: { type: "object" },
  handler: async (given) => given,
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Some turns of the event loop, or some milliseconds. */
async function moment(input) {
  if (input.onceIn(2)) await pause(input.below(30));
  else for (let turns = input.below(6); turns > 0; turns -= 1) await new Promise(setImmediate);
}

function act(input, runtime, promises) {
  const code = input.pick(programs);
  const given = { timeout: input.pick([50, 500, 2000]) };
  const name = input.pick([
    "exec",
    "spawn",
    "write",
    "read",
    "list",
    "command",
    "resources",
    "tools",
  ]);
  input.note(name);
  const start = {
    exec: () =>
      runtime.run(code, input.onceIn(2) ? given : { ...given, stdin: "x".repeat(400_000) }),
    spawn: async () => {
      const program = await runtime.spawn(code, given);
      promises.keep("stdin", Promise.resolve(program.writeStdin("x".repeat(1000))));
      await program.wait();
    },
    write: () => runtime.writeFile("/tmp/f", "x".repeat(input.pick([1, 100_000, 3_000_000]))),
    read: () => runtime.readFile("/tmp/f"),
    list: () => runtime.readDir("/usr/bin"),
    command: () => runtime.execCommand("sh", ["-c", "seq 20000; echo end >&2"], given),
    resources: () => runtime.getResourceSnapshot(),
    tools: () => runtime.registerTools({ echo }),
  };
  promises.keep(name, start[name]());
}

/** Everything has settled, and of processes and descriptors there are no more than before. */
async function gone(promises, binding, descriptors) {
  await promises.settle();
  await eventually("VM processes stay", () => binding.vmProcessIds().length <= 1);
  try {
    await eventually("descriptors stay open", () => openDescriptors() <= descriptors + 2);
  } catch (error) {
    throw new Broken(error.kind, `${openDescriptors()} of ${descriptors}`);
  }
}

// A host that serves one machine while another machine's VM process does its worst: what the first one notices, what
// the host's memory does, what is left. A process of its own, because it puts the hostile peer in the launcher's place.
//
//   node hostile-host.mjs <peer> <milliseconds for each mode> <mode>...
//
// Prints a line of JSON for each mode and a last one for the end.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { artifacts, root } from "../../scripts/lib/paths.mjs";

const [peer, time, ...modes] = process.argv.slice(2);
const period = Number(time);
const require = createRequire(import.meta.url);

/** No call of the API may take longer, whatever the other side does: its deadlines are 3 s each. */
const patience = 20_000;
/** A file in several frames. One for all: what this host leaves to the garbage collector would count as growth. */
const large = Buffer.alloc(3 << 20);
/** Time between two hostile machines, ms: to start processes is work, also where nobody means harm. */
const pause = 200;
/** The process that waits for the next machine. */
const spares = 1;

const folder = mkdtempSync(join(tmpdir(), "hostile-"));
copyFileSync(peer, join(folder, "peer"));
writeFileSync(join(folder, "launcher"), artifacts.launcher);
const play = (mode) => writeFileSync(join(folder, "mode"), mode);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

play("genuine");
const addon = require(artifacts.addon);
// The first one to configure it decides.
addon.configure(join(folder, "peer"), artifacts.addon, artifacts.snapshot, 65_534);
const { NodeRuntime } = await import(join(root, "index.js"));

const loose = [];
process.on("uncaughtException", (error) => loose.push(String(error?.stack ?? error)));
process.on("unhandledRejection", (error) => loose.push(String(error?.stack ?? error)));

const quiet = await NodeRuntime.create();
// The first process that there was: the spare is started behind it.
const quietProcess = Math.min(...addon.vmProcessIds());
const calm = await watch(() => sleep(period));
say({ mode: "calm", ...calm });
for (const mode of modes) say({ mode, ...(await suffer(mode)) });
await quiet.dispose();
await until(() => addon.vmProcessIds().length <= spares);
// A spare that is on its way is no process yet.
say({ end: true, left: Math.max(0, addon.vmProcessIds().length - spares), loose });
process.exit(0);

/** Has the machine that must not notice work while something happens. */
async function watch(work) {
  const times = [];
  let [blocked, over] = [0, false];
  const before = process.memoryUsage.rss();
  let highest = before;
  const look = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
  }, 10);
  const working = (async () => {
    while (!over) {
      const start = performance.now();
      const call = quiet.exec("1");
      blocked = Math.max(blocked, performance.now() - start);
      await call;
      times.push(performance.now() - start);
      // Others have their turn, as on a server that has more to do.
      await sleep(2);
    }
  })();
  const told = await work();
  over = true;
  await working;
  clearInterval(look);
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return {
    ...told,
    calls: times.length,
    p50: at(0.5),
    p99: at(0.99),
    blocked,
    grown: (highest - before) / 2 ** 20,
  };
}

async function suffer(mode) {
  play(mode);
  await replaceSpare();
  const told = await watch(() => attack());
  play("genuine");
  await replaceSpare();
  return told;
}

/** The process that waits for the next machine was started as what it was then. */
async function replaceSpare() {
  const own = quietProcess;
  for (const pid of addon.vmProcessIds()) {
    if (pid !== own) kill(pid);
  }
  await until(() => addon.vmProcessIds().every((pid) => pid === own));
}

/** Machines of the hostile kind, one after the other. */
async function attack() {
  const end = performance.now() + period;
  const outcomes = new Map();
  const told = { settled: 0, pending: 0, most: 0 };
  const count = (name) => outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
  let running = 0;
  const handler = async (_input, { signal }) => {
    running += 1;
    told.most = Math.max(told.most, running);
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    running -= 1;
  };
  const slow = { description: "never answers", inputSchema: {}, handler };
  const settle = async (name, promise) => {
    const late = Symbol("late");
    const outcome = await Promise.race([
      promise.then(
        () => "fulfilled",
        (error) => error.why ?? error.code ?? String(error),
      ),
      sleep(patience, late, { ref: false }),
    ]);
    told.settled += 1;
    if (outcome === late) told.pending += 1;
    count(outcome === late ? `${name} is pending` : outcome);
  };
  do {
    // What is kept of output is bounded by its own limit, which is not what is looked at here.
    const jsRuntime = { capturedOutputLimitBytes: 2 ** 20 };
    const limits = { tools: { maxPending: 4 }, jsRuntime };
    const creating = NodeRuntime.create({ tools: { slow }, limits });
    await settle("create", creating);
    const machine = await creating.catch(() => undefined);
    if (!machine) {
      await sleep(pause);
      continue;
    }
    const calls = {
      run: () => machine.run("1", { timeout: 300 }),
      exec: () => machine.exec("1", { timeout: 300, onStdout: () => sleep(50) }),
      readFile: () => machine.readFile("/x"),
      readDir: () => machine.readDir("/x"),
      stat: () => machine.stat("/x"),
      exists: () => machine.exists("/x"),
      writeFile: () => machine.writeFile("/x", large),
      processes: () => machine.processes(),
      resources: () => machine.getResourceSnapshot(),
    };
    const made = Object.entries(calls).map(([name, call]) => settle(name, call()));
    await Promise.all(made);
    await settle("dispose", machine.dispose());
    await sleep(pause);
  } while (performance.now() < end);
  return { ...told, outcomes: Object.fromEntries(outcomes) };
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

async function until(condition) {
  const end = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still there: ${addon.vmProcessIds()}`);
    await sleep(5);
  }
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

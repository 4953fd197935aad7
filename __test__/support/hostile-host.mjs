// A host that serves one machine while another machine's VM process does its worst: what the first one notices, what
// the host's memory does, what is left. A process of its own, because it puts the hostile peer in the launcher's place.
//
//   node hostile-host.mjs <peer> <milliseconds for each mode> <mode>...
//
// Modes that are called "files-..." are about mounts: theirs are directories that no other mode has.
//
// Prints a line of JSON for each mode and a last one for the end.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
const { NodeRuntime, createInMemoryFileSystem } = await import(join(root, "index.js"));

const loose = [];
process.on("uncaughtException", (error) => loose.push(String(error?.stack ?? error)));
process.on("unhandledRejection", (error) => loose.push(String(error?.stack ?? error)));

// Directories of the host for modes about those: what is beside them, and what is behind their links, is nobody's.
const ground = join(folder, "ground");
const [fixed, open, outside] = ["fixed", "open", "outside"].map((name) => join(ground, name));
layGround();

const scripted = await scriptedFiles();
const quietFiles = join(folder, "quiet");
mkdirSync(quietFiles);
writeFileSync(join(quietFiles, "inside"), "inside");
const quiet = await NodeRuntime.create({ mounts: [{ guestPath: "/files", hostPath: quietFiles }] });
const program = `
  import { readFileSync } from "node:fs";
  if (readFileSync("/files/inside", "utf8") !== "inside") process.exit(1);
`;
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
      const call = quiet.exec(program);
      blocked = Math.max(blocked, performance.now() - start);
      const { exitCode, stderr } = await call;
      if (exitCode !== 0) loose.push(`the other machine: ${exitCode} ${stderr}`);
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
  const mounts = mode.startsWith("files-")
    ? [
        { guestPath: "/fixed", hostPath: fixed },
        { guestPath: "/open", hostPath: open, readOnly: false },
        { guestPath: "/scripted", filesystem: scripted },
      ]
    : [];
  if (mounts.length > 0) layGround();
  const [before, descriptorsBefore] = [seen(), descriptors()];
  const told = await watch(() => attack(mounts));
  play("genuine");
  await replaceSpare();
  const touched = seen().filter((line, index) => line !== before[index]);
  const report = join(folder, "report");
  const got = existsSync(report) ? readFileSync(report, "utf8").trim().split("\n") : [];
  rmSync(report, { force: true });
  return { ...told, touched, got, descriptors: descriptors() - descriptorsBefore };
}

/** Files that functions of this script serve. What is read of them takes no memory here. */
async function scriptedFiles() {
  const files = createInMemoryFileSystem();
  await files.writeFile("/inside", "inside");
  const bytes = new Uint8Array(2 ** 20);
  return new Proxy(files, {
    get(target, name) {
      if (name === "pread") return async (_path, _position, length) => bytes.subarray(0, length);
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Makes the directories anew. */
function layGround() {
  rmSync(ground, { recursive: true, force: true });
  mkdirSync(join(outside, "directory"), { recursive: true });
  writeFileSync(join(outside, "secret"), "what is outside");
  for (const root of [fixed, open]) {
    mkdirSync(join(root, "a"), { recursive: true });
    writeFileSync(join(root, "inside"), "inside");
    symlinkSync("../outside", join(root, "link"));
    symlinkSync("../outside/secret", join(root, "file"));
    symlinkSync("/etc/passwd", join(root, "absolute"));
    symlinkSync("/", join(root, "slash"));
    symlinkSync("/proc/self", join(root, "process"));
  }
}

/** Everything in the directories that nobody may change: names, links, bytes, permissions, times of changes. */
function seen() {
  const lines = [ground, fixed, outside].flatMap((directory) =>
    readdirSync(directory, { withFileTypes: true }).map((entry) => {
      const path = join(directory, entry.name);
      if (entry.isSymbolicLink()) return `${path} ${readlinkSync(path)}`;
      const { mode, nlink, mtimeMs, size } = statSync(path);
      // The one directory that may be changed.
      if (path === open) return path;
      return `${path} ${mode} ${nlink} ${mtimeMs} ${entry.isFile() ? readFileSync(path) : size}`;
    }),
  );
  return [...lines, `${lines.length}`];
}

function descriptors() {
  return readdirSync("/proc/self/fd").length;
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
async function attack(mounts) {
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
    const creating = NodeRuntime.create({ tools: { slow }, limits, mounts });
    await settle("create", creating);
    const machine = await creating.catch(() => undefined);
    if (!machine) {
      await sleep(pause);
      continue;
    }
    const calls = {
      run: () => machine.run("1", { timeout: 300 }),
      exec: () => machine.exec("1", { timeout: 300, onStdout: () => sleep(50) }),
      watch: () => hearOfChanges(machine),
      readFile: () => machine.readFile("/x"),
      readDir: () => machine.readDir("/x"),
      stat: () => machine.stat("/x"),
      exists: () => machine.exists("/x"),
      writeFile: () => machine.writeFile("/x", large),
      processes: () => machine.processes(),
      resources: () => machine.getResourceSnapshot(),
      // Those with mounts forge no image of their own files, and have none.
      ...(mounts.length === 0 && { snapshot: () => lookAt(machine) }),
    };
    const made = Object.entries(calls).map(([name, call]) => settle(name, call()));
    await Promise.all(made);
    await settle("dispose", machine.dispose());
    await sleep(pause);
  } while (performance.now() < end);
  return { ...told, outcomes: Object.fromEntries(outcomes) };
}

/** What is told of changes may be a line that does not end, or none of its program's. Who waits gives up after a second. */
async function hearOfChanges(machine) {
  const signal = AbortSignal.timeout(1000);
  const watcher = machine.watch("/x", { signal });
  try {
    return await watcher.next();
  } catch (error) {
    if (error !== signal.reason) throw error;
  } finally {
    await watcher.return();
  }
}

/** All that the host does with a snapshot: what is forged must have been refused before. */
async function lookAt(machine) {
  const snapshot = await machine.snapshot();
  try {
    for await (const _ of snapshot.export());
    await machine.diff(snapshot);
    return [snapshot.files, snapshot.bytes];
  } finally {
    snapshot.dispose();
  }
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

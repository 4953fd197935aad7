// What is loaded as trusted bytes: code caches, compiled commands, the startup snapshot. Only our own may be.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { artifacts, commandsDir, platformDir, root } from "../../scripts/lib/paths.mjs";
import { Guests } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";

const run = promisify(execFile);

export default {
  name: "loaders",
  about:
    "damaged code caches, commands and snapshots: refused, or as good as our own; the VM lives",
  longest: 40,
  shrinkFor: 120,
  async open() {
    const dir = mkdtempSync(join(tmpdir(), "secure-exec-fuzz-"));
    return { dir, guests: new Guests({}) };
  },
  async close({ dir, guests }) {
    await guests.renew();
    rmSync(dir, { recursive: true });
  },
  run: (input, world) => input.pick([caches, caches, caches, commands, snapshot])(input, world),
};

/** Changes some bytes, or takes an end away. */
function damaged(input, bytes) {
  let copy = Buffer.from(bytes);
  if (input.onceIn(6)) copy = copy.subarray(0, input.below(copy.length));
  for (let count = 1 + input.below(3); count > 0 && copy.length > 0; count -= 1) {
    copy[input.below(copy.length)] ^= 1 << input.below(8);
  }
  // The same bit twice is no damage.
  if (copy.equals(bytes)) copy[0] ^= 1;
  return copy;
}

/** Each cache is damaged in the guest, in the four ways to hand one over; the source is new each time. */
const cacheProgram = `
  import vm from "node:vm";
  const damages = JSON.parse(process.argv[1]);
  for (const [way, cut, changes] of damages) {
    const source = "/*" + Math.random() + "*/ (function f(a) { const o = { x: a, y: [1, 2, 3] }; return o.x + o.y[1] })(5)";
    const made = new vm.Script(source).createCachedData();
    let cachedData = Buffer.from(made);
    if (cut >= 0) cachedData = cachedData.subarray(0, cut % cachedData.length);
    for (const [at, bit] of changes) if (cachedData.length > 0) cachedData[at % cachedData.length] ^= 1 << bit;
    const same = cachedData.equals(made);
    let rejected, value;
    if (way === 0) {
      const script = new vm.Script(source, { cachedData });
      rejected = script.cachedDataRejected;
      value = script.runInThisContext();
    } else if (way === 1) {
      const fn = vm.compileFunction("return " + source, [], { cachedData });
      rejected = fn.cachedDataRejected;
      value = fn();
    } else {
      try {
        const module = new vm.SourceTextModule("globalThis.q = " + source, { cachedData });
        await module.link(() => {});
        await module.evaluate();
        value = globalThis.q;
      } catch (error) {
        if (error.code !== "ERR_VM_MODULE_CACHED_DATA_REJECTED") throw error;
        rejected = true;
        value = 7;
      }
    }
    if (value !== 7) throw new Error("another value: " + value);
    if (!same && rejected === false) throw new Error("a damaged cache is taken");
  }
`;

async function caches(input, { guests }) {
  const damages = [];
  do {
    const changes = input.list(3, () => [input.below(1 << 16), input.below(8)]);
    damages.push([input.below(3), input.onceIn(6) ? input.below(1 << 16) : -1, changes]);
  } while (!input.isSpent);
  input.note(JSON.stringify(damages));
  const flags = ["--experimental-vm-modules", "--no-warnings", "--input-type=module"];
  const args = [...flags, "-e", cacheProgram, JSON.stringify(damages)];
  const { exitCode, stderr } = await guests.run("node", args, { timeout: 10_000 });
  if (exitCode !== 0) throw new Broken("a code cache", stderr);
}

/** A folder whose manifest vouches for what it has, whoever has made it. */
async function commands(input, { dir }) {
  const folder = mkdtempSync(join(dir, "commands-"));
  const { modules } = JSON.parse(readFileSync(join(commandsDir, "commands.json"), "utf8"));
  const module = modules.find(({ commands }) => commands.includes("sh"));
  const damage = input.pick(["precompiled", "file", "manifest"]);
  const names = { precompiled: module.precompiled, file: module.file };
  for (const [kind, name] of Object.entries(names)) {
    const path = join(commandsDir, name);
    if (!existsSync(path)) continue;
    const bytes = kind === damage ? damaged(input, readFileSync(path)) : readFileSync(path);
    module.sha256[kind] = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(folder, name), bytes);
  }
  const manifest = Buffer.from(JSON.stringify({ modules: [module] }));
  writeFileSync(
    join(folder, "commands.json"),
    damage === "manifest" ? damaged(input, manifest) : manifest,
  );
  input.note(`damaged: ${damage}`);
  const guests = new Guests({ commandsDir: folder });
  try {
    await guests.run("sh", ["-c", "echo a | while read x; do echo $x; done"], { timeout: 10_000 });
  } catch (error) {
    // Refused when the VM is made; `Broken` is something else.
    if (error.kind || !error.code) throw error;
  } finally {
    await guests.renew();
    rmSync(folder, { recursive: true });
  }
}

/** A host of its own, since the first use decides where the snapshot is. */
const hostProgram = `
  const { NodeRuntime } = require(process.argv[1]);
  NodeRuntime.create().then(
    async (runtime) => {
      console.log((await runtime.exec("console.log(1)")).stdout);
      await runtime.dispose();
    },
    (error) => console.log(error.code),
  );
`;

async function snapshot(input, { dir }) {
  const copy = mkdtempSync(join(dir, "package-"));
  const folder = join(copy, "npm", basename(platformDir));
  mkdirSync(folder, { recursive: true });
  for (const name of ["index.cjs", "binding.cjs", "package.json", "lib"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  for (const path of [artifacts.addon, artifacts.launcher, `${artifacts.snapshot}.sha256`]) {
    symlinkSync(path, join(folder, basename(path)));
  }
  writeFileSync(
    join(folder, basename(artifacts.snapshot)),
    damaged(input, readFileSync(artifacts.snapshot)),
  );
  try {
    const { stdout } = await run(process.execPath, ["-e", hostProgram, copy], { timeout: 60_000 });
    if (!stdout.startsWith("ERR_")) throw new Broken("a damaged snapshot is taken", stdout);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

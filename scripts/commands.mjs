// Compiles the guest's commands to WebAssembly and puts them, compiled ahead of time as well, into the
// platform package with `commands.json`, which says what is where.

import { createHash } from "node:crypto";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { withoutBuildPaths } from "./lib/build-paths.mjs";
import { cBuildFiles, cPrograms } from "./lib/c-programs.mjs";
import { commandCrates, commandsRoot } from "./lib/command-crates.mjs";
import { withoutSymbols } from "./lib/module-symbols.mjs";
import { artifacts, cache, commandsDir, platformDir, root, wasmTargetDir } from "./lib/paths.mjs";
import { capture, run, runMain, runSteps, StepError } from "./lib/steps.mjs";
import { findWasmToolchain, target } from "./lib/wasm-toolchain.mjs";

const manifest = join(commandsDir, "commands.json");
const kept = join(cache, "commands");
const keptBuilds = 8;
const stamp = join(wasmTargetDir, "secure-exec-commands.stamp");

/** @type {import("./lib/steps.mjs").Step[]} */
export const commandSteps = [
  {
    name: "Compile the WebAssembly commands (cargo, zig; minutes the first time)",
    async upToDate() {
      const found = await readFile(stamp, "utf8").catch(() => undefined);
      return found !== undefined && found === (await state()) ? "up to date" : undefined;
    },
    async run(note) {
      const toolchain = await findWasmToolchain(note);
      note(`with ${toolchain.name}`);
      const folder = await builtPrograms(toolchain, note);
      const modules = await install(folder, note);
      await writeFile(manifest, `${JSON.stringify({ modules }, undefined, 2)}\n`);
      // Programs out of the cache were not compiled here, so the directory may be missing.
      await mkdir(wasmTargetDir, { recursive: true });
      await writeFile(stamp, (await state()) ?? "");
    },
  },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(() => runSteps(commandSteps));
}

/**
 * The folder with the compiled programs. They are kept by what they were compiled from, so that several
 * clones and branches do not compile the same sources again.
 */
async function builtPrograms(toolchain, note) {
  const programs = await allPrograms();
  const key = await sourcesSum(toolchain);
  const folder = join(kept, key.slice(0, 32));
  const files = programs.map(({ name }) => `${name}.wasm`);
  const found = await readdir(folder).catch(() => []);
  if (files.every((file) => found.includes(file))) {
    note(`the same sources were compiled before: ${folder}`);
    await utimes(folder, new Date(), new Date());
    return folder;
  }
  await compile(toolchain);
  if ((await sourcesSum(toolchain)) !== key) {
    throw new StepError("the commands' sources changed while they were compiled: run this again");
  }
  const partial = `${folder}.${process.pid}.partial`;
  await mkdir(partial, { recursive: true });
  for (const file of files) {
    await copyFile(join(wasmTargetDir, target, "release", file), join(partial, file));
  }
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  await forgetOldest();
  return folder;
}

/** Those of the crates, and those that others wrote in C. */
async function allPrograms() {
  return [...(await commandCrates()).flatMap((each) => each.programs), ...cPrograms];
}

async function sourcesSum(toolchain) {
  const hash = createHash("sha256").update(toolchain.name);
  for (const path of await allSources()) {
    hash.update(relative(root, path)).update(await readFile(path));
  }
  return hash.digest("hex");
}

async function forgetOldest() {
  const paths = (await readdir(kept)).map((name) => join(kept, name));
  const dated = await Promise.all(paths.map(async (path) => [(await stat(path)).mtimeMs, path]));
  dated.sort(([a], [b]) => b - a);
  for (const [, path] of dated.slice(keptBuilds)) await rm(path, { recursive: true, force: true });
}

async function compile({ args, env }) {
  const cargo = ["build", "--release", "--locked", "--workspace", "--bins", "--target", target];
  await run("cargo", [...cargo, "--manifest-path", join(commandsRoot, "Cargo.toml"), ...args], {
    env: { ...env, CARGO_TARGET_DIR: wasmTargetDir, CARGO_INCREMENTAL: "0" },
    hint: "The compiler's message is above.",
  });
  for (const program of cPrograms) {
    await program.compile(join(wasmTargetDir, target, "release", `${program.name}.wasm`));
  }
}

// Every file is written beside its place and moved there: a running VM may have the old one mapped.
async function install(folder, note) {
  await mkdir(commandsDir, { recursive: true });
  const canPrecompile = await launcherPrecompiles(note);
  const queue = await allPrograms();
  const modules = [];
  const worker = async () => {
    for (let program = queue.shift(); program; program = queue.shift()) {
      modules.push(await installProgram(folder, program, canPrecompile, note));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  modules.sort((a, b) => (a.file < b.file ? -1 : 1));
  const wanted = modules.flatMap(({ file, precompiled }) => [file, precompiled]);
  for (const name of await readdir(commandsDir)) {
    if (!wanted.includes(name)) await rm(join(commandsDir, name), { recursive: true });
  }
  return modules;
}

async function installProgram(folder, { name, commands }, canPrecompile, note) {
  const file = `${name}.wasm`;
  await replace(join(commandsDir, file), async (partial) => {
    await writeFile(partial, withoutBuildPaths(await readFile(join(folder, file))));
  });
  const module = { file, sha256: { file: await sha256(join(commandsDir, file)) } };
  let sizes = await megabytes(join(commandsDir, file));
  if (canPrecompile) {
    module.precompiled = `${name}.cwasm`;
    const precompiled = join(commandsDir, module.precompiled);
    await replace(precompiled, async (partial) => {
      const paths = [artifacts.addon, join(commandsDir, file), partial];
      await run(artifacts.launcher, ["--precompile", ...paths]);
      await writeFile(partial, withoutSymbols(await readFile(partial)));
    });
    module.sha256.precompiled = await sha256(precompiled);
    sizes += `, precompiled ${await megabytes(precompiled)}`;
  }
  module.commands = Object.keys(commands).sort();
  note(`${relative(root, join(commandsDir, file))}: ${sizes}, ${module.commands.length} commands`);
  return module;
}

async function replace(path, write) {
  const partial = `${path}.${process.pid}.partial`;
  await write(partial);
  await rename(partial, path);
}

// What the result depends on, and the result itself.
async function state() {
  const written = await readFile(manifest, "utf8").catch(() => undefined);
  if (written === undefined) return undefined;
  for (const { file, precompiled } of JSON.parse(written).modules) {
    for (const name of [file, precompiled].filter(Boolean)) {
      if (!(await stat(join(commandsDir, name)).catch(() => undefined))) return undefined;
    }
  }
  const hash = createHash("sha256").update(written).update(platformDir);
  // The engine inside the addon decides whether it takes a module that was compiled before.
  hash.update((await sha256(artifacts.addon)) ?? "");
  hash.update((await capture("rustc", ["--version"])) ?? "");
  for (const path of await allSources()) {
    hash.update(relative(root, path)).update(await readFile(path));
  }
  return hash.digest("hex");
}

/** Those of the programs, of the one crate beside them that they have a part of, and what says how C is compiled. */
async function allSources() {
  const beside = await sources(join(root, "crates", "abi"));
  return [...(await sources(commandsRoot)), ...beside, ...cBuildFiles];
}

async function sources(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(
    entries
      .filter(({ name }) => name !== "target" && name !== "tests")
      .map((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? sources(path) : [path];
      }),
  );
  return nested.flat().sort();
}

async function launcherPrecompiles(note) {
  const probe = join(commandsDir, "probe.wasm");
  // The smallest module there is: magic number and version.
  await writeFile(probe, Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const answer = await capture(artifacts.launcher, [
    "--precompile",
    artifacts.addon,
    probe,
    `${probe}.out`,
  ]);
  if (answer === undefined) {
    note("the launcher does not compile modules: they will be compiled when they first run");
  }
  return answer !== undefined;
}

async function sha256(path) {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && createHash("sha256").update(bytes).digest("hex");
}

async function megabytes(path) {
  return `${((await stat(path)).size / 1e6).toFixed(2)} MB`;
}

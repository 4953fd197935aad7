// Builds NumPy as WebAssembly for the Python that the machine runs. Everything is below one folder of the cache.

import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cache } from "../lib/paths.mjs";
import { findPython, packageFile } from "../lib/python-packages.mjs";
import { run, StepError } from "../lib/steps.mjs";
import { fetchZig, zig } from "../lib/zig.mjs";
import { unpackDebian } from "./debian.mjs";

/** The version that belongs to Pyodide's distribution of the same release. */
const version = "2.4.6";
const tag = "cp314-cp314-pyemscripten_2026_0_wasm32";
const source = {
  name: "numpy",
  file: `numpy-${version}.tar.gz`,
  sha256: "f3a3570c4a2a16746ac2c31a7c7c7b0c186b95ce902e33db6f28094ed7387dda",
  of: "the sources of NumPy",
};

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = join(cache, "numpy");
const sources = join(folder, `numpy-${version}`);
const tools = join(folder, "tools");
const emscripten = join(folder, "emscripten");
const python = join(folder, "python");
const headers = join(folder, "include");
const library = join(folder, "library");
const sysconfig = join(library, "_sysconfigdata__emscripten_wasm32-emscripten.py");
const build = join(folder, "build");

/** The file that `python: { wheelsDir }` takes, by the name that registries would have it under. */
export const numpyWheel = join(folder, "wheels", `numpy-${version}-${tag}.whl`);

/** @type {import("../lib/steps.mjs").Step} */
const buildWheel = {
  name: `Build NumPy ${version} for the machine's Python`,
  upToDate: () => (existsSync(numpyWheel) ? "up to date" : undefined),
  async run(note) {
    const own = await findPython(note, "to build NumPy.");
    await fetchSources(own, note);
    await describeInterpreter(own);
    const crossFile = await writeCrossFile(own);
    await compile(own, crossFile, note);
    await pack(own);
    note(numpyWheel);
  },
};

/** All that the wheel takes. */
export const buildNumpy = [fetchZig, buildWheel];

async function fetchSources(own, note) {
  const archive = join(folder, source.file);
  await packageFile(source, archive, note);
  await rm(sources, { recursive: true, force: true });
  await run("tar", ["-xzf", archive, "-C", folder]);
  const options = ["--quiet", "--upgrade", "--root-user-action=ignore"];
  options.push("--require-hashes", "--only-binary=:all:");
  const wanted = ["--target", tools, "--requirement", join(here, "requirements.txt")];
  await run(own, ["-m", "pip", "install", ...options, ...wanted]);
  if (!existsSync(emscripten)) {
    note(`headers of Emscripten ${await unpackDebian("emscripten", "all", emscripten)}`);
  }
  if (!existsSync(python)) {
    note(`headers of Python ${await unpackDebian("libpython3.14-dev", "amd64", python)}`);
  }
}

/** Its headers, its own description, and the names of what libraries may use of it. */
async function describeInterpreter(own) {
  const pyodide = createRequire(import.meta.url).resolve("pyodide/pyodide.asm.wasm");
  await run(own, ["-m", "zipfile", "-e", join(pyodide, "..", "python_stdlib.zip"), library]);
  const include = join(python, "usr", "include");
  const pyconfig = join(include, "x86_64-linux-gnu", "python3.14", "pyconfig.h");
  await rm(headers, { recursive: true, force: true });
  const of = [sysconfig, join(include, "python3.14"), pyconfig, headers];
  await run(own, [join(here, "headers.py"), ...of]);
  const module = new WebAssembly.Module(await readFile(pyodide));
  const names = WebAssembly.Module.exports(module).map((each) => each.name);
  await writeFile(join(folder, "exports.txt"), `${names.join("\n")}\n`);
}

/** What Meson must know about the machine, whose programs this one cannot run. */
async function writeCrossFile(own) {
  const program = async (name, ...command) => {
    const path = join(folder, name);
    const words = command.map((word) => `'${word}'`).join(" ");
    await writeFile(path, `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(path, 0o755);
    return `'${path}'`;
  };
  const compiler = [process.execPath, join(here, "compiler.mjs")];
  const lines = [
    "[binaries]",
    `c = ${await program("cc", ...compiler, "cc", folder)}`,
    `cpp = ${await program("c++", ...compiler, "c++", folder)}`,
    `ar = ['${zig}', 'ar']`,
    `strip = '/bin/true'`,
    `cython = '${join(tools, "bin", "cython")}'`,
    `python = ${await program("python-of-machine", own, join(here, "python.py"), sysconfig, headers)}`,
    "[host_machine]",
    "system = 'emscripten'",
    "cpu_family = 'wasm32'",
    "cpu = 'wasm'",
    "endian = 'little'",
    "[properties]",
    "needs_exe_wrapper = true",
    "skip_sanity_check = true",
    "longdouble_format = 'IEEE_QUAD_LE'",
  ];
  const path = join(folder, "cross.ini");
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

async function compile(own, crossFile, note) {
  // NumPy has its own linear algebra where there is no library for it, and the machine's Python has one thread.
  const options = ["-Dblas=none", "-Dlapack=none", "-Dallow-noblas=true", "-Dbuildtype=release"];
  options.push("-Dprefix=/usr", "-Dpython.bytecompile=-1");
  options.push("-Ddisable-threading=true", "-Ddisable-optimization=true");
  await rm(build, { recursive: true, force: true });
  note("configuring");
  await meson(own, ["setup", build, sources, "--cross-file", crossFile, ...options]);
  note("compiling, which takes minutes");
  await meson(own, ["compile", "-C", build]);
  const installed = ["--no-rebuild", "--destdir", join(build, "installed")];
  await meson(own, ["install", "-C", build, ...installed, "--tags", "runtime,python-runtime"]);
}

/** Its output is thousands of lines, which tell something only where it fails. */
async function meson(own, args) {
  const log = join(folder, `${args[0]}.log`);
  const script = join(sources, "vendored-meson", "meson", "meson.py");
  const path = [join(tools, "bin"), process.env.PATH].join(delimiter);
  await run("sh", ["-c", `log=$1; shift; "$@" > "$log" 2>&1`, "sh", log, own, script, ...args], {
    env: { PATH: path, PYTHONPATH: tools },
    hint: `What it printed is in ${log}.`,
  });
}

async function pack(own) {
  const site = join(build, "installed", "usr", "lib", "python3.14", "site-packages");
  if (!existsSync(site)) throw new StepError(`Nothing was installed in ${site}.`);
  const partial = `${build}.whl`;
  await mkdir(dirname(numpyWheel), { recursive: true });
  await run(own, [join(here, "wheel.py"), site, sources, tag, partial]);
  await rename(partial, numpyWheel);
}

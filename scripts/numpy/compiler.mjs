// A C and C++ compiler for libraries that the machine's Python loads: zig's clang, with Emscripten's headers in the place of a
// C library. What Meson asks of a compiler is all that it knows.
//
//   node compiler.mjs (cc | c++) FOLDER ARGUMENT...
//
// FOLDER has Emscripten's `system` and the names of what the interpreter exports. A library is linked against these, so that
// whatever the interpreter does not have is an error here, and not when a program imports the library.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { zig, zigEnv } from "../lib/zig.mjs";

/** The file in FOLDER with the interpreter's exports, a name on each line. */
const exportsFile = "exports.txt";

const [language, folder, ...args] = process.argv.slice(2);
const system = join(folder, "emscripten", "usr", "share", "emscripten", "system");

process.exitCode = main();

function main() {
  if (args.includes("-Wl,--version")) return run(["wasm-ld", "--version"]);
  return compilesOnly(args) ? compile(args) : link(args);
}

function compilesOnly(given) {
  const alone = ["-c", "-E", "-S", "-v", "-dM", "-fsyntax-only", "--version"];
  return given.some((each) => alone.includes(each) || /^--?print/.test(each));
}

/** The features that each engine with Python's exceptions has. */
function compile(given) {
  const features = "exception_handling+nontrapping_fptoint+bulk_memory+sign_ext+mutable_globals";
  const target = ["-target", "wasm32-emscripten", `-mcpu=generic+${features}`];
  const always = ["-fPIC", "-fno-sanitize=all", "-nostdinc"];
  const forCxx = ["-nostdinc++", "-fwasm-exceptions"];
  for (const option of ["-wasm-enable-eh", "-wasm-use-legacy-eh"]) forCxx.push("-mllvm", option);
  const cxx = language === "c++";
  const cxxHeaders = ["lib/libcxx/include", "lib/libcxxabi/include"];
  const musl = ["arch/emscripten", "arch/generic", "include"].map((at) => `lib/libc/musl/${at}`);
  const headers = [...(cxx ? cxxHeaders : []), ...musl, "include", "include/compat"];
  const included = headers.map((each) => `-I${join(system, each)}`);
  return run([language, ...target, ...always, ...(cxx ? forCxx : []), ...given, ...included]);
}

/** Sources among the arguments are compiled before. */
function link(given) {
  const output = given[given.indexOf("-o") + 1];
  const isSource = (name) => /\.(c|cc|cpp|cxx)$/.test(name);
  const objects = given.filter((name) => /\.(o|a)$/.test(name) && name !== output);
  const options = given.filter((each) => /^-[DIOWfgsU]/.test(each) && !each.startsWith("-Wl,"));
  const temporary = mkdtempSync(join(tmpdir(), "secure-exec-numpy-"));
  try {
    for (const [index, source] of given.filter(isSource).entries()) {
      const object = join(temporary, `${index}.o`);
      const status = compile([...options, "-c", source, "-o", object]);
      if (status !== 0) return status;
      objects.push(object);
    }
    // Programs that Meson links to learn whether there is a function have a `main`.
    const entries = [`PyInit_${basename(output).split(".")[0]}`, "main", "__main_argc_argv"];
    const kept = entries.map((name) => `--export-if-defined=${name}`);
    const known = `--allow-undefined-file=${join(folder, exportsFile)}`;
    const shared = ["-shared", "--experimental-pic", "--strip-all", "--gc-sections", known];
    return run(["wasm-ld", ...shared, ...kept, ...objects, "-o", output]);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function run(command) {
  const env = { ...process.env, ...zigEnv };
  const { status, error } = spawnSync(zig, command, { stdio: "inherit", env });
  if (error) throw error;
  return status ?? 1;
}

// The compiler as it is kept in a startup snapshot: loaded, with the language's library parsed and bound. Runs where there is no
// process and no file: what it needs is handed over, and what it reads of them later is the machine's.

import { Compiler } from "./requests.mjs";

/** Modules of Node.js's that the compiler has of its own. What it needs of another one it finds when it is asked for. */
const ofCompiler = ["fs", "inspector", "os", "path", "perf_hooks"];

/** The library that a source gets for which nothing else is said, and those that know no browser. */
const usual = [{}, { lib: ["es2022"] }];

/**
 * @param {(id: string) => object} requireBuiltin Of Node.js's library itself.
 * @param {string} path Of the compiler's file in the machine.
 * @param {Function} load The text of that file, as a module of CommonJS.
 * @param {Record<string, string>} texts Files that it reads, by their paths.
 * @param {{ statSync: Function }} files Has what guest modules know as `node:fs`.
 */
export function prepare(requireBuiltin, path, load, texts, files) {
  const { Module } = requireBuiltin("internal/modules/cjs/loader");
  const module = new Module(path);
  module.filename = path;
  const require = (id) => {
    if (id === "crypto") {
      return { createHash: (...given) => requireBuiltin("crypto").createHash(...given) };
    }
    if (ofCompiler.includes(id)) return requireBuiltin(id);
    throw Object.assign(new Error(`Cannot find module '${id}'`), { code: "MODULE_NOT_FOUND" });
  };
  const folder = path.slice(0, path.lastIndexOf("/"));
  const fs = requireBuiltin("fs");
  const { statSync } = fs;
  // There is no file, and nothing of a process.
  fs.statSync = () => undefined;
  const ofProcess = { argv: [], env: {}, execArgv: [] };
  Object.assign(process, ofProcess);
  load.call(module.exports, module.exports, require, module, path, folder);
  module.loaded = true;
  const typescript = module.exports;
  module.prepared = withFiles(typescript.sys, texts, files, () => warmed(typescript));
  for (const name of Object.keys(ofProcess)) delete process[name];
  fs.statSync = statSync;
  files.statSync = statSync;
  // `require` in the machine finds it, and with it what is prepared.
  Module._cache[path] = module;
}

function warmed(typescript) {
  const compiler = new Compiler(typescript);
  for (const compilerOptions of usual) {
    const { diagnostics } = compiler.answer({
      kind: "typecheckSource",
      sourceText: "export const wrong: string = 1;\n",
      cwd: "/root",
      compilerOptions,
    });
    if (diagnostics.length !== 1 || diagnostics[0].code !== 2322) {
      throw new Error(`the compiler says ${JSON.stringify(diagnostics)}`);
    }
  }
  return compiler;
}

/** Does something while the compiler sees these files alone. */
function withFiles(sys, texts, files, work) {
  const directories = new Set(["/"]);
  for (const name of Object.keys(texts)) {
    for (let end = name.indexOf("/", 1); end > 0; end = name.indexOf("/", end + 1)) {
      directories.add(name.slice(0, end));
    }
  }
  const own = { ...sys };
  files.statSync = (name) => ({ isFile: () => Object.hasOwn(texts, name) });
  Object.assign(sys, {
    fileExists: (name) => Object.hasOwn(texts, name),
    readFile: (name) => (Object.hasOwn(texts, name) ? texts[name] : undefined),
    directoryExists: (name) => directories.has(name),
    getDirectories: () => [],
    realpath: (name) => name,
    getCurrentDirectory: () => "/root",
  });
  try {
    return work();
  } finally {
    Object.assign(sys, own);
  }
}

// What a snippet is, by its language and the name of its file: as `exec` of a machine takes it.

import { Module } from "node:module";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFunction } from "node:vm";

/** What a script is a function of. */
const scriptParameters = ["exports", "require", "module", "__filename", "__dirname"];

/**
 * @param {string} code
 * @param {{ language?: "js" | "ts" | "cjs" | "auto", filename?: string }} settings `filename` alone means `auto`.
 * @param {string} name Of a snippet whose file has none.
 * @param {(name: string) => any} internal Loads modules of Node's own.
 * @param {{ module: (text: string, place: Place) => any, script?: (text: string, place: Place) => any }} compile
 * @returns {any} What compiles the code gives back.
 */
export function compileAs(code, settings, name, internal, compile) {
  const { compileHostCode } = internal("internal/process/execution");
  const place = placeOf(settings.filename, name);
  const language = settings.language ?? (settings.filename === undefined ? "" : "auto");
  const extension = language === "auto" && settings.filename ? extname(place.path) : "";
  // Only a module, where nothing compiles scripts.
  const kind = (text) =>
    compile.script ? kindOf(text, language, extension, place, internal) : "module";
  const read = (text) => compile[kind(text)](text, place);
  if (language === "ts" || /^\.[mc]?ts$/.test(extension)) {
    return read(withoutTypes(code, place, internal));
  }
  if (language === "js" || language === "cjs") return read(code);
  // What can be read in no way may be TypeScript. Nothing has run until it is known what it is.
  return compileHostCode(code, place.name, read);
}

/**
 * @typedef {object} Place
 * @property {string} name In the stacks of modules.
 * @property {string} path
 * @property {string | undefined} url Of a file that has a name: what it imports is looked for beside it.
 */
function placeOf(filename, name) {
  if (filename === undefined) return { name, path: resolve(name), url: undefined };
  const path = resolve(filename);
  const url = pathToFileURL(path).href;
  return { name: url, path, url };
}

function kindOf(text, language, extension, { path, url }, internal) {
  if (language !== "cjs" && language !== "auto") return "module";
  if (language === "cjs" || extension === ".cjs" || extension === ".cts") return "script";
  if (extension === ".mjs" || extension === ".mts") return "module";
  if (extension !== "" && url !== undefined) {
    const type = internal("internal/modules/package_json_reader").getPackageType(url);
    if (type === "module") return "module";
    if (type === "commonjs") return "script";
  }
  try {
    compileFunction(text, scriptParameters, { filename: path });
    return "script";
  } catch {
    // Whose errors are told, too.
    return "module";
  }
}

function withoutTypes(code, { name }, internal) {
  return internal("internal/modules/typescript").stripTypeScriptModuleTypes(code, "[eval]", name);
}

/**
 * A script, which is run by what is given back.
 * @param {Function} importModuleDynamically
 */
export function scriptOf(text, { name, path }, internal, importModuleDynamically) {
  const run = compileFunction(text, scriptParameters, { filename: name, importModuleDynamically });
  const module = new Module(path);
  module.filename = path;
  module.paths = Module._nodeModulePaths(dirname(path));
  const require = internal("internal/modules/helpers").makeRequireFunction(module);
  // As a program that is started: each snippet is one.
  Object.defineProperty(require, "main", {
    value: module,
    configurable: true,
    writable: true,
    enumerable: true,
  });
  return () => {
    run.call(module.exports, module.exports, require, module, path, dirname(path));
    module.loaded = true;
  };
}

/** Imports as from a file. */
export function importsFrom(url, internal) {
  const loader = internal("internal/modules/esm/loader").getOrInitializeCascadedLoader();
  return (specifier, { with: attributes } = {}) => loader.import(specifier, url, attributes ?? {});
}

/** What a module has in `import.meta` as a file. */
export function metaOf(meta, url, internal) {
  const loader = internal("internal/modules/esm/loader").getOrInitializeCascadedLoader();
  const { initializeImportMeta } = internal("internal/modules/esm/initialize_import_meta");
  initializeImportMeta(meta, { url, isMain: true }, loader);
}

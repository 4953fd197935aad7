// The program that runs the code of `NodeRuntime`'s calls `exec` and `run`, inside the guest: as Node.js runs a file that is
// called so, whether there is one or not. What the code exports, and what it failed with, goes to descriptor 4 in lines of
// JSON. lib/driver/answer.cjs is the other side.

import { closeSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { encodeCopy, longestValue, sizes, tooLong } from "./clone.mjs";
import { prune } from "./pruning.mjs";

const controlIn = 3;
const controlOut = 4;
const longestText = 16 * 1024;
const SIGTERM = 15;

const internal = createRequire(import.meta.url);
const loader = internal("internal/modules/cjs/loader");
const { internalBinding } = silently(() => internal("internal/test/binding"));
const { containsModuleSyntax } = internalBinding("contextify");
const { getNearestParentPackageJSONType } = internalBinding("modules");
const { runEntryPointWithESMLoader } = internal("internal/modules/run_main");
const { Signal } = internalBinding("signal_wrap");
const toJson = JSON.stringify;
const { kill, pid } = process;
const activeHandles = process._getActiveHandles.bind(process);
const listenerCount = process.listenerCount.bind(process);

/** What is for tests only warns of it. */
function silently(load) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function tell(message) {
  const bytes = Buffer.from(`${toJson(message)}\n`);
  for (let done = 0; done < bytes.length; ) done += writeSync(controlOut, bytes, done);
}

function textOf(error) {
  try {
    const text = error instanceof Error ? String(error) : `Uncaught ${inspect(error)}`;
    return text.slice(0, longestText);
  } catch {
    return "Uncaught error";
  }
}

/** @param {{ code: string, filePath?: string, returns: boolean, bindings: string[] }} given */
export function main({ code, filePath, returns, bindings }) {
  process.prependListener("uncaughtExceptionMonitor", (error) => {
    if (listenerCount("uncaughtException") === 0) tell({ error: textOf(error) });
  });
  const name = resolve(filePath ?? "[eval]");
  if (filePath !== undefined) process.argv.splice(1, 0, name);
  const { source, format } = read(code, name, filePath !== undefined);
  hide();
  offer(bindings);
  closeServersOnRequest();
  const done = (exported) => {
    if (returns) handBack(format === "module" ? unwrapped(exported) : exported);
  };
  if (format === "module") runModule(source, name, done);
  else runCommonJs(source, name, done);
}

/** Nothing of how the program was started is its business. */
function hide() {
  closeSync(controlIn);
  process.execArgv = [];
  delete process._eval;
}

/** The functions of the host, as a tree: `SecureExec.bindings.db.query(...args)`. */
function offer(names) {
  if (names.length === 0) return;
  const tree = {};
  const call = globalThis.callTool;
  for (const name of names) {
    const words = name.split(".");
    const last = words.pop();
    let at = tree;
    for (const word of words) at = Object.hasOwn(at, word) ? at[word] : put(at, word, {});
    put(at, last, (...args) => call(name, { args }).then(({ value }) => value));
  }
  const value = { bindings: tree };
  Object.defineProperty(globalThis, "SecureExec", { value, configurable: true, writable: true });
}

/** Also by a name that all objects have. */
function put(object, key, value) {
  const property = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(object, key, property);
  return value;
}

/** By the file's extension, the `type` of its package, or by what is in it. */
function read(code, name, isNamed) {
  const extension = isNamed ? extname(name) : "";
  const isTyped = /^\.[mc]?ts$/.test(extension);
  const source = isTyped ? withoutTypes(code, name) : code;
  if (/^\.m[jt]s$/.test(extension)) return { source, format: "module" };
  if (/^\.c[jt]s$/.test(extension)) return { source, format: "commonjs" };
  const type = isNamed ? getNearestParentPackageJSONType(name) : "none";
  if (type === "module" || type === "commonjs") return { source, format: type };
  const isModule = containsModuleSyntax(source, name, pathToFileURL(name).href);
  return { source, format: isModule ? "module" : "commonjs" };
}

function withoutTypes(code, name) {
  const { stripTypeScriptModuleTypes } = internal("internal/modules/typescript");
  return stripTypeScriptModuleTypes(code, name);
}

/** Without a function of this program that waits, none is in the stacks that the code sees. */
function runModule(source, name, done) {
  const url = pathToFileURL(name).href;
  runEntryPointWithESMLoader((esm) =>
    esm.eval(source, url, true).then((result) => {
      done(result.namespace);
      return result;
    }),
  );
}

/** No function of this program is in the stacks that the code sees. */
function runCommonJs(source, name, done) {
  const { Module } = loader;
  const module = new Module(name, undefined);
  module.id = ".";
  module.filename = name;
  module.paths = Module._nodeModulePaths(dirname(name));
  process.mainModule = module;
  Module._cache[name] = module;
  process.nextTick(Module.prototype._compile.bind(module, source, name, "commonjs"));
  process.nextTick(() => {
    module.loaded = true;
    done(module.exports);
  });
}

/**
 * Where a module hands on the default export of a CommonJS module that was compiled from an ES module, the member of the
 * name is what is meant: `export { default as answer } from "./index.js"` with `exports.answer`.
 */
function unwrapped(namespace) {
  const exported = {};
  for (const name of Object.keys(namespace)) {
    Object.defineProperty(exported, name, {
      enumerable: true,
      get: () => memberMeant(namespace[name], name),
    });
  }
  return exported;
}

function memberMeant(value, name) {
  const isCompiled =
    typeof value === "object" &&
    value !== null &&
    value.__esModule === true &&
    Object.hasOwn(value, name) &&
    Object.values(loader.Module._cache).some((module) => module?.exports === value);
  return isCompiled ? value[name] : value;
}

function handBack(exported) {
  try {
    const { value, notes } = prune(exported, "exports");
    const text = encodeCopy(value);
    const size = Buffer.byteLength(text);
    if (size > longestValue) throw tooLong(size);
    tell({ exports: text, notes });
  } catch (error) {
    tell({ refused: textOf(error), tooLong: sizes.get(error) });
  }
}

/** `terminate()` sends SIGTERM: what is being answered is finished, and nothing new is taken. */
function closeServersOnRequest() {
  const signal = new Signal();
  signal.unref();
  signal.onsignal = () => {
    // It is loaded where there is one.
    const { Server } = process.getBuiltinModule("net");
    const servers = activeHandles().filter((handle) => handle instanceof Server);
    let open = servers.length;
    const closed = () => {
      open -= 1;
      if (open > 0) return;
      signal.close();
      // The program's own listeners end it, if it has any.
      if (listenerCount("SIGTERM") === 0) kill.call(process, pid, SIGTERM);
    };
    if (open === 0) {
      open = 1;
      closed();
      return;
    }
    for (const server of servers) {
      server.close(closed);
      server.closeIdleConnections?.();
    }
  };
  signal.start(SIGTERM);
}

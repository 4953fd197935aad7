// Prints what Node's binary knows about itself: run by build.rs with the pinned Node, never at run time.
//   node --expose-internals --no-warnings extract.mjs OUT_DIR
// Writes OUT_DIR/lib/<id>.js (the library's sources), OUT_DIR/tables.json (what native code provides) and
// OUT_DIR/root-certificates.json (an array of PEM texts).
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const out = process.argv[2];
const require = createRequire(import.meta.url);
const { internalBinding } = require("internal/test/binding");

const BINDINGS = [
  "async_context_frame",
  "async_wrap",
  "blob",
  "block_list",
  "buffer",
  "builtins",
  "cares_wrap",
  "cjs_lexer",
  "config",
  "constants",
  "contextify",
  "credentials",
  "crypto",
  "diagnostics_channel",
  "encoding_binding",
  "errors",
  "fs",
  "fs_dir",
  "fs_event_wrap",
  "heap_utils",
  "http2",
  "http_parser",
  "icu",
  "inspector",
  "internal_only_v8",
  "ipc_serdes",
  "js_stream",
  "js_udp_wrap",
  "locks",
  "messaging",
  "mksnapshot",
  "module_wrap",
  "modules",
  "options",
  "os",
  "performance",
  "permission",
  "pipe_wrap",
  "process_methods",
  "process_wrap",
  "profiler",
  "report",
  "sea",
  "serdes",
  "signal_wrap",
  "spawn_sync",
  "sqlite",
  "stream_pipe",
  "stream_wrap",
  "string_decoder",
  "symbols",
  "task_queue",
  "tcp_wrap",
  "timers",
  "tls_wrap",
  "trace_events",
  "tty_wrap",
  "types",
  "udp_wrap",
  "url",
  "url_pattern",
  "util",
  "uv",
  "v8",
  "wasi",
  "wasm_web_api",
  "watchdog",
  "webstorage",
  "worker",
  "zlib",
];

const TYPED = Object.getPrototypeOf(Uint8Array);

/** Data that can stand in JSON: primitives and plain objects or arrays of them; else undefined. */
function constant(value, depth = 0) {
  if (value === null || ["number", "string", "boolean"].includes(typeof value)) {
    return typeof value === "number" && !Number.isFinite(value)
      ? { $number: String(value) }
      : value;
  }
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value !== "object" || depth > 6 || value instanceof TYPED) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => constant(item, depth + 1));
    return items.includes(undefined) ? undefined : items;
  }
  const proto = Object.getPrototypeOf(value);
  if (proto !== null && proto !== Object.prototype) return undefined;
  const result = {};
  for (const key of Object.keys(value)) {
    const item = constant(value[key], depth + 1);
    if (item === undefined) return undefined;
    result[key] = item;
  }
  return proto === null ? { $null: result } : result;
}

/** An option that the binary leaves undefined reads as undefined from a dictionary without it, too. */
function defined(values) {
  const known = Object.keys(values).filter((key) => values[key] !== undefined);
  return Object.fromEntries(
    known.map((key) => [
      key,
      typeof values[key] === "object" ? JSON.parse(JSON.stringify(values[key])) : values[key],
    ]),
  );
}

/** The options as of a command line without any: this script itself runs with two. */
function defaults(values) {
  const own = { "--warnings": true, "--expose-internals": false };
  for (const [name, value] of Object.entries(own)) {
    if (!(name in values)) throw new Error(`the binary has no option ${name}`);
    values[name] = value;
    const negated = `--no-${name.slice(2)}`;
    if (negated in values) values[negated] = !value;
  }
  return values;
}

function describeFunction(name, fn) {
  const proto = fn.prototype;
  const methods = proto
    ? Object.getOwnPropertyNames(proto).filter((key) => key !== "constructor")
    : [];
  const isClass = proto !== undefined && (methods.length > 0 || /^[A-Z]/.test(name));
  if (!isClass) return { kind: "function", length: fn.length };
  const parent = Object.getPrototypeOf(proto);
  return {
    kind: "class",
    className: fn.name,
    parent: parent && parent.constructor !== Object ? parent.constructor.name : null,
    methods,
    statics: Object.getOwnPropertyNames(fn).filter(
      (key) => typeof fn[key] === "function" && key !== "prototype",
    ),
  };
}

function describeBinding(binding) {
  const result = { constants: {}, functions: {}, arrays: {}, other: [] };
  for (const key of Reflect.ownKeys(binding)) {
    if (typeof key !== "string" || key === "natives") continue;
    let value;
    try {
      value = binding[key];
    } catch {
      result.other.push(key);
      continue;
    }
    if (typeof value === "function") result.functions[key] = describeFunction(key, value);
    else if (value instanceof TYPED)
      result.arrays[key] = { type: value.constructor.name, length: value.length };
    else {
      const data = constant(value);
      if (data === undefined) result.other.push(key);
      else result.constants[key] = data;
    }
  }
  return result;
}

const natives = process.binding("natives");
const ids = Object.keys(natives).filter((id) => id !== "config" && id !== "configs");
for (const id of ids) {
  const file = path.join(out, "lib", `${id}.js`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, natives[id]);
}

const bindings = {};
for (const name of BINDINGS) {
  try {
    bindings[name] = describeBinding(internalBinding(name));
  } catch {
    // Not compiled into this binary.
  }
}

const options = internalBinding("options");
const info = options.getCLIOptionsInfo();
/** The flags of the binary's V8: name, type, and what it is without the flag. */
function v8Flags() {
  const text = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  const found = text.matchAll(/^ {2}--(\S+) \(.*\)\n +type: (\S+) +default: (.*)$/gm);
  const flags = [...found].map(([, name, type, value]) => [
    name,
    type,
    type === "bool" ? !value.startsWith("--no-") : value.replace(/^--[^=]*=?/, ""),
  ]);
  if (flags.length < 100) throw new Error("the list of V8's flags is written in another way");
  return flags;
}

const tables = {
  ids,
  bindings,
  privateSymbols: Object.fromEntries(
    Object.entries(internalBinding("util").privateSymbols).map(([key, symbol]) => [
      key,
      symbol.description ?? key,
    ]),
  ),
  symbols: Object.fromEntries(
    Object.entries(internalBinding("symbols")).map(([key, symbol]) => [
      key,
      symbol.description ?? key,
    ]),
  ),
  options: {
    values: constant(defaults(defined(options.getCLIOptionsValues()))),
    info: [...info.options].map(([name, o]) => [
      name,
      { ...o, defaultIsTrue: o.defaultIsTrue, helpText: o.helpText },
    ]),
    aliases: [...info.aliases].map(([name, to]) => [name, to]),
    embedder: constant({ ...options.getEmbedderOptions() }),
    envSettings: constant(options.envSettings),
    types: constant(options.types),
  },
  errmap: [...internalBinding("uv").getErrorMap()].map(([number, [name, message]]) => [
    number,
    name,
    message,
  ]),
  process: {
    version: process.version,
    versions: { ...process.versions },
    release: { ...process.release },
    arch: process.arch,
    platform: process.platform,
    features: constant({ ...process.features }),
    config: process.config,
  },
  v8Flags: v8Flags(),
};
fs.writeFileSync(path.join(out, "tables.json"), JSON.stringify(tables));

// Last: loading these modules changes the tables above.
const { rootCertificates } = require("node:tls");
fs.writeFileSync(path.join(out, "root-certificates.json"), JSON.stringify(rootCertificates));

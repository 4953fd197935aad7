"use strict";
// The options of the public methods: which keys there are, what they may be, what they become.

const { constants } = require("node:os");
const { invalidType, invalidValue, unsupported } = require("./errors.cjs");
const check = require("./validate.cjs");

const { integer, object, optional } = check;

const mebibyte = 1024 * 1024;

/** An option of a feature that is not there yet: naming it is an error, leaving it out is not. */
function later(value, name) {
  if (value !== undefined) throw unsupported(name);
}

const count = optional(integer(1));
const time = optional(integer(1, { infinite: true }));

const resourceLimits = {
  cpuCount: optional(integer(1, { maximum: 1024 })),
  maxProcesses: count,
  maxOpenFds: count,
  maxPipes: count,
  maxSockets: count,
  maxPtys: later,
  maxConnections: later,
  maxSocketBufferedBytes: later,
  maxFilesystemBytes: count,
  maxInodeCount: count,
  maxFileBytes: count,
  maxProcessArgvBytes: count,
  maxProcessEnvBytes: count,
  // Less than V8 itself needs would be a VM that cannot boot.
  maxMemoryBytes: optional(integer(64 * mebibyte)),
};

const scriptLimits = {
  v8HeapLimitMb: optional(integer(8, { maximum: 1024 * 1024 })),
  cpuTimeLimitMs: time,
  wallClockLimitMs: time,
  capturedOutputLimitBytes: optional(integer(0), 16 * mebibyte),
  stdinBufferLimitBytes: optional(integer(1), mebibyte),
  maxTimers: count,
};

function limits(value, name) {
  const { resources, jsRuntime } = object(value, name, {
    resources: (part, path) => object(part, path, resourceLimits),
    jsRuntime: (part, path) => object(part, path, scriptLimits),
    wasm: later,
    http: later,
    tools: later,
  });
  const { capturedOutputLimitBytes, stdinBufferLimitBytes, ...script } = jsRuntime;
  return { native: { ...resources, ...script }, capturedOutputLimitBytes, stdinBufferLimitBytes };
}

function files(value, name) {
  return check.entries(value, name).map(([path, data]) => ({
    path: check.absolutePath(path, `a key of ${name}`),
    data: check.bytes(data, `${name}[${JSON.stringify(path)}]`),
  }));
}

/** Options of `NodeRuntime.create`. */
function createOptions(value) {
  return object(value, "options", {
    env: optional(check.environment, []),
    cwd: optional(check.absolutePath),
    permissions: later,
    limits,
    files: optional(files, []),
    mounts: later,
    nodeModules: later,
    tools: later,
    bindings: later,
    commandsDir: later,
    wasmCommandDirs: later,
    loopbackExemptPorts: later,
    jsRuntime: (part, path) =>
      object(part, path, {
        highResolutionTime: optional(check.boolean, false),
        timingMitigation: optional(check.oneOf("off", "freeze"), "off"),
      }),
    isolation: optional(check.oneOf("process", "shared", "in-process"), "process"),
    v8Runtime: later,
    onBootTiming: optional(check.callback),
  });
}

const program = {
  stdin: optional(check.bytes),
  env: optional(check.environment, []),
  cwd: optional(check.absolutePath),
  timeout: optional(check.milliseconds),
  signal: optional(check.abortSignal),
  onStdout: optional(check.callback),
  onStderr: optional(check.callback),
  args: optional(check.list(check.cString), []),
  maxOutputBytes: optional(integer(0)),
};

/** Options of `exec`, `run` and `spawn`. */
function programOptions(value) {
  return object(value, "options", program);
}

const { args: _, ...command } = program;

/** Options of `execCommand` and `spawnCommand`, which take the arguments apart. */
function commandOptions(value) {
  return { ...object(value, "options", command), args: [] };
}

function residentOptions(value) {
  return object(value, "options", { timeout: optional(check.milliseconds) });
}

function mkdirOptions(value) {
  return object(value, "options", { recursive: optional(check.boolean, false) });
}

function removeOptions(value) {
  return object(value, "options", { recursive: optional(check.boolean, false) });
}

const signalNumbers = new Set(Object.values(constants.signals));

/** The number of a POSIX signal given by name or number. */
function signalNumber(value) {
  if (typeof value === "string") {
    if (Object.hasOwn(constants.signals, value)) return constants.signals[value];
    throw Object.assign(new TypeError(`Unknown signal: ${value.slice(0, 40)}`), {
      code: "ERR_UNKNOWN_SIGNAL",
    });
  }
  if (typeof value !== "number") throw invalidType("signal", "of type string or number", value);
  if (value !== 0 && !signalNumbers.has(value)) {
    throw Object.assign(new TypeError(`Unknown signal: ${value}`), { code: "ERR_UNKNOWN_SIGNAL" });
  }
  return value;
}

/** How `readFile` decodes. */
function encoding(value) {
  if (value === undefined || value === null) return undefined;
  const name = typeof value === "object" ? value.encoding : value;
  if (name === undefined || name === null) return undefined;
  if (name !== "utf8" && name !== "utf-8") {
    throw invalidValue("encoding", "must be 'utf8' or absent", name);
  }
  return "utf8";
}

module.exports = {
  commandOptions,
  createOptions,
  encoding,
  mkdirOptions,
  programOptions,
  removeOptions,
  residentOptions,
  signalNumber,
};

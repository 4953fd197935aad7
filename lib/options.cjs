"use strict";
// The options of the public methods: which keys there are, what they may be, what they become.

const { constants } = require("node:os");
const { resolve } = require("node:path");
const { isUint8Array } = require("node:util/types");
const {
  invalidType,
  invalidValue,
  limitsContradict,
  unsupported,
  withCode: coded,
} = require("./errors.cjs");
const { v8Runtime } = require("./driver/dedicated-process.cjs");
const { native: snapshot } = require("./file-snapshot.cjs");
const { fileSystem } = require("./filesystem/served.cjs");
const { hostCommands } = require("./host-commands.cjs");
const { complete, contradiction, table } = require("./limits.cjs");
const { machineMounts, mounts, nodeModules, rootMount } = require("./mounts.cjs");
const { packageMount, python, pythonMounts } = require("./python/option.cjs");
const { toolDefinitions } = require("./tools/definitions.cjs");
const check = require("./validate.cjs");

const { integer, object, optional } = check;

/** An option of a feature that is not there yet: naming it is an error, leaving it out is not. */
function later(value, name) {
  if (value !== undefined) throw unsupported(name);
}

/** What each limit may be, by group and name. */
function limitGroups() {
  const groups = {};
  for (const { path, unit, least, most, infinite } of table()) {
    const [, group, name] = path.split(".");
    const whole = integer(least, { maximum: most ?? undefined, infinite });
    // Timeouts of the host's timers may be any number that those take.
    const bound = unit === "milliseconds" && !infinite ? check.milliseconds : whole;
    groups[group] = { ...groups[group], [name]: optional(bound) };
  }
  return groups;
}

let knownLimits;

/** A check for each group, made when the first machine is: the table is the addon's. */
function limitChecks() {
  if (!knownLimits) {
    const groups = Object.entries(limitGroups()).map(([group, names]) => [
      group,
      (part, path) => object(part, path, names),
    ]);
    const native = table().filter((row) => row.native);
    knownLimits = {
      checks: Object.fromEntries(groups),
      groups: groups.map(([group]) => group),
      native: native.map(({ path }) => path),
    };
  }
  return knownLimits;
}

function limits(value, name) {
  const { checks, groups, native } = limitChecks();
  const checked = object(value, name, checks);
  const given = {};
  for (const group of groups) {
    for (const [limit, bound] of Object.entries(checked[group])) {
      given[`limits.${group}.${limit}`] = bound;
    }
  }
  const conflict = contradiction(given);
  if (conflict) throw limitsContradict(conflict);
  const bounds = complete(given);
  return {
    native: Object.fromEntries(native.map((path) => [path, bounds[path]])),
    tools: {
      defaultToolTimeoutMs: bounds["limits.tools.defaultToolTimeoutMs"],
      maxPayloadBytes: bounds["limits.tools.maxPayloadBytes"],
      maxPending: bounds["limits.tools.maxPending"],
      maxPendingBytes: bounds["limits.tools.maxPendingBytes"],
    },
    http: {
      maxResponseBytes: bounds["limits.http.maxFetchResponseBytes"],
      timeoutMs: bounds["limits.http.fetchTimeoutMs"],
    },
    capturedOutputLimitBytes: bounds["limits.jsRuntime.capturedOutputLimitBytes"],
    stdinBufferLimitBytes: bounds["limits.jsRuntime.stdinBufferLimitBytes"],
    returnValueLimitBytes: bounds["limits.jsRuntime.returnValueLimitBytes"],
  };
}

/** The guests' user, whom files belong to unless it is said otherwise. */
const guestUser = 1000;

const owner = optional(integer(0, { maximum: 2 ** 32 - 2 }), guestUser);

const fileKeys = {
  data: check.bytes,
  mode: optional(integer(0, { maximum: 0o7777 })),
  uid: owner,
  gid: owner,
};

function files(value, name) {
  return check.entries(value, name).map(([path, file]) => ({
    path: check.absolutePath(path, `a key of ${name}`),
    ...fileContent(file, `${name}[${JSON.stringify(path)}]`),
  }));
}

/** A file's content, by itself or with its attributes. */
function fileContent(value, name) {
  if (typeof value !== "string" && !isUint8Array(value)) {
    if (check.isPlainObject(value)) return object(value, name, fileKeys);
    throw invalidType(name, "a string, a Uint8Array or an object with the key data", value);
  }
  return { data: check.bytes(value, name), uid: guestUser, gid: guestUser };
}

/** A directory of the host, as an absolute path. */
function directory(value, name) {
  if (check.cString(value, name) === "") throw invalidValue(name, "must not be empty");
  return resolve(value);
}

/** The tools under their name or the alias of the option. */
function oneOfTools({ tools, bindings, ...rest }) {
  if (tools && bindings) {
    throw invalidValue("options.bindings", "is another name of options.tools: give one of them");
  }
  return { ...rest, tools: tools ?? bindings ?? [] };
}

const listOfPorts = check.list(integer(1, { maximum: 65_535 }));

/** As many as a message about them bears. */
const mostExemptPorts = 1024;

function exemptPorts(value, name) {
  const ports = [...new Set(listOfPorts(value, name))];
  if (ports.length > mostExemptPorts) {
    throw invalidValue(name, `must not name more than ${mostExemptPorts} ports`);
  }
  return ports;
}

/**
 * Options of `NodeRuntime.create`. `mounted` has, by option, what is mounted, and `mounts` all of it as the addon takes it.
 */
function createOptions(value) {
  const {
    mounts: given,
    nodeModules: modules,
    filesystem,
    ...checked
  } = oneOfTools(createKeys(value));
  const { isolation, v8Runtime: own } = checked;
  if (own && isolation !== undefined) {
    throw invalidValue("options.isolation", "is what options.v8Runtime says: give one of them");
  }
  const mounted = {
    filesystem: filesystem ? [rootMount(filesystem)] : [],
    mounts: given,
    nodeModules: modules ? [modules] : [],
    python: checked.python ? pythonMounts(checked.python) : [],
  };
  return { ...checked, isolation: isolation ?? "process", ...withMounts(mounted) };
}

function withMounts(mounted) {
  return { mounted, mounts: machineMounts(Object.values(mounted).flat()) };
}

/** Those of the machine in which the snapshot of an interpreter is made. */
function snapshotOptions(settings) {
  const limits = {
    resources: { maxMemoryBytes: 2 ** 30, maxFilesystemBytes: 2 ** 27 },
    jsRuntime: { cpuTimeLimitMs: Number.POSITIVE_INFINITY },
  };
  return { ...createOptions({ limits }), mounts: machineMounts([packageMount(settings)]) };
}

function createKeys(value) {
  return object(value, "options", {
    env: optional(check.environment, []),
    cwd: optional(check.absolutePath),
    permissions: later,
    limits,
    files: optional(files, []),
    snapshot: optional(snapshot),
    mounts: optional(mounts, []),
    nodeModules: optional(nodeModules),
    filesystem: optional(fileSystem),
    python: optional(python),
    commands: optional(hostCommands, []),
    tools: optional(toolDefinitions),
    bindings: optional(toolDefinitions),
    commandsDir: optional(directory),
    wasmCommandDirs: optional(check.list(directory), []),
    loopbackExemptPorts: optional(exemptPorts, []),
    jsRuntime: (part, path) =>
      object(part, path, {
        highResolutionTime: optional(check.boolean, false),
        timingMitigation: optional(check.oneOf("off", "freeze"), "off"),
      }),
    isolation: optional(check.oneOf("process", "shared", "in-process")),
    requireIsolation: optional(check.oneOf("process", "partial", "sealed")),
    v8Runtime: optional(v8Runtime),
    onBootTiming: optional(check.callback),
    onToolError: optional(check.callback),
    onTrace: optional(check.callback),
    onLimitWarning: optional(check.callback),
    idleTimeoutMs: optional(check.milliseconds),
    maxLifetimeMs: optional(check.milliseconds),
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
  keep: optional(check.oneOf("head", "tail", "both"), "head"),
};

const withCode = {
  ...program,
  language: optional(check.oneOf("js", "ts", "cjs", "auto")),
  filename: optional(fileName),
};

/** The name of a file, which may be relative to the working directory. */
function fileName(value, name) {
  check.program(value, name);
  if (value.endsWith("/")) throw invalidValue(name, "must be the name of a file", value);
  return value;
}

const noOptions = Object.freeze(object({}, "options", program));

/** Options that are for the machine what another one is. */
const sameOptions = { bindings: "tools" };

/** What a fork is made with: what the other machine was, but for the options that are given. */
function forkOptions(former, value) {
  if (check.has(value, "snapshot", "options")) {
    throw invalidValue("options.snapshot", "is what a fork takes itself: use NodeRuntime.create()");
  }
  const checked = createOptions(value);
  const settings = { ...former, files: checked.files };
  const mounted = { ...former.mounted };
  const keys = Object.keys(createKeys(undefined)).filter((key) => key !== "files");
  for (const key of keys) {
    if (!check.has(value, key, "options")) continue;
    const name = sameOptions[key] ?? key;
    if (Object.hasOwn(checked, name)) settings[name] = checked[name];
    if (Object.hasOwn(mounted, name)) mounted[name] = checked.mounted[name];
  }
  Object.assign(settings, withMounts(mounted));
  const moves = ["isolation", "v8Runtime"].some((key) => check.has(value, key, "options"));
  if (!moves) return settings;
  return { ...settings, isolation: checked.isolation, v8Runtime: checked.v8Runtime };
}

/** Options of `exec`, `run` and `spawn`. */
function programOptions(value) {
  return value === undefined ? noOptions : object(value, "options", withCode);
}

const { args: _, ...command } = program;

/** Options of `execCommand` and `spawnCommand`, which take the arguments apart. */
function commandOptions(value) {
  return value === undefined ? noOptions : { ...object(value, "options", command), args: [] };
}

/** Options of `python.run`. */
function pythonOptions(value) {
  const { inputs, ...rest } = object(value, "options", {
    ...command,
    inputs: optional(pythonInputs, {}),
  });
  return { inputs, checked: { ...rest, args: [] } };
}

/** Values by the names of globals. */
function pythonInputs(value, name) {
  if (!check.isPlainObject(value)) throw invalidType(name, "an object", value);
  for (const key of Object.keys(value)) {
    if (!/^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(key)) {
      throw invalidValue(name, `has the key ${JSON.stringify(key)}, which is no name in Python`);
    }
  }
  return value;
}

const cells = integer(1, { maximum: 65_535 });

/** Options of `openShell`. */
function shellOptions(value) {
  const {
    cols,
    rows,
    command: shell,
    args,
    ...rest
  } = object(value, "options", {
    cols: optional(cells, 80),
    rows: optional(cells, 24),
    command: optional(check.program),
    args: optional(check.list(check.cString), []),
    env: command.env,
    cwd: command.cwd,
    timeout: command.timeout,
    signal: command.signal,
  });
  return { size: { cols, rows }, command: shell, args, checked: { ...rest, args: [] } };
}

const { timeout, signal, onStdout, onStderr, maxOutputBytes, keep } = program;
const resident = { timeout, signal, onStdout, onStderr, maxOutputBytes, keep };

/** Options of a snippet of a resident runner. */
function residentOptions(value) {
  const { language, filename } = withCode;
  return object(value, "options", { ...resident, language, filename });
}

/** Options of a snippet that is what a REPL takes: a script of a kind of its own. */
function evaluateOptions(value) {
  const language = optional(check.oneOf("js", "ts"));
  return object(value, "options", { ...resident, language, filename: withCode.filename });
}

/** Options of a line of a shell that lives. */
function lineOptions(value) {
  return object(value, "options", { ...resident, stdin: program.stdin });
}

/** Options of `shell`. */
function sessionOptions(value) {
  const { shell, onStdout, onStderr, ...rest } = object(value, "options", {
    shell: optional(check.oneOf("bash", "sh"), "bash"),
    env: command.env,
    cwd: command.cwd,
    onStdout: command.onStdout,
    onStderr: command.onStderr,
  });
  return { shell, onStdout, onStderr, checked: { ...rest, args: [] } };
}

/** Options of `kill` of a program that has time to end by itself. */
function killOptions(value) {
  return object(value, "options", {
    signal: optional(signalNumber, constants.signals.SIGTERM),
    graceMs: (ms, name) => (ms === 0 ? 0 : check.milliseconds(ms, name)),
  });
}

const signalNumbers = new Set(Object.values(constants.signals));

/** The number of a POSIX signal given by name or number. */
function signalNumber(value) {
  if (typeof value === "string") {
    if (Object.hasOwn(constants.signals, value)) return constants.signals[value];
    throw unknownSignal(value.slice(0, 40));
  }
  if (typeof value !== "number") throw invalidType("signal", "of type string or number", value);
  if (value !== 0 && !signalNumbers.has(value)) {
    throw unknownSignal(value);
  }
  return value;
}

/** Node's own. */
function unknownSignal(shown) {
  return coded(new TypeError(`Unknown signal: ${shown}`), "ERR_UNKNOWN_SIGNAL");
}

/** Names by number; of two names of one signal the usual one comes first. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** The name of a signal of the guest, whose numbers are those of Linux; null for none. */
function signalName(number) {
  if (!number) return null;
  return signalNames.get(number) ?? `SIG${number}`;
}

module.exports = {
  commandOptions,
  createOptions,
  directory,
  evaluateOptions,
  killOptions,
  exemptPorts,
  fileSystem,
  forkOptions,
  programOptions,
  pythonOptions,
  lineOptions,
  residentOptions,
  sessionOptions,
  shellOptions,
  snapshotOptions,
  signalName,
  signalNumber,
};

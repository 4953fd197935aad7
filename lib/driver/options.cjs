"use strict";
// Options of the driver API, and what they are for the machine.

const check = require("../validate.cjs");
const { bindings } = require("./bindings.cjs");
const { executorParts } = require("./command-executor.cjs");
const { runtimeDriverFactory } = require("./factory.cjs");
const { moduleMounts } = require("./module-access.cjs");
const { systemDriver } = require("./node-driver.cjs");
const { startPermission } = require("./start-permission.cjs");

const { integer, optional } = check;
const mebibyte = 1024 * 1024;
const usualHeapMb = 128;
/** The machine's own user, and group. */
const usualUser = 1000;
/** What a VM process needs besides a heap: see `limits.resources.maxMemoryBytes`. */
const besidesHeap = 384;
const usualValueBytes = 1024 * 1024;
const mostValueBytes = 256 * mebibyte;

const payloadKeys = {
  jsonPayloadBytes: optional(integer(1, { maximum: mostValueBytes })),
  base64TransferBytes: optional(integer(1)),
};

const budgetKeys = {
  maxOutputBytes: optional(integer(0)),
  maxTimers: optional(integer(1)),
  maxChildProcesses: optional(integer(0)),
  maxHandles: optional(integer(8)),
  maxBridgeCalls: optional(integer(0)),
};

const runtimeKeys = {
  systemDriver,
  runtimeDriverFactory,
  memoryLimit: optional(integer(1, { maximum: 16_384 }), usualHeapMb),
  cpuTimeLimitMs: optional(check.milliseconds),
  timingMitigation: optional(check.oneOf("off", "freeze")),
  onStdio: optional(check.callback),
  payloadLimits: (value, name) => check.object(value, name, payloadKeys),
  resourceBudgets: (value, name) => check.object(value, name, budgetKeys),
  bindings: optional(bindings, { tools: [], names: [] }),
};

/** Options of `new NodeRuntime()`. */
function driverOptions(value) {
  const checked = check.object(value, "options", runtimeKeys);
  const { systemDriver: driver, payloadLimits, resourceBudgets, memoryLimit } = checked;
  const valueLimit = payloadLimits.jsonPayloadBytes ?? usualValueBytes;
  return {
    driver,
    factory: checked.runtimeDriverFactory,
    onStdio: checked.onStdio,
    valueLimit,
    outputLimit: resourceBudgets.maxOutputBytes,
    bindings: checked.bindings.names,
    terms: termsOf(driver, resourceBudgets),
    machine: machineParts(driver, checked.bindings.tools, resourceBudgets),
    create: {
      cwd: driver.cwd,
      ...(driver.machineFiles && { filesystem: driver.machineFiles }),
      mounts: moduleMounts(driver.moduleAccess, driver.machineFiles),
      loopbackExemptPorts: driver.loopbackExemptPorts,
      jsRuntime: {
        timingMitigation: checked.timingMitigation ?? driver.timingMitigation ?? "freeze",
      },
      limits: limitsOf({ ...checked, memoryLimit, valueLimit }),
    },
  };
}

/** What holds for each call, apart from its own options. */
function termsOf({ uid, gid }, { maxChildProcesses }) {
  const hasUser = uid !== undefined || gid !== undefined;
  return {
    // The call is a process itself.
    mostProcesses: maxChildProcesses === undefined ? undefined : maxChildProcesses + 1,
    user: hasUser ? [uid ?? usualUser, gid ?? uid ?? usualUser] : undefined,
  };
}

/** What a machine has besides its options. */
function machineParts({ permissions, commandExecutor, hostname }, tools, { maxBridgeCalls }) {
  const asked = permissions.childProcess;
  const parts = { hostname, toolBudget: budget("maxBridgeCalls", maxBridgeCalls) };
  if (!commandExecutor) return { ...parts, tools, startPermission: startPermission(asked) };
  const asks = startPermission(asked) !== undefined;
  const { tool, starter, file, onAllowed } = executorParts(commandExecutor, asks);
  return {
    ...parts,
    tools: [...tools, tool],
    startPermission: startPermission(asked, onAllowed),
    starter,
    files: [file],
  };
}

function budget(name, bound) {
  return bound === undefined ? undefined : { name: `resourceBudgets.${name}`, bound };
}

function limitsOf({ memoryLimit, cpuTimeLimitMs, valueLimit, payloadLimits, resourceBudgets }) {
  return {
    jsRuntime: {
      v8HeapLimitMb: memoryLimit,
      cpuTimeLimitMs,
      returnValueLimitBytes: valueLimit,
      maxTimers: resourceBudgets.maxTimers,
    },
    resources: {
      maxMemoryBytes: Math.max(usualHeapMb, memoryLimit) * mebibyte + besidesHeap * mebibyte,
      maxFileBytes: payloadLimits.base64TransferBytes,
      maxOpenFds: resourceBudgets.maxHandles,
    },
  };
}

const path = (value, name) => check.program(value, name);

const execKeys = {
  filePath: optional(path),
  env: optional(check.environment, []),
  cwd: optional(check.absolutePath),
  stdin: optional(check.bytes),
  cpuTimeLimitMs: optional(check.milliseconds),
  timingMitigation: optional(check.oneOf("off", "freeze")),
  onStdio: optional(check.callback),
};

/** Options of `exec`, and the one of `run`. */
function driverExecOptions(value) {
  const { cpuTimeLimitMs, timingMitigation, ...rest } = check.object(value, "options", execKeys);
  const freezeTime = timingMitigation === undefined ? undefined : timingMitigation === "freeze";
  return { ...rest, cpuTimeMs: cpuTimeLimitMs, freezeTime };
}

module.exports = { driverExecOptions, driverOptions };

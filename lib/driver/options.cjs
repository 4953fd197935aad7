"use strict";
// Options of the driver API, and what they are for the machine.

const { unsupported } = require("../errors.cjs");
const check = require("../validate.cjs");
const { bindings } = require("./bindings.cjs");
const { runtimeDriverFactory } = require("./factory.cjs");
const { moduleMounts } = require("./module-access.cjs");
const { systemDriver } = require("./node-driver.cjs");

const { integer, optional } = check;
const mebibyte = 1024 * 1024;
const usualHeapMb = 128;
/** What a VM process needs besides a heap: see `limits.resources.maxMemoryBytes`. */
const besidesHeap = 384;
const usualValueBytes = 1024 * 1024;
const mostValueBytes = 256 * mebibyte;

const later = (value, name) => {
  if (value !== undefined) throw unsupported(name);
};

const payloadKeys = {
  jsonPayloadBytes: optional(integer(1, { maximum: mostValueBytes })),
  base64TransferBytes: optional(integer(1)),
};

const budgetKeys = {
  maxOutputBytes: optional(integer(0)),
  maxTimers: optional(integer(1)),
  maxChildProcesses: optional(integer(0)),
  maxHandles: optional(integer(8)),
  maxBridgeCalls: later,
};

const runtimeKeys = {
  systemDriver,
  runtimeDriverFactory,
  memoryLimit: optional(integer(1, { maximum: 16_384 }), usualHeapMb),
  cpuTimeLimitMs: optional(check.milliseconds),
  timingMitigation: optional(check.oneOf("off", "freeze"), "freeze"),
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
    create: {
      cwd: driver.cwd,
      ...(driver.machineFiles && { filesystem: driver.machineFiles }),
      mounts: moduleMounts(driver.moduleAccess, driver.machineFiles),
      loopbackExemptPorts: driver.loopbackExemptPorts,
      jsRuntime: { timingMitigation: checked.timingMitigation },
      limits: limitsOf({ ...checked, memoryLimit, valueLimit }),
      checkedTools: checked.bindings.tools,
    },
  };
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
      // Each call is a process itself.
      maxProcesses: moreBy(1, resourceBudgets.maxChildProcesses),
    },
  };
}

function moreBy(more, count) {
  return count === undefined ? undefined : count + more;
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

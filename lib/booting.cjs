"use strict";
// Machines from checked options.

const { commandDirs, directories } = require("./commands-dir.cjs");
const { V8Runtime } = require("./driver/dedicated-process.cjs");
const { limitError } = require("./errors.cjs");
const hostCommands = require("./host-commands.cjs");
const { breachText } = require("./limits.cjs");
const { Machine } = require("./machine.cjs");
const { forMachine } = require("./tools/definitions.cjs");

/** A machine that boots. @returns {Machine} */
function booting(settings) {
  const { v8Runtime, commands = [] } = settings;
  const vmOptions = {
    env: settings.env,
    cwd: settings.cwd,
    files: settings.files,
    limits: settings.limits.native,
    isolation: v8Runtime ? "group" : settings.isolation,
    group: v8Runtime && V8Runtime.groupOf(v8Runtime),
    requireIsolation: settings.requireIsolation,
    startupSnapshot: settings.startupSnapshot,
    highResolutionTime: settings.jsRuntime.highResolutionTime,
    freezeTime: settings.jsRuntime.timingMitigation === "freeze",
    asksToStart: settings.startPermission !== undefined,
    starter: settings.starter ?? [],
    hostname: settings.hostname,
    commandDirs: [
      ...directories(settings.firstCommandDirs ?? [], "options.commandDirs"),
      ...commandDirs(settings.commandsDir, settings.wasmCommandDirs),
    ],
    trace: settings.onTrace !== undefined,
    warn: settings.onLimitWarning !== undefined,
    tools: [...settings.tools.map(forMachine), ...commands.map(hostCommands.forMachine)],
    mounts: settings.mounts,
    outboundPorts: settings.loopbackExemptPorts,
  };
  const machine = new Machine(vmOptions, {
    toolLimits: settings.limits.tools,
    toolBudget: settings.toolBudget,
    onToolError: settings.onToolError,
    onTrace: settings.onTrace,
    onLimitWarning: settings.onLimitWarning,
    lifetime: { idleTimeoutMs: settings.idleTimeoutMs, maxLifetimeMs: settings.maxLifetimeMs },
    snapshot: settings.snapshot,
  });
  machine.toolbox.add(settings.tools);
  machine.toolbox.add(commands.map((command) => hostCommands.asTool(command, machine)));
  if (settings.startPermission) machine.toolbox.add([settings.startPermission]);
  if (v8Runtime) machine.atDisposal(V8Runtime.enter(v8Runtime, machine));
  return machine;
}

/** Limits that leave no room for what the machine itself needs are told as limits. */
function notCreated(error) {
  if (error.code !== "ERR_VM_START" || error.limit === undefined) throw error;
  const { limit, bound, used } = error;
  const breach = { limit, bound, used };
  throw limitError(breach, `The machine cannot start: ${breachText(breach)}`);
}

module.exports = { booting, notCreated };

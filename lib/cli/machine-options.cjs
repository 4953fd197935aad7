"use strict";
// What the flags mean to `NodeRuntime.create`, and the names that its errors get on the command line.

const { UsageError } = require("./usage-error.cjs");

const mebibyte = 2 ** 20;
/** Bounds that hold where no flag says otherwise (see index.d.ts). */
const defaults = { memory: 512 * mebibyte, disk: 64 * mebibyte, inodes: 16_384 };

/** With less a machine cannot start. */
const smallest = [
  ["heap", 8 * mebibyte, "8m"],
  ["memory", 64 * mebibyte, "64m (a number without a unit is bytes)"],
  ["disk", mebibyte, "1m (a number without a unit is bytes)"],
  ["inodes", 512, "512: the machine has files of its own"],
];

/** What options are called here. */
const spellings = {
  "options.cwd": "--cwd",
  "options.env": "--env",
  "options.timeout": "--timeout",
  "options.files": "--file",
  "options.mounts": "--mount",
  "options.commandsDir": "--commands",
  "options.noAuth": "--no-auth",
  "options.host": "--host",
  "options.allowedOrigins": "--allow-origin",
  "options.maxSandboxes": "--max-sandboxes",
  "options.maxBodyBytes": "--max-body",
  "options.idleSeconds": "--idle-seconds",
  "options.lifetimeSeconds": "--lifetime-seconds",
  "limits.resources.maxMemoryBytes": "--memory",
  "limits.resources.cpuCount": "--cpus",
  "limits.resources.maxFilesystemBytes": "--disk",
  "limits.resources.maxFileBytes": "--disk",
  "limits.resources.maxInodeCount": "--inodes",
  "limits.jsRuntime.v8HeapLimitMb": "--heap",
};

/**
 * Options of `NodeRuntime.create` that the flags stand for.
 *
 * @param {Record<string, any>} flags
 * @param {Record<string, string>} environment Variables that the flags may replace.
 */
function createOptions(flags, environment) {
  const { heap } = flags;
  for (const [name, least, shown] of smallest) {
    if (flags[name] !== undefined && flags[name] < least) {
      throw new UsageError(`--${name} is at least ${shown}`);
    }
  }
  const env = { ...environment };
  const given = variablesOf(flags);
  for (let at = 0; at < given.length; at += 2) env[given[at]] = given[at + 1];
  const resources = {
    maxMemoryBytes: flags.memory,
    cpuCount: flags.cpus,
    maxInodeCount: flags.inodes,
    maxFilesystemBytes: flags.disk,
    // One file may be as large as all together.
    maxFileBytes: filesystemBounds(flags).bytes,
  };
  return {
    env,
    commandsDir: flags.commandsDir,
    mounts: flags.mounts,
    limits: {
      resources,
      jsRuntime: { v8HeapLimitMb: heap === undefined ? undefined : Math.floor(heap / mebibyte) },
    },
  };
}

/** The variables of `--env-file` and `--env`, as names and values in turn. */
function variablesOf({ envFile, env }) {
  return [...envFile, ...env].flat(2);
}

/** The bounds of what can be copied into a machine. Files take no more than half of a memory that is small. */
function filesystemBounds({ disk, inodes, memory = defaults.memory }) {
  return {
    bytes: disk ?? Math.min(defaults.disk, Math.floor(memory / 2)),
    inodes: inodes ?? defaults.inodes,
  };
}

/** An error's message with the options' names as the command line spells them, without what only an API has. */
function translate(message) {
  return message
    .replace(
      /(?:The (?:argument|value of|property) )?["'`]?\b(options(?:\.\w+)+)["'`]?(?: argument)?/g,
      (whole, name) => spelling(name) ?? whole,
    )
    .replace(/\blimits\.\w+\.\w+/g, (name) => spelling(name) ?? name)
    .replace(" NodeRuntime.create({ limits }) sets it", "")
    .replace("; files written since creation are lost", "");
}

function spelling(name) {
  const key = name.replace(/^options\.(?=limits\.)/, "");
  return Object.hasOwn(spellings, key) ? spellings[key] : undefined;
}

module.exports = { createOptions, filesystemBounds, translate, variablesOf };

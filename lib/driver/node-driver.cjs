"use strict";
// What a runtime of the driver API may use: files, network, environment.

const { isPromise } = require("node:util/types");
const { invalidType, unsupported } = require("../errors.cjs");
const options = require("../options.cjs");
const check = require("../validate.cjs");
const { machineFiles } = require("./guarded-files.cjs");
const { moduleAccess } = require("./module-access.cjs");
const { permissions } = require("./permissions.cjs");

/** Settings of a driver, which users only hold. */
const settingsOf = new WeakMap();

/** What a driver's programs are started in unless it is said otherwise: where the host's packages are found. */
const home = "/root";

class NodeDriver {
  name = "node";

  constructor(settings) {
    settingsOf.set(this, settings);
  }

  /** What the programs have as files, if it was given. */
  get filesystem() {
    return settingsOf.get(this).filesystem;
  }
}

const later = (value, name) => {
  if (value !== undefined) throw unsupported(name);
};

const processKeys = {
  cwd: check.optional(check.absolutePath, home),
  env: check.optional(check.environment, []),
  argv: check.optional(check.list(check.cString), []),
  stdin: check.optional(check.bytes),
  ...Object.fromEntries(
    ["platform", "arch", "version", "execPath", "pid", "ppid", "uid", "gid"].map((key) => [
      key,
      later,
    ]),
  ),
};

const osKeys = {
  homedir: check.optional(check.absolutePath),
  tmpdir: check.optional(check.absolutePath),
  ...Object.fromEntries(
    ["platform", "arch", "type", "release", "version", "hostname"].map((key) => [key, later]),
  ),
};

const adapterMethods = ["fetch", "dnsLookup", "httpRequest"];

/** Functions of the user's that reach the network. */
function networkAdapter(value, name) {
  for (const method of adapterMethods) {
    if (typeof value?.[method] !== "function") {
      throw invalidType(name, `an object with the methods ${adapterMethods.join(", ")}`, value);
    }
  }
  return value;
}

const keys = {
  filesystem: check.optional(options.fileSystem),
  permissions,
  moduleAccess,
  networkAdapter: check.optional(networkAdapter),
  commandExecutor: later,
  useDefaultNetwork: check.optional(check.boolean, false),
  loopbackExemptPorts: check.optional(options.exemptPorts, []),
  processConfig: (value, name) => check.object(value, name, processKeys),
  osConfig: (value, name) => check.object(value, name, osKeys),
};

/** Says what programs of the driver API may use. */
function createNodeDriver(given) {
  if (isPromise(given)) throw invalidType("options", "an object", given);
  const { processConfig, osConfig, ...rest } = check.object(given, "options", keys);
  const { homedir, tmpdir } = osConfig;
  const places = [
    ...(homedir === undefined ? [] : ["HOME", homedir]),
    ...(tmpdir === undefined ? [] : ["TMPDIR", tmpdir]),
  ];
  return new NodeDriver({
    ...rest,
    machineFiles: machineFiles(rest.filesystem, rest.permissions.fs),
    ...processConfig,
    env: [...places, ...processConfig.env],
  });
}

/** A checker of options: what the driver was made from. */
function systemDriver(value, name) {
  const settings = settingsOf.get(value);
  if (settings) return settings;
  const made = "what createNodeDriver() gives back";
  // Most who leave it out want the other face of the name.
  const hint = "; `await NodeRuntime.create()` makes a runtime without a driver";
  throw invalidType(name, value === undefined ? made + hint : made, value);
}

module.exports = { createNodeDriver, home, systemDriver };

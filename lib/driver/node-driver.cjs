"use strict";
// What a runtime of the driver API may use: files, network, environment.

const { invalidType, invalidValue } = require("../errors.cjs");
const options = require("../options.cjs");
const check = require("../validate.cjs");
const { commandExecutor } = require("./command-executor.cjs");
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

/** What a machine is: naming it says nothing new, and nothing else can be had. */
function fixed(own, why) {
  return (value, name) => {
    if (value !== undefined && value !== own)
      throw invalidValue(name, `must be '${own}': ${why}`, value);
  };
}

/** What the machine's kernel gives, and nobody else. */
function ofKernel(value, name) {
  if (value !== undefined) throw invalidValue(name, "cannot be set: the machine's kernel gives it");
}

/** Users that programs may be: root is none of them. */
function user(value, name) {
  if (value === 0) throw invalidValue(name, "must not be 0: no program is root");
  return check.integer(1, { maximum: 2 ** 32 - 2 })(value, name);
}

function hostname(value, name) {
  const isName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(check.text(value, name));
  if (!isName) throw invalidValue(name, "must be a host name of at most 64 characters", value);
  return value;
}

const isLinux = "machines are Linux";
const isX64 = "machines are x64";

const processKeys = {
  cwd: check.optional(check.absolutePath, home),
  env: check.optional(check.environment, []),
  argv: check.optional(check.list(check.cString), []),
  stdin: check.optional(check.bytes),
  uid: check.optional(user),
  gid: check.optional(user),
  timingMitigation: check.optional(check.oneOf("off", "freeze")),
  platform: fixed("linux", isLinux),
  arch: fixed("x64", isX64),
  execPath: fixed("/usr/bin/node", "that is where Node.js is"),
  version: ofKernel,
  pid: ofKernel,
  ppid: ofKernel,
};

const osKeys = {
  homedir: check.optional(check.absolutePath),
  tmpdir: check.optional(check.absolutePath),
  hostname: check.optional(hostname),
  platform: fixed("linux", isLinux),
  arch: fixed("x64", isX64),
  type: fixed("Linux", isLinux),
  release: ofKernel,
  version: ofKernel,
};

const adapterMethods = ["fetch", "dnsLookup", "httpRequest"];

/** Functions of the user's that reach the network. */
function networkAdapter(value, name) {
  if (!check.hasMethods(value, adapterMethods, name)) {
    throw invalidType(name, `an object with the methods ${adapterMethods.join(", ")}`, value);
  }
  return value;
}

const keys = {
  filesystem: check.optional(options.fileSystem),
  permissions,
  moduleAccess,
  networkAdapter: check.optional(networkAdapter),
  commandExecutor: check.optional(commandExecutor),
  useDefaultNetwork: check.optional(check.boolean, false),
  loopbackExemptPorts: check.optional(options.exemptPorts, []),
  processConfig: (value, name) => check.object(value, name, processKeys),
  osConfig: (value, name) => check.object(value, name, osKeys),
};

/** Says what programs of the driver API may use. */
function createNodeDriver(given) {
  const { processConfig, osConfig, ...rest } = check.object(given, "options", keys);
  const { homedir, tmpdir, hostname: name } = osConfig;
  const places = [
    ...(homedir === undefined ? [] : ["HOME", homedir]),
    ...(tmpdir === undefined ? [] : ["TMPDIR", tmpdir]),
  ];
  return new NodeDriver({
    ...rest,
    machineFiles: machineFiles(rest.filesystem, rest.permissions.fs),
    ...processConfig,
    hostname: name,
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

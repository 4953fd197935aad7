"use strict";
// What a client may say of a sandbox that it has made: never what reaches the host.

const { invalidType, invalidValue, outOfRange } = require("../errors.cjs");
const { table } = require("../limits.cjs");
const check = require("../validate.cjs");

/** Why a server takes no option of these names from a client. */
const ofTheHost = {
  bindings: "runs code of the host",
  commandsDir: "is a directory of the host",
  filesystem: "is an object of the host",
  isolation: "is the server's to choose",
  loopbackExemptPorts: "opens ports of the host",
  mounts: "shows files of the host",
  nodeModules: "shows files of the host",
  onBootTiming: "is a function of the host",
  onLimitWarning: "is a function of the host",
  onToolError: "is a function of the host",
  onTrace: "is a function of the host",
  requireIsolation: "is the server's to choose",
  tools: "runs code of the host",
  v8Runtime: "is a process of the host",
  wasmCommandDirs: "are directories of the host",
};

/** Refuses, by name, the first option that does not go over a network, or that this client may not give. */
function refuseOthers(given, allow) {
  for (const [key, value] of Object.entries(given)) {
    const name = `options.${key}`;
    if (value === undefined || allow.includes(key)) continue;
    if (Object.hasOwn(ofTheHost, key)) {
      throw invalidValue(name, `${ofTheHost[key]}: it cannot be given to a server`);
    }
    throw invalidValue(name, `is not taken by this server. Known are ${allow.join(", ")}`);
  }
}

/**
 * The options of `Sandbox.create` that JSON of a client stands for.
 * @param {unknown} given
 * @param {import("./tokens.cjs").Tenant} tenant
 */
function createOptions(given, { allow, limits: most }) {
  if (given === undefined) return createOptions({}, { allow, limits: most });
  if (!check.isPlainObject(given)) throw invalidType("options", "an object", given);
  refuseOthers(given, allow);
  const { files, limits, ...rest } = given;
  return {
    ...rest,
    ...(files !== undefined && { files: filesOf(files) }),
    limits: bounded(limits, most),
  };
}

/** The client's limits, none beyond what it may have, and that in place of what it does not say. */
function bounded(given = {}, most) {
  if (!check.isPlainObject(given)) throw invalidType("options.limits", "an object", given);
  for (const [path, bound] of Object.entries(most)) {
    const [, group, name] = path.split(".");
    const asked = check.isPlainObject(given[group]) ? given[group][name] : undefined;
    if (typeof asked === "number" && asked > bound) {
      throw outOfRange(`options.${path}`, `<= ${bound}, the most that this server gives`, asked);
    }
  }
  // Unknown names and wrong types are told by the runtime.
  return withMost(given, most);
}

/** Where the server's bound differs from the usual one, it holds for those who do not say anything. */
function withMost(given, most) {
  const result = { ...given };
  for (const { path, default: usual } of table()) {
    const [, group, name] = path.split(".");
    if (most[path] === (usual ?? Number.POSITIVE_INFINITY)) continue;
    if (given[group] !== undefined && !check.isPlainObject(given[group])) continue;
    result[group] = { [name]: most[path], ...result[group] };
  }
  return result;
}

/** Bytes are base64 in JSON. */
function filesOf(given) {
  const files = check.entries(given, "options.files").map(([path, file]) => {
    if (!check.isPlainObject(file) || !Object.hasOwn(file, "base64")) return [path, file];
    const { base64, ...attributes } = file;
    const data = decoded(base64, `options.files[${JSON.stringify(path)}]`);
    return [path, { ...attributes, data }];
  });
  return Object.fromEntries(files);
}

function decoded(text, name) {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw invalidValue(`${name}.base64`, "must be base64");
  }
  return Buffer.from(text, "base64");
}

module.exports = { createOptions, refuseOthers };

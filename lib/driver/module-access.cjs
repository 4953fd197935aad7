"use strict";
// The packages of the host that programs find: the nearest `node_modules`, read-only.

const { statSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");
const options = require("../options.cjs");

/** Where programs in `/app` and in `/root` look for packages. */
const places = ["/app/node_modules", "/root/node_modules"];
/** And any others. Its directory would be made in a filesystem of the user's, so it is for machines without one. */
const everywhere = "/node_modules";

/**
 * The nearest `node_modules` from a directory upwards.
 * @returns {string | undefined}
 */
function nearestModules(directory) {
  for (let at = directory; ; at = dirname(at)) {
    const modules = join(at, "node_modules");
    if (statSync(modules, { throwIfNoEntry: false })?.isDirectory()) return modules;
    if (at === dirname(at)) return undefined;
  }
}

/** A checker of options: a directory that has packages, or is in one that has. */
function modulesDirectory(value, name) {
  const directory = options.directory(value, name);
  const modules = nearestModules(directory);
  if (modules === undefined) {
    throw invalidValue(name, "has no node_modules, nor has a directory around it", directory);
  }
  return modules;
}

const keys = { cwd: check.optional(modulesDirectory) };

/** A checker of options: what of the host's packages is seen. */
function moduleAccess(value, name) {
  const { cwd } = check.object(value, name, keys);
  return cwd ?? nearestModules(process.cwd());
}

/**
 * Options of a machine's mounts.
 * @param {string | undefined} modules A `node_modules` of the host.
 * @param {object | undefined} filesystem The tree of the machine's user, if it is not the machine's own.
 */
function moduleMounts(modules, filesystem) {
  if (modules === undefined) return [];
  const all = filesystem ? places : [...places, everywhere];
  return all.map((guestPath) => ({ guestPath, hostPath: modules }));
}

module.exports = { moduleAccess, moduleMounts, modulesDirectory };

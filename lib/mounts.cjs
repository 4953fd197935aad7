"use strict";
// Directories of the host in a machine: the options `mounts` and `nodeModules`, and where links may lead.

const { realpathSync, statSync } = require("node:fs");
const { basename, posix, resolve } = require("node:path");
const { invalidType, invalidValue } = require("./errors.cjs");
const { fileSystem, numberOf } = require("./filesystem/served.cjs");
const check = require("./validate.cjs");

const { object, optional } = check;

/** Where programs find what they require by name, wherever they are. */
const nodeModulesPath = "/node_modules";

/** Where directories are that only links lead to. */
const followedPath = "/mnt/outside";

/** Directories of the machine that are its own through and through. */
const ownDirectories = ["/dev", "/proc", "/sys"];

/**
 * @typedef {object} Mount
 * @property {string} name What it is called in errors.
 * @property {string} guestPath
 * @property {string} hostPath
 * @property {boolean} readOnly
 * @property {boolean} overlay
 * @property {string[]} followOutside
 * @property {boolean} [prepared] The package itself has made what lies in it, and the machine may run machine code of it.
 */

/** The option `mounts`. */
const mounts = listOf(mount);

/** A checker of a list, whose items it names by their places. */
function listOf(checkItem) {
  return (value, name) => {
    const items = check.list((item) => item)(value, name);
    return items.map((item, index) => checkItem(item, `${name}[${index}]`));
  };
}

/** @returns {Mount} */
function mount(value, name) {
  if (check.has(value, "filesystem", name)) return mountOfFiles(value, name);
  const { readOnly, ...given } = object(required(value, name), name, {
    guestPath: mountPoint,
    hostPath: hostDirectory,
    readOnly: optional(check.boolean),
    overlay: optional(check.boolean, false),
    followOutside: optional(listOf(hostDirectory), []),
  });
  if (given.overlay && readOnly === false) {
    throw invalidValue(
      `${name}.readOnly`,
      "must not be false with overlay, which leaves the host's files as they are",
    );
  }
  return { name, ...given, readOnly: readOnly ?? !given.overlay };
}

/** A filesystem of the host's instead of a directory. As the root it is the tree of the machine's user. @returns {Mount} */
function mountOfFiles(value, name) {
  const given = object(value, name, {
    guestPath: mountPointOrRoot,
    filesystem: fileSystem,
    readOnly: optional(check.boolean, false),
    overlay: optional(check.boolean, false),
  });
  if (given.overlay && given.guestPath === "/") {
    throw invalidValue(`${name}.overlay`, "must not be that of the root of the machine");
  }
  return { name, ...given, hostPath: "", files: numberOf(given.filesystem), followOutside: [] };
}

/** What is mounted in a machine that runs, as the addon takes it. */
function laterMount(given, name) {
  const [mount] = machineMounts([mountOfFiles(given, name)]);
  return mount;
}

/** A filesystem that is the tree of the machine's user. @returns {Mount} */
function rootMount(filesystem) {
  return mountOfFiles({ guestPath: "/", filesystem }, "options.filesystem");
}

/** The option `nodeModules`: the directory by itself, or with more. @returns {Mount} */
function nodeModules(value, name) {
  const more = typeof value === "object" ? value : { hostPath: value };
  const given = object(required(more, name), name, {
    guestPath: optional(mountPoint, nodeModulesPath),
    hostPath: (path, pathName) => hostDirectory(path, typeof value === "object" ? pathName : name),
    followOutside: optional(listOf(hostDirectory), []),
  });
  return { name, ...given, readOnly: true, overlay: false };
}

function required(value, name) {
  if (value === undefined) throw invalidType(name, "an object", value);
  return value;
}

/** Where a directory of the host is in the machine. */
function mountPoint(value, name) {
  const path = posix.normalize(check.absolutePath(value, name)).replace(/(?<=.)\/$/, "");
  if (path === "/") throw invalidValue(name, "must not be the root of the machine");
  const taken = ownDirectories.find((own) => path === own || path.startsWith(`${own}/`));
  if (taken) throw invalidValue(name, `must not be in ${taken}, which is the machine's own`, value);
  return path;
}

function mountPointOrRoot(value, name) {
  return value === "/" ? value : mountPoint(value, name);
}

/** A directory of the host that is there, as an absolute path. */
function hostDirectory(value, name) {
  if (check.cString(value, name) === "") throw invalidValue(name, "must not be empty");
  const path = resolve(value);
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    const why = error.code === "ENOENT" ? `there is no ${path}` : `${error.code} of ${path}`;
    throw invalidValue(name, `must be a directory: ${why}`, value);
  }
  if (!stat.isDirectory()) throw invalidValue(name, "must be a directory", value);
  return path;
}

/**
 * The mounts of a machine as the addon takes them, parents before what lies in them. Directories that links may lead to are
 * mounts of their own.
 *
 * @param {Mount[]} given
 */
function machineMounts(given) {
  const places = new Map();
  for (const { name, guestPath } of given) {
    if (places.has(guestPath)) {
      throw invalidValue(
        `${name}.guestPath`,
        `is that of ${places.get(guestPath)}: two mounts cannot be at ${guestPath}`,
      );
    }
    places.set(guestPath, name);
  }
  const outside = followedRoots(given, places);
  const made = given.map(({ followOutside, ...rest }) => ({
    ...rest,
    follow: followOutside.map((hostPath) => outside.get(realpathSync(hostPath))),
  }));
  // What is in there may lead back.
  const everywhere = [...outside.values(), ...made.filter(({ follow }) => follow.length > 0)];
  for (const { hostPath, guestPath, name } of outside.values()) {
    made.push({
      name,
      hostPath,
      guestPath,
      readOnly: true,
      overlay: false,
      follow: everywhere.filter((other) => other.guestPath !== guestPath),
    });
  }
  for (const one of made) {
    one.follow = one.follow.map(({ hostPath, guestPath }) => ({ hostPath, guestPath }));
  }
  return made.sort((one, other) => depth(one.guestPath) - depth(other.guestPath));
}

/** Every directory that is named by a `followOutside`, once, with a place in the machine. */
function followedRoots(given, places) {
  const outside = new Map();
  for (const { name, followOutside } of given) {
    for (const hostPath of followOutside) {
      const real = realpathSync(hostPath);
      if (outside.has(real)) continue;
      const wanted = `${followedPath}/${basename(real) || "root"}`;
      let guestPath = wanted;
      for (let number = 2; places.has(guestPath); number += 1) guestPath = `${wanted}-${number}`;
      places.set(guestPath, `${name}.followOutside`);
      outside.set(real, { hostPath, guestPath, name: `${name}.followOutside` });
    }
  }
  return outside;
}

function depth(path) {
  return path === "/" ? 1 : path.split("/").length;
}

module.exports = {
  hostDirectory,
  laterMount,
  machineMounts,
  mountPoint,
  mounts,
  nodeModules,
  rootMount,
};

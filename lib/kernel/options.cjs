"use strict";
// Options of kernels, and what they are for the machine.

const { invalidValue } = require("../errors.cjs");
const { machineFiles } = require("../driver/guarded-files.cjs");
const { allOf, permissions } = require("../driver/permissions.cjs");
const { mountPoint } = require("../mounts.cjs");
const options = require("../options.cjs");
const check = require("../validate.cjs");

const mebibyte = 1024 * 1024;
/** What a VM process needs besides a heap. */
const besidesHeap = 384;

const asGiven = (value) => value;

const kernelKeys = {
  filesystem: check.optional(options.fileSystem),
  permissions,
  env: check.optional(check.environment, []),
  cwd: check.optional(check.absolutePath),
  maxProcesses: check.optional(check.integer(1)),
  mounts: asGiven,
  limits: asGiven,
};

/** Options of `createKernel`. Those of the machine itself are checked by it, here. */
function kernelOptions(value) {
  const checked = check.object(value, "options", kernelKeys);
  const { maxProcesses, limits } = checked;
  const ofLimits = () => limits?.resources?.maxProcesses;
  if (maxProcesses !== undefined && check.attempt("options.limits", ofLimits) !== undefined) {
    throw invalidValue(
      "options.maxProcesses",
      "is options.limits.resources.maxProcesses: give one of them",
    );
  }
  machineOptions(checked, []);
  return checked;
}

/** What a kernel with these runtimes asks in a scope. */
function permissionOf(kernel, runtimes, scope) {
  const asked = [kernel, ...runtimes].map(({ permissions: of }) => of?.[scope]);
  return allOf(asked.filter((permission) => permission !== undefined));
}

/**
 * Checked options of the machine of a kernel with these runtimes.
 * @param {object} kernel
 * @param {object[]} runtimes
 */
function machineOptions(kernel, runtimes) {
  const node = runtimes.find(({ name }) => name === "node");
  const firstCommandDirs = runtimes.flatMap(({ commandDirs = [] }) => commandDirs);
  const files = permissionOf(kernel, runtimes, "fs");
  const { bindings, ...given } = {
    bindings: node?.bindings.tools ?? [],
    cwd: kernel.cwd,
    filesystem: machineFiles(kernel.filesystem, files),
    mounts: kernel.mounts,
    nodeModules: node?.moduleAccessCwd,
    loopbackExemptPorts: node?.loopbackExemptPorts,
    limits: check.attempt("options.limits", () => withOwn(kernel, node)),
  };
  return { ...options.createOptions(given), tools: bindings, firstCommandDirs };
}

const mountKeys = {
  readOnly: check.optional(check.boolean, false),
  overlay: check.optional(check.boolean, false),
};

/** What `mountFs` is given. */
function givenMount(path, filesystem, given) {
  return {
    guestPath: mountPoint(path, "path"),
    filesystem: options.fileSystem(filesystem, "filesystem"),
    ...check.object(given, "options", mountKeys),
  };
}

/** The same as one of the option `mounts`, in a kernel that asks about files. */
function guardedMount({ filesystem, ...mount }, permission) {
  return { ...mount, filesystem: machineFiles(filesystem, permission, mount.guestPath) };
}

/** What the caller has set wins over what follows from other options. */
function withOwn({ limits, maxProcesses }, node) {
  const heap = node?.memoryLimit;
  const room =
    heap === undefined ? undefined : Math.max(128, heap) * mebibyte + besidesHeap * mebibyte;
  if (!isRecord(limits ?? {})) return limits;
  const { resources, jsRuntime, ...rest } = limits ?? {};
  const merged = (own, part) =>
    isRecord(part ?? {}) ? withoutUndefined({ ...own, ...part }) : part;
  return {
    ...rest,
    resources: merged({ maxProcesses, maxMemoryBytes: room }, resources),
    jsRuntime: merged({ v8HeapLimitMb: heap }, jsRuntime),
  };
}

function isRecord(value) {
  return typeof value === "object" && value !== null;
}

function withoutUndefined(record) {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

module.exports = { givenMount, guardedMount, kernelOptions, machineOptions, permissionOf };

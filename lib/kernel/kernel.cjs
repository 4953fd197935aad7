"use strict";
// The kernel-first face of a machine: a kernel is made, runtimes are mounted, and commands run.

const { errno } = require("node:os").constants;
const { basename, dirname } = require("node:path").posix;
const { withCallerStacks } = require("../caller.cjs");
const { allowedEnvironment } = require("../driver/permissions.cjs");
const { startPermission } = require("../driver/start-permission.cjs");
const { laterMount, mountPoint } = require("../mounts.cjs");
const { boot, mountIn, unmountIn } = require("../node-runtime.cjs");
const check = require("../validate.cjs");
const { KernelError, kernelError } = require("./kernel-error.cjs");
const {
  givenMount,
  guardedMount,
  kernelOptions,
  machineOptions,
  permissionOf,
} = require("./options.cjs");
const { kernelRuntime } = require("./runtimes.cjs");

/** As in lib/own-programs.cjs: where a caller's `PATH` may lead elsewhere. */
const shellPath = "/usr/bin/sh";
const nodePaths = ["/usr/bin/node", "/usr/bin/npm", "/usr/bin/npx"];

class Kernel {
  #settings;
  #runtimes = [];
  /** What `mountFs` has mounted, or will be when the machine is made. */
  #mounts = [];
  /** @type {Promise<object> | undefined} The machine, from the first use on. */
  #machine;
  #isDisposed = false;

  constructor(given) {
    this.#settings = kernelOptions(given);
  }

  async mount(runtime) {
    const given = kernelRuntime(runtime, "runtime");
    this.#requireLive();
    const { name } = given;
    if (name === "node" && this.#runtimes.some((known) => known.name === name)) {
      throw new KernelError("EEXIST", "a Node runtime is mounted already");
    }
    if (this.#machine) {
      throw new KernelError("EBUSY", "runtimes are mounted before the kernel is first used");
    }
    // What cannot be together is told here.
    machineOptions(this.#settings, [...this.#runtimes, given]);
    this.#runtimes.push(given);
  }

  async exec(commandLine, given) {
    const line = check.cString(commandLine, "commandLine");
    const machine = await this.#programs();
    const options = await this.#withEnvironment(given);
    const result = await machine
      .execCommand(this.#shell(options), ["-c", line], options)
      .catch(rethrow);
    if (result.timedOut) {
      const { stdout, stderr } = result;
      const error = new KernelError(
        "ETIMEDOUT",
        `the command did not end within ${options.timeout} ms`,
      );
      throw Object.assign(error, { stdout, stderr });
    }
    return result;
  }

  async spawn(command, args, given) {
    const machine = await this.#programs();
    const options = await this.#withEnvironment(given);
    return await machine.spawnCommand(command, args, options).catch(rethrow);
  }

  async openShell(given) {
    const machine = await this.#programs();
    const options = await this.#withEnvironment(given);
    return await machine.openShell(options).catch(rethrow);
  }

  async processes() {
    return await this.#ask("processes");
  }

  async getResourceSnapshot() {
    return await this.#ask("getResourceSnapshot");
  }

  async mountFs(path, filesystem, given) {
    const mount = givenMount(path, filesystem, given);
    this.#requireLive();
    if (this.#mountedAt(mount.guestPath)) {
      throw new KernelError("EBUSY", `a filesystem is mounted at ${mount.guestPath} already`);
    }
    this.#mounts.push(mount);
    if (!this.#machine) return;
    try {
      const machine = await this.#live();
      await mountIn(machine, laterMount(this.#guarded(mount), "mount")).catch(rethrow);
    } catch (error) {
      this.#mounts = this.#mounts.filter((other) => other !== mount);
      throw error;
    }
  }

  async unmountFs(path) {
    const guestPath = mountPoint(path, "path");
    this.#requireLive();
    const mount = this.#mountedAt(guestPath);
    if (!mount) throw new KernelError("EINVAL", `nothing is mounted at ${guestPath}`);
    if (this.#machine) {
      const machine = await this.#live();
      await unmountIn(machine, guestPath).catch(rethrow);
    }
    const isLeft = (other) => other !== mount;
    this.#mounts = this.#mounts.filter(isLeft);
    this.#settings.mounts = this.#settings.mounts?.filter(isLeft);
  }

  async readFile(path, options) {
    return await this.#ask("readFile", path, options);
  }

  async readTextFile(path) {
    return await this.#ask("readFile", path, "utf8");
  }

  async writeFile(path, data) {
    await this.#ask("writeFile", path, data);
  }

  async mkdir(path, options) {
    await this.#ask("mkdir", path, options);
  }

  async readDir(path) {
    return await this.#ask("readDir", path);
  }

  async readDirWithTypes(path) {
    return await this.#ask("readDirWithTypes", path);
  }

  async stat(path) {
    return await this.#ask("stat", path);
  }

  async exists(path) {
    return await this.#ask("exists", path);
  }

  async remove(path, options) {
    await this.#ask("remove", path, options);
  }

  async removeFile(path) {
    const { isDirectory } = await this.stat(path).catch(() => ({}));
    if (isDirectory && !(await this.#isLink(path))) throw wrongKind("EISDIR", "unlink", path);
    await this.#ask("remove", path);
  }

  async removeDir(path) {
    const { isDirectory } = await this.stat(path).catch((error) => {
      throw error.syscall === "stat" ? ofCall(error, "rmdir") : error;
    });
    if (!isDirectory || (await this.#isLink(path))) throw wrongKind("ENOTDIR", "rmdir", path);
    await this.#ask("remove", path);
  }

  /** Whether what is a directory is one by a link. */
  async #isLink(path) {
    // With a slash behind it a link is what it leads to.
    const name = path.endsWith("/") ? "" : basename(path);
    if (["", ".", ".."].includes(name)) return false;
    const entries = await this.#ask("readDirWithTypes", dirname(path)).catch(() => []);
    return entries.some((entry) => entry.name === name && entry.isSymbolicLink);
  }

  async rename(from, to) {
    await this.#ask("rename", from, to);
  }

  async dispose() {
    this.#isDisposed = true;
    const machine = await this.#machine?.catch(() => {});
    await machine?.dispose();
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.dispose();
  }

  #requireLive() {
    if (this.#isDisposed) throw new KernelError("ESHUTDOWN", "the kernel has been disposed");
  }

  async #ask(method, ...args) {
    const machine = await this.#live();
    return await machine[method](...args).catch(rethrow);
  }

  /** The machine, for who starts programs. */
  async #programs() {
    this.#requireLive();
    if (this.#runtimes.length === 0) {
      const hint = "await kernel.mount(createNodeRuntime())";
      throw new KernelError("ENOEXEC", `no runtime is mounted: ${hint}`);
    }
    return await this.#live();
  }

  async #live() {
    this.#requireLive();
    this.#machine ??= this.#make();
    try {
      const machine = await this.#machine;
      this.#requireLive();
      return machine;
    } catch (error) {
      if (!this.#isDisposed) this.#machine = undefined;
      throw kernelError(error);
    }
  }

  async #make() {
    const own = this.#mounts.map((mount) => this.#guarded(mount));
    const settings = { ...this.#settings, mounts: [...(this.#settings.mounts ?? []), ...own] };
    const node = this.#runtimes.find(({ name }) => name === "node");
    const env = await this.#allowed(settings.env);
    const machine = await boot({
      ...machineOptions(settings, this.#runtimes),
      env: env.flat(),
      startPermission: startPermission(permissionOf(settings, this.#runtimes, "childProcess")),
    });
    // A kernel that was not given Node.js has none.
    if (!node) {
      for (const path of nodePaths) await machine.remove(path, { force: true });
    }
    return machine;
  }

  #mountedAt(guestPath) {
    const all = [...(this.#settings.mounts ?? []), ...this.#mounts];
    return all.find((mount) => mountPoint(mount.guestPath, "path") === guestPath);
  }

  /** A mount as the machine gets it: about its files the same is asked as about those of the root. */
  #guarded(mount) {
    return guardedMount(mount, permissionOf(this.#settings, this.#runtimes, "fs"));
  }

  async #withEnvironment(given) {
    const own = check.attempt("options.env", () => given?.env);
    if (own === undefined) return given;
    const env = check.reading("options.env", () => check.environment(own, "options.env"));
    const rest = check.attempt("options", () => ({ ...given, env: undefined }));
    return { ...rest, env: Object.fromEntries(await this.#allowed(env)) };
  }

  /** Variables that the kernel's permission and those of its runtimes let in. */
  async #allowed(flat) {
    let pairs = await allowedEnvironment(flat, this.#settings.permissions.env);
    for (const { permissions } of this.#runtimes) {
      if (permissions) pairs = await allowedEnvironment(pairs.flat(), permissions.env);
    }
    return pairs;
  }

  #shell(options) {
    const hasPath = [...this.#settings.env, ...Object.keys(options?.env ?? {})].includes("PATH");
    return hasPath ? shellPath : "sh";
  }
}

withCallerStacks(
  Kernel.prototype,
  ...Object.entries(Object.getOwnPropertyDescriptors(Kernel.prototype))
    .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
    .map(([name]) => name),
);

function rethrow(error) {
  throw kernelError(error);
}

/** As the system says it. */
const messages = { EISDIR: "illegal operation on a directory", ENOTDIR: "not a directory" };

function wrongKind(code, syscall, path) {
  const error = new KernelError(code, `${messages[code]}, ${syscall} '${path}'`);
  return Object.assign(error, { errno: -errno[code], syscall, path });
}

/** An error of another call, as one of this. */
function ofCall(error, syscall) {
  const message = error.message.replace(`, ${error.syscall} '`, `, ${syscall} '`);
  const made = new KernelError(error.code, message, { cause: error.cause });
  return Object.assign(made, { errno: error.errno, syscall, path: error.path });
}

/** Makes a kernel. Its machine is made when it is first used. */
function createKernel(given) {
  return new Kernel(given);
}

module.exports = { createKernel };

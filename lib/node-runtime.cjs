"use strict";
// The public handle of a VM.

const { posix } = require("node:path");
const { watch } = require("./abandoned.cjs");
const { archiveStream, notDirectory } = require("./archive-stream.cjs");
const { booting, notCreated } = require("./booting.cjs");
const { withCallerStacks } = require("./caller.cjs");
const { Execution } = require("./execution.cjs");
const fileOptions = require("./file-options.cjs");
const fileSnapshots = require("./file-snapshot.cjs");
const { fileStat } = require("./file-stat.cjs");
const { holdFor } = require("./keep-alive.cjs");
const { track } = require("./live-handles.cjs");
const { MachineNetwork } = require("./machine-network.cjs");
const { commandNotStarted } = require("./not-started.cjs");
const options = require("./options.cjs");
const { ownProgram } = require("./own-programs.cjs");
const { NodeRuntimeProcess } = require("./process.cjs");
const { Python } = require("./python/python.cjs");
const { snapshotMade } = require("./python/snapshot.cjs");
const { residentCode } = require("./resident-program.cjs");
const { ResidentRunner } = require("./resident-runner.cjs");
const { ShellSession } = require("./shell-session.cjs");
const { NodeRuntimeTerminal } = require("./terminal.cjs");
const { forMachine, toolDefinitions } = require("./tools/definitions.cjs");
const { ToolPackage } = require("./tools/package.cjs");
const { UploadTarget } = require("./upload-target.cjs");
const { upload } = require("./upload.cjs");
const check = require("./validate.cjs");
const { FileWatcher, watchCode } = require("./watch.cjs");

const created = Symbol("created");

/** User and group of programs that do what the host may. */
const root = [0, 0];

/** The working directory of programs, unless it is said otherwise. */
const workspace = "/workspace";

/** Makes a machine from checked options, and starts programs that are not the embedder's: for the driver API. */
let boot;
let startOwn;
/** Mounts files in a machine, and takes them away: for kernels. */
let mountIn;
let unmountIn;
/** Where uploads put files: for the server of sandboxes, which gets them piece by piece. */
let uploadTarget;

class NodeRuntime extends MachineNetwork {
  /** @type {import("./machine.cjs").Machine} */
  #machine;
  #isolation;
  #outputLimit;
  #inputLimit;
  #valueLimit;
  #env;
  #cwd;
  #python;
  /** By which guests import the tools. */
  #toolPackage;
  /** What it was made with, but for files: for forks. */
  #settings;

  // biome-ignore lint/correctness/noUnreachableSuper: what another face of the name gives back is no instance of this
  constructor(token, machine, settings, isolation) {
    // biome-ignore lint/correctness/noConstructorReturn: one name has two faces, told apart in the types
    if (token !== created) return driverRuntime(token);
    super(machine, settings);
    this.#machine = machine;
    this.#isolation = frozen(isolation);
    this.#outputLimit = settings.limits.capturedOutputLimitBytes;
    this.#inputLimit = settings.limits.stdinBufferLimitBytes;
    this.#valueLimit = settings.limits.returnValueLimitBytes;
    this.#env = settings.env;
    this.#cwd = settings.cwd ?? workspace;
    this.#settings = { ...settings, files: [], snapshot: undefined };
    this.#toolPackage = new ToolPackage(machine);
    watch(this, machine);
  }

  static async create(given) {
    return await NodeRuntime.#make(options.createOptions(given));
  }

  /** A machine whose guests can import its tools. */
  static async #make(settings) {
    const runtime = await NodeRuntime.#boot(settings);
    await runtime.#offerTools().catch(async (error) => {
      await runtime.dispose();
      throw error;
    });
    return runtime;
  }

  static [Symbol.hasInstance](value) {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one has instances of its own
    return Object.prototype.isPrototypeOf.call(this.prototype, value) || isDriverRuntime(value);
  }

  static {
    boot = (settings) => NodeRuntime.#boot(settings);
    startOwn = (runtime, args, checked, kind) =>
      runtime.#start([runtime.#own("node", checked), ...args], checked, kind);
    mountIn = (runtime, mount) => runtime.#machine.mount(mount);
    unmountIn = (runtime, path) => runtime.#machine.unmount(path);
    uploadTarget = (runtime) =>
      new UploadTarget((method, ...args) => runtime.#machine.request(method, ...args));
  }

  static async #boot(settings) {
    const { onBootTiming } = settings;
    const start = performance.now();
    if (settings.python) {
      const given = options.snapshotOptions(settings.python);
      await snapshotMade(settings.python, () => NodeRuntime.#boot(given));
    }
    const machine = booting(settings);
    const { phases, isolation } = await machine.created.catch(notCreated);
    if (onBootTiming) {
      const total = { phase: "total", durationMs: performance.now() - start };
      try {
        for (const timing of [...phases, total]) await onBootTiming(timing);
      } catch (error) {
        await holdFor(machine.dispose());
        throw error;
      }
    }
    return new NodeRuntime(created, machine, settings, isolation);
  }

  get isolation() {
    return this.#isolation;
  }

  get python() {
    if (!this.#python) {
      const start = (args, checked) =>
        this.#start([this.#own("python3", checked), ...args], checked, {}).result;
      this.#python = new Python(this, start, this.#valueLimit);
    }
    return this.#python;
  }

  async exec(code, given) {
    const execution = this.#startCode(code, options.programOptions(given), {});
    return await execution.result;
  }

  async run(code, given) {
    const execution = this.#startCode(code, options.programOptions(given), { returns: true });
    return await execution.result;
  }

  async spawn(code, given) {
    return await this.#live(this.#startCode(code, options.programOptions(given), { live: true }));
  }

  async execCommand(command, args, given) {
    const execution = this.#startCommand(command, args, given, {});
    return await execution.result.catch((error) => commandNotStarted(command, error));
  }

  async spawnCommand(command, args, given) {
    return await this.#live(this.#startCommand(command, args, given, { live: true }));
  }

  async openShell(given) {
    const { size, command, args, checked } = options.shellOptions(given);
    const argv = [command ?? this.#own("sh", checked), ...args];
    const terminal = new NodeRuntimeTerminal(size);
    const shown = { ...checked, maxOutputBytes: 0, onStdout: (chunk) => terminal.deliver(chunk) };
    const onExit = () => terminal.end();
    const execution = this.#start(argv, shown, { live: true, terminal: size, onExit });
    return track(terminal.attach(execution, await execution.pid), execution);
  }

  async shell(given) {
    const { shell, checked, ...callbacks } = options.sessionOptions(given);
    const argv = [this.#own(shell, checked), "--session"];
    const start = (settings) => this.#start(argv, checked, { live: true, ...settings });
    const cwd = checked.cwd ?? this.#cwd;
    return await ShellSession.open(start, { ...callbacks, cwd, outputLimit: this.#outputLimit });
  }

  async processes() {
    const { processes } = await this.#machine.request("processes");
    return processes;
  }

  async registerTools(tools) {
    const checked = toolDefinitions(tools, "tools");
    this.#requireLive();
    this.#machine.toolbox.add(checked);
    await this.#machine.request("registerTools", checked.map(forMachine));
    await this.#offerTools();
  }

  async registerBindings(tools) {
    await this.registerTools(tools);
  }

  async createResidentRunner() {
    this.#requireLive();
    const checked = options.programOptions(undefined);
    const command = [this.#own("node", checked), String(this.#valueLimit)];
    const program = { live: true, code: residentCode() };
    const start = (settings) => this.#start(command, checked, { ...program, ...settings });
    return new ResidentRunner(start, this.#outputLimit, this.#valueLimit);
  }

  on(event, listener) {
    this.#machine.events.add(event, listener, false);
    return this;
  }

  once(event, listener) {
    this.#machine.events.add(event, listener, true);
    return this;
  }

  off(event, listener) {
    this.#machine.events.remove(event, listener);
    return this;
  }

  async upload(hostDir, guestDir, given) {
    const source = options.directory(hostDir, "hostDir");
    const target = check.absolutePath(guestDir, "guestDir");
    const checked = fileOptions.uploadOptions(given);
    checked.signal?.throwIfAborted();
    this.#requireLive();
    return await upload(source, target, checked, uploadTarget(this));
  }

  async download(guestDir, given) {
    const source = check.absolutePath(guestDir, "guestDir");
    const { signal } = fileOptions.downloadOptions(given);
    const { stat } = await this.#machine.request("stat", source);
    if (!fileStat(stat).isDirectory) throw notDirectory(source);
    const checked = { ...options.commandOptions(undefined), signal, user: root };
    const argv = ["/usr/bin/tar", "-C", source, "-cf", "-", "."];
    return archiveStream(this.#start(argv, checked, { live: true }));
  }

  watch(path, given) {
    const target = check.absolutePath(path, "path");
    const { recursive, signal } = fileOptions.watchOptions(given);
    this.#requireLive();
    signal?.throwIfAborted();
    const checked = { ...options.programOptions(undefined), signal, user: root };
    const argv = [this.#own("node", checked), target, String(recursive)];
    const execution = this.#start(argv, checked, { live: true, code: watchCode() });
    return new FileWatcher(execution, target, signal);
  }

  async snapshot() {
    return await fileSnapshots.take(this.#machine);
  }

  async restore(snapshot) {
    const native = fileSnapshots.native(snapshot, "snapshot");
    await fileSnapshots.put(this.#machine, native);
  }

  async fork(given) {
    const settings = options.forkOptions(this.#settings, given);
    const snapshot = await this.snapshot();
    const native = fileSnapshots.native(snapshot, "snapshot");
    try {
      return await NodeRuntime.#make({ ...settings, snapshot: native });
    } finally {
      snapshot.dispose();
    }
  }

  async diff(snapshot) {
    const before = fileSnapshots.native(snapshot, "snapshot");
    return await fileSnapshots.changes(this.#machine, before);
  }

  async getResourceSnapshot() {
    const { resources } = await this.#machine.request("resources");
    return resources;
  }

  async dispose() {
    await holdFor(this.#machine.dispose());
  }

  // Node 20 has the symbol from 20.4 on.
  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    await this.dispose();
  }

  async #offerTools() {
    await this.#toolPackage.update(() => this.#machine.toolbox.tools);
  }

  #requireLive() {
    if (this.#machine.disposed) throw this.#machine.disposedError;
  }

  #own(name, { env }) {
    return ownProgram(name, env, this.#env);
  }

  #startCode(code, checked, kind) {
    const program = { ...kind, code: check.text(code, "code") };
    // As a file has its name there.
    const named =
      checked.filename === undefined
        ? []
        : [posix.resolve(checked.cwd ?? this.#cwd, checked.filename)];
    const argv = [this.#own("node", checked), ...named, ...checked.args];
    return this.#start(argv, checked, program);
  }

  #startCommand(command, args, given, kind) {
    const name = check.program(command, "command");
    const list = args === undefined ? [] : listOfArguments(args, "args");
    return this.#start([name, ...list], options.commandOptions(given), kind);
  }

  #start(argv, checked, kind) {
    this.#requireLive();
    checked.signal?.throwIfAborted();
    return new Execution(this.#machine, {
      argv,
      options: checked,
      outputLimit: this.#outputLimit,
      inputLimit: this.#inputLimit,
      // A resident runner holds its runtime itself, and its process runs on when nobody holds either.
      owner: kind.onControl ? undefined : this,
      ...kind,
    });
  }

  async #live(execution) {
    return track(new NodeRuntimeProcess(execution, await execution.pid), execution);
  }
}

/** What gives its result back at once, and throws where others reject. */
const isAtOnce = new Set(["constructor", "off", "on", "once", "watch"]);

withCallerStacks(NodeRuntime, "create");
withCallerStacks(
  NodeRuntime.prototype,
  ...Object.entries(Object.getOwnPropertyDescriptors(NodeRuntime.prototype))
    .filter(([name, { value }]) => !isAtOnce.has(name) && value !== undefined)
    .map(([name]) => name),
);

const listOfArguments = check.list(check.cString);

/** What holds the VM process back. There is no mode in which V8 makes no machine code. */
function frozen({ missing, speculation, ...isolation }) {
  return Object.freeze({
    ...isolation,
    jit: true,
    speculation: Object.freeze(speculation),
    missing: Object.freeze(missing),
  });
}

/** Loaded by who uses it only. */
let DriverRuntime;

function driverRuntime(given) {
  DriverRuntime ??= require("./driver/runtime.cjs").DriverRuntime;
  return new DriverRuntime(given, boot, startOwn);
}

function isDriverRuntime(value) {
  return DriverRuntime !== undefined && value instanceof DriverRuntime;
}

module.exports = { NodeRuntime, boot, mountIn, unmountIn, uploadTarget };

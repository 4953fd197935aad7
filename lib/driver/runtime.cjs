"use strict";
// The other face of `NodeRuntime`: made with `new` from a driver, it runs code and gives back what that exports.

const { withCallerStacks } = require("../caller.cjs");
const { VmError } = require("../errors.cjs");
const { holdFor } = require("../keep-alive.cjs");
const { withSetter } = require("../limits.cjs");
const { createOptions } = require("../options.cjs");
const { driverExecOptions, driverOptions } = require("./options.cjs");
const { Answer } = require("./answer.cjs");
const { NodeRuntimeDriverFactory } = require("./factory.cjs");
const { DriverNetwork } = require("./network.cjs");
const { allowedEnvironment } = require("./permissions.cjs");
const { programCode } = require("./program.cjs");
const { StdioLines } = require("./stdio-lines.cjs");
const { V8Runtime } = require("./dedicated-process.cjs");
const check = require("../validate.cjs");

const SIGTERM = 15;
const SIGKILL = 9;
/** As timeout(1) has it. */
const timedOut = 124;
const unsettled = 13;
/** How long `terminate` waits for servers that finish what they are answering. */
const patience = 10_000;
const cpuLimit = "limits.jsRuntime.cpuTimeLimitMs";
const heapLimit = "limits.jsRuntime.v8HeapLimitMb";
/** What sets limits of the machine here. */
const setters = {
  "limits.resources.maxMemoryBytes": "memoryLimit",
  "limits.resources.maxFileBytes": "payloadLimits.base64TransferBytes",
};

class DriverRuntime {
  #settings;
  #boot;
  #start;
  /** @type {Promise<object> | undefined} The machine, from the first call on. */
  #machine;
  #isDisposed = false;
  #running = new Set();
  #network;

  /**
   * @param {object} given
   * @param {(settings: object) => Promise<object>} boot Makes machines from checked options: see lib/node-runtime.cjs.
   * @param {Function} start Starts `node` in a machine, for a program of ours.
   */
  constructor(given, boot, start) {
    this.#settings = driverOptions(given);
    this.#boot = boot;
    this.#start = start;
    this.#network = new DriverNetwork(() => this.#live(), this.#settings.driver);
  }

  get network() {
    return this.#network;
  }

  async exec(code, given) {
    const program = { code: check.text(code, "code"), ...driverExecOptions(given) };
    return await this.#call(program, false);
  }

  async run(code, filePath) {
    const program = { code: check.text(code, "code"), ...driverExecOptions({ filePath }) };
    return await this.#call(program, true);
  }

  /** Ends all that runs, at once. */
  dispose() {
    this.#refuse();
    this.#machine?.then(
      (runtime) => runtime.dispose(),
      () => {},
    );
  }

  /** Lets servers finish what they are answering, then disposes. */
  async terminate() {
    const running = [...this.#running];
    this.#refuse();
    const runtime = await this.#machine?.catch(() => {});
    if (!runtime) return;
    for (const execution of running) execution.kill(SIGTERM);
    const ends = Promise.all(running.map((execution) => execution.end.catch(() => {})));
    let timer;
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    await holdFor(Promise.race([ends, enough]));
    clearTimeout(timer);
    await runtime.dispose();
  }

  [Symbol.dispose ?? Symbol.for("nodejs.dispose")]() {
    this.dispose();
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.terminate();
  }

  /** Nothing begins any more, nor waits to. */
  #refuse() {
    this.#isDisposed = true;
    const v8Runtime = NodeRuntimeDriverFactory.v8RuntimeOf(this.#settings.factory);
    if (v8Runtime) V8Runtime.wake(v8Runtime);
  }

  #requireLive() {
    if (this.#isDisposed) throw disposedError();
  }

  /** The machine of a runtime that is not disposed of. */
  async #live() {
    this.#requireLive();
    this.#machine ??= this.#make();
    try {
      const runtime = await this.#machine;
      if (!this.#isDisposed) return runtime;
    } catch (error) {
      // Another call may have more luck.
      this.#machine = undefined;
      throw error;
    }
    throw disposedError();
  }

  async #make() {
    const { driver, factory, create, machine } = this.#settings;
    const v8Runtime = NodeRuntimeDriverFactory.v8RuntimeOf(factory);
    const env = await allowedEnvironment(driver.env, driver.permissions.env);
    const place = v8Runtime ? { v8Runtime } : { isolation: "shared" };
    const checked = createOptions({ ...create, ...place, env: Object.fromEntries(env) });
    return await this.#boot({ ...checked, ...machine });
  }

  async #call(program, returns) {
    this.#requireLive();
    const v8Runtime = NodeRuntimeDriverFactory.v8RuntimeOf(this.#settings.factory);
    const requireWanted = () => this.#requireLive();
    const leave = v8Runtime ? await V8Runtime.session(v8Runtime, requireWanted) : () => {};
    try {
      const runtime = await this.#live();
      const env = await allowedEnvironment(program.env, this.#settings.driver.permissions.env);
      this.#requireLive();
      return await this.#run(runtime, { ...program, env: env.flat() }, returns);
    } finally {
      leave();
    }
  }

  async #run(runtime, { code, filePath, onStdio, ...options }, returns) {
    const { driver, terms, valueLimit, outputLimit, bindings } = this.#settings;
    const hook = onStdio ?? this.#settings.onStdio;
    const lines = hook && new StdioLines(withinBudget(hook, outputLimit));
    const answer = new Answer(valueLimit);
    const show = (channel) => lines && ((chunk) => lines.push(channel, chunk));
    const checked = {
      ...options,
      ...terms,
      stdin: options.stdin ?? driver.stdin,
      args: [],
      // Whoever does not listen does not get it.
      maxOutputBytes: 0,
      onStdout: show("stdout"),
      onStderr: show("stderr"),
    };
    const execution = this.#start(runtime, [String(valueLimit), ...driver.argv], checked, {
      code: programCode({ code, filePath, returns, bindings }),
      onControl: (data) => {
        answer.push(data);
        if (answer.isOver) execution.kill(SIGKILL);
      },
      owner: this,
    });
    this.#running.add(execution);
    try {
      const ended = await execution.result;
      await lines?.end();
      return resultOf(ended, answer);
    } catch (error) {
      if (!(error instanceof VmError)) throw error;
      return await failureOf(error, execution, lines);
    } finally {
      this.#running.delete(execution);
    }
  }
}

withCallerStacks(DriverRuntime.prototype, "exec", "run", "terminate");

/** What comes behind as many bytes of a call is dropped. */
function withinBudget(hook, limit) {
  if (limit === undefined) return hook;
  let left = limit;
  return (event) => {
    left -= Buffer.byteLength(event.message) + 1;
    return left >= 0 ? hook(event) : undefined;
  };
}

function resultOf({ exitCode, signal }, answer) {
  if (exitCode === 0) return answer.result();
  if (answer.error !== undefined) return { code: exitCode, errorMessage: answer.error };
  if (signal) return { code: exitCode, errorMessage: `The program was ended by ${signal}` };
  if (exitCode === unsettled) {
    return { code: exitCode, errorMessage: "Detected unsettled top-level await" };
  }
  return { code: exitCode };
}

/** A program that met a limit, or lost its VM process, has failed; whoever runs it has made no mistake. */
async function failureOf(error, { exitCode }, lines) {
  await lines?.end();
  const { limit, bound, used, message, syscall } = error;
  if (limit === cpuLimit) {
    return { code: timedOut, errorMessage: `CPU time limit exceeded: ${used} of ${bound} ms used` };
  }
  // A program that could not be started was not killed.
  const code = syscall === undefined ? exitCode || 1 : 1;
  if (limit !== heapLimit) return { code, errorMessage: withSetter(message, setters[limit]) };
  return { code, errorMessage: `Memory limit exceeded: ${used} of ${bound} MB would be used` };
}

/** The text is what the documentation says. */
function disposedError() {
  const message = "NodeExecutionDriver has been disposed";
  return new VmError({ code: "ERR_VM_DISPOSED", message, errno: 0, stateLost: false });
}

module.exports = { DriverRuntime };

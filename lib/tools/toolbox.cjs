"use strict";
// The tools of one VM and the calls of them that run. Nothing that a guest sends, and nothing that a handler does,
// reaches more than that one call.

const { inspect } = require("node:util");
const { callUnawaited } = require("../callback.cjs");
const { ToolError } = require("../errors.cjs");
const { NotJsonError, stringify } = require("./json.cjs");

/** Longest message that a guest is told. */
const longestMessage = 8192;
const unknownFailure = "the tool failed";
const wrongResult = "the result is not what the tool's outputSchema says";

/** A call that runs. @typedef {{ id: number, pid: number, bytes: number, tool: object, controller: AbortController, timer?: NodeJS.Timeout }} Call */

class Toolbox {
  #tools = new Map();
  /** @type {Map<number, Call>} */
  #running = new Map();
  /** Bytes of the inputs of the calls that run. */
  #bytes = 0;
  /** Inputs and results are checked one after the other, so that the calls of one VM take one thread at most. */
  #checks = Promise.resolve();
  #limits;
  #answer;
  #onToolError;
  #warned = false;
  #budget;
  #onSettled;
  /** Calls by the program that made them, where each has a budget. */
  #made = new Map();

  /**
   * @param {{defaultToolTimeoutMs: number, maxPayloadBytes: number, maxPending: number, maxPendingBytes: number}} limits
   * @param {(id: number, result?: string, failure?: {message: string, code?: string, data?: string, limit?: object}) => void} answer
   * @param {((error: unknown, call: {name: string, pid: number}) => unknown) | undefined} onToolError
   * @param {{ name: string, bound: number } | undefined} budget Calls of a program with all that it starts, and what that is called.
   * @param {(told: { name: string, pid: number, durationMs: number, error?: string }) => void} [onSettled] Hears of calls that
   *   are over.
   */
  constructor(limits, answer, onToolError, budget, onSettled = () => {}) {
    this.#limits = limits;
    this.#answer = answer;
    this.#onToolError = onToolError;
    this.#budget = budget;
    this.#onSettled = onSettled;
  }

  add(tools) {
    for (const tool of tools) this.#tools.set(tool.name, tool);
  }

  /** The tools that are the user's. */
  get tools() {
    return [...this.#tools.values()].filter(({ isOurs }) => !isOurs);
  }

  /** A guest calls. */
  call(id, { tool: name, text, number: pid, program }) {
    // Numbers are the VM's: one that is used twice would end another call than it began.
    if (this.#running.has(id)) return;
    const tool = this.#tools.get(name);
    const bytes = Buffer.byteLength(text);
    const refused = tool
      ? (this.#overBudget(tool, program) ?? this.#refusal(bytes))
      : { message: "the tool is not registered" };
    if (refused) return this.#answer(id, undefined, refused);
    const began = performance.now();
    const call = { id, pid, bytes, tool, began, controller: new AbortController() };
    this.#running.set(id, call);
    this.#bytes += bytes;
    this.#startTimer(call);
    this.#run(call, text);
  }

  /** Nobody waits any more. */
  cancel(id) {
    const call = this.#running.get(id);
    if (!call) return;
    // Until it is answered the call counts in the machine.
    this.#settle(call, undefined, { message: "the guest was ended" });
    call.controller.abort(new DOMException("The guest was ended", "AbortError"));
  }

  dispose() {
    for (const id of [...this.#running.keys()]) this.cancel(id);
  }

  /** A program has ended: nothing of it is counted any more. */
  ended(program) {
    this.#made.delete(program);
  }

  /** Why a program may not make one more call, if it may not. Of tools that are ours no call counts. */
  #overBudget({ isOurs }, program) {
    if (this.#budget === undefined || isOurs) return undefined;
    const made = (this.#made.get(program) ?? 0) + 1;
    const { name: limit, bound } = this.#budget;
    if (made > bound) return { message: `too many calls: ${limit} is ${bound}` };
    this.#made.set(program, made);
    return undefined;
  }

  /** Why a call with so many bytes is not let in, if it is not. */
  #refusal(bytes) {
    const { maxPayloadBytes, maxPending, maxPendingBytes } = this.#limits;
    const count = this.#running.size + 1;
    if (count > maxPending) return tooMany("maxPending", maxPending, count);
    if (bytes > maxPayloadBytes) return tooLarge("input", this.#limits, bytes);
    if (count > 1 && this.#bytes + bytes > maxPendingBytes) {
      return tooMany("maxPendingBytes", maxPendingBytes, this.#bytes + bytes);
    }
  }

  #startTimer(call) {
    const standard = this.#limits.defaultToolTimeoutMs;
    const timeout = call.tool.timeoutMs ?? standard;
    call.timer = setTimeout(() => {
      const error = new DOMException(
        `the tool did not answer within ${timeout} ms`,
        "TimeoutError",
      );
      // A timeout of the tool's own is none of the machine's limits.
      const own = call.tool.timeoutMs !== undefined;
      const limit = own ? undefined : breach("defaultToolTimeoutMs", standard, standard);
      this.#settle(call, undefined, { message: error.message, limit });
      this.#report(error, call);
      call.controller.abort(error);
    }, timeout);
    call.timer.unref();
  }

  /** Checks the input, runs the handler, answers. Never rejects. */
  async #run(call, text) {
    try {
      const checked = await this.#inTurn(call, () => call.tool.inputSchema.check(text));
      if (!this.#isRunning(call)) return;
      if (checked.wrong !== undefined) {
        return this.#settle(call, undefined, { message: `invalid input: ${checked.wrong}` });
      }
      const result = await this.#invoke(call, checked.value);
      if (this.#isRunning(call)) await this.#checkedResult(call, result);
    } catch (error) {
      this.#failed(call, error);
    }
  }

  #inTurn(call, check) {
    const checked = this.#checks.then(() => (this.#isRunning(call) ? check() : undefined));
    this.#checks = checked.then(ignore, ignore);
    return checked;
  }

  /** The one place that runs handlers. */
  #invoke(call, input) {
    const { tool, pid, controller } = call;
    return tool.handler(input, { signal: controller.signal, name: tool.name, pid });
  }

  /** The guest is told what `outputSchema` makes of a result. What is wrong with one is the host's business only. */
  async #checkedResult(call, result) {
    const { outputSchema } = call.tool;
    if (!outputSchema) return this.#told(call, result);
    const given = result === undefined ? null : result;
    const checked = await this.#inTurn(call, () => outputSchema.checkResult(given));
    if (!this.#isRunning(call)) return;
    if (checked.wrong === undefined) return this.#told(call, checked.value);
    this.#settle(call, undefined, { message: wrongResult });
    this.#report(new TypeError(`${wrongResult}: ${checked.wrong}`), call);
  }

  #told(call, result) {
    const text = stringify(result === undefined ? null : result, "the result");
    const size = Buffer.byteLength(text);
    if (size <= this.#limits.maxPayloadBytes) return this.#settle(call, text);
    const failure = tooLarge("result", this.#limits, size);
    this.#settle(call, undefined, failure);
    this.#report(new RangeError(failure.message), call);
  }

  /** Something was thrown. The guest is told what is meant for it; the host hears all. */
  #failed(call, error) {
    let failure = { message: call.tool.unknownFailure ?? unknownFailure };
    if (error instanceof ToolError) failure = failureOf(error);
    else if (error instanceof NotJsonError) failure = { message: error.message };
    const late = !this.#isRunning(call);
    this.#settle(call, undefined, failure);
    if (!(late && isAbort(error, call.controller.signal))) this.#report(error, call);
  }

  #report(error, { tool, pid }) {
    const { name } = tool;
    // A hook that fails must not end the host, nor change what the guest is told.
    if (this.#onToolError) {
      callUnawaited("onToolError", this.#onToolError, error, { name, pid });
    } else if (!this.#warned && !(error instanceof ToolError)) {
      this.#warned = true;
      warn(name, error);
    }
  }

  #isRunning(call) {
    return this.#running.get(call.id) === call;
  }

  #settle(call, result, failure) {
    if (!this.#finish(call)) return;
    this.#answer(call.id, result, failure && { ...failure, message: clip(failure.message) });
    if (call.tool.isOurs) return;
    const told = {
      name: call.tool.name,
      pid: call.pid,
      durationMs: performance.now() - call.began,
    };
    this.#onSettled(failure ? { ...told, error: clip(failure.message) } : told);
  }

  #finish(call) {
    if (!this.#isRunning(call)) return false;
    clearTimeout(call.timer);
    this.#bytes -= call.bytes;
    return this.#running.delete(call.id);
  }
}

function ignore() {}

/** A limit that was met, by the name that `create` knows it under. */
function breach(name, bound, used) {
  return { limit: `limits.tools.${name}`, bound, used };
}

function tooLarge(what, { maxPayloadBytes }, size) {
  const limit = breach("maxPayloadBytes", maxPayloadBytes, size);
  const message = `the ${what} is too large: ${limit.limit} is ${maxPayloadBytes}, it has ${size}`;
  return { message, limit };
}

function tooMany(name, bound, used) {
  const limit = breach(name, bound, used);
  return { message: `too many calls wait: ${limit.limit} is ${bound}`, limit };
}

/** What a guest is told of a `ToolError`; whatever it has become, this does not throw. */
function failureOf(error) {
  try {
    const { code, data } = error;
    return {
      message: String(error.message),
      code: code === undefined ? undefined : String(code),
      data: data === undefined ? undefined : stringify(data, "data of the error"),
    };
  } catch {
    return { message: unknownFailure };
  }
}

/** Handlers that obey their signal reject with its reason: nothing is wrong then. */
function isAbort(error, signal) {
  try {
    return signal.aborted && (error === signal.reason || error?.name === "AbortError");
  } catch {
    return false;
  }
}

/** Nobody else hears of the error. */
function warn(name, error) {
  const message = `The tool '${name}' failed; onToolError of NodeRuntime.create hears of every failure`;
  const code = "SECURE_EXEC_TOOL_FAILED";
  let detail;
  try {
    detail = inspect(error);
  } catch {
    detail = "what was thrown cannot be shown";
  }
  process.emitWarning(message, { code, detail });
}

function clip(message) {
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message;
}

module.exports = { Toolbox };

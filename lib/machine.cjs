"use strict";
// The native VM with promises: routes its events to the calls they belong to.

const { AsyncResource } = require("node:async_hooks");
const binding = require("../binding.cjs");
const { callUnawaited, inContext } = require("./callback.cjs");
const { VmError, disposedError, invalidValue } = require("./errors.cjs");
const { hold } = require("./keep-alive.cjs");
const { Lifetime } = require("./lifetime.cjs");
const { RuntimeEvents } = require("./runtime-events.cjs");
const { Toolbox } = require("./tools/toolbox.cjs");

/** Kinds of events, as src/event/mod.rs numbers them. */
const Kind = {
  created: 0,
  started: 1,
  output: 2,
  inputCredit: 3,
  exited: 4,
  done: 5,
  failed: 6,
  disposed: 7,
  toolCall: 8,
  toolCancelled: 9,
  trace: 10,
  warning: 11,
  connected: 12,
  outputEnd: 13,
  closed: 14,
  listeners: 15,
  outbound: 16,
};

/** Kinds of events that belong to no call. */
const ofNoCall = new Set([
  Kind.created,
  Kind.disposed,
  Kind.toolCall,
  Kind.toolCancelled,
  Kind.trace,
  Kind.warning,
  Kind.listeners,
  Kind.outbound,
]);

/** What the addon says of a directory that it cannot serve begins with the option's name. */
function wrongMount(error) {
  const [, name, why] = /^(options\.\S+): (.*)$/s.exec(error.message) ?? [];
  return name === undefined ? error : invalidValue(name, `cannot be used: ${why}`);
}

class Machine {
  /** @type {import("../binding.d.cts").Vm} */
  #vm;
  /** Calls by number, each with a method per kind of event. */
  #calls = new Map();
  #created = withResolvers();
  #disposing;
  /** Requests that are not answered yet. */
  #requests = 0;
  #lifetime;
  /** Makes the error of its end, where its time was over. */
  #expired;
  /** Who hears of what happens in it. */
  events = new RuntimeEvents();
  /** Nobody can ask anything of it any more. */
  #isAbandoned = false;
  /** Called when listeners have come or gone. */
  #listenersCallbacks = new Set();
  /** Called when a guest connects to a port of the host's. */
  #outboundCallback;
  /** Called when disposal begins. */
  #atDisposal = new Set();
  #releaseCreation = hold();
  /** The tools, and who hears of system calls. */
  #toolbox;
  #onTrace;
  #onLimitWarning;
  /** Filesystems of JavaScript live as long as somebody has them. */
  #mounts;
  /** The asynchronous context of the creation. */
  #context = new AsyncResource("SECUREEXECVM");

  /** @param {import("../binding.d.cts").VmOptions} options */
  constructor(
    options,
    { toolLimits, toolBudget, onToolError, onTrace, onLimitWarning, snapshot, lifetime = {} } = {},
  ) {
    const answer = (id, result, failure) => this.#vm.toolResult(id, result, failure);
    const onSettled = (told) => this.events.emit("tool", () => told);
    this.#toolbox = new Toolbox(toolLimits, answer, onToolError, toolBudget, onSettled);
    const isBusy = () => this.#calls.size > 0;
    this.#lifetime = new Lifetime(lifetime, isBusy, (expired) => this.#expire(expired));
    this.#onTrace = inContext(onTrace, this.#context);
    this.#onLimitWarning = onLimitWarning;
    this.#mounts = [...options.mounts];
    const receive = (kind, call, content) => this.#receive(kind, call, content);
    try {
      this.#vm = new binding.Vm(options, receive, snapshot);
    } catch (error) {
      this.#releaseCreation();
      throw wrongMount(error);
    }
  }

  /** Resolves with the phases of the boot, and what holds the VM process back. */
  get created() {
    return this.#created.promise;
  }

  get disposed() {
    return this.#disposing !== undefined;
  }

  /**
   * Starts a program and sends its events to `call`.
   * @returns {number} Its number.
   */
  spawn(program, call) {
    return this.#register(this.#vm.spawn(program), call);
  }

  /**
   * Connects to a listener and sends the connection's events to `call`.
   * @returns {number} Its number.
   */
  connect({ port, path, outbound }, call) {
    const number =
      outbound === undefined ? this.#vm.connect(port, path) : this.#vm.accept(outbound);
    return this.#register(number, call);
  }

  /** Has `callback` called with number and port when a guest connects to a port of the host's. */
  onOutbound(callback) {
    this.#outboundCallback = callback;
  }

  /** Refuses such a connection. */
  refuseOutbound(id) {
    if (!this.disposed) this.#vm.refuse(id);
  }

  /** Lets go of a connection: no event of it follows. */
  disconnect(call, reset) {
    this.#calls.delete(call);
    this.#lifetime.touch();
    this.#vm.disconnect(call, reset);
  }

  /** Who listens at the moment. */
  listeners() {
    return this.disposed ? [] : this.#vm.listeners();
  }

  /**
   * Has `callback` called when that has changed.
   * @returns {() => void} Takes that back.
   */
  onListeners(callback, { holds = true } = {}) {
    this.#listenersCallbacks.add(callback);
    // Who waits keeps a runtime that nobody else holds.
    const held = holds ? 1 : 0;
    this.#requests += held;
    this.#vm.watchListeners();
    return () => {
      if (!this.#listenersCallbacks.delete(callback)) return;
      this.#requests -= held;
      this.#disposeIfAbandoned();
    };
  }

  #onListenersChanged() {
    // First: what changes while they look is told again.
    if (this.#listenersCallbacks.size > 0) this.#vm.watchListeners();
    for (const callback of [...this.#listenersCallbacks]) callback();
  }

  input(call, stream, data, end) {
    this.#vm.input(call, stream, data, end);
  }

  signal(call, number) {
    this.#vm.signal(call, number);
  }

  get toolbox() {
    return this.#toolbox;
  }

  renewCpuTime(call) {
    this.#vm.renewCpuTime(call);
  }

  resize(call, size) {
    this.#vm.resize(call, size);
  }

  credit(call, stream, bytes) {
    this.#vm.credit(call, stream, bytes);
  }

  /** Mounts files of JavaScript. They live until they are taken away. */
  async mount(mount) {
    this.#mounts?.push(mount);
    try {
      await this.request("mount", mount, Number.MAX_SAFE_INTEGER);
    } catch (error) {
      this.#mounts = this.#mounts?.filter((other) => other !== mount);
      throw error;
    }
  }

  /** Takes what is mounted at a path away. */
  async unmount(path) {
    await this.request("unmount", path);
    this.#mounts = this.#mounts?.filter(({ guestPath }) => guestPath !== path);
  }

  /** Calls a method of the native VM that is answered by one event. */
  request(method, ...args) {
    if (this.disposed) return Promise.reject(this.disposedError);
    const release = hold();
    this.#requests += 1;
    return new Promise((resolve, reject) => {
      this.#register(this.#vm[method](...args), { done: resolve, failed: reject });
    }).finally(() => {
      release();
      this.#requests -= 1;
      this.#disposeIfAbandoned();
    });
  }

  /** Has it disposed of when the last request is answered. */
  abandon() {
    this.#isAbandoned = true;
    this.#disposeIfAbandoned();
  }

  #disposeIfAbandoned() {
    if (this.#isAbandoned && this.#requests === 0) this.dispose();
  }

  #expire(expired) {
    if (this.disposed) return;
    this.#expired = expired;
    this.dispose();
  }

  /** Its time was over: nobody has disposed of it. */
  get isExpired() {
    return this.#expired !== undefined;
  }

  /** What calls are told that come behind its end. */
  get disposedError() {
    return this.#expired ? this.#expired() : disposedError();
  }

  /** Whoever waits for it keeps the host's process alive, and the garbage collector does not wait. */
  dispose() {
    if (!this.#disposing) {
      this.#disposing = withResolvers();
      this.#lifetime.stop();
      this.#vm.dispose();
      this.#toolbox.dispose();
      this.#mounts = undefined;
      for (const callback of this.#atDisposal) callback();
    }
    return this.#disposing.promise;
  }

  /**
   * Has `callback` called when disposal begins, or now if it has begun.
   * @returns {() => void} Takes that back.
   */
  atDisposal(callback) {
    if (this.disposed) {
      callback();
      return () => {};
    }
    this.#atDisposal.add(callback);
    return () => this.#atDisposal.delete(callback);
  }

  #register(number, call) {
    this.#calls.set(number, call);
    this.#lifetime.touch();
    return number;
  }

  /** What is thrown here would end the host. It is the VM process's doing: that one ends instead. */
  #receive(kind, number, content) {
    // Tools are numbered by themselves.
    const call = ofNoCall.has(kind) ? undefined : this.#calls.get(number);
    try {
      this.#onEvent(kind, number, content);
    } catch (cause) {
      if (call) this.#calls.delete(number);
      const error = this.violated(`an event that cannot be taken: ${clip(cause)}`, cause);
      try {
        call?.failed?.(error);
      } catch {
        // It cannot take this either: whoever waits for the call is told by the end of the process.
      }
    }
  }

  /**
   * Ends the VM process, which has said something that no VM process says.
   * @returns {VmError} What the call is told that it was said about.
   */
  violated(rule, cause) {
    this.#vm.reject(rule);
    const why = `protocol violation: ${rule}`;
    const message = `The VM process ended: ${why}`;
    const failure = { code: "ERR_VM_CRASHED", message, why, errno: 0, stateLost: true };
    return Object.assign(new VmError(failure), { cause });
  }

  #onEvent(kind, number, content) {
    if (kind === Kind.created) return this.#onCreated(content);
    if (kind === Kind.disposed) return this.#disposing?.resolve();
    if (kind === Kind.toolCall) return this.#onToolCall(number, content);
    if (kind === Kind.toolCancelled) return this.#toolbox.cancel(number);
    if (kind === Kind.trace) return this.#onTraced(content.text, content.times);
    if (kind === Kind.warning) return this.#onWarning(number, content.limit);
    if (kind === Kind.listeners) return this.#onListenersChanged();
    if (kind === Kind.outbound) return this.#outboundCallback?.(number, content.number);
    const call = this.#calls.get(number);
    if (!call) return;
    switch (kind) {
      case Kind.started:
        return call.started?.(content.number);
      case Kind.output:
        return call.output?.(content.stream, content.data);
      case Kind.inputCredit:
        return call.inputCredit?.(content.stream, content.number);
      case Kind.connected:
        return call.connected();
      case Kind.outputEnd:
        return call.outputEnd();
    }
    this.#calls.delete(number);
    this.#lifetime.touch();
    this.#toolbox.ended(number);
    switch (kind) {
      case Kind.exited:
        return call.exited(content);
      case Kind.closed:
        return call.closed();
      case Kind.done:
        return call.done(content);
      case Kind.failed:
        return this.#failed(call, new VmError(content.error));
    }
  }

  #failed(call, error) {
    if (error.code === "ERR_VM_CRASHED") this.events.crashed(error);
    call.failed(this.isExpired && error.code === "ERR_VM_DISPOSED" ? this.disposedError : error);
  }

  /** A handler runs in the context of the call whose program calls; if that has ended, in that of the creation. */
  #onToolCall(id, content) {
    const { context } = this.#calls.get(content.program) ?? {};
    (context ?? this.#context).runInAsyncScope(() => this.#toolbox.call(id, content));
  }

  /** Tells that most of a limit of the host's is used by a call. */
  warn(number, near) {
    if (this.#onLimitWarning) this.#onWarning(number, near);
  }

  /** It runs in the context of the call whose program uses so much, else in that of the creation. */
  #onWarning(number, near) {
    const { context } = this.#calls.get(number) ?? {};
    (context ?? this.#context).runInAsyncScope(() => {
      callUnawaited("onLimitWarning", this.#onLimitWarning, near);
    });
  }

  /** The next lines come when these have been taken. */
  #onTraced(text, times) {
    const taken = () => this.#vm.traceTaken();
    const pending = callUnawaited("onTrace", this.#onTrace, text, times);
    if (pending) pending.then(taken);
    else taken();
  }

  #onCreated({ phases, isolation, error }) {
    this.#releaseCreation();
    if (error) this.#created.reject(new VmError(error));
    else {
      this.#lifetime.start();
      this.#created.resolve({ phases, isolation });
    }
  }
}

function clip(error) {
  const text = String(error?.message ?? error);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

module.exports = { Machine, withResolvers };

"use strict";
// The network of a machine, for its host.

const { withCallerStacks } = require("./caller.cjs");
const { MachineFiles } = require("./machine-files.cjs");
const { ExemptPorts } = require("./net/exempt-ports.cjs");
const { ExposedPort } = require("./net/exposed-port.cjs");
const { fetch } = require("./net/fetch.cjs");
const { GuestSocket } = require("./net/guest-socket.cjs");
const listeners = require("./net/listeners.cjs");
const network = require("./net/options.cjs");

class MachineNetwork extends MachineFiles {
  /** @type {import("./machine.cjs").Machine} */
  #machine;
  #httpLimits;
  #mostConnections;
  /** @type {ExemptPorts | undefined} */
  #exemptPorts;

  constructor(machine, { limits, loopbackExemptPorts }) {
    super(machine);
    this.#machine = machine;
    this.#httpLimits = limits.http;
    this.#mostConnections = limits.native["limits.resources.maxConnections"];
    this.#exemptPorts = exemptPorts(machine, loopbackExemptPorts, this.#mostConnections);
  }

  connect(target, given) {
    const to = network.target(target, "target");
    const checked = network.connectOptions(given);
    checked.signal?.throwIfAborted();
    return this.#connect(to, checked);
  }

  async fetch(target, given) {
    const to = network.target(target, "target");
    const checked = network.fetchOptions(given);
    this.#requireLive();
    return await fetch(() => this.#connect(to), to, checked, this.#httpLimits);
  }

  findListener(given) {
    const query = network.listenerQuery(given);
    this.#requireLive();
    return listeners.find(this.#machine, query);
  }

  async waitForListener(given, options) {
    const query = network.listenerQuery(given);
    const found = await listeners.waitFor(this.#machine, query, network.waitOptions(options));
    await this.#exemptPorts?.settled(found.port);
    return found;
  }

  async exposePort(port, given) {
    const to = { port: network.port(port, "port") };
    const checked = network.exposeOptions(given);
    this.#requireLive();
    const connect = () => this.#connect(to, { allowHalfOpen: true });
    const atDisposal = (close) => this.#machine.atDisposal(close);
    return await ExposedPort.open(connect, checked, this.#mostConnections, atDisposal);
  }

  #connect(target, settings) {
    this.#requireLive();
    const explain = listeners.explainRefusal(this.#machine, target);
    return new GuestSocket(this.#machine, target, { ...settings, explain, owner: this });
  }

  #requireLive() {
    if (this.#machine.disposed) throw this.#machine.disposedError;
  }
}

// The others give their results back at once.
withCallerStacks(MachineNetwork.prototype, "fetch", "waitForListener", "exposePort");

/** The machine must not hold its runtime, so these connections have no owner. */
function exemptPorts(machine, ports, mostConnections) {
  if (ports.length === 0) return undefined;
  const connect = (target) => {
    const explain = listeners.explainRefusal(machine, target);
    return new GuestSocket(machine, target, { allowHalfOpen: true, explain });
  };
  return new ExemptPorts(machine, ports, connect, mostConnections);
}

module.exports = { MachineNetwork };

"use strict";
// Who listens in a machine: looking, waiting, and saying what there is instead.

const { VmError } = require("../errors.cjs");
const { hold } = require("../keep-alive.cjs");

/** @typedef {{ processId: number, host?: string, port?: number, path?: string }} Listener */
/** @typedef {Listener & { isAwaited: boolean }} Known A listener, and whether somebody has waited for a connection. */

/** Listeners that a message names. */
const mostNamed = 8;

const anywhere = new Set(["0.0.0.0", "::"]);
const localhost = new Set(["127.0.0.1", "::1"]);

/** A listener without the keys that it does not have. @returns {Listener} */
function listener({ processId, host, port, path }) {
  if (typeof path === "string") return { processId, path };
  return { processId, host, port };
}

/** Whether a connection to what is asked for would reach a listener. */
function fits(query, { processId, host, port, path }) {
  if (query.processId !== undefined && query.processId !== processId) return false;
  if (query.port !== undefined && query.port !== port) return false;
  if (query.path !== undefined && query.path !== path) return false;
  if (query.host === undefined) return true;
  if (host === undefined) return false;
  if (query.host === host || anywhere.has(host)) return true;
  return query.host === "localhost" && localhost.has(host);
}

/**
 * @param {import("../machine.cjs").Machine} machine
 * @param {(known: Known) => boolean} [isWanted]
 * @returns {Listener | null}
 */
function find(machine, query, isWanted = () => true) {
  const found = machine.listeners().find((one) => fits(query, one) && isWanted(one));
  return found ? listener(found) : null;
}

/**
 * Waits until there is one, and its program waits for connections. Many servers listen on their port and stop at once, to see
 * whether it is free.
 */
function waitFor(machine, query, { timeoutMs, signal }) {
  signal?.throwIfAborted();
  if (machine.disposed) throw machine.disposedError;
  const release = hold();
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = find(machine, query, ({ isAwaited }) => isAwaited !== false);
      if (found) resolve(found);
      return found !== null;
    };
    const stops = [release];
    const stop = () => {
      for (const one of stops.splice(0)) one();
    };
    const settle = (action) => {
      stop();
      action();
    };
    stops.push(machine.onListeners(() => look() && stop()));
    // Behind it: what comes between the two is not missed.
    if (look()) return stop();
    stops.push(machine.atDisposal(() => settle(() => reject(machine.disposedError))));
    const timer = setTimeout(
      () => settle(() => reject(tooLate(machine, query, timeoutMs))),
      timeoutMs,
    );
    stops.push(() => clearTimeout(timer));
    const abort = () => settle(() => reject(signal.reason));
    signal?.addEventListener("abort", abort, { once: true });
    stops.push(() => signal?.removeEventListener("abort", abort));
  });
}

function tooLate(machine, query, timeoutMs) {
  const listens = find(machine, query);
  const message = listens
    ? `Process ${listens.processId} listens on ${named(query)}, but has not waited for connections after ${timeoutMs} ms`
    : `Nothing listens on ${named(query)} after ${timeoutMs} ms. ${instead(machine)}`;
  return new VmError({ code: "ERR_TIMEOUT", message, errno: 0, stateLost: false });
}

/** What was asked for, in words. */
function named({ port, path, host, processId }) {
  const parts = [];
  if (port !== undefined) parts.push(`port ${port}`);
  if (path !== undefined) parts.push(path);
  if (host !== undefined) parts.push(`address ${host}`);
  if (processId !== undefined) parts.push(`any port of process ${processId}`);
  return parts.join(", ");
}

/** What listens, in words. */
function instead(machine) {
  const all = machine.listeners();
  if (all.length === 0) return "Nothing listens in the machine";
  const names = all.slice(0, mostNamed).map(({ processId, host, port, path }) => {
    const place = typeof path === "string" ? path : `port ${port} of ${host}`;
    return `${place} (process ${processId})`;
  });
  const more = all.length > mostNamed ? `, and ${all.length - mostNamed} more` : "";
  return `What listens: ${names.join(", ")}${more}`;
}

/** Says what a refused connection was for, and what there is instead. */
function explainRefusal(machine, target) {
  return (error) => {
    if (error.code !== "ECONNREFUSED" && error.code !== "ENOENT") return error;
    const { message } = error;
    error.message = `${error.code}: nothing listens on ${named(target)} of the machine. ${instead(machine)}`;
    error.stack = String(error.stack).replace(message, () => error.message);
    if (target.port !== undefined) error.port = target.port;
    return error;
  };
}

module.exports = { explainRefusal, find, waitFor };

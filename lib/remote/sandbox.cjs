"use strict";
// A sandbox at the other end of a network.

const { randomUUID } = require("node:crypto");
const { withCallerStacks } = require("../caller.cjs");
const { holdFor } = require("../keep-alive.cjs");
const { RemoteExec } = require("./exec.cjs");
const { remoteFiles } = require("./files.cjs");
const { request } = require("./http.cjs");
const { Link } = require("./link.cjs");
const { connectOptions, serverUrl } = require("./options.cjs");

/** How often a sandbox is asked for whose making broke off, and its first connection. */
const mostTries = 4;
/** Codes of a sandbox that is not there any more: whoever kills it wants just that. */
const gone = new Set(["ERR_VM_DISPOSED", "ERR_SANDBOX_NOT_FOUND"]);

class RemoteSandbox {
  #id;
  #link;
  #exec;
  #files;
  /** Whether it was made by this object, which ends it then. */
  #isOwn;
  #isClosed = false;

  constructor(id, link, isOwn) {
    this.#id = id;
    this.#link = link;
    this.#isOwn = isOwn;
    this.#exec = new RemoteExec(link);
    this.#files = remoteFiles(link);
  }

  get sandboxId() {
    return this.#id;
  }

  get exec() {
    return this.#exec;
  }

  get files() {
    return this.#files;
  }

  async kill() {
    await this.#link.ask({ method: "sandbox.kill" }).answer.catch((error) => {
      if (!gone.has(error.code)) throw error;
    });
    this.#link.ended();
  }

  close() {
    this.#isClosed = true;
    this.#link.close();
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    if (this.#isOwn && !this.#isClosed) await this.kill();
    else this.close();
  }
}

withCallerStacks(RemoteSandbox.prototype, "kill");

/** Makes a sandbox on a server, or finds one there. */
async function connect(address, given) {
  const url = serverUrl(address, "url");
  const { create, sandboxId, ...settings } = connectOptions(given);
  const id = sandboxId ?? (await holdFor(createOn(url, settings, create)));
  const at = new URL(`v1/sandboxes/${id}`, url);
  try {
    return new RemoteSandbox(id, await opened(at, settings), sandboxId === undefined);
  } catch (error) {
    // Nobody else knows of it.
    if (sandboxId === undefined) await remove(at, settings);
    throw error;
  }
}

/** A connection; the first may break off as any other. */
async function opened(url, settings) {
  for (let tries = 1; ; tries += 1) {
    const link = new Link(url, settings);
    try {
      await link.open();
      return link;
    } catch (error) {
      if (!brokeOff(error) || tries === mostTries) throw error;
    }
  }
}

/** Ends a sandbox, if it can be reached: its server ends it otherwise, when it has been idle. */
async function remove(url, { token, tls }) {
  await holdFor(request(url, { method: "DELETE", token, tls })).catch(() => {});
}

function brokeOff({ cause }) {
  return ["ECONNRESET", "EPIPE"].includes(cause?.code);
}

/** Made once, however often that has to be asked for. */
async function createOn(url, { token, tls }, options) {
  const headers = { "idempotency-key": randomUUID() };
  const ask = { method: "POST", token, tls, headers, body: { options } };
  for (let tries = 1; ; tries += 1) {
    try {
      const { sandboxId } = await request(new URL("v1/sandboxes", url), ask);
      return sandboxId;
    } catch (error) {
      if (!brokeOff(error) || tries === mostTries) throw error;
    }
  }
}

module.exports = { connect };

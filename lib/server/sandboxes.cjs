"use strict";
// The sandboxes of a server: who has which, how many, and for how long.

const { isOurs } = require("../errors.cjs");
const { Sandbox } = require("../sandbox/sandbox.cjs");
const { remoteError } = require("../wire/failures.cjs");
const { createOptions } = require("./create-options.cjs");
const { HostedSandbox } = require("./hosted-sandbox.cjs");

/** Milliseconds between looks for what has been idle for too long. */
const sweepEvery = 1000;
/** Milliseconds for which it is known what a request to make one has made. */
const keysKept = 5 * 60 * 1000;
const mostKeys = 1024;

class Sandboxes {
  /** @type {Map<string, HostedSandbox>} */
  #live = new Map();
  /** Sandboxes that are being made, by tenant. */
  #coming = new Map();
  /** What requests with a key have made, by tenant and key. */
  #made = new Map();
  #settings;
  #services;
  #sweeper;
  isDraining = false;
  isClosed = false;

  /**
   * @param {{ maxSandboxes: number, idleSeconds: number, lifetimeSeconds: number }} settings
   * @param {{ metrics: import("./metrics.cjs").Metrics, onFailure: (error: unknown) => void, log: Function }} services
   */
  constructor(settings, services) {
    this.#settings = settings;
    this.#services = {
      ...services,
      onKilled: (hosted, why) => {
        this.#live.delete(hosted.id);
        services.metrics.ended(why);
        services.log("sandbox ended", { sandbox: hosted.id, token: hosted.tenant.name, why });
      },
    };
    this.#sweeper = setInterval(() => this.#sweep(), sweepEvery);
    this.#sweeper.unref();
  }

  get size() {
    return this.#live.size;
  }

  get sessions() {
    return [...this.#live.values()].reduce((sum, { runningSessions }) => sum + runningSessions, 0);
  }

  /** Those of a tenant. */
  of(tenant) {
    return [...this.#live.values()].filter((hosted) => hosted.tenant === tenant);
  }

  /** One of a tenant's; that of another is as unknown to it as one that is not there. */
  get(tenant, id) {
    const hosted = this.#live.get(id);
    if (hosted?.tenant === tenant) return hosted;
    this.#services.metrics.rejected("not_found");
    throw unknownSandbox(id);
  }

  /**
   * Makes a sandbox. With a key it is made once, however often that is asked for.
   * @param {import("./tokens.cjs").Tenant} tenant
   * @param {string} [key]
   */
  async create(tenant, given, key) {
    if (key === undefined) return await this.#create(tenant, given);
    const name = `${tenant.name}\n${key}`;
    const known = this.#made.get(name);
    if (known) return await known.promise;
    const promise = this.#create(tenant, given);
    this.#made.set(name, { promise, at: performance.now() });
    if (this.#made.size > mostKeys) this.#made.delete(this.#made.keys().next().value);
    // One that could not be made may be asked for again.
    promise.catch(() => this.#made.delete(name));
    return await promise;
  }

  async #create(tenant, given) {
    const options = createOptions(given, tenant);
    this.#requireRoom(tenant);
    this.#coming.set(tenant, (this.#coming.get(tenant) ?? 0) + 1);
    try {
      const sandbox = await Sandbox.create(options);
      const hosted = new HostedSandbox(sandbox, tenant, this.#services);
      this.#live.set(hosted.id, hosted);
      this.#services.metrics.created();
      this.#services.log("sandbox created", { sandbox: hosted.id, token: tenant.name });
      // It has begun to drain meanwhile, and may be through with those that it knew.
      if (this.isClosed) await hosted.kill("drained");
      return hosted;
    } catch (error) {
      if (!isOurs(error)) this.#services.onFailure(error);
      throw error;
    } finally {
      this.#coming.set(tenant, this.#coming.get(tenant) - 1);
    }
  }

  #requireRoom(tenant) {
    const { metrics } = this.#services;
    if (this.isDraining) {
      metrics.rejected("draining");
      throw remoteError("ERR_SERVER_DRAINING", "The server is about to end: ask another one");
    }
    const coming = [...this.#coming.values()].reduce((sum, count) => sum + count, 0);
    const mine = this.of(tenant).length + (this.#coming.get(tenant) ?? 0);
    const most = Math.min(
      tenant.maxSandboxes ?? Number.POSITIVE_INFINITY,
      this.#settings.maxSandboxes,
    );
    if (mine >= most || this.#live.size + coming >= this.#settings.maxSandboxes) {
      metrics.rejected("limit");
      const whose =
        mine >= most
          ? `This token has ${mine} sandboxes, the most that it may have`
          : "The server is full";
      throw remoteError("ERR_TOO_MANY_SANDBOXES", `${whose}: kill one, or ask again later`);
    }
  }

  #sweep() {
    const { idleSeconds, lifetimeSeconds } = this.#settings;
    for (const hosted of this.#live.values()) {
      const { idle, lifetime } = hosted.ages;
      hosted.sweep();
      if (lifetime >= lifetimeSeconds) this.#end(hosted, "lifetime");
      else if (idle >= idleSeconds) this.#end(hosted, "idle");
    }
    const now = performance.now();
    for (const [name, { at }] of this.#made) {
      if (now - at > keysKept) this.#made.delete(name);
    }
  }

  #end(hosted, why) {
    hosted.kill(why).catch(this.#services.onFailure);
  }

  /** Whether nobody is connected to any, and nothing runs. */
  get isQuiet() {
    return ![...this.#live.values()].some(({ isInUse }) => isInUse);
  }

  /** Ends all of them. */
  async close() {
    this.isDraining = true;
    this.isClosed = true;
    clearInterval(this.#sweeper);
    await Promise.all([...this.#live.values()].map((hosted) => hosted.kill("drained")));
  }
}

function unknownSandbox(id) {
  const shown = JSON.stringify(String(id).slice(0, 64));
  const message =
    `There is no sandbox ${shown} here: it has ended, or the server has started anew, or is another one. ` +
    "Make one with POST /v1/sandboxes, or Sandbox.connect(url, { token }) without sandboxId";
  return remoteError("ERR_SANDBOX_NOT_FOUND", message);
}

module.exports = { Sandboxes };

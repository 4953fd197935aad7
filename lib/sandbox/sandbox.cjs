"use strict";
// A machine as a sandbox: commands by `exec`, files by `files`.

const { randomUUID } = require("node:crypto");
const { withCallerStacks } = require("../caller.cjs");
const { notConstructible } = require("../errors.cjs");
const { NodeRuntime } = require("../node-runtime.cjs");
const { Exec } = require("./exec.cjs");

const created = Symbol("created");

const fileMethods = [
  "appendFile",
  "chmod",
  "cp",
  "download",
  "exists",
  "mkdir",
  "readDir",
  "readDirWithTypes",
  "readFile",
  "remove",
  "rename",
  "stat",
  "symlink",
  "upload",
  "watch",
  "writeFile",
];

class Sandbox {
  #rt;
  #id = randomUUID();
  #exec;
  #files;

  constructor(token, rt) {
    if (token !== created) throw notConstructible("Sandbox", "is made by Sandbox.create()");
    this.#rt = rt;
    this.#exec = new Exec(rt, this.#id);
    this.#files = Object.freeze(
      Object.fromEntries(fileMethods.map((name) => [name, rt[name].bind(rt)])),
    );
  }

  static async create(options) {
    return new Sandbox(created, await NodeRuntime.create(options));
  }

  static async connect(url, options) {
    // Loaded by who uses it only.
    const { connect } = require("../remote/sandbox.cjs");
    return await connect(url, options);
  }

  get sandboxId() {
    return this.#id;
  }

  get runtime() {
    return this.#rt;
  }

  get exec() {
    return this.#exec;
  }

  get files() {
    return this.#files;
  }

  async kill() {
    await this.#rt.dispose();
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.kill();
  }
}

withCallerStacks(Sandbox, "create", "connect");
withCallerStacks(Sandbox.prototype, "kill");

module.exports = { Sandbox };

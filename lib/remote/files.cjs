"use strict";
// `sandbox.files` of a sandbox at the other end of a network.

const { withCallerStacks } = require("../caller.cjs");
const fileOptions = require("../file-options.cjs");
const check = require("../validate.cjs");

class RemoteFiles {
  #link;

  /** @param {import("./link.cjs").Link} link */
  constructor(link) {
    this.#link = link;
  }

  async exists(path) {
    return await this.#ask("exists", path);
  }

  async mkdir(path, given) {
    await this.#ask("mkdir", path, fileOptions.mkdirOptions(given));
  }

  async readDir(path) {
    return await this.#ask("readDir", path);
  }

  async readDirWithTypes(path) {
    return await this.#ask("readDirWithTypes", path);
  }

  async readFile(path, encoding) {
    const decode = fileOptions.encoding(encoding);
    const params = { path: check.absolutePath(path, "path") };
    const { bodies } = await this.#link.ask({ method: "files.readFile", params }).answer;
    const [bytes] = bodies;
    return decode
      ? bytes.toString(decode)
      : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  async remove(path, given) {
    await this.#ask("remove", path, fileOptions.removeOptions(given));
  }

  async rename(from, to) {
    const params = { from: check.absolutePath(from, "from"), to: check.absolutePath(to, "to") };
    await this.#link.ask({ method: "files.rename", params }).answer;
  }

  async stat(path) {
    return await this.#ask("stat", path);
  }

  async writeFile(path, data, ...rest) {
    fileOptions.noWriteOptions(rest);
    const params = { path: check.absolutePath(path, "path") };
    const body = check.bytes(data, "data");
    await this.#link.ask({ method: "files.writeFile", params, body }).answer;
  }

  async #ask(name, path, options) {
    const params = { path: check.absolutePath(path, "path"), options };
    const { result } = await this.#link.ask({ method: `files.${name}`, params }).answer;
    return result;
  }
}

const names = Object.getOwnPropertyNames(RemoteFiles.prototype).filter(
  (name) => name !== "constructor",
);
withCallerStacks(RemoteFiles.prototype, ...names);

/** As the files of a machine of this process: functions that need no object before them. */
function remoteFiles(link) {
  const files = new RemoteFiles(link);
  return Object.freeze(Object.fromEntries(names.map((name) => [name, files[name].bind(files)])));
}

module.exports = { remoteFiles };

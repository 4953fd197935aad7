"use strict";
// `sandbox.files` of a sandbox at the other end of a network.

const { withCallerStacks } = require("../caller.cjs");
const fileOptions = require("../file-options.cjs");
const { directory } = require("../options.cjs");
const { upload } = require("../upload.cjs");
const check = require("../validate.cjs");
const { FileWatcher } = require("../watch.cjs");
const { ByteStream } = require("./byte-stream.cjs");
const { RemoteUploadTarget } = require("./upload-target.cjs");

class RemoteFiles {
  #link;

  /** @param {import("./link.cjs").Link} link */
  constructor(link) {
    this.#link = link;
  }

  async appendFile(path, data, ...rest) {
    fileOptions.noWriteOptions(rest, "appendFile");
    await this.#send("appendFile", path, data);
  }

  async chmod(path, mode) {
    const params = { path: check.absolutePath(path, "path"), mode: fileOptions.mode(mode, "mode") };
    await this.#link.ask({ method: "files.chmod", params }).answer;
  }

  async cp(from, to, given) {
    const options = fileOptions.copyOptions(given);
    const params = { ...fromTo(from, to), options };
    await this.#link.ask({ method: "files.cp", params }).answer;
  }

  async download(guestDir, given) {
    const path = check.absolutePath(guestDir, "guestDir");
    const { signal } = fileOptions.downloadOptions(given);
    signal?.throwIfAborted();
    const archive = new ByteStream(
      this.#link,
      { method: "files.download", params: { path } },
      signal,
    );
    await archive.begun;
    return archive.stream();
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
    await this.#link.ask({ method: "files.rename", params: fromTo(from, to) }).answer;
  }

  async stat(path) {
    return await this.#ask("stat", path);
  }

  async symlink(target, path) {
    const leadsTo = check.program(target, "target");
    const params = { target: leadsTo, path: check.absolutePath(path, "path") };
    await this.#link.ask({ method: "files.symlink", params }).answer;
  }

  async upload(hostDir, guestDir, given) {
    const source = directory(hostDir, "hostDir");
    const target = check.absolutePath(guestDir, "guestDir");
    const options = fileOptions.uploadOptions(given);
    options.signal?.throwIfAborted();
    return await upload(source, target, options, new RemoteUploadTarget(this.#link));
  }

  watch(path, given) {
    const target = check.absolutePath(path, "path");
    const { recursive, signal } = fileOptions.watchOptions(given);
    signal?.throwIfAborted();
    const params = { path: target, options: { recursive } };
    const told = new ByteStream(this.#link, { method: "files.watch", params }, signal);
    return new FileWatcher(watchedBy(told), target, signal);
  }

  async writeFile(path, data, ...rest) {
    fileOptions.noWriteOptions(rest);
    await this.#send("writeFile", path, data);
  }

  async #send(name, path, data) {
    const params = { path: check.absolutePath(path, "path") };
    const body = check.bytes(data, "data");
    await this.#link.ask({ method: `files.${name}`, params, body }).answer;
  }

  async #ask(name, path, options) {
    const params = { path: check.absolutePath(path, "path"), options };
    const { result } = await this.#link.ask({ method: `files.${name}`, params }).answer;
    return result;
  }
}

function fromTo(from, to) {
  return { from: check.absolutePath(from, "from"), to: check.absolutePath(to, "to") };
}

/** What a watcher needs of the program that tells it of changes. */
function watchedBy(told) {
  return {
    reader: { stream: () => told.stream() },
    kill: () => told.cancel(),
    result: Promise.resolve(),
    end: Promise.resolve({}),
  };
}

const names = Object.getOwnPropertyNames(RemoteFiles.prototype).filter(
  (name) => name !== "constructor",
);
// What gives its result back at once throws where others reject.
withCallerStacks(RemoteFiles.prototype, ...names.filter((name) => name !== "watch"));

/** As the files of a machine of this process: functions that need no object before them. */
function remoteFiles(link) {
  const files = new RemoteFiles(link);
  return Object.freeze(Object.fromEntries(names.map((name) => [name, files[name].bind(files)])));
}

module.exports = { remoteFiles };

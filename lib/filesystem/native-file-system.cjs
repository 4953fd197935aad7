"use strict";
// A filesystem of the host's whose files native code has, with the methods that every filesystem has.

const { fileStat, fileTypes } = require("../file-stat.cjs");
const options = require("../file-options.cjs");
const check = require("../validate.cjs");
const { failure } = require("./failure.cjs");

/** Largest file offset that a number tells exactly. */
const offset = check.integer(0);
const id = check.integer(0, { maximum: 2 ** 32 - 2 });
const permissions = check.integer(0, { maximum: 0o7777 });

/** The number by which mounts name a filesystem of native code; none for another object. */
let numberOfNative;

class NativeFileSystem {
  #files;
  #setter;

  static {
    numberOfNative = (value) => (#files in value ? value.#files.number : undefined);
  }

  /**
   * @param {object} files The native object.
   * @param {string} setter What sets its limits.
   */
  constructor(files, setter) {
    this.#files = files;
    this.#setter = setter;
  }

  async readFile(path, encoding) {
    const decode = options.encoding(encoding);
    const bytes = this.#call("open", [path], (at) => this.#files.read(at, 0));
    return decode ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : bytes;
  }

  async readTextFile(path) {
    return await this.readFile(path, "utf8");
  }

  async writeFile(path, data, ...rest) {
    options.noWriteOptions(rest);
    const bytes = check.bytes(data, "data");
    this.#call("open", [path], (at) => this.#files.write(at, bytes));
  }

  async mkdir(path, given) {
    const { recursive } = options.mkdirOptions(given);
    this.#call("mkdir", [path], (at) => this.#files.mkdir(at, recursive));
  }

  async readDir(path) {
    return this.#entries(path).map(({ name }) => name);
  }

  async readDirWithTypes(path) {
    return this.#entries(path).map(({ name, mode }) => ({ name, ...fileTypes(mode) }));
  }

  async exists(path) {
    try {
      this.#stat("stat", path, true);
      return true;
    } catch (error) {
      if (absent.has(error.code)) return false;
      throw error;
    }
  }

  async stat(path) {
    return this.#stat("stat", path, true);
  }

  async lstat(path) {
    return this.#stat("lstat", path, false);
  }

  async removeFile(path) {
    this.#call("unlink", [path], (at) => this.#files.unlink(at));
  }

  async removeDir(path, given) {
    const { recursive } = options.removeDirOptions(given);
    this.#call("rmdir", [path], (at) => this.#files.rmdir(at, recursive));
  }

  async rename(from, to) {
    this.#call("rename", [from, to], (source, target) => this.#files.rename(source, target));
  }

  async realpath(path) {
    return this.#call("realpath", [path], (at) => this.#files.realpath(at));
  }

  async symlink(target, path) {
    const text = check.cString(target, "target");
    this.#call("symlink", [path], (at) => this.#files.symlink(text, at));
  }

  async readlink(path) {
    return this.#call("readlink", [path], (at) => this.#files.readlink(at));
  }

  async link(from, to) {
    this.#call("link", [from, to], (source, target) => this.#files.link(source, target));
  }

  async chmod(path, mode) {
    const bits = permissions(mode, "mode");
    this.#call("chmod", [path], (at) => this.#files.chmod(at, bits));
  }

  async chown(path, uid, gid) {
    const [user, group] = [id(uid, "uid"), id(gid, "gid")];
    this.#call("chown", [path], (at) => this.#files.chown(at, user, group));
  }

  async utimes(path, atime, mtime) {
    const [access, change] = [check.time(atime, "atime"), check.time(mtime, "mtime")];
    this.#call("utime", [path], (at) => this.#files.utimes(at, access, change));
  }

  async truncate(path, length = 0) {
    const size = offset(length, "length");
    this.#call("open", [path], (at) => this.#files.truncate(at, size));
  }

  async pread(path, position, length) {
    const [start, count] = [offset(position, "position"), offset(length, "length")];
    return this.#call("open", [path], (at) => this.#files.read(at, start, count));
  }

  async pwrite(path, position, data) {
    const start = offset(position, "position");
    const bytes = check.bytes(data, "data");
    this.#call("open", [path], (at) => this.#files.writeAt(at, start, bytes));
  }

  #entries(path) {
    return this.#call("scandir", [path], (at) => this.#files.entries(at));
  }

  #stat(syscall, path, follow) {
    return fileStat(this.#call(syscall, [path], (at) => this.#files.stat(at, follow)));
  }

  /** Calls native code with paths that were checked. What it throws is told as the failure of a system call. */
  #call(syscall, paths, action) {
    const names = paths.length === 1 ? ["path"] : ["from", "to"];
    const [path, dest] = paths.map((given, index) => check.absolutePath(given, names[index]));
    try {
      return action(path, dest);
    } catch (thrown) {
      throw failure(thrown, { syscall, path, dest }, this.#files.breach(), this.#setter);
    }
  }
}

/** What a path that leads nowhere fails with. */
const absent = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

module.exports = { NativeFileSystem, numberOfNative };

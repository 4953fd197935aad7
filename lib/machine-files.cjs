"use strict";
// The files of a machine, for its host.

const { withCallerStacks } = require("./caller.cjs");
const fileOptions = require("./file-options.cjs");
const { fileStat, fileTypes } = require("./file-stat.cjs");
const { joined, release } = require("./release.cjs");
const check = require("./validate.cjs");

/** Bytes that are added to a file in one request. */
const mostInOne = 1024 * 1024;

class MachineFiles {
  /** @type {import("./machine.cjs").Machine} */
  #machine;

  constructor(machine) {
    this.#machine = machine;
  }

  async writeFile(path, data, ...rest) {
    fileOptions.noWriteOptions(rest);
    const target = check.absolutePath(path, "path");
    await this.#machine.request("writeFile", target, check.bytes(data, "data"));
  }

  async readFile(path, encoding) {
    const decode = fileOptions.encoding(encoding);
    const pieces = await this.#pieces("readFile", check.absolutePath(path, "path"));
    const bytes = joined(pieces.map(({ data }) => data));
    return decode ? Buffer.from(bytes.buffer).toString(decode) : bytes;
  }

  async readDir(path) {
    return (await this.#entries(path)).map(({ name }) => name);
  }

  async readDirWithTypes(path) {
    return (await this.#entries(path)).map(({ name, kind }) => ({ name, ...fileTypes(kind) }));
  }

  async mkdir(path, given) {
    const { recursive } = fileOptions.mkdirOptions(given);
    await this.#machine.request("makeDirectory", check.absolutePath(path, "path"), recursive);
  }

  async stat(path) {
    const { stat } = await this.#machine.request("stat", check.absolutePath(path, "path"));
    return fileStat(stat);
  }

  async exists(path) {
    const { exists } = await this.#machine.request("exists", check.absolutePath(path, "path"));
    return exists;
  }

  async remove(path, given) {
    const { recursive, force } = fileOptions.removeOptions(given);
    await this.#machine.request("remove", check.absolutePath(path, "path"), recursive, force);
  }

  async rename(from, to) {
    const source = check.absolutePath(from, "from");
    const target = check.absolutePath(to, "to");
    await this.#machine.request("rename", source, target).catch((error) => {
      throw error.syscall === "rename" ? withDestination(error, target) : error;
    });
  }

  async chmod(path, mode) {
    const target = check.absolutePath(path, "path");
    await this.#machine.request("changeMode", target, fileOptions.mode(mode, "mode"));
  }

  async appendFile(path, data, ...rest) {
    fileOptions.noWriteOptions(rest, "appendFile");
    const target = check.absolutePath(path, "path");
    const bytes = check.bytes(data, "data");
    for (let at = 0; at === 0 || at < bytes.length; at += mostInOne) {
      await this.#machine.request("append", target, bytes.subarray(at, at + mostInOne));
    }
  }

  async symlink(target, path) {
    const leadsTo = check.program(target, "target");
    await this.#machine.request("symlink", leadsTo, check.absolutePath(path, "path"));
  }

  async cp(from, to, given) {
    const { recursive } = fileOptions.copyOptions(given);
    const source = check.absolutePath(from, "from");
    await this.#machine.request("copy", source, check.absolutePath(to, "to"), recursive);
  }

  async #entries(path) {
    const pieces = await this.#pieces("readDirectory", check.absolutePath(path, "path"));
    return pieces.flatMap(({ entries }) => entries);
  }

  /** What is too long for one answer comes in several. */
  async #pieces(method, path) {
    const pieces = [await this.#machine.request(method, path)];
    try {
      for (let more = pieces[0].more; typeof more === "number"; more = pieces.at(-1).more) {
        pieces.push(await this.#machine.request("readMore", more));
      }
    } catch (error) {
      for (const { data } of pieces) if (data) release(data);
      throw error;
    }
    return pieces;
  }
}

const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(MachineFiles.prototype);
withCallerStacks(MachineFiles.prototype, ...Object.keys(methods));

/** As Node.js words the errors of what has two paths. */
function withDestination(error, dest) {
  const { message, path, stack } = error;
  error.message = message.replace(`'${path}'`, () => `'${path}' -> '${dest}'`);
  error.stack = stack.replace(message, () => error.message);
  return Object.assign(error, { dest });
}

module.exports = { MachineFiles };

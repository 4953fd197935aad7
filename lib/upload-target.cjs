"use strict";
// Where an upload puts things: the machine's own files. lib/remote/upload-target.cjs is the one at the other end of a network.

const check = require("./validate.cjs");

const { object, optional } = check;

/** Permission bits that are kept: nobody becomes somebody else by them. */
const mode = optional(check.integer(0, { maximum: 0o777 }));
/** On the wire in seconds since 1970, as `fs.utimes` takes it. */
const mtime = optional(check.time);

/**
 * @typedef {object} Attributes
 * @property {number} [mode] Permission bits.
 * @property {number} [mtimeMs] When it was changed last.
 */

class UploadTarget {
  #ask;
  /** Bytes of a file that are on their way at a time. */
  pieceLength = 1024 * 1024;

  /** @param {(method: string, ...args: unknown[]) => Promise<any>} ask Asks the machine. */
  constructor(ask) {
    this.#ask = ask;
  }

  async directory(path) {
    await this.#ask("makeDirectory", path, true);
  }

  /**
   * Writes a piece of a file.
   * @param {string} path
   * @param {Uint8Array} data
   * @param {Attributes & { append?: boolean }} options Behind what is there; attributes come with the last piece.
   */
  async put(path, data, { append, ...attributes }) {
    await this.#ask(append ? "append" : "writeFile", path, data);
    await this.attributes(path, attributes);
  }

  /** @param {Attributes} attributes */
  async attributes(path, { mode, mtimeMs }) {
    if (mode !== undefined) await this.#ask("changeMode", path, mode);
    if (mtimeMs !== undefined) await this.#ask("changeTime", path, mtimeMs);
  }

  async symlink(leadsTo, path) {
    await this.#ask("symlink", leadsTo, path);
  }

  async remove(path) {
    await this.#ask("remove", path, false, false);
  }
}

/** @returns {Attributes} */
function fileAttributes(value) {
  return attributesOf(object(value, "params", { mode, mtime }));
}

/** Options of `put`. */
function placeOptions(value) {
  return attributesOf(
    object(value, "params", { append: optional(check.boolean, false), mode, mtime }),
  );
}

function attributesOf({ mtime: mtimeMs, ...rest }) {
  return { ...rest, mtimeMs };
}

module.exports = { UploadTarget, fileAttributes, placeOptions };

"use strict";
// Where an upload to a sandbox at the other end of a network puts things. What breaks off on the way comes again, once.

const { pieceLength } = require("../wire/frames.cjs");

class RemoteUploadTarget {
  #link;
  /** Several are on their way at once, of which a server holds no more than twice its `maxBodyBytes`. */
  pieceLength = pieceLength;

  /** @param {import("./link.cjs").Link} link */
  constructor(link) {
    this.#link = link;
  }

  async directory(path) {
    await this.#ask("files.mkdir", { path, options: { recursive: true } });
  }

  async put(path, data, { append, ...attributes }) {
    await this.#ask("files.place", { path, append, ...packed(attributes) }, data);
  }

  async attributes(path, attributes) {
    await this.#ask("files.attributes", { path, ...packed(attributes) });
  }

  async symlink(target, path) {
    await this.#ask("files.symlink", { target, path });
  }

  async remove(path) {
    await this.#ask("files.remove", { path });
  }

  #ask(method, params, body) {
    return this.#link.ask({ method, params, body }).answer;
  }
}

/** Times on the wire are seconds. */
function packed({ mode, mtimeMs }) {
  return { mode, ...(mtimeMs !== undefined && { mtime: mtimeMs / 1000 }) };
}

module.exports = { RemoteUploadTarget };

"use strict";
// Files of a machine as resources of the Model Context Protocol: a client lists those of the working directory, and reads any.

const { posix } = require("node:path");
const { isOurs } = require("../errors.cjs");

/** The machine's own: `file:` would be taken for the client's. */
const scheme = "sandbox:";
/** Files of one page of the list. */
const pageLength = 100;
/** Directories that are read for one page: what is in many empty ones does not hold a client up. */
const mostDirectories = 2000;
/** Bytes of a file that an answer holds. */
const largestFile = 4 * 1024 * 1024;
/** Nobody's work, or not to be had whole. */
const leftOut = new Set(["/dev", "/proc", "/sys"]);
const RESOURCE_NOT_FOUND = -32002;

const mediaTypes = new Map([
  [".css", "text/css"],
  [".csv", "text/csv"],
  [".gif", "image/gif"],
  [".html", "text/html"],
  [".jpeg", "image/jpeg"],
  [".jpg", "image/jpeg"],
  [".js", "text/javascript"],
  [".json", "application/json"],
  [".md", "text/markdown"],
  [".mjs", "text/javascript"],
  [".pdf", "application/pdf"],
  [".png", "image/png"],
  [".svg", "image/svg+xml"],
  [".ts", "text/x-typescript"],
  [".txt", "text/plain"],
  [".webp", "image/webp"],
]);

const template = {
  uriTemplate: `${scheme}//{+path}`,
  name: "file",
  title: "A file of the sandbox",
  description:
    "A file by its absolute path, as sandbox:///workspace/out.csv; of a directory, the names in it",
};

class Resources {
  #rt;
  #cwd;
  #types;

  /**
   * @param {import("../node-runtime.cjs").NodeRuntime} rt
   * @param {string} cwd
   * @param {object} types The SDK's.
   */
  constructor(rt, cwd, types) {
    this.#rt = rt;
    this.#cwd = cwd;
    this.#types = types;
  }

  get templates() {
    return [template];
  }

  /** A page of the files below the working directory. @param {string} [cursor] What the page before ended with. */
  async list(cursor) {
    const after = cursor === undefined ? undefined : this.#pathOfCursor(cursor);
    const walk = new Walk(this.#rt, this.#cwd, after);
    const resources = [];
    for await (const { path, isDirectory } of walk) {
      const stat = isDirectory ? undefined : await this.#rt.stat(path).catch(goneIsNothing);
      if (stat?.isFile) resources.push(this.#described(path, stat));
      if (resources.length === pageLength || walk.read >= mostDirectories) {
        return { resources, nextCursor: Buffer.from(path).toString("base64url") };
      }
    }
    return { resources };
  }

  async read(uri) {
    const path = this.#pathOf(uri);
    const { isFile, isDirectory, size } = await this.#found(uri, this.#rt.stat(path));
    if (isDirectory) {
      const entries = await this.#found(uri, this.#rt.readDirWithTypes(path));
      const names = entries.map(({ name, isDirectory }) => (isDirectory ? `${name}/` : name));
      return { contents: [{ uri, mimeType: "text/plain", text: names.sort().join("\n") }] };
    }
    if (!isFile) throw this.#invalid(`${uri} is no file`);
    this.#checkLength(uri, size);
    const data = await this.#found(uri, this.#rt.readFile(path));
    // Another file may have been put there meanwhile, or it has grown.
    this.#checkLength(uri, data.length);
    return { contents: [{ uri, ...contentOf(path, data) }] };
  }

  #checkLength(uri, length) {
    if (length > largestFile) {
      throw this.#invalid(
        `${uri} has ${length} bytes, and an answer ${largestFile} at most: read_file gives parts of it`,
      );
    }
  }

  #described(path, { size }) {
    const mimeType = mediaTypes.get(posix.extname(path).toLowerCase());
    const name = posix.relative(this.#cwd, path);
    return { uri: uriOf(path), name, size, ...(mimeType && { mimeType }) };
  }

  #pathOf(uri) {
    let url;
    let path;
    try {
      url = new URL(uri);
      path = decodeURIComponent(url.pathname);
    } catch {
      throw this.#invalid("uri is none");
    }
    const { protocol, host, search, hash } = url;
    const isOurs = protocol === scheme && host === "" && search === "" && hash === "";
    if (!isOurs || !path.startsWith("/") || path.includes("\0")) {
      throw this.#invalid(`uri must be ${scheme}// and the absolute path of a file`);
    }
    return posix.normalize(path);
  }

  #pathOfCursor(cursor) {
    const path = Buffer.from(cursor, "base64url").toString();
    if (!path.startsWith("/") || path.includes("\0")) throw this.#invalid("cursor is none of ours");
    return path;
  }

  #invalid(message) {
    return new this.#types.McpError(this.#types.ErrorCode.InvalidParams, message);
  }

  async #found(uri, promise) {
    try {
      return await promise;
    } catch (error) {
      if (!isOurs(error)) throw error;
      const isMissing = error.code === "ENOENT" || error.code === "ENOTDIR";
      if (!isMissing) throw this.#invalid(error.message);
      throw new this.#types.McpError(RESOURCE_NOT_FOUND, "Resource not found", { uri });
    }
  }
}

/** What is below a directory in the order of the paths, name by name. Links are not followed to directories. */
class Walk {
  #rt;
  #root;
  #after;
  /** Directories that it has come to. */
  read = 0;

  constructor(rt, root, after) {
    this.#rt = rt;
    this.#root = root;
    this.#after = after?.split("/");
  }

  async *[Symbol.asyncIterator]() {
    // The next one is the last.
    const waiting = [{ path: this.#root, isDirectory: true, place: "told" }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { path, isDirectory, place } = next;
      // What was told already is not told again, nor counted: each page gets further.
      if (place === "behind") {
        if (isDirectory) this.read += 1;
        yield { path, isDirectory };
      }
      if (isDirectory) for (const entry of await this.#entries(path)) waiting.push(entry);
    }
  }

  /** What is to be told of a directory, the first one last. */
  async #entries(directory) {
    const entries = (await this.#rt.readDirWithTypes(directory).catch(goneIsNothing)) ?? [];
    return entries
      .filter((entry) => entry.isFile || entry.isSymbolicLink || entry.isDirectory)
      .sort((a, b) => (a.name < b.name ? 1 : -1))
      .map(({ name, isDirectory }) => {
        const path = posix.join(directory, name);
        return { path, isDirectory, place: this.#placeOf(path) };
      })
      .filter(({ path, place }) => place !== "before" && !leftOut.has(path));
  }

  /** Whether it comes before what was told last, is that or on the way to it, or comes behind it. */
  #placeOf(path) {
    if (!this.#after) return "behind";
    for (const [index, name] of path.split("/").entries()) {
      const told = this.#after[index];
      if (told === undefined) return "behind";
      if (name !== told) return name > told ? "behind" : "before";
    }
    return "told";
  }
}

/** What was there a moment ago may have gone. */
function goneIsNothing(error) {
  if (error.syscall === undefined) throw error;
  return undefined;
}

function uriOf(path) {
  return `${scheme}//${path.split("/").map(encodeURIComponent).join("/")}`;
}

function contentOf(path, data) {
  const mimeType = mediaTypes.get(posix.extname(path).toLowerCase());
  const isPicture = mimeType?.startsWith("image/") && mimeType !== "image/svg+xml";
  const text = isPicture ? undefined : textOf(data);
  if (text !== undefined) return { mimeType: mimeType ?? "text/plain", text };
  const blob = Buffer.from(data.buffer, data.byteOffset, data.length).toString("base64");
  return { mimeType: mimeType ?? "application/octet-stream", blob };
}

function textOf(data) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

module.exports = { Resources };

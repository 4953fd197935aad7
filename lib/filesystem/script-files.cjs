"use strict";
// Filesystems that users write in JavaScript, for machines that mount them. Calls of guests arrive on the host's event loop. One
// that is slow, throws or never answers is a matter of the guest program that asked.

const { createHash } = require("node:crypto");
const binding = require("../../binding.cjs");
const { errno } = require("node:os").constants;
const { inspect } = require("node:util");
const { warnOnce } = require("../callback.cjs");
const { isUnlisted } = require("./failure.cjs");

/** Longest time that a call may take, milliseconds: a little more than guests wait, who are told which limit that is. */
const patience = 11_000;
/** Bytes of an answer. */
const longestPiece = 120 * 1024;
const longestPath = 4096;
/** Names of one directory. */
const mostEntries = 16_384;

/** Type bits of `st_mode`. */
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** Of a filesystem that asks before it does something: the same files, for what was asked about already. */
const unasked = Symbol("unasked");

/** What serves each filesystem. @type {WeakMap<object, ScriptFiles>} */
const served = new WeakMap();

/** The number by which mounts name it. */
function numberOfScript(filesystem) {
  let files = served.get(filesystem);
  if (!files) {
    files = new ScriptFiles(filesystem);
    served.set(filesystem, files);
  }
  return files.number;
}

class ScriptFiles {
  #filesystem;
  #native;
  /** Listings by path, so that the pieces of one are of one moment. */
  #listings = new Map();

  constructor(filesystem) {
    this.#filesystem = filesystem;
    // Native code must not hold what holds it: a machine holds the filesystems that it has.
    const self = new WeakRef(this);
    this.#native = new binding.ScriptFiles((call) => self.deref()?.#serve(call));
  }

  get number() {
    return this.#native.number;
  }

  /** Never rejects: what goes wrong is told as an errno. */
  async #serve(call) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, patience, { errno: errno.EIO });
      timer.unref();
    });
    const answer = await Promise.race([this.#answered(call), late]);
    clearTimeout(timer);
    this.#native.answer(call.id, answer);
  }

  async #answered(call) {
    try {
      return (await this.#perform(call)) ?? {};
    } catch (error) {
      const number = errnoOf(error);
      if (number === undefined || error instanceof WrongAnswer) this.#warn(call, error);
      return { errno: number ?? errno.EIO };
    }
  }

  /** Guests are told EIO and nothing else: who wrote the filesystem hears what it was. */
  #warn({ kind, path }, error) {
    const shown = inspect(`/${Buffer.from(path).toString().slice(0, 256)}`);
    const what = `A filesystem that is mounted in a machine failed (${kind} of ${shown})`;
    warnOnce(this.#filesystem, what, error);
  }

  async #perform({ kind, path: bytes, other, data, ...call }) {
    const files = this.#filesystem;
    const path = pathOf(bytes);
    switch (kind) {
      case "stat":
      case "open":
        return { stat: statOf(await files.lstat(path), path) };
      case "readDirectory":
        return await this.#list(path, call.position);
      case "readLink":
        return {
          target: Buffer.from(text(await files.readlink(path), longestPath, "what readlink gives")),
        };
      case "read":
        return { data: piece(await files.pread(path, call.offset, call.count), call.count) };
      case "write":
        return await this.#write(path, call.offset, data);
      case "setSize":
        return void (await files.truncate(path, call.size));
      case "create":
        if (await files.exists(path)) throw failure("EEXIST");
        await files.writeFile(path, new Uint8Array());
        return { stat: await this.#made(path, call.mode & 0o7777) };
      case "makeDirectory":
        await files.mkdir(path);
        return void (await this.#made(path, call.mode & 0o7777));
      case "symlink":
        return void (await files.symlink(decoded(other), path));
      case "link":
        return void (await files.link(path, pathOf(other)));
      case "unlink":
        return void (await files.removeFile(path));
      case "removeDirectory":
        return void (await files.removeDir(path));
      case "rename":
        return await this.#rename(path, pathOf(other), call.flags);
      case "setAttributes":
        return await this.#setAttributes(path, call);
      default:
        throw failure("ENOSYS");
    }
  }

  /** Sets the permissions of what was just made, where the filesystem has any and they are others. */
  async #made(path, mode) {
    const files = this.#filesystem[unasked] ?? this.#filesystem;
    const stat = statOf(await files.lstat(path), path);
    if ((stat.mode & 0o7777) === mode) return stat;
    try {
      await files.chmod(path, mode);
    } catch (error) {
      if (withoutModes.has(errnoOf(error))) return stat;
      throw error;
    }
    return statOf(await files.lstat(path), path);
  }

  async #write(path, offset, data) {
    const start = offset ?? (await this.#filesystem.stat(path)).size;
    await this.#filesystem.pwrite(path, start, data);
    return { count: data.length, end: start + data.length };
  }

  async #rename(from, to, flags) {
    // RENAME_NOREPLACE; no filesystem of ours can exchange.
    if ((flags & ~1) !== 0) throw failure("EINVAL");
    // Two names of one file stay, as rename(2) has it: not every filesystem knows.
    if (from === to) return;
    if (flags & 1 && (await this.#filesystem.exists(to))) throw failure("EEXIST");
    await this.#filesystem.rename(from, to);
  }

  async #setAttributes(path, { mode, atimeMs, mtimeMs }) {
    const files = this.#filesystem;
    if (typeof mode === "number") await files.chmod(path, mode & 0o7777);
    if (typeof atimeMs !== "number" && typeof mtimeMs !== "number") return;
    const stat =
      typeof atimeMs === "number" && typeof mtimeMs === "number" ? {} : await files.stat(path);
    await files.utimes(path, (atimeMs ?? stat.atimeMs) / 1000, (mtimeMs ?? stat.mtimeMs) / 1000);
  }

  /** Names behind a position. */
  async #list(path, position) {
    const known = position > 0 ? this.#listings.get(path) : undefined;
    const names = known ?? (await this.#names(path));
    let types;
    const typeOf = async (name) => {
      types ??= await this.#types(path);
      return types.get(name);
    };
    const entries = [];
    let [size, at] = [0, position];
    for (; at < names.length; at += 1) {
      const name = names[at];
      const below = path === "/" ? `/${name}` : `${path}/${name}`;
      size += Buffer.byteLength(name) + 192;
      if (size > longestPiece) break;
      const stat = await this.#listed(name, below, typeOf);
      if (stat) entries.push({ name: Buffer.from(name), stat, next: at + 1 });
    }
    const last = at >= names.length;
    if (last) this.#listings.delete(path);
    else if (this.#listings.size < 64 || this.#listings.has(path)) this.#listings.set(path, names);
    return { entries, last };
  }

  /** What a name names. One that cannot be asked about is there all the same: whoever uses it is told what is wrong. */
  async #listed(name, below, typeOf) {
    try {
      return statOf(await this.#filesystem.lstat(below), below);
    } catch (error) {
      if (isUnlisted(error)) return undefined;
      return statOf((await typeOf(name)) ?? { isFile: true }, below);
    }
  }

  /** What the filesystem itself lists its names as. */
  async #types(path) {
    try {
      const listed = await this.#filesystem.readDirWithTypes(path);
      return new Map(listed.map((entry) => [entry.name, { mode: kindOf(entry) }]));
    } catch {
      return new Map();
    }
  }

  async #names(path) {
    const names = await this.#filesystem.readDir(path);
    if (!Array.isArray(names)) throw new WrongAnswer("readDir must give an array of names");
    if (names.length > mostEntries) throw failure("EOVERFLOW");
    return names.map((name) => fileName(name));
  }
}

function failure(code) {
  return Object.assign(new Error(code), { code });
}

/** What a filesystem has given back is none of what its methods give: for guests an EIO. */
class WrongAnswer extends TypeError {
  code = "EIO";
}

/** The errno of what was thrown, if it has one. */
function errnoOf(error) {
  try {
    const { code } = error;
    return typeof code === "string" && Object.hasOwn(errno, code) ? errno[code] : undefined;
  } catch {
    return undefined;
  }
}

/** `chmod` of a filesystem that keeps no permissions. */
const withoutModes = new Set([errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM]);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Names that are no text cannot be those of a filesystem in JavaScript. */
function decoded(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw failure("EILSEQ");
  }
}

function pathOf(bytes) {
  return `/${decoded(bytes)}`;
}

function text(value, longest, what) {
  const isText = typeof value === "string" && value !== "" && !value.includes("\0");
  if (isText && Buffer.byteLength(value) < longest) return value;
  throw new WrongAnswer(`${what} must be a text of 1 to ${longest - 1} bytes`);
}

function fileName(value) {
  const name = text(value, 256, "a name that readDir gives");
  if (name.includes("/") || name === "." || name === "..") {
    throw new WrongAnswer(`readDir must give names, ${inspect(name)} is none`);
  }
  return name;
}

function piece(value, count) {
  if (value instanceof Uint8Array && value.length <= count) return value;
  throw new WrongAnswer(`pread must give a Uint8Array of at most the ${count} bytes asked for`);
}

/** What a filesystem tells of a file, with what it left out. */
function statOf(value, path) {
  if (typeof value !== "object" || value === null) {
    throw new WrongAnswer("lstat must give an object with isFile, isDirectory or isSymbolicLink");
  }
  const number = (key, otherwise) => {
    const given = value[key];
    return typeof given === "number" && Number.isFinite(given) ? Math.trunc(given) : otherwise;
  };
  const size = Math.min(Math.max(0, number("size", 0)), Number.MAX_SAFE_INTEGER);
  const kind = kindOf(value);
  const mtimeMs = number("mtimeMs", 0);
  return {
    ino: number("ino", 0) > 0 ? number("ino", 0) : numberOfPath(path),
    mode: kind | (number("mode", kind === S_IFDIR ? 0o755 : 0o644) & 0o7777),
    nlink: Math.max(1, number("nlink", 1)),
    size,
    blocks: Math.max(0, number("blocks", Math.ceil(size / 512))),
    atimeMs: number("atimeMs", mtimeMs),
    mtimeMs,
    ctimeMs: number("ctimeMs", mtimeMs),
    birthtimeMs: number("birthtimeMs", mtimeMs),
  };
}

/** Two files must not have one number: the kernel would take them for one. */
function numberOfPath(path) {
  return createHash("sha256").update(path).digest().readUIntBE(0, 6);
}

function kindOf({ isFile, isDirectory, isSymbolicLink, mode }) {
  if (isDirectory === true) return S_IFDIR;
  if (isSymbolicLink === true) return S_IFLNK;
  if (isFile === true) return S_IFREG;
  const type = typeof mode === "number" ? mode & 0o170000 : 0;
  if ([S_IFREG, S_IFDIR, S_IFLNK].includes(type)) return type;
  throw new WrongAnswer("one of isFile, isDirectory and isSymbolicLink must be true");
}

module.exports = { numberOfScript, unasked };

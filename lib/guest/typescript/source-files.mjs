// Parsed files that later programs share with earlier ones, as the compiler's own registry of documents does: a file
// whose text and way of being parsed are the same is neither parsed nor bound again.

import { statSync } from "node:fs";
import { posix } from "node:path";
import { getHeapStatistics } from "node:v8";

/** Combinations of options whose files are kept. */
const mostCombinations = 3;
/** A parsed character takes some twenty bytes of heap: what is kept leaves most of it to the next program. */
const mostKept = getHeapStatistics().heap_size_limit / 64;

/** Options that change nothing of how a file is parsed and bound. */
const ofOutput = new Set([
  "configFilePath",
  "declaration",
  "declarationDir",
  "declarationMap",
  "emitDeclarationOnly",
  "inlineSourceMap",
  "inlineSources",
  "noEmit",
  "noEmitOnError",
  "outDir",
  "outFile",
  "rootDir",
  "skipDefaultLibCheck",
  "skipLibCheck",
  "sourceMap",
  "tsBuildInfoFile",
]);

export class SourceFiles {
  #compiler;
  /** Where the compiler has the declarations of the language's library. */
  #library;
  /** Declarations. Of the options only those matter to them that they are parsed with. */
  #declarations = new Kept(mostKept);
  /** Other files by options, those that were used last at the end. */
  #others = new Map();

  constructor(compiler) {
    this.#compiler = compiler;
  }

  /**
   * The way to files for a program with these options: their name, how they are parsed, and what reads their text.
   * @returns {(name: string, how: object, read: () => string | undefined) => object | undefined}
   */
  for(options) {
    const others = this.#withOptions(options);
    return (name, how, read) => {
      const isDeclaration = /\.d\.([^./]+\.)?[cm]?ts$/.test(name);
      const way = JSON.stringify(typeof how === "object" ? { ...how } : how);
      const parse = (text) => this.#compiler.createSourceFile(name, text, how);
      const stamp = this.#stamp(name);
      return (isDeclaration ? this.#declarations : others).take(
        `${way}${name}`,
        stamp,
        read,
        parse,
      );
    };
  }

  /** Lets go of what is too much. */
  prune() {
    this.#declarations.prune();
    for (const kept of this.#others.values()) kept.prune();
  }

  /**
   * The compiler's own files are as they are. Those of packages are hundreds, and written when they are installed: that
   * they are the same their status says. Any other file is read.
   */
  #stamp(name) {
    const { sys } = this.#compiler;
    this.#library ??= posix.join(posix.dirname(sys.getExecutingFilePath()), "/");
    if (name.startsWith(this.#library)) return "";
    if (!name.includes("/node_modules/")) return undefined;
    const status = statSync(name, { bigint: true, throwIfNoEntry: false });
    if (!status?.isFile()) return undefined;
    const { dev, ino, size, mtimeNs, ctimeNs } = status;
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  }

  #withOptions(options) {
    const key = keyOf(options);
    const kept = this.#others.get(key) ?? new Kept(mostKept / 8);
    this.#others.delete(key);
    this.#others.set(key, kept);
    if (this.#others.size > mostCombinations) this.#others.delete(this.#others.keys().next().value);
    return kept;
  }
}

/** Files up to so many characters, those that were used last at the end. */
class Kept {
  #most;
  #files = new Map();

  constructor(most) {
    this.#most = most;
  }

  /** @param {string | undefined} stamp What tells that the file is the same without a look into it. */
  take(key, stamp, read, parse) {
    const found = this.#files.get(key);
    this.#files.delete(key);
    const isSame = stamp !== undefined && found?.stamp === stamp;
    const text = isSame ? found.text : read();
    if (text === undefined) return undefined;
    const file = found?.text === text ? found.file : parse(text);
    this.#files.set(key, { stamp, text, file });
    return file;
  }

  prune() {
    let characters = 0;
    for (const { text } of this.#files.values()) characters += text.length;
    for (const [key, { text }] of this.#files) {
      if (characters <= this.#most) return;
      characters -= text.length;
      this.#files.delete(key);
    }
  }
}

function keyOf(options) {
  const relevant = Object.entries(options).filter(
    ([name, value]) => !ofOutput.has(name) && name !== "configFile" && typeof value !== "function",
  );
  return JSON.stringify(relevant.sort(([a], [b]) => (a < b ? -1 : 1)));
}

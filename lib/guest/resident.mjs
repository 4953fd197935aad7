// The program of a resident runner, inside the guest: reads snippets from descriptor 3, runs each as a module of its own
// in the one global scope, and answers on descriptor 4. lib/resident-session.cjs is the other side.

import { AsyncLocalStorage } from "node:async_hooks";
import { read, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { inspect } from "node:util";
import { SourceTextModule, SyntheticModule } from "node:vm";
import { encode, longestValue, sizes, tooLong } from "./clone.mjs";
import { compile } from "./evaluation.mjs";
import { compileAs, importsFrom, metaOf, scriptOf } from "./language.mjs";

/** What a snippet is run for, as the host numbers it. */
const Kind = { exec: 0, run: 1, evaluate: 2 };
/** What a frame to the host brings. */
const Frame = { answer: 0, lateStdout: 1, lateStderr: 2, begun: 3 };
const controlIn = 3;
const controlOut = 4;
/** Length of the identifier that the answer must repeat. */
const idLength = 36;
const pieceLength = 64 * 1024;

const internal = createRequire(import.meta.url);
const { decorateErrorStack } = internal("internal/util");
const importHere = (specifier, options) => import(specifier, options);
/** Imports of a snippet: from the working directory, or from where its file would be. */
const importsOf = (url) => (url === undefined ? importHere : importsFrom(url, internal));
const dynamically = (imports) => (specifier, _referrer, attributes) =>
  imports(specifier, { with: attributes });
const importMeta = import.meta;
const { stdout, stderr } = process;
const exit = process.exit.bind(process);
const listenerCount = process.listenerCount.bind(process);
const listeners = process.listeners.bind(process);
const prependListener = process.prependListener.bind(process);
const { entries } = Object;
const soon = setImmediate;
const { parse: fromJson, stringify: toJson } = JSON;

/** The snippet that whatever runs was started by. */
const owner = new AsyncLocalStorage();
/** The snippet that the host waits for. */
let running;
let count = 0;
/** A snippet of `evaluate` has been there. */
let isOffered = false;

function readExactly(length, then) {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  const more = (error, bytesRead) => {
    if (error || bytesRead === 0) exit(0);
    filled += bytesRead;
    if (filled === length) then(bytes);
    else read(controlIn, bytes, filled, length - filled, null, more);
  };
  read(controlIn, bytes, 0, length, null, more);
}

function writeAll(fd, bytes) {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

function send(frame, body) {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(body.length + 1);
  head[4] = frame;
  writeAll(controlOut, Buffer.concat([head, body]));
}

function sendLate(frame, bytes) {
  for (let at = 0; at < bytes.length; at += pieceLength) {
    send(frame, bytes.subarray(at, at + pieceLength));
  }
}

/** What a snippet writes when it is not the one that runs any more is told apart from the output of that one. */
function tellApart(stream, frame) {
  const write = stream.write.bind(stream);
  const value = (chunk, encoding, done) => {
    const snippet = owner.getStore();
    const isText = typeof chunk === "string";
    const late = snippet !== undefined && snippet !== running;
    if (!late || !(isText || chunk instanceof Uint8Array)) return write(chunk, encoding, done);
    const hasEncoding = typeof encoding === "string";
    sendLate(frame, isText ? Buffer.from(chunk, hasEncoding ? encoding : "utf8") : chunk);
    const callback = hasEncoding ? done : (encoding ?? done);
    if (typeof callback === "function") process.nextTick(callback);
    return true;
  };
  Object.defineProperty(stream, "write", { value, configurable: true, writable: true });
  return write;
}

const writeOut = tellApart(stdout, Frame.lateStdout);
const writeError = tellApart(stderr, Frame.lateStderr);

/** Waits until the kernel has everything that was written to a stream. */
function flushed(stream, write, then) {
  if (stream.writableLength === 0 || stream.writableEnded || stream.destroyed) then();
  else write("", then);
}

const linksBy = (imports) =>
  async function link(specifier, _referrer, { attributes }) {
    const namespace = await imports(specifier, { with: attributes });
    const names = Object.keys(namespace);
    return new SyntheticModule(names, function fill() {
      for (const name of names) this.setExport(name, namespace[name]);
    });
  };

/** A module or a script, by what is said of it. */
function programOf(code, snippet) {
  return compileAs(code, snippet.settings, snippet.name, internal, {
    module: (text, place) => {
      snippet.name = place.name;
      return moduleOf(text, place);
    },
    script: (text, { path, url }) => {
      snippet.name = url === undefined ? snippet.name.replace(/mjs$/, "cjs") : path;
      const place = { name: snippet.name, path: resolve(snippet.name) };
      const run = scriptOf(text, place, internal, dynamically(importsOf(url)));
      return Promise.resolve().then(run);
    },
  });
}

function moduleOf(text, { name, url }) {
  const imports = importsOf(url);
  const module = new SourceTextModule(text, {
    identifier: name,
    importModuleDynamically: dynamically(imports),
    initializeImportMeta(meta) {
      if (url !== undefined) return metaOf(meta, url, internal);
      meta.url = importMeta.url;
      meta.resolve = importMeta.resolve;
    },
  });
  return module.link(linksBy(imports)).then(module.evaluate.bind(module));
}

function evaluationOf(code, snippet) {
  const { run, awaits } = compileAs(code, snippet.settings, snippet.name, internal, {
    module: (text, { name, path, url }) => {
      snippet.name = url === undefined ? name : path;
      return compile(text, snippet.name, dynamically(importsOf(url)), internal);
    },
  });
  const value = Promise.resolve().then(run);
  return awaits ? value.then((result) => result?.value) : value;
}

/** Defines what hands back a value for as long as the snippet runs. */
function offerReturn(snippet) {
  const value = (result) => {
    const text = result === undefined ? "null" : toJson(result);
    if (text === undefined) {
      const message = "__return() takes a value that JSON can hold, not a function or symbol";
      throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
    }
    if (snippet === running) snippet.value = text;
  };
  Object.defineProperty(globalThis, "__return", { value, configurable: true, writable: true });
}

/** What Node's REPL has, too: modules of its own and of packages, from the working directory on. */
function offerRequire() {
  isOffered = true;
  if (Object.hasOwn(globalThis, "require")) return;
  const value = createRequire(importMeta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true, writable: true });
}

/** Numbers of the last snippets by the names of files that they had. */
const named = new Map();
const mostNamed = 256;

function remember({ settings, name, number }) {
  if (settings.filename === undefined) return;
  named.delete(name);
  named.set(name, number);
  if (named.size > mostNamed) named.delete(named.keys().next().value);
}

/** No function of this program waits for the snippet, so that none is in the stacks that it sees. */
function begin(kind, id, settings, code) {
  send(Frame.begun, Buffer.from(id, "latin1"));
  count += 1;
  const name = `snippet-${count}.mjs`;
  const snippet = { id, kind, settings, name, number: count, failed: false, value: undefined };
  running = snippet;
  owner.enterWith(snippet);
  guard();
  if (kind === Kind.run) offerReturn(snippet);
  if (kind === Kind.evaluate && !isOffered) offerRequire();
  try {
    const run = kind === Kind.evaluate ? evaluationOf : programOf;
    const ended = run(code, snippet);
    remember(snippet);
    ended.then(
      (value) => finish(snippet, value),
      (error) => fail(snippet, error),
    );
  } catch (error) {
    fail(snippet, error);
  }
}

function finish(snippet, value) {
  if (snippet.kind === Kind.evaluate) {
    try {
      snippet.value = encode(value);
      const size = Buffer.byteLength(snippet.value);
      if (size > longestValue) throw tooLong(size);
    } catch (error) {
      snippet.value = undefined;
      snippet.tooLong = sizes.get(error);
      return fail(snippet, error);
    }
  }
  // A rejection that nobody has handled by then is the snippet's.
  soon(() => settle(snippet));
}

function fail(snippet, error) {
  snippet.failed = true;
  if (snippet === running) writeError(describe(error));
  else sendLate(Frame.lateStderr, Buffer.from(describe(error)));
  settle(snippet);
}

function settle(snippet) {
  if (snippet !== running || snippet.settled) return;
  snippet.settled = true;
  flushed(stdout, writeOut, () => flushed(stderr, writeError, () => answer(snippet)));
}

function answer({ id, kind, failed, value, tooLong }) {
  if (kind === Kind.run) delete globalThis.__return;
  running = undefined;
  const status = failed ? 1 : Number(process.exitCode ?? 0) & 0xff;
  process.exitCode = undefined;
  const told = { status, tooLong };
  const size = value === undefined ? 0 : Buffer.byteLength(value);
  if (size > longestValue) told.tooLong = size;
  else told.value = value;
  send(Frame.answer, Buffer.from(id + toJson(told)));
  next();
}

/** Listeners of this program, which stay when a snippet removes all that there are. */
const guards = {
  uncaughtException: (error) => uncaught("uncaughtException", error),
  unhandledRejection: (error) => uncaught("unhandledRejection", error),
  beforeExit: unsettled,
};

function guard() {
  for (const [event, listener] of entries(guards)) {
    if (!listeners(event).includes(listener)) prependListener(event, listener);
  }
}

/** An error that no promise of a snippet brought: of a timer, an event, a promise that nobody waits for. */
function uncaught(event, error) {
  // The snippets' own listeners take care of it.
  if (listenerCount(event) > 1) return;
  const snippet = owner.getStore() ?? ownerByStack(error);
  // An exception leaves the context of what has thrown it behind.
  owner.enterWith(undefined);
  if (running !== undefined && (snippet === running.number || snippet === running)) {
    return fail(running, error);
  }
  if (running !== undefined && snippet === undefined && count === 1) return fail(running, error);
  sendLate(Frame.lateStderr, Buffer.from(describe(error)));
}

function ownerByStack(error) {
  const stack = stackOf(error);
  const number = /\bsnippet-(\d+)\.[cm]js:/.exec(stack)?.[1];
  if (number !== undefined) return Number(number);
  for (const [name, last] of named) if (stack.includes(`${name}:`)) return last;
  return undefined;
}

function stackOf(error) {
  try {
    return String(error?.stack);
  } catch {
    return "";
  }
}

/** What an error looks like on standard error: where it is, and the frames that are the snippet's. */
function describe(error) {
  try {
    if (!(error instanceof Error)) return `Uncaught ${inspect(error)}\n`;
    if (error instanceof SyntaxError) decorateErrorStack(error);
    return `${withoutForeignFrames(inspect(error))}\n`;
  } catch {
    return "Uncaught error\n";
  }
}

function withoutForeignFrames(text) {
  const kept = [];
  for (const line of text.split("\n")) {
    if (!foreignFrame.test(line)) kept.push(line);
    // Behind the last frame the error's properties begin.
    else if (line.endsWith(" {")) kept.push(`${kept.pop()} {`);
  }
  return kept.join("\n");
}

const foreignFrame =
  /^ +at (?:FSReqCallback\.|.*(?:node:(?:internal\/|vm:|diagnostics_channel:)|\[eval\d+\]))/;

function next() {
  readExactly(4 + 4 + 1 + idLength, (head) => {
    const [kind, id] = [head[8], head.latin1Slice(9)];
    const [length, said] = [head.readUInt32LE(0), head.readUInt32LE(4)];
    if (length === 0) return begin(kind, id, {}, "");
    readExactly(length, (bytes) => {
      const settings = said === 0 ? {} : fromJson(bytes.utf8Slice(0, said));
      begin(kind, id, settings, bytes.utf8Slice(said));
    });
  });
}

/** The loop has nothing to do any more. */
function unsettled() {
  if (running === undefined || running.settled) return;
  writeError(`Warning: Detected unsettled top-level await in ${running.name}\n`);
  exit(13);
}

/** Has the guards there whenever they could be asked, whichever way they were removed. */
function keepGuards() {
  const { _fatalException: fatal, removeAllListeners } = process;
  const whenFatal = (error, fromPromise) => {
    guard();
    return fatal(error, fromPromise);
  };
  const remove = (...args) => {
    removeAllListeners.apply(process, args);
    guard();
    return process;
  };
  const hidden = { configurable: true, writable: true, enumerable: false };
  Object.defineProperty(process, "_fatalException", { ...hidden, value: whenFatal });
  Object.defineProperty(process, "removeAllListeners", { ...hidden, value: remove });
  guard();
}

// Nothing of how this program was started is a snippet's business, nor is its first use of a feature.
process.execArgv = [];
const { emitWarning } = process;
process.emitWarning = () => {};
new SourceTextModule("");
process.emitWarning = emitWarning;
keepGuards();
next();

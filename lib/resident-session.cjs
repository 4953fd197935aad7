"use strict";
// One guest process of a resident runner, and the snippet that it runs. What comes on its control pipe is a guest's:
// an answer counts only for the snippet that runs and with that snippet's identifier, and no frame is longer than it
// may be.

const { AsyncResource } = require("node:async_hooks");
const { randomUUID } = require("node:crypto");
const { inContext } = require("./callback.cjs");
const { Channels } = require("./channels.cjs");
const { NotClonedError, decode } = require("./clone.cjs");
const { VmError, limitError } = require("./errors.cjs");
const { breachText } = require("./limits.cjs");
const { withResolvers } = require("./machine.cjs");
const { Pages } = require("./pages.cjs");
const { valueCost } = require("./value-cost.cjs");

/** What a snippet is run for, as lib/guest/resident.mjs numbers it. */
const Kind = { exec: 0, run: 1, evaluate: 2 };
const Frame = { answer: 0, lateStdout: 1, lateStderr: 2, begun: 3 };

const SIGKILL = 9;
const idLength = 36;
/** Length and kind of a frame. */
const headLength = 5;
/** What an answer has besides its value, and bytes of output that go into one frame. */
const restOfFrame = 64 * 1024;
const valueLimitName = "limits.jsRuntime.returnValueLimitBytes";

/** The process of a session ended by itself before it had taken the snippet. */
class NotBegun extends Error {
  constructor(result) {
    super("The process of the resident runner ended before it took the snippet");
    this.result = result;
  }
}

/** Code on its way through the guest. */
class Snippet {
  id = randomUUID();
  context = new AsyncResource("SECUREEXECCALL");
  answer = withResolvers();
  /** The guest has it. */
  begun = false;
  #abandoned = withResolvers();

  /** What callbacks are still busy with. */
  #shown = new Set();
  /** What a callback has thrown. */
  #failure;
  /** Why its value is not taken, though the guest has given it. */
  refusal;

  constructor(kind, limit, { onStdout, onStderr, maxOutputBytes, keep }) {
    this.kind = kind;
    const callbacks = [onStdout, onStderr].map((callback) => inContext(callback, this.context));
    const settings = { isOwn: maxOutputBytes !== undefined, keep };
    const kept = maxOutputBytes ?? limit;
    this.channels = new Channels([kept, kept], callbacks, settings);
    this.answer.promise.catch(() => {});
  }

  /** Takes output. Gives back a promise while a callback wants the guest to wait. */
  push(index, chunk) {
    try {
      const pending = this.channels.push(index, chunk);
      if (typeof pending?.then !== "function") return undefined;
      const shown = Promise.resolve(pending)
        .catch((error) => this.#fail(error))
        .finally(() => this.#shown.delete(shown));
      this.#shown.add(shown);
      return shown;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Its process has ended: with it, or before the guest had it. */
  over(result) {
    if (this.begun) this.answer.resolve(result);
    else this.answer.reject(new NotBegun(result));
  }

  /** Nobody waits any more for what callbacks have not taken. */
  abandon() {
    this.#abandoned.resolve();
  }

  /** Ends it with an error of its own that only shows on the host. */
  fail({ name, message }) {
    this.push(1, Buffer.from(`DOMException [${name}]: ${message}\n`));
    this.answer.resolve({ exitCode: 1 });
  }

  #fail(error) {
    this.#failure ??= { error };
    this.answer.reject(error);
  }

  /** The answer, when everything that was shown has been taken. */
  async settled() {
    const answer = await this.answer.promise;
    await Promise.race([Promise.all(this.#shown), this.#abandoned.promise]);
    // What a callback has thrown meanwhile comes too late for the promise.
    if (this.#failure) throw this.#failure.error;
    return answer;
  }
}

class Session {
  #execution;
  #late;
  #snippet;
  #received = new Pages();
  /** As many must be there before it is worth looking. */
  #awaitedBytes = headLength;
  #isOver = false;
  #valueLimit;
  /** Settles when the process has ended, as its execution does. */
  ended;

  /**
   * @param {(settings: object) => import("./execution.cjs").Execution} start Starts the guest process.
   * @param {() => Channels} late Takes what comes between snippets.
   * @param {number} valueLimit Bytes of a value as JSON.
   */
  constructor(start, late, valueLimit) {
    this.#late = late;
    this.#valueLimit = valueLimit;
    this.#execution = start({
      outputs: [0, 1].map((index) => this.#channel(index)),
      onControl: (data) => this.#onControl(data),
      contextNow: () => this.#snippet?.context,
    });
    this.#execution.closeInput();
    this.ended = this.#execution.end;
    // Once for the session: what waits for a promise that lives long stays with it.
    this.ended.then(
      (result) => this.#over()?.over(result),
      (error) => this.#over()?.answer.reject(error),
    );
  }

  /**
   * Runs a snippet.
   * @param {Snippet} snippet
   * @returns {Promise<object>} Its result.
   */
  async run(snippet, code, { timeout, signal, language, filename }) {
    this.#snippet = snippet;
    const outcome = withResolvers();
    const expire = () => outcome.reject(timeoutError(timeout, snippet));
    const timer = timeout === undefined ? undefined : setTimeout(expire, timeout);
    const abort = () => outcome.reject(signal.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      this.#execution.renewCpuTime();
      this.#execution.writeControl(frame(snippet, code, { language, filename }));
      snippet.settled().then(outcome.resolve, outcome.reject);
      const { limits, ...result } = await outcome.promise;
      return { ...result, ...snippet.channels.captured(), ...snippet.channels.limits(limits) };
    } catch (error) {
      // Whatever the guest is doing is not wanted any more. One that has answered waits for the next snippet.
      if (error !== snippet.refusal) this.kill();
      throw error;
    } finally {
      this.#snippet = undefined;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** It has been ended, or will be in a moment. */
  get isOver() {
    return this.#isOver;
  }

  /** The process has ended; gives back the snippet that it ran. */
  #over() {
    this.#isOver = true;
    if (this.#execution.wasStopped) this.#snippet?.abandon();
    return this.#snippet;
  }

  kill() {
    this.#isOver = true;
    this.#snippet?.abandon();
    this.#execution.kill(SIGKILL);
  }

  /** Where the process's output goes: to the snippet that runs, else to what comes between them. */
  #channel(index) {
    const kept = () => (this.#snippet?.channels ?? this.#late()).at(index);
    return {
      push: (chunk) => (this.#snippet ?? this.#late()).push(index, chunk),
      toString: () => kept().toString(),
      get truncated() {
        return kept().truncated;
      },
    };
  }

  #onControl(data) {
    if (this.#isOver) return;
    this.#received.push(data);
    if (this.#received.length < this.#awaitedBytes) return;
    // Each byte is copied a few times at most, whatever the frames are like.
    const all = this.#received.toBuffer();
    this.#received.clear();
    // A value comes as a string in JSON, where every byte may be escaped by another.
    const longestFrame = 2 * this.#valueLimit + restOfFrame;
    this.#awaitedBytes = headLength;
    let at = 0;
    while (all.length - at >= headLength && !this.#isOver) {
      const length = all.readUInt32LE(at);
      if (length < 1 || length > longestFrame) return this.#violated();
      const end = at + 4 + length;
      if (end > all.length) {
        this.#awaitedBytes = end - at;
        break;
      }
      this.#take(all[at + 4], all.subarray(at + headLength, end));
      at = end;
    }
    // A copy: it must not hold what has been taken.
    if (at < all.length) this.#received.push(Buffer.from(all.subarray(at)));
  }

  #take(kind, body) {
    if (kind === Frame.answer) return this.#answered(body);
    if (kind === Frame.begun) return this.#begun(body);
    // Our program writes none that is empty.
    if (body.length === 0) return this.#violated();
    if (kind === Frame.lateStdout) return void this.#late().push(0, body);
    if (kind === Frame.lateStderr) return void this.#late().push(1, body);
    this.#violated();
  }

  #begun(body) {
    const snippet = this.#snippet;
    if (snippet && body.toString("latin1") === snippet.id) snippet.begun = true;
  }

  #answered(body) {
    const snippet = this.#snippet;
    // One that is over, or that the guest has made up.
    if (!snippet || body.toString("latin1", 0, idLength) !== snippet.id) return;
    try {
      const told = JSON.parse(body.toString("utf8", idLength));
      snippet.answer.resolve(resultOf(snippet, told, this.#valueLimit));
    } catch (error) {
      if (error instanceof NotClonedError) return snippet.fail(error);
      if (error instanceof VmError) snippet.refusal = error;
      snippet.answer.reject(snippet.refusal ?? answerError(error));
    }
  }

  /** A guest that writes what its program never does is ended; its snippet tells the status. */
  #violated() {
    this.#received.clear();
    this.kill();
  }
}

/** What an answer says, of which nothing is believed but its own value. */
function resultOf(snippet, { status, value, tooLong }, bound) {
  const { kind } = snippet;
  // A value that is too long does not come; how long it is the guest says.
  const said = Number.isSafeInteger(tooLong) ? tooLong : 0;
  const used = typeof value === "string" ? valueCost(value) : said;
  if (used > bound) {
    const breach = { limit: valueLimitName, bound, used };
    const message = `The value of the snippet is too long: ${breachText(breach)}`;
    if (kind !== Kind.evaluate) {
      throw Object.assign(limitError(breach, message), snippet.channels.captured());
    }
    // Of one that is too long as it travels the guest has told; this one costs more when it is parsed.
    if (typeof value === "string") snippet.push(1, Buffer.from(`RangeError: ${message}\n`));
    return { exitCode: 1, limits: [breach] };
  }
  const result = { exitCode: Number.isInteger(status) ? status & 0xff : 1 };
  if (result.exitCode !== 0 || typeof value !== "string") return result;
  if (kind === Kind.run) result.value = JSON.parse(value);
  if (kind === Kind.evaluate) result.value = decode(value);
  return result;
}

/** Length of what follows, of what is said of the code, kind, identifier; then what is said of it, and the code. */
function frame({ id, kind }, code, { language, filename }) {
  const isPlain = language === undefined && filename === undefined;
  const said = Buffer.from(isPlain ? "" : JSON.stringify({ language, filename }));
  const body = Buffer.from(code, "utf8");
  const head = Buffer.alloc(9);
  head.writeUInt32LE(said.length + body.length);
  head.writeUInt32LE(said.length, 4);
  head[8] = kind;
  return Buffer.concat([head, Buffer.from(id), said, body]);
}

function timeoutError(timeout, snippet) {
  const message = `The snippet did not end within ${timeout} ms and was killed`;
  const error = new VmError({ code: "ERR_TIMEOUT", message, errno: 0, stateLost: false });
  return Object.assign(error, snippet.channels.captured());
}

function answerError(cause) {
  const message = "The value of the snippet cannot be read";
  const failure = { code: "ERR_INVALID_VALUE", message, errno: 0, stateLost: false };
  return Object.assign(new VmError(failure), { cause });
}

module.exports = { Kind, NotBegun, Session, Snippet };

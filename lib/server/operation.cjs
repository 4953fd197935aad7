"use strict";
// Something that a client has asked for: it goes on while the client is away, and its result is kept until the client says
// that it has it.

const { packFailure, remoteError } = require("../wire/failures.cjs");

/**
 * What an operation says to its client, while that is there.
 * @typedef {object} Outlet
 * @property {(message: object, bodies?: Buffer[]) => void} tell
 * @property {(id: number, channel: string, offset: number, data: Uint8Array) => Promise<void> | undefined} output
 *   Gives back a promise while too much is under way.
 * @property {() => Promise<void>} room Settles when there is room for much output at once.
 */

/**
 * Output of an operation.
 * @typedef {object} Stream
 * @property {(from: number) => void} open The client is there, and has seen what is before `from`.
 * @property {() => void} close It is away.
 * @property {() => void} [leave] It wants no more.
 * @property {(offset: number) => void} taken It has taken what is before this number.
 * @property {number} [keptBytes] What is kept of it for a client that comes back.
 * @property {() => void} [drop] Keeps nothing more.
 */

class Operation {
  /** @type {Outlet | undefined} */
  #outlet;
  /** The outlet has had everything that is before the end: what was kept comes first. */
  #isCurrent = false;
  #answer;
  /** A stream goes on behind the answer. */
  #goesOn = false;
  #last;
  #abort = new AbortController();
  /** @type {Stream | undefined} */
  #stream;
  /** Bytes of its answer. */
  #answerBytes = 0;
  /** When it was over, milliseconds of `performance.now()`. */
  endedAt;
  /** What methods of later requests need of it. */
  handle;
  /** @type {(() => unknown) | undefined} */
  #release;
  #isDropped = false;

  /** @param {number} id The client's number for it. */
  constructor(id, method) {
    this.id = id;
    this.method = method;
  }

  /** Aborted when the client gives it up. */
  get signal() {
    return this.#abort.signal;
  }

  get isOver() {
    return this.endedAt !== undefined;
  }

  get outlet() {
    return this.#outlet;
  }

  /** Bytes that are kept of its result and of its output. */
  get keptBytes() {
    return this.#answerBytes + (this.#stream?.keptBytes ?? 0);
  }

  cancel() {
    this.#abort.abort();
  }

  /** Lets go of what it holds: at once, if nobody wants it any more. */
  set release(release) {
    this.#release = release;
    if (this.#isDropped) this.#letGo();
  }

  /** Nobody wants it any more. */
  drop() {
    this.#isDropped = true;
    this.close();
    this.#letGo();
  }

  #letGo() {
    // What goes wrong there has nobody to hear of it.
    Promise.resolve(this.#release?.()).catch(() => {});
    this.#release = undefined;
  }

  /** The client is there (again); it has seen output up to `from`. @param {Outlet} outlet */
  async open(outlet, from = 0) {
    this.#outlet = outlet;
    this.#isCurrent = false;
    if (this.#goesOn) this.#tellAnswer();
    await this.#flow(from);
  }

  /** Has output from now on. */
  async streamTo(stream) {
    this.#stream = stream;
    await this.#flow(0);
  }

  /** The connection is gone. */
  close() {
    this.#outlet = undefined;
    this.#isCurrent = false;
    this.#stream?.close();
  }

  /** The client wants no output any more. */
  leave() {
    this.#stream?.leave?.();
  }

  taken(offset) {
    this.#stream?.taken(offset);
  }

  async #flow(from) {
    const outlet = this.#outlet;
    if (!outlet) return;
    if (this.#stream) {
      this.#isCurrent = false;
      await outlet.room();
      if (this.#outlet !== outlet) return;
      this.#stream.open(from);
    }
    this.#isCurrent = true;
    if (!this.#goesOn) this.#tellAnswer();
    this.#tellLast();
  }

  /** Tells the result. @param {Buffer[]} [bodies] @param {{ goesOn?: boolean }} [options] A stream goes on behind it. */
  answer(result, bodies = [], { goesOn = false } = {}) {
    const lengths = bodies.map(({ length }) => length);
    this.#settle({ id: this.id, result, bodies: lengths }, bodies, goesOn);
  }

  fail(error) {
    this.#settle({ id: this.id, error: packFailure(error) }, [], false);
  }

  /** Keeps the result no longer. */
  dropResult() {
    // What is being sent of it ends as well.
    this.#answer.bodies.length = 0;
    this.#stream?.drop?.();
    const message = "The result was dropped: more than the server keeps waited for its client";
    this.fail(remoteError("ERR_RESULT_DROPPED", message));
  }

  #settle(message, bodies, goesOn) {
    this.#answer = { message, bodies };
    this.#goesOn = goesOn;
    this.#answerBytes = bodies.reduce((sum, { length }) => sum + length, 0);
    if (!goesOn) this.endedAt ??= performance.now();
    if (goesOn || this.#isCurrent) this.#tellAnswer();
  }

  /** Tells something of a stream, unless the client is away. */
  event(event) {
    this.#outlet?.tell({ id: this.id, ...event });
  }

  /** The last thing that a stream tells. */
  end(event) {
    this.#last = { id: this.id, ...event };
    this.endedAt = performance.now();
    if (this.#isCurrent) this.#tellLast();
  }

  #tellAnswer() {
    if (this.#answer) this.#outlet?.tell(this.#answer.message, this.#answer.bodies);
  }

  #tellLast() {
    if (this.#last) this.#outlet?.tell(this.#last);
  }
}

module.exports = { Operation };

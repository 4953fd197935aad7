"use strict";
// Files of a machine at one moment, in memory that nobody can change and that machines made from it share.

const { invalidType, notConstructible, VmError } = require("./errors.cjs");
const { Turns } = require("./turns.cjs");

const created = Symbol("created");

/** What a snapshot is for the addon; tells one from other objects. */
let nativeOf;

class FileSnapshot {
  /** @type {import("../binding.d.cts").NativeSnapshot | undefined} */
  #native;
  #files;
  #bytes;

  constructor(token, native) {
    if (token !== created) {
      throw notConstructible("FileSnapshot", "is made by the method snapshot() of a runtime");
    }
    this.#native = native;
    this.#files = native.files;
    this.#bytes = native.bytes;
    native.weigh();
  }

  static {
    nativeOf = (value) => (#native in value ? { native: value.#native } : undefined);
  }

  get files() {
    return this.#files;
  }

  get bytes() {
    return this.#bytes;
  }

  get disposed() {
    return this.#native === undefined;
  }

  export() {
    const tar = native(this, "this").tar();
    return new ReadableStream({
      async pull(controller) {
        const piece = await tar.next();
        if (piece.length === 0) controller.close();
        else controller.enqueue(new Uint8Array(piece.buffer, piece.byteOffset, piece.length));
      },
    });
  }

  dispose() {
    this.#native?.release();
    this.#native = undefined;
  }

  // Node 20 has the symbol from 20.4 on.
  [Symbol.dispose ?? Symbol.for("nodejs.dispose")]() {
    this.dispose();
  }
}

/** A snapshot that can be used, as the addon knows it. */
function native(value, name) {
  const isObject = typeof value === "object" && value !== null;
  const found = isObject ? nativeOf(value) : undefined;
  if (found === undefined) {
    throw invalidType(
      name,
      "a FileSnapshot, as the method snapshot() of a runtime gives it",
      value,
    );
  }
  if (found.native === undefined) {
    const message = `The FileSnapshot given as "${name}" has been disposed`;
    throw new VmError({ code: "ERR_SNAPSHOT_DISPOSED", message, errno: 0, stateLost: false });
  }
  return found.native;
}

/** A VM process has one capture under way: the next waits until it is full, and so do files that take the place of all. */
const turns = new WeakMap();

function inTurn(machine, work) {
  if (!turns.has(machine)) turns.set(machine, new Turns(1));
  return turns.get(machine).take(undefined, work);
}

/** All files of a machine, as the addon has them. */
async function captured(machine) {
  const { snapshot } = await inTurn(machine, () => machine.request("snapshot"));
  if (!snapshot) throw machine.violated("an image of files that is none");
  return snapshot;
}

/** The files of a machine as they are. */
async function take(machine) {
  return new FileSnapshot(created, await captured(machine));
}

/** Puts files in place of those of a machine. */
async function put(machine, snapshot) {
  await inTurn(machine, () => machine.request("restore", snapshot));
}

/** What has changed in a machine since an earlier snapshot. */
async function changes(machine, before) {
  const snapshot = await captured(machine);
  try {
    return await before.diff(snapshot);
  } finally {
    snapshot.release();
  }
}

module.exports = { FileSnapshot, changes, native, put, take };

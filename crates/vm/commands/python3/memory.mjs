// The file with the memory of an interpreter that has run nothing: what of it is not zero, and where that lies.

import { closeSync, openSync, readSync } from "node:fs";
import { interpreterMemory } from "./module.mjs";

/** Bytes that are kept or left out together: a page of WebAssembly. */
const PAGE = 1 << 16;

/** Bytes of a number of the head: those of Pyodide's part, those of the memory, runs; then of each run where it lies, and its length. */
const NUMBER = 4;
const NUMBERS = 3;

const ZEROS = Buffer.alloc(PAGE);

/** What Pyodide does with a snapshot that can be left out in part: it has the memory behind its own head, and only copies that. */
const COPIED = /(\w+)=\1\.subarray\(\w+\);.*HEAP8\.set\(\1\)/;

/** Runs of pages with something in them, as [start, length]. */
function runsOf(memory) {
  const runs = [];
  for (let at = 0; at < memory.length; at += PAGE) {
    const page = memory.subarray(at, at + PAGE);
    if (Buffer.compare(page, ZEROS.subarray(0, page.length)) === 0) continue;
    const last = runs.at(-1);
    if (last && last[0] + last[1] === at) last[1] += page.length;
    else runs.push([at, page.length]);
  }
  return runs;
}

/** What is kept of an interpreter's memory: pieces of a file. */
export function memoryFile(python) {
  const { HEAPU8 } = python._module;
  const snapshot = python.makeMemorySnapshot();
  const isKnown = COPIED.test(String(python._api.restoreSnapshot));
  const headLength = isKnown ? snapshot.length - HEAPU8.length : snapshot.length;
  const [head, memory] = [snapshot.subarray(0, headLength), snapshot.subarray(headLength)];
  const runs = runsOf(memory);
  const numbers = Uint32Array.from([head.length, memory.length, runs.length, ...runs.flat()]);
  const pieces = runs.map(([start, length]) => memory.subarray(start, start + length));
  return Buffer.concat([new Uint8Array(numbers.buffer), head, ...pieces]);
}

/** A snapshot for Pyodide, which has the memory filled where it would be copied. */
class Snapshot extends Uint8Array {
  /** Fills the memory; nothing where the file has Pyodide's part alone. */
  fillMemory;

  subarray(start, end) {
    if (end !== undefined || start !== this.length || !this.fillMemory) {
      return new Uint8Array(this.buffer).subarray(start, end);
    }
    this.fillMemory();
    this.fillMemory = undefined;
    return new Uint8Array(0);
  }
}

function read(fd, into, position) {
  for (let done = 0; done < into.length; ) {
    const count = readSync(fd, into, done, into.length - done, position + done);
    if (count === 0) throw new Error("the snapshot of the interpreter is not whole");
    done += count;
  }
}

function readNumbers(fd, count, position) {
  const numbers = new Uint32Array(count);
  read(fd, new Uint8Array(numbers.buffer), position);
  return numbers;
}

/** Makes a memory what it was. What was zero is so mostly: a page that nobody has written is only looked at. */
function fill(memory, runs, fd, position) {
  let done = 0;
  const clear = (end) => {
    for (; done < end; done += PAGE) {
      const page = memory.subarray(done, Math.min(done + PAGE, end));
      if (Buffer.compare(page, ZEROS.subarray(0, page.length)) !== 0) page.fill(0);
    }
  };
  for (let at = 0; at < runs.length; at += 2) {
    const [start, length] = [runs[at], runs[at + 1]];
    clear(start);
    read(fd, memory.subarray(start, start + length), position);
    position += length;
    done = start + length;
  }
  clear(memory.length);
}

/**
 * A file of `memoryFile` as a snapshot for Pyodide.
 * @param {string} path
 * @returns {Uint8Array | undefined} Nothing where there is no file.
 */
export function snapshotOf(path) {
  let fd;
  try {
    fd = openSync(path);
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
  const [headLength, memoryLength, count] = readNumbers(fd, NUMBERS, 0);
  const runs = readNumbers(fd, 2 * count, NUMBERS * NUMBER);
  const position = (NUMBERS + runs.length) * NUMBER;
  const snapshot = new Snapshot(headLength);
  read(fd, new Uint8Array(snapshot.buffer), position);
  if (memoryLength === 0) {
    closeSync(fd);
    return snapshot;
  }
  snapshot.fillMemory = () => {
    const memory = new Uint8Array(interpreterMemory().buffer, 0, memoryLength);
    fill(memory, runs, fd, position + headLength);
    closeSync(fd);
  };
  return snapshot;
}

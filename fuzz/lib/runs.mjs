// Inputs from seeds, and runs of targets that are written in JavaScript.

import { Input } from "./input.cjs";

/** @typedef {{kind: string, message: string, notes: string[]}} Failure */

/** Thrown by targets for what does not hold; `kind` is the same for a smaller input with the same cause. */
export class Broken extends Error {
  constructor(kind, details = "") {
    super(details ? `${kind}: ${details}` : kind);
    this.kind = kind;
  }
}

/** The bytes of a run. */
export function inputOf(target, seed, run) {
  const random = randomBytes(
    BigInt(seed) * 0x9e3779b97f4a7c15n + BigInt(run) * 0xd1b54a32d192ed03n,
  );
  const longest = random() % 2 === 0 ? target.longest : Math.ceil(target.longest / 8);
  const length = 1 + ((random() * 65536 + random() * 256 + random()) % longest);
  return Uint8Array.from({ length }, random);
}

/** SplitMix64, a byte at a time. */
function randomBytes(seed) {
  let state = BigInt.asUintN(64, seed);
  let word = 0n;
  let left = 0;
  return () => {
    if (left === 0) {
      state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
      word = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
      word = BigInt.asUintN(64, (word ^ (word >> 27n)) * 0x94d049bb133111ebn);
      word ^= word >> 31n;
      left = 8;
    }
    left -= 1;
    const byte = Number(word & 255n);
    word >>= 8n;
    return byte;
  };
}

/**
 * One run over given bytes.
 * @returns {Promise<Failure | undefined>}
 */
export async function attempt(target, world, bytes, noting = false) {
  const input = new Input(bytes, noting);
  try {
    await target.run(input, world);
  } catch (error) {
    if (error instanceof Broken) {
      return { kind: error.kind, message: error.message, notes: input.notes };
    }
    // A defect of the target, or something that nobody thought of: a failure as well.
    const text = String(error?.stack ?? error);
    return { kind: text.split("\n").slice(0, 2).join(" "), message: text, notes: input.notes };
  }
  return undefined;
}

/**
 * Runs until something fails or it is enough.
 * @param {{runs?: number, seconds?: number}} until
 */
export async function fuzz(target, world, seed, { runs: most = Infinity, seconds = Infinity }) {
  const end = performance.now() + seconds * 1000;
  let runs = 0;
  while (runs < most && performance.now() < end) {
    const bytes = inputOf(target, seed, runs);
    runs += 1;
    const failure = await attempt(target, world, bytes);
    if (failure) return { runs, run: runs - 1, failure: { ...failure, input: bytes } };
  }
  return { runs };
}

/** Runs a target with what its runs share. */
export async function withWorld(target, work) {
  const world = await target.open?.();
  try {
    return await work(world);
  } finally {
    await target.close?.(world);
  }
}

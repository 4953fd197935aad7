// Promises that have to settle, and what has to be gone afterwards.

import { readdirSync } from "node:fs";
import { Broken } from "./runs.mjs";

/** Long for anything that is over: a busy machine does not reach it. */
const patience = 30_000;

/** Keeps promises; each says what it is when it has not settled in time. */
export class Promises {
  #pending = new Map();
  #count = 0;
  /** What settled, as its name and how: `exec: ERR_VM_CRASHED`. */
  outcomes = [];

  /** Gives back a promise that never rejects. */
  keep(name, promise) {
    const number = this.#count++;
    const settled = (how) => {
      this.#pending.delete(number);
      this.outcomes.push(`${name}: ${how}`);
    };
    const kept = promise.then(
      () => settled("done"),
      (error) => settled(error?.code ?? error?.name ?? String(error)),
    );
    this.#pending.set(number, { name, kept });
    return kept;
  }

  async settle() {
    const all = Promise.all([...this.#pending.values()].map(({ kept }) => kept));
    if (await within(all, patience)) return;
    const names = [...this.#pending.values()].map(({ name }) => name);
    throw new Broken("a promise stays pending", names.join(", "));
  }
}

/** Whether a promise is done within a time. */
async function within(promise, ms) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const done = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return done;
}

/** Waits until a condition holds that nothing tells of: what is left of a process goes a moment later. */
export async function eventually(what, holds) {
  const end = performance.now() + patience;
  while (!holds()) {
    if (performance.now() > end) throw new Broken(what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const openDescriptors = () => readdirSync("/proc/self/fd").length;

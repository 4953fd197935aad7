// Random programs of timers, immediates, ticks, microtasks, promises and abort signals, each made from a number. What
// they print does not depend on how fast the machine is: only one timer that will be due is under way at a time, or
// those under way are started in the same turn with the same time; all others are taken away before they are due.

/** Numbers that only depend on the seed (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** What every program starts with. */
const prelude = `
import { setTimeout as sleepPromise, setImmediate as immediatePromise } from "node:timers/promises";
const seen = [];
const log = (what) => void seen.push(what);
const far = 60_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise((resolve) => setImmediate(resolve));
const promised = (work) => void Promise.resolve().then(work);
const tick = () => new Promise((resolve) => process.nextTick(resolve));
process.on("exit", (code) => console.log(JSON.stringify({ seen, code })));
`;

/** Steps of an asynchronous function. Each leaves no timer that is referenced and far away. */
const steps: ((dice: Dice, name: string) => string)[] = [
  (dice) => `await sleep(${dice.below(4)});`,
  () => "await null;",
  sideBySide,
  sideBySide,
  () => "await turn();",
  () => "await tick();",
  (_, name) => `queueMicrotask(() => log("${name} microtask"));`,
  (_, name) => `process.nextTick(log, "${name} tick");`,
  (_, name) => `setImmediate(() => log("${name} immediate")); await turn();`,
  (_, name) =>
    `await new Promise((done) => setImmediate(() => { process.nextTick(() => { log("${name} tick of an immediate"); done(); }); Promise.resolve().then(() => log("${name} microtask of an immediate")); }));`,
  // Cleared behind an await of each kind.
  (dice, name) =>
    `{ const timer = setTimeout(() => log("${name} too late"), far); await ${dice.pick(waits)}; clearTimeout(timer); log("${name} cleared"); }`,
  (dice, name) =>
    `{ const timer = setInterval(() => log("${name} too late"), far); await ${dice.pick(waits)}; clearInterval(timer); log("${name} interval cleared"); }`,
  (dice, name) =>
    `{ let timer; const late = new Promise((_, reject) => { timer = setTimeout(reject, far, new Error("late")); }); log(await Promise.race([${dice.pick(waits)}.then(() => "${name} won"), late])); clearTimeout(timer); }`,
  // Never due, and in nobody's way.
  () => "setTimeout(() => log('never'), far).unref();",
  () => "setInterval(() => log('never'), far).unref();",
  () => "AbortSignal.timeout(far);",
  () => "AbortSignal.any([AbortSignal.timeout(far), new AbortController().signal]);",
  (_, name) =>
    `{ const timer = setTimeout(() => {}, far); timer.unref(); log("${name} " + timer.hasRef()); timer.ref(); log("${name} " + timer.hasRef()); queueMicrotask(() => timer.unref()); }`,
  // The reference comes back in time.
  (dice, name) =>
    `await new Promise((done) => { const timer = setTimeout(() => { log("${name} referenced again"); done(); }, ${1 + dice.below(3)}); timer.unref(); ${dice.pick(laters)}(() => timer.ref()); });`,
  (dice, name) =>
    `await new Promise((done) => { const timer = setTimeout(() => { log("${name} refreshed"); done(); }, ${1 + dice.below(3)}); ${dice.pick(laters)}(() => timer.refresh()); });`,
  (dice, name) =>
    `await new Promise((done) => { let left = ${1 + dice.below(3)}; const timer = setInterval(() => { log("${name} interval " + left); if (--left === 0) { clearInterval(timer); ${dice.pick(laters)}(done); } }, 1); });`,
  // Several of one time start together and end in order.
  (dice, name) =>
    `await Promise.all(Array.from({ length: ${2 + dice.below(4)} }, (_, at) => new Promise((done) => setTimeout(() => { log("${name} together " + at); ${dice.pick(laters)}(done); }, 2))));`,
  (dice, name) =>
    `{ const stop = new AbortController(); const waiting = sleepPromise(far, null, { signal: stop.signal }).catch((error) => log("${name} " + error.name)); await ${dice.pick(waits)}; stop.abort(); await waiting; }`,
  (_, name) => `log("${name} " + await sleepPromise(1, "promised"));`,
  (_, name) => `log("${name} " + await immediatePromise("immediately"));`,
  (_, name) => `{ const gone = setImmediate(() => log("${name} gone")); clearImmediate(gone); }`,
  (_, name) =>
    `await new Promise((done) => { setImmediate(() => { clearImmediate(second); log("${name} first"); done(); }); const second = setImmediate(() => log("${name} second")); });`,
  (_, name) => `setImmediate(() => log("${name} maybe")).unref(); await turn();`,
  // What throws does not keep the others from running.
  (dice, name) =>
    `await new Promise((done) => { process.once("uncaughtException", (error) => { log(error.message); setTimeout(done, 1); }); ${dice.pick(throwers)}(() => { throw new Error("${name} thrown"); }); });`,
  // Made in one and the same millisecond: otherwise they run in different turns.
  (dice, name) =>
    `await new Promise((done) => { process.once("uncaughtException", (error) => log(error.message)); let one, two; do { clearTimeout(one); clearTimeout(two); one = setTimeout(() => { ${dice.pick(laters)}(() => log("${name} behind")); throw new Error("${name} of two"); }, 1); two = setTimeout(() => { log("${name} second of two"); done(); }, 1); } while (one._idleStart !== two._idleStart); });`,
];

/** Two functions side by side whose steps take no time: their order is that of the queues alone. */
function sideBySide(dice: Dice, name: string): string {
  const lane = (letter: string) => {
    const parts = Array.from({ length: 2 + dice.below(4) }, (_, at) => {
      return `await ${dice.pick(queues)}; log("${name}${letter} ${at}");`;
    });
    return `(async () => { ${parts.join(" ")} })()`;
  };
  return `await Promise.all([${lane("a")}, ${lane("b")}]);`;
}

const queues = [
  "null",
  "tick()",
  "turn()",
  "Promise.resolve()",
  "immediatePromise()",
  "new Promise((done) => queueMicrotask(done))",
  "(async () => { await tick(); await null; })()",
  "new Promise((done) => setImmediate(() => process.nextTick(done)))",
  "new Promise((done) => process.nextTick(() => promised(done)))",
];

/** Promises that are kept soon. */
const waits = ["sleep(1)", "sleep(2)", "turn()", "tick()", "Promise.resolve()", "sleepPromise(1)"];

/** Ways to run something behind what runs now. */
const laters = ["queueMicrotask", "process.nextTick", "promised"];

const throwers = ["queueMicrotask", "process.nextTick", "setImmediate", "setTimeout"];

/** How a program ends, all by itself. */
const endings: ((dice: Dice, name: string) => string)[] = [
  () => "",
  () => "",
  () => "",
  (_, name) =>
    `process.once("beforeExit", () => { log("before"); sleep(1).then(() => log("${name} more")); });`,
  (_, name) =>
    `process.once("beforeExit", () => { setImmediate(() => log("${name} once more")); setTimeout(() => {}, far).unref(); });`,
  // Nothing keeps this await: status 13.
  () => `await new Promise((done) => setTimeout(done, far).unref());`,
  () => `await sleepPromise(far, null, { ref: false });`,
  () => `await new Promise(() => {});`,
  () => `setTimeout(() => process.exit(7), 1); await sleep(far);`,
  () => `setImmediate(() => { process.exitCode = 5; });`,
  () => `setTimeout(() => { throw new Error("at the end"); }, 1);`,
  () => `setTimeout(() => Promise.reject(new Error("rejected")), 1);`,
  () => `process.nextTick(() => process.exit(3));`,
];

/** The ES module number `seed`. Its last line of output is JSON of what happened in which order, and its status. */
export function loopProgram(seed: number): string {
  const dice = new Dice(seed);
  const body: string[] = [];
  const count = 1 + dice.below(6);
  // One after the other, each step with the timers of those before it out of the way.
  for (let at = 0; at < count; at += 1) {
    const step = dice.pick(steps)(dice, String(at));
    const form = dice.below(5);
    if (form === 0) body.push(`await (async () => { ${step} })();`);
    else if (form === 1)
      body.push(`await new Promise((done) => setTimeout(async () => { ${step} done(); }, 1));`);
    else if (form === 2)
      body.push(`await new Promise((done) => setImmediate(async () => { ${step} done(); }));`);
    else body.push(step);
    body.push(`log("${at}");`);
  }
  body.push(dice.pick(endings)(dice, "end"));
  return prelude + body.join("\n");
}

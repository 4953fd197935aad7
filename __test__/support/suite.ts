// `node:test`, with a time for every test: what hangs costs that time, fails by its own name, and
// leaves nothing that keeps the file's process from ending.

import { AsyncLocalStorage } from "node:async_hooks";
import { test as run, type TestContext } from "node:test";

export { after, before, describe } from "node:test";

/** Many times what the slowest test without a time of its own takes on a busy machine. */
const usualLimit = 30_000;

type Disposable = { dispose(): Promise<void> };
type Options = { timeout?: number; skip?: string | boolean };
type Body = (context: TestContext) => void | Promise<void>;

const made = new AsyncLocalStorage<Set<Disposable>>();

/** A test that fails after `timeout` milliseconds, when what it made is disposed of. */
export function test(name: string, body: Body): void;
export function test(name: string, options: Options, body: Body): void;
export function test(name: string, given: Options | Body, last?: Body): void {
  const [options, body] = typeof given === "function" ? [{}, given] : [given, last ?? (() => {})];
  run(name, { timeout: usualLimit, ...options }, async (context) => {
    const left = new Set<Disposable>();
    // Runs after the test's time is over, too.
    context.after(() => Promise.all([...left].map((each) => each.dispose())));
    await made.run(left, async () => await body(context));
  });
}

/** Has `owned` disposed of when the test that runs is over, if it did not do so itself. */
export function ownedByTest<T extends Disposable>(owned: T): T {
  made.getStore()?.add(owned);
  return owned;
}

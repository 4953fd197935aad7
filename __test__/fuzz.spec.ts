// A part of each fuzz target that is written in JavaScript, the same one in every run. `npm run fuzz` is the long form.

import assert from "node:assert/strict";
import { describe, test } from "./support/suite.ts";

type Failure = { kind: string; message: string };
type Target = { name: string };
/** What the runs of a target share; only some have programs. */
type Guests = { programs?: number; toTheEnd: number };

const lib: string = new URL("../fuzz/lib/", import.meta.url).href;
const { attempt, Broken, fuzz, inputOf, withWorld } = await import(`${lib}runs.mjs`);
const { shrink } = await import(`${lib}shrink.mjs`);
const { targets }: { targets: Target[] } = await import(`${lib}../targets/index.mjs`);

/** Runs of each, a few seconds together; seeds are fixed. */
const runs: Record<string, number> = {
  events: 500,
  options: 1000,
  parsers: 4,
  bindings: 6,
  calls: 4,
  wasi: 30,
  "node-wasi": 20,
  loaders: 8,
  kills: 8,
  memory: 6,
};

/** As long as the slowest on a busy machine. */
const timeout = 300_000;

type Asked = { isSpent: boolean; byte(): number };

/** Fails for inputs with a byte of at least 200 somewhere behind one of at least 100. */
const picky = {
  longest: 64,
  run(input: Asked) {
    while (input.byte() < 100) if (input.isSpent) return;
    while (!input.isSpent) if (input.byte() >= 200) throw new Broken("large", "behind another");
  },
};

describe("what fuzzes", () => {
  test("finds a failure again by its seed and run, and makes it small", async () => {
    const { run, failure } = await fuzz(picky, undefined, 5, { runs: 1000 });
    assert.equal(failure.kind, "large");
    assert.deepEqual(inputOf(picky, 5, run), failure.input);
    const again = async (bytes: Uint8Array) =>
      (await attempt(picky, undefined, bytes))?.kind === "large";
    const smallest = await shrink(failure.input, again);
    assert.deepEqual([...smallest], [100, 200]);
  });

  test("takes an error that nobody thought of for a failure", async () => {
    const defect = { longest: 4, run: () => JSON.parse("{") };
    const { failure } = await fuzz(defect, undefined, 1, { runs: 3 });
    assert.match(failure.kind, /^SyntaxError/);
  });
});

describe("fuzzing", () => {
  for (const [name, count] of Object.entries(runs)) {
    test(`${name}: nothing fails in ${count} runs of seed 1`, { timeout }, async () => {
      const target = targets.find((each) => each.name === name);
      assert.ok(target, `there is no target ${name}`);
      let guests: Guests | undefined;
      const outcome: { runs: number; run?: number; failure?: Failure } = await withWorld(
        target,
        (world?: Guests) => {
          guests = world;
          return fuzz(target, world, 1, { runs: count });
        },
      );
      const again = `again, made small: npm run fuzz -- ${name} --seed 1`;
      const { run, failure } = outcome;
      assert.equal(failure, undefined, failure && `run ${run}: ${failure.message}\n${again}`);
      assert.equal(outcome.runs, count);
      if (guests?.programs === undefined) return;
      // A guest that its own calls end, or keep waiting, tries nothing: nearly all run to the end, also on a busy machine.
      const { programs, toTheEnd } = guests;
      assert.ok(toTheEnd > programs / 2, `${toTheEnd} of ${programs} programs ran to the end`);
    });
  }
});

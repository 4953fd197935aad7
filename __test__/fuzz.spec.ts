// A part of each fuzz target that is written in JavaScript, the same one in every run. `npm run fuzz` is the long form.

import assert from "node:assert/strict";
import { describe, test } from "./support/suite.ts";

type Failure = { kind: string; message: string };
type Target = { name: string };

const lib: string = new URL("../fuzz/lib/", import.meta.url).href;
const { fuzz, withWorld } = await import(`${lib}runs.mjs`);
const { targets }: { targets: Target[] } = await import(`${lib}../targets/index.mjs`);

/** Runs of each, a few seconds together; seeds are fixed. */
const runs: Record<string, number> = {
  events: 500,
  options: 1000,
  parsers: 4,
  bindings: 6,
  calls: 4,
  wasi: 30,
  loaders: 8,
  kills: 8,
};

/** As long as the slowest on a busy machine. */
const timeout = 300_000;

describe("fuzzing", () => {
  for (const [name, count] of Object.entries(runs)) {
    test(`${name}: nothing fails in ${count} runs of seed 1`, { timeout }, async () => {
      const target = targets.find((each) => each.name === name);
      assert.ok(target, `there is no target ${name}`);
      const outcome: { runs: number; run?: number; failure?: Failure } = await withWorld(
        target,
        (world: unknown) => fuzz(target, world, 1, { runs: count }),
      );
      const again = `again, made small: npm run fuzz -- ${name} --seed 1`;
      const { run, failure } = outcome;
      assert.equal(failure, undefined, failure && `run ${run}: ${failure.message}\n${again}`);
      assert.equal(outcome.runs, count);
    });
  }
});

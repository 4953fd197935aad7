// Fuzzing. Without arguments it lists the targets.
//
//   npm run fuzz -- <target> [--seconds N] [--seed N] [--runs N]   until something fails, a minute by default
//   npm run fuzz -- all [--seconds N] [--seed N]                   every target, N seconds each
//   npm run fuzz -- <target> --input HEX                           one run over that input
//
// A failure is told with its seed, the smallest input found, what the target did with it, and how to repeat it.

import { parseArgs } from "node:util";
import { runMain, say, StepError } from "../scripts/lib/steps.mjs";
import * as native from "./lib/native.mjs";
import { attempt, fuzz, withWorld } from "./lib/runs.mjs";
import { shrink } from "./lib/shrink.mjs";
import { targets } from "./targets/index.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    runs: { type: "string" },
    input: { type: "string" },
  },
});

/** Both kinds of targets with the same methods. */
function scripted(target) {
  const { name, about, shrinkFor: seconds = 60 } = target;
  return {
    name,
    about,
    seconds,
    fuzz: (seed, until) =>
      withWorld(target, async (world) => {
        const outcome = await fuzz(target, world, seed, until);
        return { ...outcome, told: target.told?.(world) };
      }),
    once: (bytes) => withWorld(target, (world) => attempt(target, world, bytes, true)),
  };
}

function compiled({ name, about }) {
  return {
    name,
    about,
    seconds: 60,
    fuzz: (seed, until) => native.fuzz(name, seed, until),
    once: (bytes) => native.attempt(name, bytes),
  };
}

/** @returns {Promise<boolean>} Whether everything held. */
async function search(target) {
  const seed = number("seed") ?? Math.floor(Math.random() * 2 ** 32);
  const until = options.runs ? { runs: number("runs") } : { seconds: number("seconds") };
  const { runs, run, failure, told } = await target.fuzz(seed, until);
  if (!failure) {
    const more = told ? `; ${told}` : "";
    say(`${target.name}: ${runs} runs with seed ${seed}, nothing failed${more}`);
    return true;
  }
  say(`\nFAILED ${target.name}: run ${run} of seed ${seed}\n${failure.message}`);
  say("looking for a smaller input ...");
  const same = async (bytes) => (await target.once(bytes))?.kind === failure.kind;
  const smallest = await shrink(failure.input, same, { seconds: target.seconds });
  report(target, smallest, (await target.once(smallest)) ?? failure);
  return false;
}

function report(target, input, { message, notes }) {
  const digits = native.toHex(input);
  for (const note of notes) say(`  ${note}`);
  say(`${message}\nsmallest input: ${input.length} bytes`);
  say(`again: npm run fuzz -- ${target.name} --input ${digits || '""'}`);
}

function number(name) {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new StepError(`--${name} takes a number`);
  return value;
}

await runMain(async () => {
  const all = [...(await native.list()).map(compiled), ...targets.map(scripted)];
  const [wanted] = positionals;
  if (wanted === undefined) {
    for (const { name, about } of all) say(`${name.padEnd(16)}${about}`);
    return 0;
  }
  const chosen = wanted === "all" ? all : all.filter(({ name }) => name === wanted);
  if (chosen.length === 0)
    throw new StepError(`no target named ${wanted}: npm run fuzz lists them`);
  if (options.input !== undefined) {
    const bytes = native.fromHex(options.input);
    const failure = await chosen[0].once(bytes);
    if (failure) report(chosen[0], bytes, failure);
    else say("nothing failed");
    return failure ? 1 : 0;
  }
  let held = true;
  for (const target of chosen) held = (await search(target)) && held;
  return held ? 0 : 1;
});

// VM processes that were taken over: whatever they say on their sockets costs their own machine, and nobody else
// anything.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostileHost, hostilePeer } from "./support/hostile-peer.mjs";
import { before, describe, test } from "./support/suite.ts";

/** Of each mode, milliseconds. A machine of its own is made and attacked at least once. */
const period = 250;
const mostGrowth = 64;
/** The time that the host's thread may be in one call of the other machine, where a machine may be busy. */
const mostBlocked = 150;

/** Modes that a call notices only by a deadline, of seconds. */
const slow = new Set([
  "mute",
  "no-setup",
  "drip",
  "half-frame",
  "never-reads",
  "condemned-and-mute",
  "condemned-and-endless",
  "never-ends",
  "no-answer",
  "slow-answers",
  "endless-output",
]);

/** The hostile VM process is compiled, which another user than the builder cannot. */
const skip = spawnSync("cargo", ["--version"]).status === 0 ? false : "no cargo";

let peer: string;
let modes: string[];
before(
  async () => {
    if (skip) return;
    ({ peer, modes } = await hostilePeer());
  },
  { timeout: 600_000 },
);

async function assertUnharmed(chosen: string[]): Promise<void> {
  const lines = await hostileHost(peer, period, chosen);
  const end = lines.pop();
  assert.deepEqual(end, { end: true, left: 0, loose: [] });
  assert.deepEqual(
    lines.map(({ mode }) => mode),
    ["calm", ...chosen],
  );
  for (const { mode, settled, pending, most, grown, blocked, calls } of lines.slice(1)) {
    const told = `${mode}: ${JSON.stringify({ settled, pending, most, grown, blocked, calls })}`;
    assert.ok(settled >= 1, told);
    assert.equal(pending, 0, told);
    assert.ok(most <= 4, told);
    assert.ok(grown < mostGrowth, told);
    assert.ok(blocked < mostBlocked, told);
    assert.ok(calls >= 1, told);
  }
}

describe("a hostile VM process", { skip }, () => {
  test("that breaks a rule", { timeout: 300_000 }, async () => {
    const quick = modes.filter((mode) => !slow.has(mode));
    assert.ok(quick.length > 40);
    await assertUnharmed(quick);
  });

  for (const mode of slow) {
    test(`that keeps silent: ${mode}`, { timeout: 120_000 }, async () => {
      assert.ok(modes.includes(mode));
      await assertUnharmed([mode]);
    });
  }
});

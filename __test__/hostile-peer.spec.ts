// VM processes that were taken over: whatever they say on their sockets costs their own machine, and nobody else
// anything.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type HostLine, hostileHost, hostilePeer } from "./support/hostile-peer.mjs";
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

/** Descriptors that the host may have more of than before: those of a process that waits for the next machine. */
const mostDescriptors = 8;

async function assertUnharmed(chosen: string[]): Promise<HostLine[]> {
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
  return lines.slice(1);
}

describe("a hostile VM process", { skip }, () => {
  test("that breaks a rule", { timeout: 300_000 }, async () => {
    const quick = modes.filter((mode) => !slow.has(mode) && !mode.startsWith("files-"));
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

/** What a VM process is told that breaks a rule of the files channel, by mode. */
const rules: Record<string, RegExp> = {
  ...each(
    ["garbage", "unknown-operation", "unknown-access", "trailing", "half", "two-requests"],
    /that does not decode$/,
  ),
  ...each(["too-long", "descriptors"], /that is too long$/),
  ...each(
    [
      "up",
      "up-further",
      "absolute",
      "nul",
      "dot",
      "empty-name",
      "long-name",
      "long-path",
      "target-nul",
      "up-to",
      "lease-beside",
      "leases-ended",
      "large-read",
    ],
    /a path or a piece of a file that is none$/,
  ),
  "files-large-write": /that is none$/,
  "files-other-mount": /a mount that the VM does not have$/,
  "files-descriptor": /a descriptor with a request for files$/,
  ...each(["twice", "earlier"], /out of turn$/),
  // It has answers waiting on both of its sockets by then, and others wait for its own: what has waited longest is told, all
  // of them as long as each other.
  ...each(
    ["flood", "scripted-flood", "known-flood"],
    /it (does not read its (files channel|socket)|did not answer)$/,
  ),
};

function each(names: string[], rule: RegExp): Record<string, RegExp> {
  return Object.fromEntries(names.map((name) => [`files-${name}`, rule]));
}

/** What it asked for without breaking one. */
const attempts = [
  "read-only",
  "outside",
  "other-vm",
  "handles",
  "descriptors-given",
  "listings",
  "empty-message",
  "shut",
  "after-destroy",
  "slow-reader",
  "watches",
  "listeners",
  "leases",
].map((name) => `files-${name}`);

/** It ends by itself, with all that it could get. */
const end = "files-dies";

function assertNothingGot({ mode, touched, got, descriptors }: HostLine): void {
  assert.deepEqual({ mode, touched, got }, { mode, touched: [], got: [] });
  assert.ok(descriptors < mostDescriptors, `${mode}: ${descriptors} descriptors more`);
}

describe("a hostile VM process with mounts", { skip }, () => {
  test("has modes for every rule of the files channel", () => {
    const about = modes.filter((mode) => mode.startsWith("files-"));
    assert.deepEqual(about.sort(), [...Object.keys(rules), ...attempts, end].sort());
  });

  test("that breaks a rule is ended, and nothing is changed", { timeout: 300_000 }, async () => {
    for (const line of await assertUnharmed(Object.keys(rules))) {
      assertNothingGot(line);
      const told = Object.keys(line.outcomes);
      const rule = rules[line.mode];
      assert.ok(rule && told.some((why) => rule.test(why)), `${line.mode}: ${told}`);
    }
  });

  test("that asks for what it may not have gets nothing", { timeout: 300_000 }, async () => {
    for (const line of await assertUnharmed(attempts)) {
      assertNothingGot(line);
      assert.deepEqual(Object.keys(line.outcomes), ["fulfilled"], line.mode);
    }
  });

  test("that dies with all that it could get leaves nothing", { timeout: 300_000 }, async () => {
    const [line] = await assertUnharmed([end]);
    assert.ok(line);
    assertNothingGot(line);
    assert.ok(Object.keys(line.outcomes).includes("exit status 0"));
  });
});

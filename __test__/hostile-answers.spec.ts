// Guests that write to the control channel of their resident runner, and values that cost the host more than their bytes.

import assert from "node:assert/strict";
import { assertIdle, withRuntime } from "./support/guest.ts";
import { Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";

const mebibyte = 1024 * 1024;

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

/** What the host keeps of frames is counted in MiB; whatever this is, it is no copy for each of them. */
async function assertHostIsSpared(work: () => Promise<void>): Promise<void> {
  const before = process.memoryUsage.rss();
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
  }, 10);
  await work();
  clearInterval(watch);
  const grown = (highest - before) / mebibyte;
  assert.ok(grown < 200, `the host grew by ${grown} MiB`);
}

describe("frames that a guest writes itself", () => {
  test("empty ones end its process", async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const code = `import { writeSync } from "node:fs";
        const empty = Buffer.alloc(50_000, Buffer.from([1, 0, 0, 0, 1]));
        for (;;) writeSync(4, empty);`;
      await assertHostIsSpared(async () => {
        const { signal } = await runner.exec(code, { timeout: 20_000 });
        assert.equal(signal, "SIGKILL");
      });
      await assertIdle(runtime);
    });
    await sentinel.assertUnharmed();
  });

  test("a million of one byte take a few bytes each", async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const code = `import { writeSync } from "node:fs";
        const one = Buffer.alloc(6 * 8192, Buffer.from([2, 0, 0, 0, 1, 65]));
        for (let i = 0; i < 128; i++) for (let at = 0; at < one.length; ) at += writeSync(4, one, at);`;
      await assertHostIsSpared(async () => {
        const { exitCode, background } = await runner.exec(code, { timeout: 25_000 });
        assert.equal(exitCode, 0);
        assert.equal(background?.stdout.length, 128 * 8192);
      });
    });
    await sentinel.assertUnharmed();
  });

  test("one that comes byte by byte is put together", async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const code = `import { writeSync } from "node:fs";
        const body = "x".repeat(20_000);
        const frame = Buffer.concat([Buffer.from([0x21, 0x4e, 0, 0, 1]), Buffer.from(body)]);
        for (const byte of frame) writeSync(4, Buffer.of(byte));`;
      const { exitCode, background } = await runner.exec(code, { timeout: 25_000 });
      assert.deepEqual([exitCode, background?.stdout], [0, "x".repeat(20_000)]);
    });
  });
});

describe("values that would take the host's time", () => {
  const refused: [string, string, RegExp][] = [
    [
      "sequences of characters",
      "new RegExp('\\\\p{RGI_Emoji}'.repeat(20), 'v')",
      /64 properties of characters/,
    ],
    [
      "properties of characters, in many",
      "Array.from({ length: 100 }, () => /\\p{L}/iu)",
      /64 properties of characters/,
    ],
    ["long ones", "new RegExp('(?:a|b)'.repeat(20_000))", /64 KiB at most/],
    ["keys that collide", `new Set(${JSON.stringify(colliding(30_000))})`, /its keys collide/],
  ];
  for (const [what, code, message] of refused) {
    test(`${what} are refused, and the runner goes on`, async () => {
      await withRuntime({}, async (runtime) => {
        await using runner = await runtime.createResidentRunner();
        const { exitCode, stderr } = await runner.evaluate(code);
        assert.equal(exitCode, 1);
        assert.match(stderr, /DataCloneError/);
        assert.match(stderr, message);
        const after = await runner.evaluate("1 + 1");
        assert.deepEqual([after.value, after.restarted], [2, undefined]);
      });
    });
  }

  test("usual ones come as they are", async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const code = `({ pattern: /\\p{L}+(?<name>x)/giu, big: 2n ** 70n, less: -(2n ** 70n), zero: 0n,
        map: new Map(Array.from({ length: 20_000 }, (_, i) => [i * 7919, i])),
        numbers: [NaN, -0, Infinity, -Infinity], errors: Array.from({ length: 3 }, () => new TypeError("t")) })`;
      const { value, stderr } = await runner.evaluate<Record<string, unknown>>(code);
      assert.equal(stderr, "");
      const { map, errors, ...rest } = value ?? {};
      assert.deepEqual(rest, {
        pattern: /\p{L}+(?<name>x)/giu,
        big: 2n ** 70n,
        less: -(2n ** 70n),
        zero: 0n,
        numbers: [NaN, -0, Infinity, -Infinity],
      });
      assert.ok(map instanceof Map && map.size === 20_000 && map.get(7919) === 1);
      assert.ok(Array.isArray(errors) && errors.every((each) => each instanceof TypeError));
      assert.match(String(errors[0]?.stack), /^TypeError: t\n/);
    });
  });

  test("a long integer takes no longer than its length", async () => {
    await withRuntime({}, async (runtime) => {
      await using runner = await runtime.createResidentRunner();
      const { value, exitCode } = await runner.evaluate("1n << 2_000_000n");
      assert.deepEqual([exitCode, value === 1n << 2_000_000n], [0, true]);
    });
  });
});

/** Numbers that V8's tables put into one place: it hashes integers by a fixed function. */
function colliding(count: number): number[] {
  const hash = (key: number) => {
    let hash = ~key + (key << 15);
    hash ^= hash >>> 12;
    hash += hash << 2;
    hash ^= hash >>> 4;
    hash = Math.imul(hash, 2057);
    return (hash ^ (hash >>> 16)) & 0x3fff_ffff;
  };
  const keys: number[] = [];
  for (let key = 0; keys.length < count; key += 1) if ((hash(key) & 0xffff) === 0) keys.push(key);
  return keys;
}

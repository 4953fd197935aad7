// Fields and precisions of any size are printed, or refused with a message.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { NodeRuntime } from "secure-exec";
import { NodeRuntime as Runtime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

let runtime: NodeRuntime;
before(async () => {
  runtime = await Runtime.create();
});
after(() => runtime.dispose());

const sh = (script: string) => runtime.execCommand("sh", ["-c", script]);

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

describe("wide fields are printed whole by", () => {
  const zeros = (count: number) => "0".repeat(count);
  const cases: Record<string, [string, string]> = {
    "printf %.70000f": ["printf '%.70000f' 1.5", `1.5${zeros(69_999)}`],
    "printf %070000d": ["printf '%070000d' -7", `-${zeros(69_998)}7`],
    "printf %.70000d": ["printf '%.70000d' 7", `${zeros(69_999)}7`],
    "printf %70000s": ["printf '%70000s' x", `${" ".repeat(69_999)}x`],
    "printf %.*e": ["printf '%.*e' 70000 0.5", `5.${zeros(70_000)}e-01`],
    "printf %.70000g": ["printf '%.70000g' 0.5", "0.5"],
    "printf with a precision of a text": ["printf '%.2147483647s' text", "text"],
    "awk %.70000f": [`awk 'BEGIN { printf "%.70000f", 1.5 }'`, `1.5${zeros(69_999)}`],
    "awk %.70000e": [`awk 'BEGIN { printf "%.70000e", 0.5 }'`, `5.${zeros(70_000)}e-01`],
    "awk %070000d": [`awk 'BEGIN { printf "%070000d", 7 }'`, `${zeros(69_999)}7`],
  };
  for (const [name, [script, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const { stdout, stderr, exitCode } = await sh(script);
      assert.equal(stderr, "");
      assert.equal(exitCode, 0);
      assert.equal(stdout.length, expected.length);
      assert.equal(digest(stdout), digest(expected));
    });
  }
});

describe("what is too wide is refused without a trace of the program:", () => {
  const widest = 2 ** 31 - 1;
  const scripts = [
    `printf '%.*f' ${widest} 1`,
    `printf '%*d' ${widest} 1`,
    `printf '%*d' -${widest} 1`,
    `printf '%0.${widest}d' 1`,
    `printf '%${widest}s' x`,
    `printf '%99999999999999999999d' 1`,
    `printf '%.${widest}x' 255`,
    `printf '%#.${widest}g' 1`,
    `awk 'BEGIN { printf "%${widest}d", 1 }'`,
    `awk 'BEGIN { printf "%.${widest}f", 1 }'`,
    `awk 'BEGIN { printf "%*d", ${widest}, 1 }'`,
  ];
  for (const script of scripts) {
    test(script, async () => {
      const { stdout, stderr, exitCode } = await sh(`${script} | head -c 100 | wc -c; true`);
      assert.match(stdout, /^\d+\n$/);
      assert.equal(exitCode, 0);
      assert.doesNotMatch(stderr, /panick|RUST|internal error|unreachable|wasm|Abort/i);
      const alone = await sh(`${script} > /dev/null 2>&1; echo $?`);
      assert.match(alone.stdout, /^[0-2]\n$/);
    });
  }
});

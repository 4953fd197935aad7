// Test runners and tools from npm measure in a machine the coverage that they measure on host Node.js.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before } from "node:test";
import { promisify } from "node:util";
import { NodeRuntime } from "secure-exec";
import {
  coverageFolder,
  filesBelow,
  packagesOf,
  pinnedNode,
  notInstalled as skip,
} from "./support/programs.ts";
import { describe, test } from "./support/suite.ts";

const fixture = join(import.meta.dirname, "fixtures/coverage");
const guestFolder = "/workspace";
const lcov = "coverage/lcov.info";

const vitest = ["node_modules/vitest/vitest.mjs", "run", "--coverage"];
const c8 = ["node_modules/c8/bin/c8.js", "--reporter=text", "--reporter=lcovonly", "--src=source"];

/** What is run, and how many of the fixture's files its table has. */
const commands: Record<string, { args: string[]; files: number }> = {
  "vitest, in processes": { args: [...vitest, "--pool=forks"], files: 2 },
  "vitest, in workers": { args: [...vitest, "--pool=threads"], files: 2 },
  "node --test": {
    args: ["--test", "--experimental-test-coverage", "--test-reporter=tap", "tests/node.mjs"],
    files: 4,
  },
  "c8 and mocha": {
    args: [...c8, "--all", "node", "node_modules/mocha/bin/mocha.js", "tests/mocha.cjs"],
    files: 3,
  },
};

/** The table that a tool prints, as rows of cells. */
function tableOf(stdout: string): string[][] {
  const lines = stdout.split("\n").filter((line) => line.includes(" | "));
  return lines.map((line) =>
    line
      .replace("# ", "")
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** Tools start the same Node.js. */
const env = { PATH: [dirname(pinnedNode), process.env.PATH].join(delimiter), NO_COLOR: "1" };

describe("coverage", { skip }, () => {
  let folder: string;
  let runtime: NodeRuntime;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "secure-exec-coverage-"));
    cpSync(fixture, folder, { recursive: true });
    symlinkSync(join(coverageFolder, "node_modules"), join(folder, "node_modules"));
    runtime = await NodeRuntime.create({
      cwd: guestFolder,
      files: { ...packagesOf(coverageFolder, guestFolder), ...filesBelow(fixture, guestFolder) },
      limits: { resources: { maxFilesystemBytes: 128 << 20, maxMemoryBytes: 2 ** 31 } },
    });
  });

  after(async () => {
    await runtime?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, { args, files }] of Object.entries(commands)) {
    test(name, { timeout: 120_000 }, async () => {
      const [expected, got] = await Promise.all([
        promisify(execFile)(pinnedNode, args, { cwd: folder, env }),
        runtime.execCommand("node", args, { timeout: 100_000, env: { NO_COLOR: "1" } }),
      ]);
      assert.equal(got.exitCode, 0, got.stderr);
      const table = tableOf(got.stdout);
      assert.deepEqual(table, tableOf(expected.stdout));
      const named = table.filter(([file]) => file?.includes("."));
      assert.equal(named.length, files, got.stdout);
      if (name.startsWith("node")) return;
      const report = await runtime.readFile(`${guestFolder}/${lcov}`, "utf8");
      assert.equal(report, readFileSync(join(folder, lcov), "utf8"));
    });
  }
});

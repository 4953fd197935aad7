// Runs every example as a user would and compares with the output that is documented for it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "./support/suite.ts";

const folder = join(import.meta.dirname, "..", "examples");
const examples = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".out"))
  .map((name) => name.slice(0, -".out".length))
  .sort();

/** A type checker looks at all declarations that there are: seconds, and many on a busy machine. */
const timeout = 180_000;

for (const example of examples) {
  test(`example ${example} prints what is documented`, { timeout }, async () => {
    const file = [".ts", ".mjs"].map((suffix) => join(folder, example + suffix)).find(isFile);
    assert.ok(file, `no program beside ${example}.out`);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
      timeout,
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
    });
    assert.equal(stdout, readFileSync(join(folder, `${example}.out`), "utf8"));
    assert.equal(stderr, "");
  });
}

function isFile(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

// jq of the machine, compared with what jq 1.7.1 said on Linux to the same lines of sh (`fixtures/jq/expect.ts`).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { NodeRuntime } from "secure-exec";
import { readCases } from "./fixtures/jq/cases.ts";
import { after, before, describe, test } from "./support/suite.ts";

interface Expected {
  line: string;
  stdout: string;
  stderr: string;
  status: number;
}

const { setup, cases } = readCases();
const expectations = new URL("fixtures/jq/expected.json", import.meta.url);
const expected: Expected[] = JSON.parse(readFileSync(expectations, "utf8"));

describe("jq", () => {
  let rt: NodeRuntime;

  before(async () => {
    rt = await NodeRuntime.create();
  });
  after(() => rt.dispose());

  async function sh(script: string, folder: string): Promise<Omit<Expected, "line">> {
    const options = { cwd: folder, env: { HOME: folder, LC_ALL: "C.UTF-8" }, timeout: 60_000 };
    const { stdout, stderr, exitCode } = await rt.execCommand("sh", ["-c", script], options);
    return { stdout, stderr: stderr.replaceAll(folder, "FOLDER"), status: exitCode };
  }

  test("every line has what the real one says, once", () => {
    assert.deepEqual(
      expected.map(({ line }) => line),
      cases.map(({ line }) => line),
    );
  });

  for (const kind of new Set(cases.map((each) => each.kind))) {
    test(kind, async () => {
      for (const [index, { line, ...wanted }] of expected.entries()) {
        if (cases[index]?.kind !== kind) continue;
        const folder = `/tmp/jq-${index}`;
        await rt.mkdir(folder);
        const got = await sh([...setup, line].join("\n"), folder);
        assert.deepEqual(got, wanted, line);
      }
    });
  }
});

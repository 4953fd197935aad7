// What the documents say of limits and errors, against the options and the types.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { declarations } from "./support/declarations.ts";
import { describe, test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");
const document = (name: string) => readFile(join(root, name), "utf8");

/** The names in the first column of the tables below a heading. */
function listed(text: string, heading: string): string[] {
  const [, section = ""] = text.split(`## ${heading}\n`);
  const [table = ""] = section.split("\n## ");
  return [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
}

/** The members of an interface of the types. */
function members(types: string, name: string): string[] {
  const [, body = ""] = types.split(`export interface ${name} {\n`);
  const [own = ""] = body.split("\n}");
  return [...own.matchAll(/^ {2}(\w+)\?: /gm)].map(([, member = ""]) => member);
}

describe("docs/limits.md", () => {
  for (const [group, name] of [
    ["resources", "ResourceLimits"],
    ["jsRuntime", "JsRuntimeLimits"],
    ["wasm", "WasmLimits"],
    ["tools", "ToolLimits"],
  ] as const) {
    test(`lists every limit of ${group}`, async () => {
      const [limits, types] = await Promise.all([document("docs/limits.md"), declarations()]);
      const wanted = members(types, name);
      assert(wanted.length > 2);
      assert.deepEqual(listed(limits, `\`limits.${group}\``).sort(), [...wanted].sort());
    });
  }

  test("cpuCount is what guests see of processors", async () => {
    await using runtime = await NodeRuntime.create({ limits: { resources: { cpuCount: 3 } } });
    const { stdout } = await runtime.exec(`
      import os from "node:os";
      import { execFileSync } from "node:child_process";
      const processors = os.cpus();
      const idle = processors.every(({ times }) => Number.isInteger(times.idle));
      console.log(processors.length, os.availableParallelism(), String(execFileSync("nproc")).trim(), idle);
    `);
    assert.equal(stdout, "3 3 3 true\n");
  });
});

describe("docs/errors.md", () => {
  test("lists every code of VmError", async () => {
    const [errors, types] = await Promise.all([document("docs/errors.md"), declarations()]);
    const classes = types.slice(
      types.indexOf("interface VmErrorBase"),
      types.indexOf("export type VmError ="),
    );
    const codes = new Set([...classes.matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code));
    assert(codes.has("ERR_RESOURCE_LIMIT") && codes.has("ERR_VM_DISPOSED"));
    const inTable = new Set(listed(errors, "Codes of `VmError`"));
    assert.deepEqual(
      [...codes].filter((code = "") => !inTable.has(code)),
      [],
    );
  });
});

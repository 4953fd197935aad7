// Bun and Deno, which install the packages themselves.

import assert from "node:assert/strict";
import { Project, programs } from "../support/project.ts";
import type { Registry } from "../support/registry.ts";
import { after, before, describe, test } from "../support/suite.ts";
import { registryOfClone, timeout, tool, wanted } from "./tools.ts";

describe("in other runtimes", () => {
  let registry: Registry;

  before(
    async () => {
      registry = await registryOfClone();
    },
    { timeout },
  );

  after(() => registry[Symbol.asyncDispose]());

  test("Bun", { timeout }, async () => {
    const bun = tool("@oven/bun-linux-x64/bin/bun");
    await using project = await Project.create(registry.url);
    await project.run(bun, ["add", ...wanted]);
    for (const file of ["esm.mjs", "cjs.cjs", "names.mjs"] as const) {
      assert.equal(await project.run(bun, [file]), programs[file], file);
    }
  });

  test("Deno", { timeout }, async () => {
    const deno = tool("@deno/linux-x64-glibc/deno");
    await using project = await Project.create(registry.url);
    await project.write("deno.json", '{ "nodeModulesDir": "auto" }');
    await project.run(deno, ["add", ...wanted.map((name) => `npm:${name}`)]);
    const allowed = ["--allow-ffi", "--allow-read", "--allow-env", "--allow-sys"];
    for (const file of ["esm.mjs", "cjs.cjs", "names.mjs"] as const) {
      assert.equal(await project.run(deno, ["run", ...allowed, file]), programs[file], file);
    }
  });
});

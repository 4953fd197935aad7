// Bun and Deno, which install the packages themselves.

import assert from "node:assert/strict";
import { programs } from "../support/project.ts";
import { test } from "../support/suite.ts";
import { describeInstalled, timeout, tool, wanted } from "./tools.ts";

describeInstalled("in other runtimes", (newProject) => {
  test("Bun", { timeout }, async () => {
    const bun = tool("@oven/bun-linux-x64/bin/bun");
    await using project = await newProject();
    await project.run(bun, ["add", ...wanted]);
    for (const file of ["esm.mjs", "cjs.cjs", "names.mjs"] as const) {
      assert.equal(await project.run(bun, [file]), programs[file], file);
    }
  });

  test("Deno", { timeout }, async () => {
    const deno = tool("@deno/linux-x64-glibc/deno");
    await using project = await newProject();
    await project.write("deno.json", '{ "nodeModulesDir": "auto" }');
    await project.run(deno, ["add", ...wanted.map((name) => `npm:${name}`)]);
    const allowed = ["--allow-ffi", "--allow-read", "--allow-env", "--allow-sys"];
    for (const file of ["esm.mjs", "cjs.cjs", "names.mjs"] as const) {
      assert.equal(await project.run(deno, ["run", ...allowed, file]), programs[file], file);
    }
  });
});

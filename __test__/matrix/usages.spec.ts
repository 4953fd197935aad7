// What users do with what they have installed: bundles, installations without optional dependencies and for other platforms.

import assert from "node:assert/strict";
import { type Project, programs } from "../support/project.ts";
import { test } from "../support/suite.ts";
import { describeInstalled, timeout, tool, wanted } from "./tools.ts";

const node = process.execPath;
const npm = tool("npm/bin/npm-cli.js");
const esbuild = tool("esbuild/bin/esbuild");

const creation = `
  const { NodeRuntime } = await import("secure-exec");
  const error = await NodeRuntime.create().then((rt) => rt.dispose(), (error) => error);
  console.log(error?.code);
`;

describeInstalled("used", (newProject) => {
  const created = (project: Project) =>
    project.run(node, ["--input-type=module", "-e", creation], node);

  for (const [format, file, output] of [
    ["esm", "esm.mjs", "bundle.mjs"],
    ["cjs", "cjs.cjs", "bundle.cjs"],
  ] as const) {
    test(`in a bundle of esbuild's, as external, ${format}`, { timeout }, async () => {
      await using project = await newProject();
      await project.run(node, [npm, "install", ...wanted], node);
      const bundle = [esbuild, file, "--bundle", "--platform=node", `--format=${format}`];
      await project.run(node, [...bundle, "--external:secure-exec", `--outfile=${output}`]);
      assert.equal(await project.run(node, [output]), programs[file]);
      await project.run(node, [...bundle, `--outfile=inside-${output}`]);
      await assert.rejects(project.run(node, [`inside-${output}`]), /ERR_BUNDLED/);
    });
  }

  test("without optional dependencies, then with them", { timeout }, async () => {
    await using project = await newProject();
    await project.run(node, [npm, "install", "--omit=optional", ...wanted], node);
    assert.equal(await created(project), "ERR_PLATFORM_PACKAGE_MISSING\n");
    await project.run(node, [npm, "install", "--include=optional"], node);
    assert.equal(await project.run(node, ["esm.mjs"]), programs["esm.mjs"]);
  });

  test("installed for another platform, then for this one by the same lockfile", {
    timeout,
  }, async () => {
    await using project = await newProject();
    const other = ["--os=darwin", "--cpu=arm64"];
    await project.run(node, [npm, "install", ...other, ...wanted], node);
    assert.equal(await created(project), "ERR_PLATFORM_PACKAGE_MISSING\n");
    await project.run(node, [npm, "ci"], node);
    assert.equal(await project.run(node, ["esm.mjs"]), programs["esm.mjs"]);
  });
});

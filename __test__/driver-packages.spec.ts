// The host's packages in the driver API and in kernels.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernel, createNodeDriver, createNodeRuntime } from "secure-exec";
import { driverRuntime, recorder } from "./support/driver.ts";
import { after, before, describe, ownedByTest, test } from "./support/suite.ts";

describe("the host's packages", () => {
  let project = "";

  before(async () => {
    project = await realpath(await mkdtemp(join(tmpdir(), "secure-exec-modules-")));
    const make = async (name: string, files: Record<string, string>) => {
      const folder = join(project, "node_modules", name);
      await mkdir(folder, { recursive: true });
      for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    };
    await make("common", { "index.js": "exports.kind = 'commonjs'" });
    await make("esm", {
      "package.json": '{ "type": "module", "exports": "./main.js" }',
      "main.js": "export { kind } from 'common'; export const url = import.meta.url",
    });
    await make("native", {
      "index.js": "module.exports = require('./addon.node')",
      "addon.node": "",
    });
    await mkdir(join(project, "outside"));
    await writeFile(join(project, "outside/index.js"), "exports.out = 1");
    await symlink("../outside", join(project, "node_modules/linked"));
    await mkdir(join(project, "deep/inside"), { recursive: true });
  });

  after(() => rm(project, { recursive: true, force: true }));

  const runtimeOf = (more: object = {}) =>
    driverRuntime({ driver: { moduleAccess: { cwd: join(project, "deep/inside") } }, ...more });

  test("are found from everywhere, with nothing to set up in the machine", async () => {
    const runtime = runtimeOf();
    const code = "export { kind, url } from 'esm'";
    for (const path of [undefined, "/root/a/main.mjs", "/app/main.mjs", "/workspace/main.mjs"]) {
      const { exports, errorMessage } = await runtime.run<{ kind: string }>(code, path);
      assert.equal(exports?.kind, "commonjs", errorMessage);
    }
    const { exports } = await runtime.run<{ url: string }>(code, "/app/main.mjs");
    assert.equal(exports?.url, "file:///app/node_modules/esm/main.js");
    assert.equal(
      (await runtime.run("module.exports = require('common').kind")).exports,
      "commonjs",
    );
  });

  test("cannot be changed, and lead nowhere else", async () => {
    const code = `
      const fs = require("node:fs");
      const attempt = (action) => { try { action(); return "done"; } catch (error) { return error.code; } };
      module.exports = [
        attempt(() => fs.writeFileSync("/root/node_modules/common/index.js", "changed")),
        attempt(() => fs.rmSync("/app/node_modules/common", { recursive: true })),
        attempt(() => require("linked")),
        attempt(() => fs.readFileSync("/root/node_modules/../../outside/index.js")),
      ];
    `;
    assert.deepEqual((await runtimeOf().run(code)).exports, [
      "EROFS",
      "EROFS",
      "MODULE_NOT_FOUND",
      "ENOENT",
    ]);
  });

  test("with native code refuse to load", async () => {
    const code = "try { require('native'); } catch (error) { module.exports = error.code; }";
    assert.equal((await runtimeOf().run(code)).exports, "ERR_MODULE_ACCESS_NATIVE_ADDON");
  });

  test("are those around this process unless it is said otherwise", async () => {
    const { lines, onStdio } = recorder();
    const runtime = driverRuntime({ onStdio });
    await runtime.exec("console.log(require('typescript/package.json').name)");
    assert.deepEqual(lines, ["stdout:typescript"]);
  });

  test("a directory without any is told by name", () => {
    const message = /options\.moduleAccess\.cwd.*has no node_modules/;
    assert.throws(() => createNodeDriver({ moduleAccess: { cwd: "/proc" } }), { message });
  });

  test("are in a kernel whose Node runtime is given them", async () => {
    const kernel = ownedByTest(createKernel());
    await kernel.mount(createNodeRuntime({ moduleAccessCwd: project }));
    const { stdout, stderr } = await kernel.exec("node -p \"require('common').kind\"");
    assert.equal(stdout, "commonjs\n", stderr);
  });
});

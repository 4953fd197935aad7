// A filesystem of the host's in the driver API and in kernels.

import assert from "node:assert/strict";
import {
  createInMemoryFileSystem,
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  createV8Runtime,
} from "secure-exec";
import { driverRuntime } from "./support/driver.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { vmProcessIds } from "./support/vm-process.ts";

describe("a filesystem", () => {
  test("is the code's and the host's at once", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.writeFile("/root/lib.mjs", "export const from = 'host'");
    const runtime = driverRuntime({ driver: { filesystem } });
    const code = `
      import fs from "node:fs";
      export { from } from "./lib.mjs";
      fs.mkdirSync("/made/deep", { recursive: true });
      fs.writeFileSync("/made/deep/file", "guest");
      export const before = fs.readdirSync("/root");
    `;
    assert.deepEqual(await runtime.run(code, "/root/main.mjs"), {
      code: 0,
      exports: { before: ["lib.mjs", "node_modules"], from: "host" },
    });
    assert.equal(await filesystem.readTextFile("/made/deep/file"), "guest");
    await filesystem.writeFile("/made/deep/file", "host again");
    const read = "export default require('node:fs').readFileSync('/made/deep/file', 'utf8')";
    const { exports } = await runtime.run(read.replace("export default ", "module.exports = "));
    assert.equal(exports, "host again");
    assert.equal(createNodeDriver({ filesystem }).filesystem, filesystem);
  });

  test("is one for several runtimes and a kernel", async () => {
    const filesystem = createInMemoryFileSystem();
    const [first, second] = [
      driverRuntime({ driver: { filesystem } }),
      driverRuntime({ driver: { filesystem } }),
    ];
    await first.exec("require('node:fs').writeFileSync('/root/shared', 'first')");
    const read = "module.exports = require('node:fs').readFileSync('/root/shared', 'utf8')";
    assert.equal((await second.run(read)).exports, "first");
    const kernel = ownedByTest(createKernel({ filesystem }));
    await kernel.mount(createNodeRuntime());
    assert.equal(
      (await kernel.exec("cat /root/shared; echo -n kernel > /root/shared")).stdout,
      "first",
    );
    assert.equal((await first.run(read)).exports, "kernel");
    await kernel.writeFile("/workspace/x", "by the kernel's host");
    assert.equal(await filesystem.readTextFile("/workspace/x"), "by the kernel's host");
    await first.exec("require('node:fs').rmSync('/root/shared')");
    assert.equal(await filesystem.exists("/root/shared"), false);
  });

  test("outlives what ran on it", async () => {
    const filesystem = createInMemoryFileSystem();
    const runtime = driverRuntime({ driver: { filesystem } });
    await runtime.exec("require('node:fs').writeFileSync('kept', 'k')");
    await runtime.terminate();
    assert.equal(await filesystem.readTextFile("/root/kept"), "k");
  });
});

describe("a filesystem and the end of a VM process", () => {
  test("is there for the next one, with what was written", async () => {
    await using v8Runtime = createV8Runtime();
    const filesystem = createInMemoryFileSystem();
    const shared = driverRuntime({ driver: { filesystem } });
    const own = driverRuntime({ driver: { filesystem }, v8Runtime });
    await shared.exec("1");
    const before = vmProcessIds();
    const { promise: up, resolve } = Promise.withResolvers<void>();
    const write =
      "require('node:fs').writeFileSync('w', 'written'); console.log('up'); setInterval(() => {}, 1000)";
    const crashing = own.exec(write, { onStdio: () => resolve() });
    await up;
    for (const pid of vmProcessIds()) if (!before.includes(pid)) process.kill(pid, "SIGKILL");
    assert.notEqual((await crashing).code, 0);
    const read = "module.exports = require('node:fs').readFileSync('/root/w', 'utf8')";
    assert.equal((await own.run(read)).exports, "written");
    assert.equal((await shared.run(read)).exports, "written");
    await filesystem.writeFile("/root/w", "changed");
    assert.equal((await own.run(read)).exports, "changed");
  });
});

describe("a permission for files", () => {
  test("is asked about what guests do, and not about the host", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.writeFile("/root/secret", "s");
    await filesystem.writeFile("/root/open", "o");
    const asked = new Set<string>();
    const fs = ({ op, path = "" }: { op: string; path?: string }) => {
      asked.add(`${op} ${path}`);
      return path !== "/root/secret" && (op !== "write" || { allow: false, reason: "read only" });
    };
    const runtime = driverRuntime({ driver: { filesystem, permissions: { fs } } });
    const code = `
      const fs = require("node:fs");
      const attempt = (action) => { try { return action(); } catch (error) { return error.code; } };
      module.exports = [
        attempt(() => fs.readFileSync("/root/open", "utf8")),
        attempt(() => fs.readFileSync("/root/secret", "utf8")),
        attempt(() => fs.writeFileSync("/root/open", "changed")),
        attempt(() => fs.writeFileSync("/tmp/own", "the machine's")),
      ];
    `;
    assert.deepEqual((await runtime.run(code)).exports, ["o", "EACCES", "EACCES", undefined]);
    assert(asked.has("read /root/open"), [...asked].join());
    assert.equal(await filesystem.readTextFile("/root/open"), "o");
  });
});

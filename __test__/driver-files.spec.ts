// A filesystem of the host's in the driver API and in kernels.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createInMemoryFileSystem,
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  createV8Runtime,
  NodeFileSystem,
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

  test("whose permissions may not be changed has files that are made with theirs", async () => {
    const filesystem = createInMemoryFileSystem();
    const asked = new Set<string>();
    const fs = ({ op }: { op: string }) => asked.add(op) && op !== "chmod";
    const runtime = driverRuntime({ driver: { filesystem, permissions: { fs } } });
    const { errorMessage, exports } = await runtime.run<string[]>(`
      const fs = require("node:fs");
      fs.writeFileSync("/root/f", "", { mode: 0o600 });
      module.exports = [fs.mkdtempSync("/root/")];
      try { fs.chmodSync("/root/f", 0o644) } catch ({ code }) { module.exports.push(code) }
    `);
    assert.equal(errorMessage, undefined);
    const [directory = "", denied] = exports ?? [];
    assert.equal(denied, "EACCES");
    const modeOf = async (path: string) => (await filesystem.stat(path)).mode & 0o777;
    assert.deepEqual([await modeOf("/root/f"), await modeOf(directory)], [0o600, 0o700]);
    assert.ok(asked.has("write") && asked.has("mkdir"));
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

describe("a permission that refuses everything", () => {
  const code = `
    const fs = require("node:fs");
    const attempt = (action) => { try { return action(); } catch (error) { return error.code; } };
    fs.writeFileSync("/tmp/own", "the machine's");
    module.exports = [
      process.cwd(),
      attempt(() => fs.mkdirSync("/root/made")),
      attempt(() => fs.writeFileSync("/root/made", "")),
      attempt(() => fs.readFileSync("/root/given", "utf8")),
      require("given-package"),
      attempt(() => fs.readdirSync("/root/node_modules").includes("given-package")),
      attempt(() => fs.readdirSync("/app").join()),
    ];
  `;

  /** A folder with a package, for programs of drivers. */
  function packages(): string {
    const cwd = mkdtempSync(join(tmpdir(), "secure-exec-denied-"));
    mkdirSync(join(cwd, "node_modules/given-package"), { recursive: true });
    writeFileSync(join(cwd, "node_modules/given-package/index.js"), "module.exports = 'a package'");
    return cwd;
  }

  for (const [name, fs] of Object.entries({
    "of everything": "deny" as const,
    "of directories that are made": ({ op }: { op: string }) => op !== "mkdir",
    "of all changes": ({ op }: { op: string }) =>
      ["read", "stat", "readdir", "readlink"].includes(op),
  })) {
    test(`${name} leaves a machine with its homes and packages`, async () => {
      const cwd = packages();
      try {
        const filesystem = createInMemoryFileSystem();
        await filesystem.writeFile("/root/given", "g");
        await filesystem.removeDir("/home", { recursive: true });
        const driver = { filesystem, permissions: { fs }, moduleAccess: { cwd } };
        const runtime = driverRuntime({ driver });
        const denied = fs === "deny";
        const { exports, errorMessage } = await runtime.run(code);
        assert.equal(errorMessage, undefined);
        const made = name.includes("directories that") ? undefined : "EACCES";
        assert.deepEqual(exports, [
          "/root",
          "EACCES",
          made,
          denied ? "EACCES" : "g",
          "a package",
          true,
          denied ? "EACCES" : "node_modules",
        ]);
        const names = made ? ["given"] : ["given", "made"];
        assert.deepEqual(await filesystem.readDir("/root"), names);
        assert.equal(await filesystem.exists("/home"), false);
        assert.equal(await filesystem.exists("/app"), false);
      } finally {
        rmSync(cwd, { recursive: true });
      }
    });
  }
});

describe("a directory of the host as the filesystem", () => {
  test("has nothing made in it for mounts and homes, read-only or not", async () => {
    const root = mkdtempSync(join(tmpdir(), "secure-exec-root-"));
    try {
      writeFileSync(join(root, "given"), "g");
      for (const readOnly of [true, false]) {
        const filesystem = new NodeFileSystem({ root, readOnly });
        const runtime = driverRuntime({ driver: { filesystem } });
        const code = `
          const fs = require("node:fs");
          const attempt = (action) => { try { return action(); } catch (error) { return error.code; } };
          module.exports = [
            process.cwd(),
            fs.readFileSync("/given", "utf8"),
            fs.readdirSync("/").filter((name) => !/^(bin|dev|etc|lib|proc|run|sbin|tmp|usr|var)$/.test(name)).sort().join(),
            fs.readdirSync("/root").join(),
            fs.statSync("/root/node_modules").isDirectory(),
            attempt(() => fs.rmdirSync("/root/node_modules")),
          ];
        `;
        const { exports, errorMessage } = await runtime.run(code);
        assert.equal(errorMessage, undefined);
        const names = "app,given,home,root,workspace";
        const refused = readOnly ? "EROFS" : "EBUSY";
        assert.deepEqual(exports, ["/root", "g", names, "node_modules", true, refused]);
        assert.deepEqual(readdirSync(root), ["given"]);
        const write = "require('node:fs').writeFileSync('made', 'm')";
        const { code: status } = await runtime.exec(write);
        assert.equal(status, readOnly ? 1 : 0);
        assert.deepEqual(readdirSync(root).sort(), readOnly ? ["given"] : ["given", "root"]);
        runtime.dispose();
      }
      assert.deepEqual(readdirSync(join(root, "root")), ["made"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

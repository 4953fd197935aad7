// Filesystems of the host's in machines: in memory and shared, as the root, directories, and objects of the user's own.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createInMemoryFileSystem,
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
  NodeFileSystem,
  NodeRuntime,
  type VirtualFileSystem,
} from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

async function machine(
  guestPath: string,
  filesystem: VirtualFileSystem,
  more: object = {},
): Promise<NodeRuntime> {
  const mounts = [{ guestPath, filesystem, ...more }];
  return ownedByTest(await NodeRuntime.create({ mounts }));
}

async function stdout(runtime: NodeRuntime, command: string): Promise<string> {
  const { stdout, stderr } = await runtime.execCommand("sh", ["-c", command]);
  return stdout + stderr;
}

describe("an in-memory filesystem in machines", () => {
  test("is one for the host and several machines, at once", async () => {
    const files = createInMemoryFileSystem();
    await files.writeFile("/root/from-host", "host");
    const [one, other] = await Promise.all([machine("/shared", files), machine("/mnt/it", files)]);
    assert.equal(await stdout(one, "cat /shared/root/from-host; echo one > /shared/one"), "host");
    assert.equal(
      await stdout(other, "cat /mnt/it/one; mkdir /mnt/it/d; ln -s d /mnt/it/l"),
      "one\n",
    );
    assert.equal(await files.readTextFile("/one"), "one\n");
    await files.writeFile("/d/f", "through");
    assert.equal(await stdout(one, "cat /shared/l/f; rm -r /shared/d"), "through");
    assert.equal(await files.exists("/d"), false);
    assert.equal(await other.readFile("/mnt/it/one", "utf8"), "one\n");
    await one.writeFile("/shared/by-method", "x");
    assert.equal(await files.readTextFile("/by-method"), "x");
    await one.dispose();
    assert.equal(await stdout(other, "ls /mnt/it"), "by-method\nhome\nl\none\nroot\nworkspace\n");
  });

  test("holds a program's files, large ones too, with what is known of them", async () => {
    const files = createInMemoryFileSystem();
    const large = Buffer.alloc(3_000_000, "0123456789");
    await files.writeFile("/large", large);
    await files.writeFile("/root/main.mjs", `import { x } from "./lib/x.mjs"; console.log(x);`);
    await files.mkdir("/root/lib");
    await files.writeFile("/root/lib/x.mjs", "export const x = 42;");
    const runtime = await machine("/m", files);
    const { stdout, stderr } = await runtime.exec(`
      import fs from "node:fs";
      import crypto from "node:crypto";
      const bytes = fs.readFileSync("/m/large");
      console.log(bytes.length, crypto.createHash("sha1").update(bytes).digest("hex"));
      fs.writeFileSync("/m/copy", bytes);
      fs.appendFileSync("/m/copy", "end");
      fs.chmodSync("/m/copy", 0o600);
      fs.utimesSync("/m/copy", 1, 2);
      const { mode, mtimeMs, nlink, size } = fs.statSync("/m/copy");
      console.log((mode & 0o777).toString(8), mtimeMs, nlink, size);
      const fd = fs.openSync("/m/copy", "r+");
      fs.unlinkSync("/m/copy");
      fs.writeSync(fd, "still", 0);
      console.log(fs.fstatSync(fd).size, fs.existsSync("/m/copy"));
      fs.renameSync("/m/large", "/m/moved");
      for (const wrong of [() => fs.mkdirSync("/m/nx/d"), () => fs.rmdirSync("/m/root"), () => fs.readFileSync("/m/large")]) {
        try { wrong() } catch ({ code }) { console.log(code) }
      }
      await import("/m/root/main.mjs");
    `);
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha1").update(large).digest("hex");
    const expected = `3000000 ${hash}\n600 2000 1 3000003\n3000003 false\nENOENT\nENOTEMPTY\nENOENT\n42\n`;
    assert.equal(stdout + stderr, expected);
    assert.ok(large.equals(await files.readFile("/moved")));
  });

  test("is the tree of the machine's user as the root", async () => {
    const files = createInMemoryFileSystem();
    await files.mkdir("/data");
    await files.writeFile("/data/in.csv", "1,2");
    await files.mkdir("/etc");
    const runtime = await machine("/", files);
    assert.match(await stdout(runtime, "ls -d /*"), /^\/bin\n\/data\n\/dev\n\/etc\n\/home\n/);
    assert.equal(
      await stdout(runtime, "pwd; cat /data/in.csv; mkdir /made; echo x > here"),
      "/workspace\n1,2",
    );
    assert.equal(await files.readTextFile("/workspace/here"), "x\n");
    assert.equal((await files.stat("/made")).isDirectory, true);
    await files.mkdir("/later");
    await files.writeFile("/later/f", "later");
    assert.equal(
      await stdout(runtime, "cat /later/f; echo t > /tmp/t; cd /later/..; pwd"),
      "later/\n",
    );
    assert.equal(await files.exists("/tmp"), false);
    assert.match(await stdout(runtime, "cat /etc/passwd"), /^root:/);
    const { stdout: cwd } = await runtime.exec("console.log(process.cwd())", { cwd: "/root" });
    assert.equal(cwd, "/root\n");
  });

  test("can be read-only, or overlaid", async () => {
    const files = createInMemoryFileSystem();
    await files.writeFile("/root/f", "given");
    const runtime = await machine("/ro", files, { readOnly: true });
    assert.match(await stdout(runtime, "echo x > /ro/f"), /Read-only file system/);
    const overlaid = await machine("/o", files, { overlay: true });
    assert.equal(
      await stdout(overlaid, "echo more >> /o/root/f; cat /o/root/f; rm -r /o/home; ls /o"),
      "givenmore\nroot\nworkspace\n",
    );
    assert.equal(await files.readTextFile("/root/f"), "given");
    assert.equal(await files.exists("/home/user"), true);
  });

  test("is full for guests too", async () => {
    const files = createInMemoryFileSystem({ maxFilesystemBytes: 1 << 20 });
    const runtime = await machine("/m", files);
    const { stdout } = await runtime.exec(`
      import fs from "node:fs";
      try { fs.writeFileSync("/m/f", Buffer.alloc(2 << 20)) } catch ({ code }) { console.log(code) }
      fs.rmSync("/m/f");
      fs.writeFileSync("/m/f", Buffer.alloc(1 << 19));
    `);
    assert.match(stdout, /^(ENOSPC|EFBIG)\n$/);
    assert.equal((await files.stat("/f")).size, 1 << 19);
  });
});

describe("a filesystem of a kernel or driver", () => {
  test("is the tree of what runs there, for several at once", async () => {
    const filesystem = createInMemoryFileSystem();
    const kernel = ownedByTest(createKernel({ filesystem }));
    await kernel.mount(createNodeRuntime());
    const shown = await kernel.exec(
      `node -e "require('fs').writeFileSync('/root/a.json', '{}')"; mkdir /top; pwd`,
    );
    assert.equal(shown.stdout + shown.stderr, "/workspace\n");
    assert.equal(await filesystem.readTextFile("/root/a.json"), "{}");
    assert.equal(await filesystem.exists("/top"), true);
    assert.equal(await kernel.readTextFile("/root/a.json"), "{}");
    const runtime = new NodeRuntime({
      systemDriver: createNodeDriver({ filesystem }),
      runtimeDriverFactory: createNodeRuntimeDriverFactory(),
    });
    try {
      await filesystem.writeFile("/root/value.mjs", "export const value = 42;");
      const code = `export { value } from "./value.mjs"; import fs from "node:fs"; fs.mkdirSync("/root/out");`;
      const { exports, errorMessage } = await runtime.run(code, "/root/entry.mjs");
      assert.deepEqual([exports, errorMessage], [{ value: 42 }, undefined]);
      const seen = await kernel.exec("ls -d /root/*.json /root/out /root/value.mjs");
      assert.equal(seen.stdout, "/root/a.json\n/root/out\n/root/value.mjs\n");
    } finally {
      runtime.dispose();
    }
  });

  test("mountFs mounts others, before the first use and later", async () => {
    const kernel = ownedByTest(createKernel({}));
    await kernel.mount(createNodeRuntime());
    const [one, other] = [createInMemoryFileSystem(), createInMemoryFileSystem()];
    await one.writeFile("/root/f", "one");
    await kernel.mountFs("/one", one, { readOnly: true });
    await kernel.mountFs("/other", other);
    await assert.rejects(kernel.mountFs("/other", other), { code: "EBUSY" });
    await kernel.unmountFs("/other");
    await assert.rejects(kernel.unmountFs("/other"), { code: "EINVAL" });
    await assert.rejects(kernel.mountFs("/x", {} as never), /filesystem/);
    assert.equal((await kernel.exec("cat /one/root/f; ls /other")).stdout, "one");
    await other.writeFile("/g", "late");
    await kernel.mountFs("/late", other);
    assert.equal((await kernel.exec("cat /late/g")).stdout, "late");
  });
});

describe("a directory of the host as a filesystem", () => {
  test("has the same methods, and leads nowhere else", async () => {
    const root = mkdtempSync(join(tmpdir(), "secure-exec-dir-"));
    try {
      writeFileSync(join(root, "f"), "host");
      symlinkSync("/etc/passwd", join(root, "out"));
      const files = new NodeFileSystem({ root });
      assert.equal(await files.readTextFile("/f"), "host");
      await files.mkdir("/a/b", { recursive: true });
      await files.writeFile("/a/b/g", "made");
      await files.rename("/a/b/g", "/g");
      await files.symlink("g", "/l");
      assert.equal(readFileSync(join(root, "g"), "utf8"), "made");
      assert.equal(await files.readTextFile("/l"), "made");
      await files.pwrite("/g", 4, "!");
      await files.truncate("/g", 3);
      assert.equal(await files.readTextFile("/g"), "mad");
      assert.deepEqual(await files.readDir("/"), ["a", "f", "g", "l", "out"]);
      await assert.rejects(files.readFile("/out"), { code: "ENOENT" });
      await assert.rejects(files.readFile("/../../etc/passwd"), { code: "ENOENT" });
      await files.removeDir("/a", { recursive: true });
      assert.equal(await files.exists("/a"), false);
      const readOnly = new NodeFileSystem({ root, readOnly: true });
      await assert.rejects(readOnly.writeFile("/f", "x"), { code: "EROFS" });
      const runtime = await machine("/m", readOnly);
      assert.equal(await stdout(runtime, "cat /m/f"), "host");
      assert.throws(() => new NodeFileSystem({ root: join(root, "nx") }), /root/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

/** An object of a user's own, over files in memory, some of whose methods are others. */
function ownFileSystem(others: Partial<VirtualFileSystem> = {}): VirtualFileSystem {
  const files = createInMemoryFileSystem();
  const own = {} as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(
    Object.getPrototypeOf(Object.getPrototypeOf(files)),
  )) {
    if (name === "constructor") continue;
    const method = files[name as keyof typeof files] as (...args: unknown[]) => unknown;
    own[name] = (...args: unknown[]) => method.apply(files, args);
  }
  return Object.assign(own, others) as unknown as VirtualFileSystem;
}

describe("a filesystem written in JavaScript", () => {
  test("serves what guests do", async () => {
    const files = ownFileSystem();
    await files.writeFile("/root/f", "given");
    const runtime = await machine("/m", files);
    const { stdout, stderr } = await runtime.exec(`
      import fs from "node:fs";
      console.log(fs.readFileSync("/m/root/f", "utf8"));
      fs.mkdirSync("/m/d");
      fs.writeFileSync("/m/d/g", Buffer.alloc(300_000, "x"));
      fs.appendFileSync("/m/d/g", "end");
      console.log(fs.statSync("/m/d/g").size, fs.readFileSync("/m/d/g").subarray(-4).toString());
      fs.symlinkSync("d/g", "/m/l");
      console.log(fs.readlinkSync("/m/l"), fs.readFileSync("/m/l").length);
      fs.renameSync("/m/d/g", "/m/h");
      fs.chmodSync("/m/h", 0o640);
      fs.truncateSync("/m/h", 2);
      fs.utimesSync("/m/h", 3, 4);
      const { mode, size, mtimeMs } = fs.statSync("/m/h");
      console.log((mode & 0o777).toString(8), size, mtimeMs, fs.readdirSync("/m").join());
      fs.rmSync("/m/d", { recursive: true });
      try { fs.readFileSync("/m/d/g") } catch ({ code }) { console.log(code) }
      try { fs.mkdirSync("/m/root") } catch ({ code }) { console.log(code) }
    `);
    assert.equal(
      stdout + stderr,
      "given\n300003 xend\nd/g 300003\n640 2 4000 d,h,home,l,root,workspace\nENOENT\nEEXIST\n",
    );
    assert.equal(await files.readTextFile("/h"), "xx");
    assert.equal(await files.exists("/d"), false);
  });

  test("fails guests with what it throws, and with EIO for what is no answer", async () => {
    const busy = () => Promise.reject(Object.assign(new Error("secret"), { code: "EBUSY" }));
    const odd: VirtualFileSystem["pread"] = async () => "no bytes" as never;
    const files = ownFileSystem({
      removeFile: busy,
      removeDir: () => Promise.reject(new Error("secret")),
      mkdir: () => {
        throw Object.assign(new Error(), { code: "EWHATEVER" });
      },
      pread: odd,
      readDir: async () => ["..", "a/b"],
      readlink: async () => "",
    });
    await files.writeFile("/root/f", "given");
    await files.symlink("f", "/root/l");
    const runtime = await machine("/m", files);
    const { stdout, stderr } = await runtime.exec(`
      import fs from "node:fs";
      for (const call of [
        () => fs.unlinkSync("/m/root/f"), () => fs.rmdirSync("/m/home/user"), () => fs.mkdirSync("/m/x"),
        () => fs.readFileSync("/m/root/f"), () => fs.readdirSync("/m"), () => fs.readlinkSync("/m/root/l"),
        () => fs.statSync("/m/root/" + "\\ufffd"), () => fs.statSync(Buffer.from([47, 109, 47, 0xff])),
      ]) {
        try { console.log(call()) } catch ({ code, message }) { console.log(code, message.includes("secret")) }
      }
    `);
    assert.equal(
      stdout + stderr,
      "EBUSY false\nEIO false\nEIO false\nEIO false\nEIO false\nEIO false\nENOENT false\nEILSEQ false\n",
    );
  });

  test("shows what it lists and cannot tell of, and who uses that hears why", async () => {
    const refuses = (code: string) => async (path: string) => {
      if (path === "/" || path === "/root") return await kept.lstat(path);
      throw Object.assign(new Error(code), { code });
    };
    const kept = createInMemoryFileSystem();
    await kept.mkdir("/root/d");
    for (const name of ["a", "b"]) await kept.writeFile(`/root/${name}`, name);
    for (const code of ["EACCES", "ENOENT", "EWHATEVER"]) {
      const files = ownFileSystem({
        lstat: refuses(code) as never,
        readDir: (path) => kept.readDir(path),
        readDirWithTypes: (path) => kept.readDirWithTypes(path),
      });
      const runtime = await machine("/m", files);
      const { stdout, stderr } = await runtime.exec(`
        import fs from "node:fs";
        const entries = fs.readdirSync("/m/root", { withFileTypes: true });
        console.log(entries.map((each) => each.name + (each.isDirectory() ? "/" : "")).sort().join());
        try { fs.statSync("/m/root/a") } catch ({ code }) { console.log(code) }
      `);
      assert.equal(stdout + stderr, `a,b,d/\n${code === "EWHATEVER" ? "EIO" : code}\n`);
      assert.deepEqual((await runtime.readDir("/m/root")).sort(), ["a", "b", "d"]);
      const shown = await runtime.execCommand("ls", ["/m/root"]);
      assert.equal(shown.stdout, "a\nb\nd\n");
    }
  });

  test("may have no permissions, and is not asked to rename a file to its own name", async () => {
    for (const code of ["ENOSYS", "EOPNOTSUPP", "EPERM"]) {
      const files = ownFileSystem({
        chmod: () => Promise.reject(Object.assign(new Error(), { code })),
        rename: () => Promise.reject(new Error("this file would be lost")),
      });
      const runtime = await machine("/m", files);
      const { stdout, stderr } = await runtime.exec(`
        import fs from "node:fs";
        fs.writeFileSync("/m/root/f", "text", { mode: 0o755 });
        fs.mkdirSync("/m/root/d", { mode: 0o700 });
        fs.renameSync("/m/root/f", "/m/root/f");
        console.log(fs.readFileSync("/m/root/f", "utf8"), fs.readdirSync("/m/root").join());
        try { fs.chmodSync("/m/root/f", 0o600) } catch ({ code }) { console.log(code) }
      `);
      assert.equal(stdout + stderr, `text d,f\n${code === "EOPNOTSUPP" ? "ENOTSUP" : code}\n`);
    }
  });

  test("has the permissions that are asked for, of directories too", async () => {
    const files = ownFileSystem({});
    const runtime = await machine("/m", files);
    await runtime.exec(`
      import fs from "node:fs";
      fs.mkdirSync("/m/d", { mode: 0o700 });
      fs.writeFileSync("/m/f", "", { mode: 0o600 });
    `);
    const modes = [await files.stat("/d"), await files.stat("/f")].map(({ mode }) => mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o600]);
  });

  test("hears once, by a warning, what guests are told EIO for", async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error) => void warnings.push(warning);
    process.on("warning", hear);
    try {
      const thrown = new TypeError("mine");
      const throwing = ownFileSystem({
        stat: () => Promise.reject(thrown),
        lstat: () => Promise.reject(thrown),
      });
      const odd = ownFileSystem({ pread: async () => new Uint8Array(2 ** 20) });
      await odd.writeFile("/f", "text");
      for (const files of [throwing, odd]) {
        const runtime = await machine("/m", files);
        assert.match(
          await stdout(runtime, "cat /m/f 2>&1; cat /m/f 2>&1; true"),
          /Input\/output error/,
        );
      }
      const told = warnings.filter(({ name }) => name === "SecureExecWarning");
      assert.deepEqual(
        told.map(({ message }) => message.split("\n")[0]),
        [
          "A filesystem that is mounted in a machine failed (stat of '/'): TypeError: mine",
          "A filesystem that is mounted in a machine failed (read of '/f'): TypeError: pread must give a Uint8Array of at most the 122880 bytes asked for",
        ],
      );
      assert.equal(told[0]?.cause, thrown);
    } finally {
      process.off("warning", hear);
    }
  });

  test("that never answers harms who asks and nobody else", async () => {
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const files = ownFileSystem({
      pread: (path) => {
        assert.equal(path, "/root/f");
        asked();
        return new Promise(() => {});
      },
    });
    await files.writeFile("/root/f", "given");
    const shared = createInMemoryFileSystem();
    await shared.writeFile("/root/f", "shared");
    const mounts = [
      { guestPath: "/never", filesystem: files },
      { guestPath: "/shared", filesystem: shared },
    ];
    await withRuntime({ mounts }, async (runtime) => {
      const stuck = await runtime.spawnCommand("cat", ["/never/root/f"]);
      await isAsked;
      // Others go on, with that filesystem and with another.
      assert.equal(
        await stdout(runtime, "cat /shared/root/f; ls /never"),
        "sharedhome\nroot\nworkspace\n",
      );
      const before = performance.now();
      stuck.kill("SIGKILL");
      assert.equal(await stuck.wait(), 137);
      assert.ok(performance.now() - before < 5_000, "a kill ends the wait");
      const late = await runtime.exec(`
        import fs from "node:fs";
        try { fs.readFileSync("/never/root/f") } catch ({ code }) { console.log(code) }
      `);
      assert.equal(late.stdout, "EIO\n");
      const [{ limit, bound, used } = {}, ...more] = late.limits ?? [];
      assert.deepEqual([limit, bound, more], ["limits.resources.hostFileTimeoutMs", 10_000, []]);
      assert.ok(used !== undefined && used > 10_000 && used < 20_000);
    });
  });

  test("must have all methods", async () => {
    const { pread, ...lacking } = ownFileSystem();
    const mounts = [{ guestPath: "/m", filesystem: lacking as VirtualFileSystem }];
    await assert.rejects(NodeRuntime.create({ mounts }), /mounts\[0\]\.filesystem.*pread/);
    const none = [{ guestPath: "/m", filesystem: 7 as never }];
    await assert.rejects(NodeRuntime.create({ mounts: none }), { code: "ERR_INVALID_ARG_TYPE" });
  });
});

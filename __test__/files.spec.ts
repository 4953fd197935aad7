// The filesystem through Node's fs, in sync, callback and promise forms, compared with host Node.js.

import assert from "node:assert/strict";
import { assertSameAsHost, inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const same: Record<string, string> = {
  "opendir iterates, readdir lists with types": `
    import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
    import { opendir } from "node:fs/promises";
    mkdirSync("d/sub", { recursive: true });
    writeFileSync("d/file", "x");
    symlinkSync("file", "d/link");
    const names = [];
    for await (const entry of await opendir("d")) names.push(entry.name + entry.isDirectory());
    console.log(names.sort().join());
    console.log(readdirSync("d", { withFileTypes: true }).map((e) => [e.name, e.isSymbolicLink()]).sort().join());
    console.log(readdirSync("d", { recursive: true }).sort().join());
  `,
  "readv and writev": `
    import fs from "node:fs";
    const fd = fs.openSync("v", "w+");
    console.log(fs.writevSync(fd, [Buffer.from("abc"), Buffer.from("defg")]));
    const buffers = [Buffer.alloc(2), Buffer.alloc(10)];
    console.log(fs.readvSync(fd, buffers, 0), buffers[0].toString(), buffers[1].toString("utf8", 0, 5));
    fs.closeSync(fd);
  `,
  "offsets, append mode and positions": `
    import fs from "node:fs";
    fs.writeFileSync("o", "0123456789");
    const fd = fs.openSync("o", "r+");
    const buffer = Buffer.alloc(4);
    fs.readSync(fd, buffer, 0, 4, null);
    console.log(buffer.toString());
    fs.readSync(fd, buffer, 0, 4, 6);
    console.log(buffer.toString());
    fs.readSync(fd, buffer, 0, 4, null);
    console.log(buffer.toString());
    fs.closeSync(fd);
    const append = fs.openSync("o", "a");
    fs.writeSync(append, "AB", 0);
    fs.closeSync(append);
    console.log(fs.readFileSync("o", "utf8"));
  `,
  "offsets are shared with whom a descriptor was passed on to": `
    import fs from "node:fs";
    import { spawnSync } from "node:child_process";
    fs.writeFileSync("shared", "0123456789");
    const fd = fs.openSync("shared", "r+");
    const read = (length) => { const b = Buffer.alloc(length); fs.readSync(fd, b, 0, length, null); return String(b); };
    console.log(read(2));
    console.log(spawnSync("head", ["-c", "0"], { stdio: [fd, "pipe", "pipe"] }).status, read(1));
    const child = "const b = Buffer.alloc(3); require('fs').readSync(3, b, 0, 3, null); console.log(String(b)); require('fs').writeSync(3, 'X')";
    console.log(String(spawnSync(process.execPath, ["-e", child], { stdio: ["ignore", "pipe", "inherit", fd] }).stdout));
    console.log(read(3), fs.readFileSync("shared", "utf8"));
    const other = fs.openSync("shared");
    console.log(String(spawnSync("sh", ["-c", "dd bs=1 count=4 2> /dev/null; dd bs=1 count=2 2> /dev/null"], { stdio: [other, "pipe", "inherit"] }).stdout));
  `,
  "streams of a FileHandle, with abort": `
    import { open } from "node:fs/promises";
    import { pipeline } from "node:stream/promises";
    const handle = await open("s", "w+");
    await handle.writeFile("x".repeat(200000));
    let length = 0;
    for await (const chunk of handle.createReadStream({ start: 0 })) length += chunk.length;
    console.log(length);
    const controller = new AbortController();
    const other = await open("s");
    const stream = other.createReadStream({ signal: controller.signal, highWaterMark: 1024 });
    stream.once("data", () => controller.abort());
    await pipeline(stream, async function* (source) { for await (const c of source) yield c; }, async (s) => {
      for await (const _ of s);
    }).catch((error) => console.log(error.name, error.code));
  `,
  "cp recursive, rm recursive": `
    import fs from "node:fs";
    fs.mkdirSync("from/deep", { recursive: true });
    fs.writeFileSync("from/deep/a", "A");
    fs.symlinkSync("deep/a", "from/l");
    fs.cpSync("from", "to", { recursive: true, verbatimSymlinks: true });
    console.log(fs.readFileSync("to/deep/a", "utf8"), fs.readlinkSync("to/l"));
    await fs.promises.cp("from", "again", { recursive: true, filter: (name) => !name.endsWith("a") });
    console.log(fs.existsSync("again/deep"), fs.existsSync("again/deep/a"));
    fs.rmSync("from", { recursive: true });
    console.log(fs.existsSync("from"));
  `,
  glob: `
    import fs from "node:fs";
    fs.mkdirSync("g/x", { recursive: true });
    for (const name of ["g/a.js", "g/b.ts", "g/x/c.js"]) fs.writeFileSync(name, "");
    console.log(fs.globSync("g/**/*.js").sort().join());
    const found = [];
    for await (const name of fs.promises.glob("g/*.{js,ts}")) found.push(name);
    console.log(found.sort().join());
  `,
  "statfs, mkdtemp, access": `
    import fs from "node:fs";
    const statfs = fs.statfsSync(".");
    console.log(statfs.bsize > 0, statfs.blocks >= statfs.bfree);
    const name = fs.mkdtempSync("temp-");
    console.log(name.length, fs.statSync(name).isDirectory());
    fs.accessSync(name, fs.constants.R_OK | fs.constants.W_OK);
  `,
  "links, rename over open files, unlink of open files": `
    import fs from "node:fs";
    fs.writeFileSync("a", "first");
    fs.linkSync("a", "b");
    console.log(fs.statSync("a").nlink, fs.statSync("a").ino === fs.statSync("b").ino);
    const fd = fs.openSync("a");
    fs.writeFileSync("c", "second");
    fs.renameSync("c", "a");
    fs.unlinkSync("b");
    console.log(fs.readFileSync(fd, "utf8"), fs.readFileSync("a", "utf8"), fs.fstatSync(fd).nlink);
  `,
  "modes, times, truncate": `
    import fs from "node:fs";
    process.umask(0o022);
    fs.writeFileSync("m", "0123456789", { mode: 0o666 });
    console.log((fs.statSync("m").mode & 0o777).toString(8));
    fs.chmodSync("m", 0o640);
    console.log((fs.statSync("m").mode & 0o777).toString(8));
    fs.utimesSync("m", 1000.5, 2000.25);
    const { atimeMs, mtimeMs } = fs.statSync("m");
    console.log(atimeMs, mtimeMs, fs.statSync("m", { bigint: true }).mtimeNs);
    fs.truncateSync("m", 4);
    fs.truncateSync("m", 6);
    console.log(JSON.stringify(fs.readFileSync("m", "latin1")));
  `,
  "errors carry errno, code, syscall, path and dest": `
    import fs from "node:fs";
    fs.mkdirSync("full/x", { recursive: true });
    fs.writeFileSync("file", "");
    fs.symlinkSync("loop", "loop");
    const calls = {
      open: () => fs.openSync("no/such"),
      excl: () => fs.openSync("file", "wx"),
      notdir: () => fs.statSync("file/x"),
      isdir: () => fs.readFileSync("full"),
      rmdir: () => fs.rmdirSync("full"),
      rename: () => fs.renameSync("missing", "other"),
      link: () => fs.linkSync("missing", "other"),
      loop: () => fs.readFileSync("loop"),
      name: () => fs.writeFileSync("n".repeat(256), ""),
      path: () => fs.statSync("p/".repeat(2100)),
      badf: () => fs.fsyncSync(9999),
      symlink: () => fs.symlinkSync("x", "file"),
      scandir: () => fs.readdirSync("file"),
    };
    for (const [name, call] of Object.entries(calls)) {
      try {
        call();
        console.log(name, "did not fail");
      } catch ({ errno, code, syscall, path, dest, message }) {
        console.log(name, errno, code, syscall, path?.slice(0, 20), dest, message.slice(0, 60));
      }
    }
  `,
  "arguments are validated before anything happens": `
    import fs from "node:fs";
    const calls = {
      path: () => fs.readFile({}, () => {}),
      nul: () => fs.readFileSync("a\\0b"),
      callback: () => fs.stat("x"),
      flag: () => fs.openSync("x", "nonsense"),
      fd: () => fs.closeSync("1"),
      negative: () => fs.fsyncSync(-1),
      fraction: () => fs.truncateSync("x", 1.5),
      encoding: () => fs.readFileSync("x", "no-such-encoding"),
      mode: () => fs.chmodSync("x", "999"),
      range: () => fs.readSync(0, Buffer.alloc(1), 2, 1, null),
    };
    for (const [name, call] of Object.entries(calls)) {
      try {
        call();
        console.log(name, "did not throw");
      } catch (error) {
        console.log(name, error.name, error.code);
      }
    }
  `,
  "watch sees a change": `
    import fs from "node:fs";
    fs.writeFileSync("w", "");
    const watcher = fs.watch(".", (type, name) => {
      if (name !== "w") return;
      console.log("changed");
      watcher.close();
    });
    setTimeout(() => fs.writeFileSync("w", "x"), 20);
  `,
};

describe("files as on host Node.js", () => {
  for (const [name, code] of Object.entries(same)) {
    test(name, async () => {
      await assertSameAsHost(code);
    });
  }
});

describe("quotas", () => {
  test("a full filesystem is ENOSPC, deleting frees it", async () => {
    const limits = { resources: { maxFilesystemBytes: 4 * 1024 * 1024 } };
    await withRuntime({ limits }, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(`
        import fs from "node:fs";
        const block = Buffer.alloc(1024 * 1024, 1);
        let count = 0;
        try {
          for (;; count++) fs.writeFileSync("f" + count, block);
        } catch (error) {
          console.log(error.code, error.syscall, count >= 2 && count <= 4);
        }
        for (const name of fs.readdirSync(".")) fs.unlinkSync(name);
        fs.writeFileSync("again", block);
        console.log(fs.statSync("again").size);
      `);
      assert.equal(stdout, "ENOSPC write true\n1048576\n", stderr);
    });
  });

  test("a sparse write far out allocates nothing", async () => {
    const { stdout } = await inGuest(`
      import fs from "node:fs";
      const fd = fs.openSync("sparse", "w");
      for (const position of [2 ** 53 - 10, 1e15]) {
        try {
          fs.writeSync(fd, "x", position);
          console.log("written");
        } catch (error) {
          console.log(error.code);
        }
      }
      console.log(fs.fstatSync(fd).blocks < 100);
    `);
    assert.match(stdout, /^(EFBIG|ENOSPC)\n(EFBIG|ENOSPC)\ntrue\n$/);
  });

  test("too many inodes are ENOSPC", async () => {
    await withRuntime({ limits: { resources: { maxInodeCount: 300 } } }, async (runtime) => {
      const { stdout } = await runtime.exec(`
        import fs from "node:fs";
        try {
          for (let i = 0; i < 1000; i++) fs.writeFileSync("f" + i, "");
        } catch (error) {
          console.log(error.code);
        }
      `);
      assert.equal(stdout, "ENOSPC\n");
    });
  });
});

describe("file methods of the runtime", () => {
  test("host and guest see the same files", async () => {
    await withRuntime({ files: { "/workspace/in/given.txt": "given" } }, async (runtime) => {
      await runtime.writeFile("/workspace/bytes", Uint8Array.of(0, 255, 128));
      await runtime.mkdir("/workspace/made/deep", { recursive: true });
      const { stdout } = await runtime.exec(`
        import fs from "node:fs";
        console.log(fs.readFileSync("in/given.txt", "utf8"), [...fs.readFileSync("bytes")].join());
        fs.writeFileSync("made/deep/out.txt", "from the guest");
      `);
      assert.equal(stdout, "given 0,255,128\n");
      const read = await runtime.readFile("/workspace/made/deep/out.txt");
      assert.equal(Buffer.from(read).toString(), "from the guest");
      assert.deepEqual((await runtime.readDir("/workspace")).sort(), ["bytes", "in", "made"]);
      assert.equal(await runtime.exists("/workspace/nothing"), false);
      await runtime.rename("/workspace/bytes", "/workspace/moved");
      const renamed = runtime.rename("/workspace/moved", "/nowhere/$&");
      await assert.rejects(renamed, (error: NodeJS.ErrnoException) => {
        const [path, dest] = ["/workspace/moved", "/nowhere/$&"];
        const message = `ENOENT: no such file or directory, rename '${path}' -> '${dest}'`;
        assert.deepEqual(
          { ...error },
          { code: "ENOENT", errno: -2, syscall: "rename", path, dest },
        );
        assert.equal(error.message, message);
        assert.ok(error.stack?.startsWith(`VmError: ${message}\n    at `), error.stack);
        return true;
      });
      assert.equal((await runtime.stat("/workspace/moved")).size, 3);
      await runtime.remove("/workspace/moved");
      await assert.rejects(runtime.readFile("/workspace/moved"), { code: "ENOENT" });
    });
  });
});

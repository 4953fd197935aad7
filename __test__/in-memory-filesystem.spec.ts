// Files in memory: what the host's methods do is what Node's own `fs` does in a directory, and their bounds.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInMemoryFileSystem, InMemoryFileSystem, VmError } from "secure-exec";
import { describe, test } from "./support/suite.ts";

/** What a call gives, or the code of what it rejects with. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    // Node opens a directory and fails when it reads it.
    return code === "EISDIR" ? code : `${code} ${syscall}`;
  }
}

/** What a call rejects with. */
async function failure(call: Promise<unknown>): Promise<VmError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VmError, `rejects with a VmError, not ${error}`);
  return error;
}

/** The methods, and what they do on the host below a directory. */
function onHost(root: string) {
  const at = (path: string) => join(root, path);
  return {
    readTextFile: (path: string) => fs.readFile(at(path), "utf8"),
    writeFile: (path: string, data: string) => fs.writeFile(at(path), data),
    mkdir: async (path: string, options?: { recursive?: boolean }) => {
      await fs.mkdir(at(path), options);
    },
    readDir: async (path: string) => (await fs.readdir(at(path))).sort(),
    removeFile: (path: string) => fs.unlink(at(path)),
    removeDir: (path: string) => fs.rmdir(at(path)),
    rename: (from: string, to: string) => fs.rename(at(from), at(to)),
    realpath: async (path: string) => (await fs.realpath(at(path))).slice(root.length),
    symlink: (target: string, path: string) => fs.symlink(target, at(path)),
    readlink: (path: string) => fs.readlink(at(path)),
    link: (from: string, to: string) => fs.link(at(from), at(to)),
    truncate: (path: string, length?: number) => fs.truncate(at(path), length),
    mode: async (path: string) => (await fs.stat(at(path))).mode & 0o777,
    chmod: (path: string, mode: number) => fs.chmod(at(path), mode),
    kind: async (path: string) => {
      const stat = await fs.lstat(at(path));
      return [stat.isFile(), stat.isDirectory(), stat.isSymbolicLink(), stat.nlink > 1];
    },
    size: async (path: string) => (await fs.stat(at(path))).size,
  };
}

function inMemory(files: InMemoryFileSystem): ReturnType<typeof onHost> {
  return {
    readTextFile: (path) => files.readTextFile(path),
    writeFile: (path, data) => files.writeFile(path, data),
    mkdir: (path, options) => files.mkdir(path, options),
    readDir: (path) => files.readDir(path),
    removeFile: (path) => files.removeFile(path),
    removeDir: (path) => files.removeDir(path),
    rename: (from, to) => files.rename(from, to),
    realpath: (path) => files.realpath(path),
    symlink: (target, path) => files.symlink(target, path),
    readlink: (path) => files.readlink(path),
    link: (from, to) => files.link(from, to),
    truncate: (path, length) => files.truncate(path, length),
    mode: async (path) => (await files.stat(path)).mode & 0o777,
    chmod: (path, mode) => files.chmod(path, mode),
    kind: async (path) => {
      const stat = await files.lstat(path);
      const links = stat.isDirectory || stat.nlink > 1;
      return [stat.isFile, stat.isDirectory, stat.isSymbolicLink, links];
    },
    size: async (path) => (await files.stat(path)).size,
  };
}

type Methods = ReturnType<typeof onHost>;

/** Calls that meet each other's results. */
const calls: ((on: Methods) => Promise<unknown>)[] = [
  (on) => on.writeFile("/t/a", "text"),
  (on) => on.mkdir("/t/d"),
  (on) => on.mkdir("/t/d"),
  (on) => on.mkdir("/t/d", { recursive: true }),
  (on) => on.mkdir("/t/x/y"),
  (on) => on.mkdir("/t/x/y/z", { recursive: true }),
  (on) => on.mkdir("/t/a", { recursive: true }),
  (on) => on.mkdir("/t/a/b", { recursive: true }),
  (on) => on.writeFile("/t/nx/a", ""),
  (on) => on.writeFile("/t/d", ""),
  (on) => on.readTextFile("/t/a"),
  (on) => on.readTextFile("/t/d"),
  (on) => on.readTextFile("/t/a/b"),
  (on) => on.readTextFile("/t/nx"),
  (on) => on.readDir("/t"),
  (on) => on.readDir("/t/a"),
  (on) => on.symlink("../a", "/t/d/l"),
  (on) => on.symlink("loop", "/t/loop"),
  (on) => on.symlink("x", "/t/a"),
  (on) => on.readTextFile("/t/d/l"),
  (on) => on.readTextFile("/t/loop"),
  (on) => on.realpath("/t/d/../d/l"),
  (on) => on.realpath("/t/loop"),
  (on) => on.readlink("/t/d/l"),
  (on) => on.readlink("/t/a"),
  (on) => on.writeFile("/t/d/l", "through"),
  (on) => on.readTextFile("/t/a"),
  (on) => on.kind("/t/d/l"),
  (on) => on.kind("/t/d"),
  (on) => on.link("/t/a", "/t/b"),
  (on) => on.link("/t/d", "/t/dd"),
  (on) => on.link("/t/nx", "/t/c"),
  (on) => on.kind("/t/b"),
  (on) => on.chmod("/t/b", 0o640),
  (on) => on.mode("/t/a"),
  (on) => on.truncate("/t/a", 3),
  (on) => on.truncate("/t/a", 9),
  (on) => on.readTextFile("/t/b"),
  (on) => on.truncate("/t/d", 1),
  (on) => on.truncate("/t/b"),
  (on) => on.size("/t/a"),
  (on) => on.rename("/t/d", "/t/d/e"),
  (on) => on.rename("/t/a", "/t/d"),
  (on) => on.rename("/t/d", "/t/a"),
  (on) => on.rename("/t/d", "/t/x"),
  (on) => on.rename("/t/nx", "/t/x"),
  (on) => on.rename("/t/d", "/t/moved"),
  (on) => on.readDir("/t"),
  (on) => on.removeDir("/t/moved"),
  (on) => on.removeDir("/t/a"),
  (on) => on.removeFile("/t/moved"),
  (on) => on.removeFile("/t/moved/l"),
  (on) => on.removeDir("/t/moved"),
  (on) => on.removeFile("/t/nx"),
  (on) => on.readDir("/t"),
];

describe("an in-memory filesystem", () => {
  test("does what Node's fs does in a directory", async () => {
    const root = mkdtempSync(join(tmpdir(), "secure-exec-files-"));
    try {
      const host = onHost(root);
      const memory = inMemory(createInMemoryFileSystem());
      for (const on of [host, memory]) await on.mkdir("/t");
      for (const call of calls) {
        const [expected, given] = [await outcome(call(host)), await outcome(call(memory))];
        assert.deepEqual(given, expected, String(call));
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test("has the directories of a machine's user, and tells what is in them", async () => {
    const files = createInMemoryFileSystem();
    assert.ok(files instanceof InMemoryFileSystem);
    assert.deepEqual(await files.readDir("/"), ["home", "root", "workspace"]);
    await files.mkdir("/root/src");
    await files.writeFile("/root/file", new Uint8Array([0, 255]));
    await files.symlink("file", "/root/link");
    const kinds = await files.readDirWithTypes("/root");
    assert.deepEqual(
      kinds.map(({ name, isFile, isDirectory, isSymbolicLink }) => [
        name,
        isFile,
        isDirectory,
        isSymbolicLink,
      ]),
      [
        ["file", true, false, false],
        ["link", false, false, true],
        ["src", false, true, false],
      ],
    );
    assert.deepEqual(await files.readFile("/root/file"), new Uint8Array([0, 255]));
    assert.equal(await files.exists("/root/link"), true);
    assert.equal(await files.exists("/root/file/x"), false);
    assert.equal(await files.exists("/nx"), false);
    await files.removeDir("/root", { recursive: true });
    assert.equal(await files.exists("/root"), false);
  });

  test("reads and writes at positions", async () => {
    const files = createInMemoryFileSystem();
    await files.writeFile("/f", "0123456789");
    assert.deepEqual(Buffer.from(await files.pread("/f", 3, 4)).toString(), "3456");
    assert.equal((await files.pread("/f", 8, 100)).length, 2);
    assert.equal((await files.pread("/f", 2 ** 52, 100)).length, 0);
    await files.pwrite("/f", 9, "ab");
    await files.pwrite("/f", 13, new Uint8Array([99]));
    assert.equal(await files.readTextFile("/f"), "012345678ab\0\0c");
    assert.equal((await failure(files.pwrite("/nx", 0, "x"))).code, "ENOENT");
    const large = Buffer.alloc(5_000_000, "large");
    await files.writeFile("/large", large);
    assert.ok(large.equals(await files.readFile("/large")));
  });

  test("tells and sets what is known of files", async () => {
    const files = createInMemoryFileSystem();
    const before = Date.now();
    await files.writeFile("/f", "x");
    const made = await files.stat("/f");
    assert.ok(made.mtimeMs >= before - 1 && made.mtimeMs <= Date.now() + 1);
    assert.deepEqual([made.uid, made.gid, made.mode & 0o7777], [1000, 1000, 0o644]);
    await files.utimes("/f", 1.5, new Date(-2500));
    await files.chown("/f", 7, 8);
    await files.chmod("/f", 0o4711);
    const { atimeMs, mtimeMs, uid, gid, mode } = await files.stat("/f");
    assert.deepEqual([atimeMs, mtimeMs, uid, gid], [1500, -2500, 7, 8]);
    assert.equal(mode & 0o7777, 0o4711);
  });

  test("fails with errnos that name call and path", async () => {
    const files = createInMemoryFileSystem();
    const error = await failure(files.readFile("/nx/file"));
    assert.equal(error.message, "ENOENT: no such file or directory, open '/nx/file'");
    const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
    assert.deepEqual([code, errno, syscall, path], ["ENOENT", -2, "open", "/nx/file"]);
    const renamed = await failure(files.rename("/nx", "/y"));
    assert.equal(renamed.message, "ENOENT: no such file or directory, rename '/nx' -> '/y'");
    assert.equal((renamed as { dest?: string }).dest, "/y");
    assert.match(String(error.stack), /in-memory-filesystem\.spec/);
  });

  test("is bounded, and says by what", async () => {
    const files = createInMemoryFileSystem({ maxFilesystemBytes: 1 << 20, maxInodeCount: 16 });
    await files.writeFile("/small", "x");
    const full = await failure(files.writeFile("/big", new Uint8Array(1 << 20)));
    assert.equal(full.code, "ENOSPC");
    assert.match(full.message, /maxFilesystemBytes is 1 MiB.*createInMemoryFileSystem/);
    assert.equal((full as { limit?: string }).limit, "maxFilesystemBytes");
    await files.removeFile("/small");
    await files.writeFile("/big", new Uint8Array(1 << 20));
    let made = 0;
    const many = await failure(
      (async () => {
        for (; made < 20; made += 1) await files.mkdir(`/d${made}`);
      })(),
    );
    assert.equal(many.code, "ENOSPC");
    assert.match(many.message, /maxInodeCount is 16/);
    const small = createInMemoryFileSystem({ maxFileBytes: 8192 });
    const cut = await failure(small.truncate("/nx", 1));
    assert.equal(cut.code, "ENOENT");
    await small.writeFile("/f", "x");
    assert.equal((await failure(small.truncate("/f", 10_000))).code, "EFBIG");
    assert.equal((await failure(small.pwrite("/f", 2 ** 53 - 1, "x"))).code, "EFBIG");
    assert.equal((await small.stat("/f")).size, 1);
  });

  test("refuses what is no path, no data and no option", async () => {
    const files = createInMemoryFileSystem();
    const refused = async (call: () => Promise<unknown>, code: string, name: string) => {
      await assert.rejects(call, (error: NodeJS.ErrnoException) => {
        assert.equal(error.code, code, String(error));
        assert.match(error.message, new RegExp(name));
        return true;
      });
    };
    const wrong = undefined as never;
    await refused(() => files.readFile("relative"), "ERR_INVALID_ARG_VALUE", "path");
    await refused(() => files.readFile("/a\0b"), "ERR_INVALID_ARG_VALUE", "path");
    await refused(() => files.readFile(wrong), "ERR_INVALID_ARG_TYPE", "path");
    await refused(() => files.rename("/a", wrong), "ERR_INVALID_ARG_TYPE", "to");
    await refused(() => files.writeFile("/a", wrong), "ERR_INVALID_ARG_TYPE", "data");
    await refused(() => files.chmod("/a", 0o10000), "ERR_OUT_OF_RANGE", "mode");
    await refused(() => files.chown("/a", -1, 0), "ERR_OUT_OF_RANGE", "uid");
    await refused(() => files.utimes("/a", Number.NaN, 0), "ERR_OUT_OF_RANGE", "atime");
    await refused(() => files.truncate("/a", -1), "ERR_OUT_OF_RANGE", "length");
    await refused(() => files.pread("/a", 0.5, 1), "ERR_OUT_OF_RANGE", "position");
    await refused(
      () => files.mkdir("/a", { recursiv: true } as never),
      "ERR_INVALID_ARG_VALUE",
      "recursive",
    );
    assert.throws(() => createInMemoryFileSystem({ maxFileBytes: 1 }), {
      code: "ERR_OUT_OF_RANGE",
    });
    assert.throws(() => createInMemoryFileSystem({ maxBytes: 1 } as never), /maxFileBytes|Known/);
  });
});

// Files of machines at one moment: taken, given to other machines, compared, written as a tar.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "./support/suite.ts";
import {
  createInMemoryFileSystem,
  FileSnapshot,
  NodeRuntime,
  type NodeRuntimeCreateOptions,
  Sandbox,
  type VmError,
} from "../index.js";

const binary = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);

async function sh(rt: NodeRuntime, line: string): Promise<string> {
  const { stdout, stderr, exitCode } = await rt.execCommand("sh", ["-c", line]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** A machine with files of every kind. */
async function furnished(): Promise<NodeRuntime> {
  const rt = await NodeRuntime.create({ env: { GREETING: "hello" } });
  await rt.writeFile("/workspace/binary", binary);
  await rt.writeFile("/workspace/odd é\n\"'", "odd");
  await sh(
    rt,
    `cd /workspace && mkdir -m 750 dir && : > dir/empty && chmod 711 dir/empty && ln -s ../binary dir/link &&
     ln binary dir/twin && mkfifo dir/fifo && touch -d '2001-02-03 04:05:06' dir/empty`,
  );
  return rt;
}

const listing = `cd /workspace && find . | sort && stat -c '%n %a %u %g %s %Y %h %F' dir dir/* binary && cksum binary dir/twin`;

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected;

describe("snapshots of files", () => {
  test("give another machine the same files", async () => {
    await using rt = await furnished();
    const before = await sh(rt, listing);
    using snapshot = await rt.snapshot();
    assert.ok(snapshot instanceof FileSnapshot);
    assert.ok(snapshot.files > 5 && snapshot.bytes > 600_000 - 300_000);
    await using other = await NodeRuntime.create({
      snapshot,
      files: { "/workspace/more": "more" },
    });
    await other.remove("/workspace/more");
    assert.equal(await sh(other, listing), before);
    assert.deepEqual(await other.readFile("/workspace/binary"), binary);
    assert.equal(await other.readFile("/workspace/odd é\n\"'", "utf8"), "odd");
    assert.equal((await other.exec("console.log(1 + 1)")).stdout, "2\n");
  });

  test("outlive their machine, and are gone when they are disposed of", async () => {
    const rt = await furnished();
    const snapshot = await rt.snapshot();
    await rt.dispose();
    const other = await NodeRuntime.create({ snapshot });
    snapshot.dispose();
    snapshot.dispose();
    assert.ok(snapshot.disposed);
    assert.deepEqual(await other.readFile("/workspace/binary"), binary);
    await assert.rejects(NodeRuntime.create({ snapshot }), code("ERR_SNAPSHOT_DISPOSED"));
    await assert.rejects(other.restore(snapshot), code("ERR_SNAPSHOT_DISPOSED"));
    await assert.rejects(other.diff(snapshot), code("ERR_SNAPSHOT_DISPOSED"));
    assert.throws(() => snapshot.export(), code("ERR_SNAPSHOT_DISPOSED"));
    // One of a machine that was made from one that is gone.
    using next = await other.snapshot();
    await other.dispose();
    await using third = await NodeRuntime.create({ snapshot: next });
    assert.deepEqual(await third.readFile("/workspace/binary"), binary);
  });

  test("are taken by sandboxes, and in machines that share a process", async () => {
    await using rt = await furnished();
    using snapshot = await rt.snapshot();
    for (const isolation of ["shared", "in-process"] as const) {
      await using sandbox = await Sandbox.create({ snapshot, isolation });
      const { stdout } = await sandbox.exec.run("cat /workspace/odd*");
      assert.equal(stdout, "odd");
      using inner = await sandbox.runtime.snapshot();
      await using other = await NodeRuntime.create({ snapshot: inner });
      assert.deepEqual(await other.readFile("/workspace/binary"), binary);
    }
  });

  test("forks diverge, and have the options of their machine", async () => {
    await using rt = await furnished();
    await using one = await rt.fork();
    await using two = await rt.fork({ files: { "/workspace/two": "2" }, env: { GREETING: "hi" } });
    const write = (machine: NodeRuntime, text: string) =>
      sh(machine, `printf ${text} | dd of=/workspace/binary bs=1 seek=70000 conv=notrunc 2>&1 >&2`);
    await write(one, "ONE");
    await write(two, "TWO");
    const part = async (machine: NodeRuntime) =>
      Buffer.from((await machine.readFile("/workspace/binary")).subarray(69_999, 70_004));
    const original = Buffer.from(binary.subarray(69_999, 70_004));
    assert.deepEqual(await part(rt), original);
    assert.equal((await part(one)).subarray(1, 4).toString(), "ONE");
    assert.equal((await part(two)).subarray(1, 4).toString(), "TWO");
    assert.equal(await sh(one, "echo $GREETING"), "hello\n");
    assert.equal(await sh(two, "echo $GREETING; cat /workspace/two"), "hi\n2");
    assert.equal(await rt.exists("/workspace/two"), false);
  });

  test("are taken one after the other, however many are asked for at a time", async () => {
    await using rt = await furnished();
    using first = await rt.snapshot();
    const program = rt.exec("await new Promise((resolve) => setTimeout(resolve, 300))");
    const taken = Array.from({ length: 4 }, () => rt.snapshot());
    const forks = [rt.fork(), rt.fork()];
    const changes = [rt.diff(first), rt.diff(first)];
    // What is asked for behind them is behind the first of them.
    await rt.writeFile("/workspace/later", "x");
    const snapshots = await Promise.all(taken);
    assert.ok(snapshots.every(({ files }) => files >= first.files));
    assert.equal(snapshots[0]?.files, first.files);
    for (const fork of await Promise.all(forks)) {
      assert.deepEqual(await fork.readFile("/workspace/binary"), binary);
      await fork.dispose();
    }
    await Promise.all(changes);
    assert.equal((await program).exitCode, 0);
    // Files that take the place of all have their turn, too.
    const [, second] = await Promise.all([rt.restore(first), rt.snapshot()]);
    assert.equal(second.files, first.files);
    assert.deepEqual(await rt.diff(first), []);
    for (const snapshot of [...snapshots, second]) snapshot.dispose();
    const waiting = Promise.allSettled([rt.snapshot(), rt.snapshot(), rt.restore(first)]);
    await rt.dispose();
    for (const each of await waiting) {
      assert.equal(each.status === "rejected" && each.reason.code, "ERR_VM_DISPOSED");
    }
  });

  test("forks have what is mounted in their machine, but for the options that are given", async () => {
    const folder = mkdtempSync(join(tmpdir(), "secure-exec-fork-"));
    try {
      writeFileSync(join(folder, "x"), "x");
      const mounts = [{ guestPath: "/a", hostPath: folder }];
      const filesystem = createInMemoryFileSystem();
      await filesystem.writeFile("/own", "own");
      await using rt = await NodeRuntime.create({ mounts, nodeModules: folder, filesystem });
      const seen = async (options: NodeRuntimeCreateOptions) => {
        await using fork = await rt.fork(options);
        const paths = ["/a/x", "/b/x", "/node_modules/x", "/packages/x", "/own"];
        const found = await Promise.all(paths.map((path) => fork.exists(path)));
        return paths.filter((_, index) => found[index]).join(" ");
      };
      assert.equal(await seen({}), "/a/x /node_modules/x /own");
      const moved = [{ guestPath: "/b", hostPath: folder }];
      assert.equal(await seen({ mounts: moved }), "/b/x /node_modules/x /own");
      assert.equal(await seen({ mounts: [] }), "/node_modules/x /own");
      const nodeModules = { hostPath: folder, guestPath: "/packages" };
      assert.equal(await seen({ nodeModules }), "/a/x /packages/x /own");
      const empty = createInMemoryFileSystem();
      assert.equal(await seen({ filesystem: empty }), "/a/x /node_modules/x");
      const taken = rt.fork({ nodeModules: { ...nodeModules, guestPath: "/a" } });
      await assert.rejects(taken, code("ERR_INVALID_ARG_VALUE"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("forks import the tools of their machine", async () => {
    const double = {
      description: "Twice as much.",
      inputSchema: { type: "object" as const, properties: { n: { type: "number" as const } } },
      handler: ({ n }: { n?: number }) => Number(n) * 2,
    };
    await using rt = await NodeRuntime.create({ tools: { double } });
    await using fork = await rt.fork();
    const code = 'import { double } from "tools"; __return(await double({ n: 21 }));';
    for (const machine of [rt, fork]) assert.equal((await machine.run(code)).value, 42);
  });

  test("are restored, unless programs run", async () => {
    await using rt = await furnished();
    const before = await sh(rt, listing);
    using snapshot = await rt.snapshot();
    await sh(rt, "rm -rf /workspace/* && echo other > /workspace/other");
    await rt.restore(snapshot);
    assert.equal(await sh(rt, listing), before);
    assert.deepEqual(await rt.diff(snapshot), []);
    const running = await rt.spawn("setInterval(() => {}, 1000)");
    await assert.rejects(rt.restore(snapshot), code("EBUSY"));
    running.kill();
    await running.wait();
    await rt.restore(snapshot);
  });

  test("do not come into a machine that has no room for them", async () => {
    await using rt = await furnished();
    using snapshot = await rt.snapshot();
    const limits = { resources: { maxFilesystemBytes: 256 * 1024 } };
    await assert.rejects(NodeRuntime.create({ snapshot, limits }), (error: VmError) => {
      return ["ENOSPC", "ERR_RESOURCE_LIMIT"].includes(error.code);
    });
  });

  test("tell what has changed since", async () => {
    await using rt = await furnished();
    using snapshot = await rt.snapshot();
    await sh(
      rt,
      `cd /workspace && rm dir/link && echo new > added && printf x >> binary && chmod 700 dir &&
       touch -d '2002-01-01' dir/empty && rm dir/fifo && mkdir dir/fifo`,
    );
    assert.deepEqual(await rt.diff(snapshot), [
      { path: "/workspace/added", change: "added" },
      { path: "/workspace/binary", change: "modified" },
      { path: "/workspace/dir", change: "metadata" },
      { path: "/workspace/dir/empty", change: "metadata" },
      { path: "/workspace/dir/fifo", change: "modified" },
      { path: "/workspace/dir/link", change: "removed" },
      { path: "/workspace/dir/twin", change: "modified" },
    ]);
    await using other = await NodeRuntime.create({ snapshot });
    assert.deepEqual(await other.diff(snapshot), []);
  });

  test("are what they were while programs write", async () => {
    await using rt = await NodeRuntime.create();
    const writer = await rt.spawn(`
      import { closeSync, openSync, writeSync } from "node:fs";
      const fd = openSync("/workspace/log", "w");
      const block = Buffer.alloc(65536);
      console.log("ready");
      for (let round = 0; ; round++) {
        block.fill(round & 255);
        for (let at = 0; at < 4; at++) writeSync(fd, block, 0, 65536, at * 65536);
        await new Promise(setImmediate);
      }
    `);
    for (let i = 0; i < 10; i++) {
      using snapshot = await rt.snapshot();
      await using other = await NodeRuntime.create({ snapshot });
      const bytes = (await other.exists("/workspace/log"))
        ? await other.readFile("/workspace/log")
        : [];
      // Blocks are written one by one: at most one step lies between neighbours.
      for (let at = 65_536; at < bytes.length; at += 65_536) {
        assert.ok(((bytes[at - 65_536] ?? 0) - (bytes[at] ?? 0) + 256) % 256 <= 1);
      }
    }
    writer.kill("SIGKILL");
    await writer.wait();
  });

  test("are exported as a tar that others read", async (context) => {
    if (spawnSync("tar", ["--version"]).status !== 0) return context.skip("no tar");
    await using rt = await furnished();
    const long = `/workspace/${"long-name-".repeat(20)}`;
    await rt.writeFile(long, "long");
    await sh(rt, "cd /workspace && ln -s $(printf '%0150d' 1) far && truncate -s 5000000 hole");
    using snapshot = await rt.snapshot();
    const folder = mkdtempSync(join(tmpdir(), "secure-exec-tar-"));
    try {
      const pieces: Uint8Array[] = [];
      for await (const piece of snapshot.export()) pieces.push(piece);
      writeFileSync(join(folder, "files.tar"), Buffer.concat(pieces));
      execFileSync("tar", ["-xpf", "files.tar", "workspace"], { cwd: folder, stdio: "pipe" });
      const at = (name: string) => join(folder, "workspace", name);
      assert.deepEqual(new Uint8Array(readFileSync(at("binary"))), binary);
      assert.equal(readFileSync(at("odd é\n\"'"), "utf8"), "odd");
      assert.equal(readFileSync(join(folder, long), "utf8"), "long");
      assert.equal(readlinkSync(at("dir/link")), "../binary");
      assert.equal(readlinkSync(at("far")).length, 150);
      assert.equal(statSync(at("binary")).ino, statSync(at("dir/twin")).ino);
      assert.ok(statSync(at("dir/fifo")).isFIFO());
      assert.equal(statSync(at("dir")).mode & 0o777, 0o750);
      assert.equal(statSync(at("dir/empty")).mode & 0o777, 0o711);
      assert.equal(statSync(at("dir/empty")).mtime.toISOString(), "2001-02-03T04:05:06.000Z");
      assert.equal(statSync(at("hole")).size, 5_000_000);
      const { mtimeMs } = await rt.stat("/workspace/binary");
      assert.ok(Math.abs(statSync(at("binary")).mtimeMs - mtimeMs) < 0.01);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("nothing else is taken for one", async () => {
    await using rt = await NodeRuntime.create();
    for (const wrong of [{}, null, 7, "x", Object.create(FileSnapshot.prototype)]) {
      const given = { snapshot: wrong } as never;
      await assert.rejects(NodeRuntime.create(given), code("ERR_INVALID_ARG_TYPE"));
      await assert.rejects(NodeRuntime.create(given), /options\.snapshot/);
      await assert.rejects(rt.restore(wrong as never), code("ERR_INVALID_ARG_TYPE"));
      await assert.rejects(rt.diff(wrong as never), code("ERR_INVALID_ARG_TYPE"));
    }
    using snapshot = await rt.snapshot();
    await assert.rejects(rt.fork({ snapshot } as never), code("ERR_INVALID_ARG_VALUE"));
    await assert.rejects(rt.fork({ nonsense: 1 } as never), code("ERR_INVALID_ARG_VALUE"));
    assert.throws(() => Reflect.construct(FileSnapshot, []), code("ERR_INVALID_ARG_TYPE"));
    await rt.dispose();
    await assert.rejects(rt.snapshot(), code("ERR_VM_DISPOSED"));
  });
});

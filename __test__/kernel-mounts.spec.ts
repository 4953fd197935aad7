// Filesystems that come and go while a kernel runs.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createInMemoryFileSystem,
  createKernel,
  createNodeRuntime,
  type Kernel,
  KernelError,
  type KernelOptions,
  NodeFileSystem,
  type VirtualFileSystem,
} from "secure-exec";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { vmProcessIds } from "./support/vm-process.ts";

async function used(options: KernelOptions = {}): Promise<Kernel> {
  const kernel = ownedByTest(createKernel(options));
  await kernel.mount(createNodeRuntime());
  assert.equal((await kernel.exec("echo used")).stdout, "used\n");
  return kernel;
}

async function filesWith(entries: Record<string, string>) {
  const filesystem = createInMemoryFileSystem();
  for (const [path, text] of Object.entries(entries)) await filesystem.writeFile(path, text);
  return filesystem;
}

const code = (code: string) => ({ name: "KernelError", code });

describe("a kernel in use", () => {
  test("mounts and unmounts files, which guests and the host see at once", async () => {
    const kernel = await used();
    const filesystem = await filesWith({ "/f": "given" });
    await kernel.mountFs("/data", filesystem);
    assert.equal((await kernel.exec("cat /data/f; echo guest > /data/g")).stdout, "given");
    assert.equal(await filesystem.readTextFile("/g"), "guest\n");
    assert.equal(await kernel.readTextFile("/data/g"), "guest\n");
    assert.match((await kernel.exec("grep data /proc/mounts")).stdout, /^\S+ \/data /);
    await kernel.unmountFs("/data");
    assert.equal((await kernel.exec("ls /data")).stdout, "");
    assert.equal(await filesystem.readTextFile("/f"), "given");
    await kernel.mountFs("/data/", filesystem, { readOnly: true });
    const { stdout, stderr } = await kernel.exec("cat /data/f; echo no > /data/f");
    assert.equal(stdout, "given");
    assert.match(stderr, /Read-only file system/);
  });

  test("which had mounts before has both, one in another as well", async () => {
    const kernel = ownedByTest(createKernel({ filesystem: await filesWith({ "/top": "t" }) }));
    await kernel.mount(createNodeRuntime());
    await kernel.mountFs("/a", await filesWith({ "/f": "a" }));
    assert.equal((await kernel.exec("cat /top /a/f")).stdout, "ta");
    await kernel.mountFs("/a/b", await filesWith({ "/f": "b" }));
    assert.equal((await kernel.exec("cat /top /a/f /a/b/f")).stdout, "tab");
    await assert.rejects(kernel.unmountFs("/a"), code("EBUSY"));
    await kernel.unmountFs("/a/b");
    await kernel.unmountFs("/a");
    assert.equal((await kernel.exec("cat /top; ls /a")).stdout, "t");
  });

  test("mounts a folder of the host, and a filesystem of the user's", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-mount-"));
    try {
      await writeFile(join(folder, "f"), "host");
      const kernel = await used();
      await kernel.mountFs("/host", new NodeFileSystem({ root: folder }));
      assert.equal((await kernel.exec("cat /host/f; echo -n new > /host/n")).stdout, "host");
      assert.equal(await readFile(join(folder, "n"), "utf8"), "new");
      const own = await filesWith({ "/f": "script" });
      const asked: string[] = [];
      const script = new Proxy(own, {
        get: (target, key) => {
          const member = Reflect.get(target, key);
          if (typeof member !== "function") return member;
          return (...args: unknown[]) => {
            asked.push(String(key));
            return member.apply(target, args);
          };
        },
      }) as VirtualFileSystem;
      await kernel.mountFs("/script", { ...methodsOf(script) });
      assert.equal((await kernel.exec("cat /script/f")).stdout, "script");
      assert(asked.includes("pread") || asked.includes("readFile"), asked.join());
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("keeps what is open, or where a process works", async () => {
    const kernel = await used();
    await kernel.mountFs("/data", await filesWith({ "/f": "x" }));
    for (const line of ["exec 3</data/f; echo up; cat", "cd /data; echo up; cat"]) {
      const up = Promise.withResolvers<void>();
      const child = await kernel.spawn("sh", ["-c", line], { onStdout: () => up.resolve() });
      await up.promise;
      const error: unknown = await kernel.unmountFs("/data").catch((reason) => reason);
      assert(error instanceof KernelError);
      assert.deepEqual([error.code, error.syscall, error.path], ["EBUSY", "umount", "/data"], line);
      child.closeStdin();
      assert.equal(await child.wait(), 0);
    }
    await kernel.unmountFs("/data");
  });

  test("lets go at once of what killed programs had open", async () => {
    const kernel = await used();
    const filesystem = await filesWith({ "/f": "x" });
    for (let round = 0; round < 5; round += 1) {
      await kernel.mountFs("/data", filesystem);
      const up = Promise.withResolvers<void>();
      const program =
        "require('fs').openSync('/data/f'); console.log('up'); setInterval(() => {}, 1e3)";
      const options = { cwd: "/data", onStdout: () => up.resolve() };
      const child = await kernel.spawn("node", ["-e", program], options);
      await up.promise;
      child.kill("SIGKILL");
      await child.wait();
      await kernel.unmountFs("/data");
    }
  });

  test("has its mounts in the next VM process too, and not those that were taken away", async () => {
    const kernel = ownedByTest(createKernel());
    await kernel.mount(createNodeRuntime());
    const up = Promise.withResolvers<void>();
    await kernel.exec("true");
    await kernel.mountFs("/stays", await filesWith({ "/f": "stays" }));
    await kernel.mountFs("/goes", await filesWith({ "/f": "goes" }));
    await kernel.unmountFs("/goes");
    const child = await kernel.spawn("sh", ["-c", "echo up; cat"], {
      onStdout: () => up.resolve(),
    });
    await up.promise;
    // One of them is its own; the others are spares.
    for (const pid of vmProcessIds()) process.kill(pid, "SIGKILL");
    await assert.rejects(child.wait());
    assert.equal((await kernel.exec("cat /stays/f; ls /goes")).stdout, "stays");
    await kernel.mountFs("/goes", await filesWith({ "/f": "again" }));
    assert.equal((await kernel.exec("cat /goes/f")).stdout, "again");
    await kernel.unmountFs("/stays");
  });

  test("tells what cannot be mounted, or is not", async () => {
    const kernel = await used();
    const filesystem = createInMemoryFileSystem();
    await kernel.mountFs("/data", filesystem);
    await assert.rejects(kernel.mountFs("/data/", filesystem), code("EBUSY"));
    await assert.rejects(kernel.unmountFs("/nothing"), code("EINVAL"));
    await kernel.writeFile("/file", "");
    await assert.rejects(kernel.mountFs("/file", filesystem), code("ENOTDIR"));
    await assert.rejects(kernel.mountFs("/dev/x", filesystem), { code: "ERR_INVALID_ARG_VALUE" });
    await assert.rejects(kernel.mountFs("/", filesystem), { code: "ERR_INVALID_ARG_VALUE" });
    await assert.rejects(kernel.mountFs("relative", filesystem), { code: "ERR_INVALID_ARG_VALUE" });
    // @ts-expect-error: that is the point
    await assert.rejects(kernel.mountFs("/x", {}), /is no filesystem/);
    await kernel.mountFs("/file-instead", filesystem);
    await kernel.dispose();
    await assert.rejects(kernel.mountFs("/late", filesystem), code("ESHUTDOWN"));
    await assert.rejects(kernel.unmountFs("/data"), code("ESHUTDOWN"));
  });

  test("a mount that is on its way while the machine is made is there", async () => {
    const kernel = ownedByTest(createKernel());
    await kernel.mount(createNodeRuntime());
    const first = kernel.exec("true");
    await kernel.mountFs("/data", await filesWith({ "/f": "f" }));
    await first;
    assert.equal((await kernel.exec("cat /data/f")).stdout, "f");
  });

  test("mounts and unmounts over and over, and holds nothing of it", async () => {
    const kernel = await used();
    const before = await kernel.getResourceSnapshot();
    for (let round = 0; round < 100; round += 1) {
      await kernel.mountFs("/data", await filesWith({ "/f": String(round) }));
      assert.equal(await kernel.readTextFile("/data/f"), String(round));
      await kernel.unmountFs("/data");
    }
    await kernel.remove("/data");
    const { fds, inodes, filesystemBytes } = await kernel.getResourceSnapshot();
    assert.deepEqual(
      { fds, inodes, filesystemBytes },
      { fds: before.fds, inodes: before.inodes, filesystemBytes: before.filesystemBytes },
    );
  });
});

/** As an object of somebody else's. */
function methodsOf(filesystem: VirtualFileSystem): VirtualFileSystem {
  const names = Object.getOwnPropertyNames(
    Object.getPrototypeOf(Object.getPrototypeOf(createInMemoryFileSystem())),
  );
  const methods = names
    .filter((name) => name !== "constructor")
    .map((name) => [name, Reflect.get(filesystem, name)]);
  return Object.fromEntries(methods) as VirtualFileSystem;
}

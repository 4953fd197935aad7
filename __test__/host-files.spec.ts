// The host's file methods and the files of `create`: their rights, their bounds, what they refuse.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { NodeRuntime, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const anywhere = [
  "/app/main.js",
  "/data/in.csv",
  "/input.json",
  "/node_modules/foo/index.js",
  "/etc/app.conf",
  "/opt/x/y",
  "/usr/local/bin/x",
  "/root/x",
  "/var/lib/x",
  "/home/other/deep/x",
  "/bin/foo",
  "/workspace/../up",
  "/workspace/a//b",
];

/** What a call rejects with, as one line. */
async function failure(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VmError, `rejects with a VmError, not ${error}`);
  return `${error.code} ${error.message}`;
}

describe("files of create", () => {
  test("are put anywhere, with their directories, and belong to the guests' user", async () => {
    const files = Object.fromEntries(anywhere.map((path) => [path, `at ${path}`]));
    await withRuntime({ files }, async (runtime) => {
      const { stdout } = await runtime.exec(`
        import fs from "node:fs";
        for (const path of ${JSON.stringify(anywhere)}) {
          const { uid, gid, mode } = fs.statSync(path);
          const dir = fs.statSync(path.replace(/\\/[^/]*$/, "") || "/");
          console.log(path, fs.readFileSync(path, "utf8") === "at " + path, uid, gid, (mode & 0o777).toString(8), (dir.mode & 0o5).toString(8));
        }
        fs.writeFileSync("/app/beside.js", "");
        fs.appendFileSync("/etc/app.conf", "x");`);
      assert.equal(stdout, anywhere.map((path) => `${path} true 1000 1000 644 5\n`).join(""));
    });
  });

  test("have attributes if they are told", async () => {
    const files = {
      "/usr/local/bin/hello": { data: "#!/bin/sh\necho hello $1\n", mode: 0o755 },
      "/etc/secret": { data: new Uint8Array([1]), mode: 0o600, uid: 0, gid: 7 },
      "/workspace/plain": { data: "x" },
    };
    await withRuntime({ files }, async (runtime) => {
      assert.equal((await runtime.execCommand("hello", ["you"])).stdout, "hello you\n");
      const { mode, uid, gid } = await runtime.stat("/etc/secret");
      assert.deepEqual([mode & 0o7777, uid, gid], [0o600, 0, 7]);
      assert.equal((await runtime.execCommand("cat", ["/etc/secret"])).exitCode, 1);
      assert.deepEqual(await runtime.readFile("/etc/secret"), new Uint8Array([1]));
      assert.equal((await runtime.stat("/workspace/plain")).uid, 1000);
    });
    for (const file of [{}, { data: 1 }, { data: "", mode: -1 }, { data: "", mode: 0o10000 }]) {
      const create = NodeRuntime.create({ files: { "/a": file as never } });
      await assert.rejects(create, { code: /^ERR_INVALID_ARG_TYPE|^ERR_OUT_OF_RANGE/ });
    }
    const wrong = NodeRuntime.create({ files: { "/a": { data: "", owner: 1 } as never } });
    await assert.rejects(wrong, { code: "ERR_INVALID_ARG_VALUE", message: /a"\]\.owner/ });
  });

  test("replace what is there", async () => {
    const files = {
      "/etc/hosts": "1.2.3.4 here\n",
      "/usr/bin/ls": { data: "#!/bin/sh\necho mine\n", mode: 0o755 },
    };
    await withRuntime({ files }, async (runtime) => {
      assert.equal(await runtime.readFile("/etc/hosts", "utf8"), "1.2.3.4 here\n");
      assert.equal((await runtime.stat("/etc/hosts")).uid, 1000);
      assert.equal((await runtime.execCommand("ls", ["/"])).stdout, "mine\n");
    });
  });

  test("that do not fit name the file and the limit", async () => {
    const mebibyte = 1024 * 1024;
    const create = (files: Record<string, string | Uint8Array>, resources = {}) =>
      failure(NodeRuntime.create({ files, limits: { resources } }));
    const long = await create({ "/a": new Uint8Array(33 * mebibyte) });
    assert.match(long, /^EFBIG .*write '\/a': limits\.resources\.maxFileBytes is 32 MiB/);
    const full = { maxFilesystemBytes: 4 * mebibyte, maxFileBytes: 3 * mebibyte };
    const two = { "/a": new Uint8Array(2.5 * mebibyte), "/b": new Uint8Array(2.5 * mebibyte) };
    assert.match(
      await create(two, full),
      /^ENOSPC .*write '\/b': limits\.resources\.maxFilesystemBytes is 4 MiB/,
    );
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`/f${i}`, ""]));
    assert.match(
      await create(many, { maxInodeCount: 400 }),
      /^ENOSPC .*'\/f\d+': limits\.resources\.maxInodeCount is 400, 401/,
    );
    assert.match(await create({}, { maxInodeCount: 10 }), /maxInodeCount is 10/);
    assert.match(
      await create({}, { maxFilesystemBytes: 4096 }),
      /maxFilesystemBytes is 4096 bytes/,
    );
    assert.match(await create({ "/a": "", "/a/b": "" }), /^ENOTDIR .*'\/a\/b'/);
    assert.match(await create({ "/": "" }), /^EISDIR .*'\/'/);
    assert.match(await create({ "/proc/x": "" }), /^E(NOENT|ROFS|PERM|ACCES) .*'\/proc\/x'/);
    assert.match(await create({ "/dev/x": "" }), /^E(ROFS|PERM|ACCES) .*'\/dev\/x'/);
  });
});

describe("cwd of create", () => {
  test("is made, and belongs to the guests' user", async () => {
    await withRuntime({ cwd: "/srv/deep/app" }, async (runtime) => {
      const { stdout } = await runtime.execCommand("sh", [
        "-c",
        "pwd; echo x > here; stat -c %u .",
      ]);
      assert.equal(stdout, "/srv/deep/app\n1000\n");
      await runtime.remove("/srv/deep", { recursive: true });
      assert.equal((await runtime.exec("console.log(process.cwd())")).stdout, "/srv/deep/app\n");
    });
    await withRuntime({ cwd: "/root" }, async (runtime) => {
      assert.equal((await runtime.execCommand("pwd")).stdout, "/root\n");
    });
  });

  test("that is no directory is an error of create", async () => {
    assert.match(
      await failure(NodeRuntime.create({ cwd: "/etc/passwd" })),
      /^ENOTDIR .*chdir '\/etc\/passwd'/,
    );
    assert.match(await failure(NodeRuntime.create({ cwd: "/etc/passwd/x" })), /^ENOTDIR .*chdir/);
    const files = { "/app": "a file" };
    assert.match(await failure(NodeRuntime.create({ cwd: "/app", files })), /^ENOTDIR .*'\/app'/);
  });

  test("that is no directory, or is missing, is an error of a call", async () => {
    await withRuntime({}, async (runtime) => {
      for (const [cwd, code] of [
        ["/etc/passwd", "ENOTDIR"],
        ["/etc/passwd/x", "ENOTDIR"],
        ["/no/such", "ENOENT"],
      ] as const) {
        for (const call of [
          () => runtime.exec("1", { cwd }),
          () => runtime.execCommand("ls", [], { cwd }),
          () => runtime.spawn("1", { cwd }),
          () => runtime.openShell({ cwd }),
        ]) {
          await assert.rejects(call, { code, syscall: "chdir", path: cwd });
        }
      }
    });
  });
});

describe("file methods", () => {
  test("have the host's rights and make what the guests own", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.mkdir("/app");
      await runtime.mkdir("/data/deep/er", { recursive: true });
      await runtime.writeFile("/x", "1");
      await runtime.writeFile("/etc/motd", "2");
      for (const path of ["/app", "/data/deep/er", "/x", "/etc/motd"]) {
        const { uid, gid } = await runtime.stat(path);
        assert.deepEqual([uid, gid], [1000, 1000], path);
      }
      await runtime.exec(
        `import fs from "node:fs"; fs.mkdirSync("/tmp/closed"); fs.writeFileSync("/tmp/closed/f", "mine", { mode: 0 }); fs.chmodSync("/tmp/closed", 0);`,
      );
      assert.equal(await runtime.readFile("/tmp/closed/f", "utf8"), "mine");
      assert.deepEqual(await runtime.readDir("/tmp/closed"), ["f"]);
      await runtime.rename("/tmp/closed", "/root/open");
      await runtime.remove("/root/open", { recursive: true });
      assert.equal(await runtime.exists("/root/open"), false);
      assert.match(await failure(runtime.writeFile("/no/such/dir/x", "")), /^ENOENT/);
      const { stdout } = await runtime.execCommand("sh", [
        "-c",
        "rm /x && echo x > /app/y && touch /z || echo denied",
      ]);
      assert.equal(stdout, "denied\n");
    });
  });

  test("follow links inside the machine only", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("ln", ["-s", "/etc", "/workspace/etc"]);
      await runtime.execCommand("ln", ["-s", "../../../../../../etc/passwd", "/workspace/up"]);
      assert.match(
        await runtime.readFile("/workspace/up", "utf8"),
        /^root:x:0:0:root:\/root:\/bin\/sh\nuser:x:1000/,
      );
      await runtime.writeFile("/workspace/etc/new", "x");
      assert.equal(await runtime.readFile("/etc/new", "utf8"), "x");
      await runtime.remove("/workspace/etc", { recursive: true });
      assert.equal(await runtime.exists("/etc/passwd"), true);
      await runtime.execCommand("ln", ["-s", "loop", "/workspace/loop"]);
      assert.match(await failure(runtime.readFile("/workspace/loop")), /^ELOOP/);
      assert.match(await failure(runtime.writeFile("/workspace/loop", "")), /^ELOOP/);
    });
  });

  test("end where a file does not", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("sh", [
        "-c",
        "ln -s /dev/zero zero; ln -s /dev/urandom random; ln -s /dev/null null; mkfifo fifo",
      ]);
      const live = await runtime.spawn(
        `
        import fs from "node:fs"; import net from "node:net";
        fs.openSync("fifo", "r+");
        net.createServer().listen("socket", () => console.log("up"));`,
        { onStdout: () => up() },
      );
      let up = () => {};
      const listening = new Promise<void>((resolve) => {
        up = resolve;
      });
      await listening;
      const before = process.memoryUsage().rss;
      for (const name of ["zero", "random", "fifo", "socket"]) {
        assert.match(await failure(runtime.readFile(`/workspace/${name}`)), /^EINVAL/, name);
      }
      assert.match(await failure(runtime.readFile(`/proc/${live.pid}/fd/0`)), /^EINVAL/);
      assert.match(await failure(runtime.readFile("/dev/ptmx")), /^E(INVAL|IO|AGAIN|NXIO)/);
      assert.match(await failure(runtime.readFile("/dev/tty")), /^E(INVAL|NXIO)/);
      for (const name of ["fifo", "socket"]) {
        assert.match(await failure(runtime.writeFile(`/workspace/${name}`, "x")), /^E(INVAL|NXIO)/);
      }
      assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
      assert.equal((await runtime.readFile("/workspace/null")).length, 0);
      await runtime.writeFile("/workspace/null", "gone");
      assert.match(await failure(runtime.writeFile("/dev/full", "x")), /^ENOSPC/);
      assert.match(await runtime.readFile(`/proc/${live.pid}/status`, "utf8"), /^Name:\tnode/);
      assert.match(await runtime.readFile("/proc/meminfo", "utf8"), /^MemTotal/);
      live.kill("SIGKILL");
      await live.wait();
    });
  });

  test("end on a file that grows, and on the screen of a shell", async () => {
    const limits = { resources: { maxFileBytes: 4 * 1024 * 1024 } };
    await withRuntime({ limits }, async (runtime) => {
      const growing = await runtime.spawnCommand("sh", [
        "-c",
        "while :; do head -c 100000 /dev/zero >> /tmp/growing || : > /tmp/growing; done",
      ]);
      while (!(await runtime.exists("/tmp/growing"))) await setImmediate();
      for (let round = 0; round < 20; round += 1) {
        const length = await runtime.readFile("/tmp/growing").then(
          (bytes) => bytes.length,
          (error: { code: string }) => error.code,
        );
        assert.ok(
          length === "ENOENT" || length === "EFBIG" || (length as number) <= 5 * 1024 * 1024,
          String(length),
        );
      }
      growing.kill("SIGKILL");
      await growing.wait();
      const shell = await runtime.openShell();
      assert.match(await failure(runtime.readFile("/dev/pts/0")), /^EINVAL/);
      assert.match(await failure(runtime.writeFile("/dev/pts/0", "x")), /^EINVAL/);
      await shell.dispose();
    });
  });

  test("list and remove what is wide and deep", async () => {
    const limits = { resources: { maxInodeCount: 40_000 } };
    await withRuntime({ limits }, async (runtime) => {
      const { exitCode, stderr } = await runtime.exec(`
        import fs from "node:fs";
        fs.mkdirSync("wide");
        const name = "n".repeat(200);
        for (let i = 0; i < 30_000; i += 1) fs.writeFileSync("wide/" + String(i).padStart(6, "0") + name, "");
        for (let i = 0; i < 2000; i += 1) { fs.mkdirSync("deep-deep-deep"); process.chdir("deep-deep-deep"); }`);
      assert.deepEqual([exitCode, stderr], [0, ""]);
      const names = await runtime.readDir("/workspace/wide");
      assert.equal(names.length, 30_000);
      assert.deepEqual(names, [...new Set(names)].sort());
      assert.equal(
        (await runtime.readDirWithTypes("/workspace/wide")).every((entry) => entry.isFile),
        true,
      );
      await runtime.remove("/workspace/wide", { recursive: true });
      await runtime.remove("/workspace/deep-deep-deep", { recursive: true });
      assert.deepEqual(await runtime.readDir("/workspace"), []);
    });
  });

  test("remove leaves the machine its own", async () => {
    await withRuntime({}, async (runtime) => {
      for (const path of ["/", "/dev", "/proc", "/dev/pts"]) {
        assert.match(await failure(runtime.remove(path, { recursive: true })), /^EBUSY/, path);
      }
      assert.match(await failure(runtime.remove("/proc/1", { recursive: true })), /^E/);
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      await runtime.remove("/nothing", { force: true });
      await runtime.remove("/nothing", { force: true, recursive: true });
      assert.match(await failure(runtime.remove("/etc", { force: true })), /^ENOTEMPTY/);
    });
  });

  test("survive guests that exchange directories and links under them", async () => {
    await withRuntime({}, async (runtime) => {
      const swapping = await runtime.spawn(`
        import fs from "node:fs";
        const attempt = (work) => { try { work(); } catch {} };
        for (;;) {
          attempt(() => fs.rmSync("d", { recursive: true, force: true }));
          attempt(() => fs.symlinkSync("/etc", "d"));
          attempt(() => fs.rmSync("d", { recursive: true, force: true }));
          attempt(() => fs.mkdirSync("d"));
          attempt(() => fs.rmSync("d", { recursive: true, force: true }));
          attempt(() => fs.writeFileSync("d", ""));
        }`);
      const codes = new Set<string>();
      for (let round = 0; round < 300; round += 1) {
        const calls = [
          runtime.writeFile("/workspace/d/f", "x"),
          runtime.mkdir("/workspace/d/e/f", { recursive: true }),
          runtime.readDir("/workspace/d"),
          runtime.remove("/workspace/d/e", { recursive: true, force: true }),
        ];
        for (const result of await Promise.allSettled(calls)) {
          if (result.status === "rejected") codes.add(result.reason.code);
        }
      }
      for (const code of codes) assert.match(code, /^E(NOENT|NOTDIR|EXIST|NOTEMPTY)$/);
      swapping.kill("SIGKILL");
      await swapping.wait();
      assert.match(await runtime.readFile("/etc/passwd", "utf8"), /^root/);
    });
  });
});

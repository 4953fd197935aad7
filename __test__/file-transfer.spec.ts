// Files between the host and a machine: whole directories in and out, and what changes.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { listed } from "./support/host-tar.ts";
import { describe, test } from "./support/suite.ts";

/** A folder of the host for one test. */
async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-transfer-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("upload", () => {
  test("copies files, modes, times and links, and follows no link", async () => {
    await withFolder(async (folder) => {
      const root = join(folder, "project");
      mkdirSync(join(root, "sub/deep"), { recursive: true });
      writeFileSync(join(folder, "secret"), "not for guests");
      writeFileSync(join(root, "run.sh"), "#!/bin/sh\necho ran\n");
      chmodSync(join(root, "run.sh"), 0o755);
      writeFileSync(join(root, "sub/large"), Buffer.alloc(2_500_000, "x"));
      writeFileSync(join(root, "sub/deep/empty"), "");
      utimesSync(join(root, "run.sh"), 1_000_000_000, 1_000_000_000);
      symlinkSync("run.sh", join(root, "link"));
      symlinkSync("../secret", join(root, "out"));
      symlinkSync("..", join(root, "up"));
      execFileSync("mkfifo", [join(root, "fifo")]);
      chmodSync(join(root, "sub/deep"), 0o555);
      await withRuntime({}, async (runtime) => {
        const done = await runtime.upload(root, "/workspace/p");
        assert.deepEqual(done, { files: 6, bytes: 2_500_019, skipped: ["fifo"] });
        const { stdout } = await runtime.execCommand("sh", [
          "-c",
          "p/link; stat -c '%a %Y' p/run.sh; stat -c %a p/sub/deep; readlink p/out p/up; cat p/out; wc -c < p/sub/large",
        ]);
        assert.equal(stdout, "ran\n755 1000000000\n555\n../secret\n..\n2500000\n");
        // Again, over what is there.
        assert.equal((await runtime.upload(root, "/workspace/p")).files, 6);
      });
    });
  });

  test("says what cannot be copied, and copies the rest", async () => {
    await withFolder(async (folder) => {
      const named = (name: string) => Buffer.from(join(folder, name), "latin1");
      mkdirSync(named("d\xff"));
      for (const name of ["file", "n\xff", "d\xff/in"]) writeFileSync(named(name), name);
      writeFileSync(join(folder, "real\ufffd"), "a name like any other");
      symlinkSync("/etc/passwd", join(folder, "outside"));
      symlinkSync(join(folder, "file"), join(folder, "inside"));
      symlinkSync("nowhere", join(folder, "dangling"));
      await withRuntime({}, async (runtime) => {
        const { files, skipped } = await runtime.upload(folder, "/workspace/x");
        assert.equal(files, 4);
        assert.deepEqual(skipped.sort(), ["d\ufffd", "n\ufffd", "outside"]);
        const names = ["dangling", "file", "inside", "real\ufffd"];
        assert.deepEqual((await runtime.readDir("/workspace/x")).sort(), names);
        assert.equal(await runtime.readFile("/workspace/x/inside", "utf8"), "file");
        const file = runtime.upload(join(folder, "file"), "/workspace/y");
        await assert.rejects(file, { code: "ERR_INVALID_ARG_VALUE", message: /hostDir/ });
      });
    });
  });

  test("asks the filter, and ends with the signal", async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "node_modules/x"), { recursive: true });
      for (const name of ["a", "b", "node_modules/x/c"]) writeFileSync(join(folder, name), name);
      await withRuntime({}, async (runtime) => {
        const asked: unknown[] = [];
        const filter = async (path: string, { kind }: { kind: string }) => {
          asked.push([path, kind]);
          return path !== "node_modules" && path !== "b";
        };
        assert.equal((await runtime.upload(folder, "/workspace/x", { filter })).files, 1);
        assert.deepEqual(asked.sort(), [
          ["a", "file"],
          ["b", "file"],
          ["node_modules", "directory"],
        ]);
        assert.deepEqual(await runtime.readDir("/workspace/x"), ["a"]);
        const abort = new AbortController();
        const stop = () => abort.abort(new Error("enough"));
        await assert.rejects(
          runtime.upload(folder, "/workspace/y", { signal: abort.signal, filter: stop as never }),
          { message: "enough" },
        );
        await assert.rejects(runtime.upload(join(folder, "none"), "/y"), { code: "ENOENT" });
        await assert.rejects(runtime.upload(join(folder, "a"), "/y"), {
          code: "ERR_INVALID_ARG_VALUE",
        });
        await assert.rejects(runtime.upload(folder, "relative"), { code: "ERR_INVALID_ARG_VALUE" });
        const limits = { resources: { maxFilesystemBytes: 1024 * 1024 } };
        await withRuntime({ limits }, async (small) => {
          writeFileSync(join(folder, "large"), Buffer.alloc(3_000_000));
          await assert.rejects(small.upload(folder, "/workspace"), { code: "ENOSPC" });
        });
      });
    });
  });
});

describe("download", () => {
  test("gives a tar that the host reads: modes, times, links, long names", async () => {
    const long = `${"d".repeat(120)}/${"f".repeat(150)}`;
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("sh", [
        "-c",
        `mkdir -p x/${long.split("/")[0]}; cd x; echo hello > a; chmod 640 a; ln -s a l; touch -d @1000000000 a; echo long > ${long}`,
      ]);
      await runtime.writeFile("/workspace/x/large", new Uint8Array(3_000_000));
      const verbose = ["--full-time", "--utc", "-v"];
      const { lines } = await listed(await runtime.download("/workspace/x"), verbose);
      const found = lines.map((line) => line.split(/\s+/));
      const named = (name: string) => found.find((words) => words[5] === name);
      assert.deepEqual(named("./a")?.slice(0, 5), [
        "-rw-r-----",
        "user/user",
        "6",
        "2001-09-09",
        "01:46:40",
      ]);
      assert.deepEqual(named("./l")?.slice(5), ["./l", "->", "a"]);
      assert.equal(named("./large")?.[2], "3000000");
      assert.ok(named(`./${long}`));
    });
  });

  test("waits for its reader, ends with it, and tells what is wrong", async () => {
    await withRuntime({}, async (runtime) => {
      for (let i = 0; i < 4; i++)
        await runtime.writeFile(`/workspace/${i}`, new Uint8Array(5_000_000));
      const reader = (await runtime.download("/workspace")).getReader();
      assert.ok((await reader.read()).value);
      assert.equal((await runtime.processes()).length, 1);
      await reader.cancel();
      while ((await runtime.processes()).length > 0) await runtime.exists("/");
      await assert.rejects(runtime.download("/none"), { code: "ENOENT" });
      await assert.rejects(runtime.download("/workspace/0"), { code: "ENOTDIR" });
      const abort = new AbortController();
      const aborted = (await runtime.download("/workspace", { signal: abort.signal })).getReader();
      await aborted.read();
      abort.abort(new Error("enough"));
      const rest = async () => {
        while (!(await aborted.read()).done);
      };
      await assert.rejects(rest(), { message: "enough" });
    });
  });
});

describe("single files", () => {
  test("are appended to, linked, and their modes changed, with the host's rights", async () => {
    await withRuntime(
      { files: { "/etc/own.conf": { data: "1", uid: 0, gid: 0, mode: 0o600 } } },
      async (runtime) => {
        await runtime.appendFile("/etc/own.conf", "2");
        await runtime.appendFile("/etc/own.conf", new Uint8Array(2_500_000).fill(51));
        const text = await runtime.readFile("/etc/own.conf", "utf8");
        assert.equal(text, `12${"3".repeat(2_500_000)}`);
        await runtime.appendFile("/workspace/new", "");
        assert.equal(await runtime.readFile("/workspace/new", "utf8"), "");
        await runtime.chmod("/etc/own.conf", 0o4755);
        assert.equal((await runtime.stat("/etc/own.conf")).mode & 0o7777, 0o4755);
        await runtime.symlink("../etc/own.conf", "/workspace/link");
        const { stdout } = await runtime.execCommand("readlink", ["link"]);
        assert.equal(stdout, "../etc/own.conf\n");
        for (const [call, code] of [
          [() => runtime.symlink("x", "/workspace/link"), "EEXIST"],
          [() => runtime.chmod("/none", 0o600), "ENOENT"],
          [() => runtime.chmod("/etc", 0o10000), "ERR_OUT_OF_RANGE"],
          [() => runtime.appendFile("/etc", "x"), "EISDIR"],
          [() => runtime.appendFile("/none/x", "x"), "ENOENT"],
          [() => runtime.symlink("", "/workspace/x"), "ERR_INVALID_ARG_VALUE"],
        ] as const) {
          await assert.rejects(call(), { code }, String(call));
        }
      },
    );
  });

  test("and directories are copied", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("sh", [
        "-c",
        "mkdir -p a/b a/closed; echo 1 > a/b/file; chmod 750 a/b/file; ln -s b/file a/link; chmod 500 a/closed; mkfifo fifo",
      ]);
      await runtime.cp("/workspace/a", "/workspace/copy", { recursive: true });
      const { stdout } = await runtime.execCommand("sh", [
        "-c",
        "readlink copy/link; stat -c '%a %U' copy/b/file copy/closed; cat copy/link",
      ]);
      assert.equal(stdout, "b/file\n750 user\n500 user\n1\n");
      await runtime.writeFile("/workspace/a/b/file", "2");
      await runtime.cp("/workspace/a", "/workspace/copy", { recursive: true });
      assert.equal(await runtime.readFile("/workspace/copy/b/file", "utf8"), "2");
      await runtime.cp("/workspace/a/link", "/workspace/second");
      assert.equal((await runtime.execCommand("readlink", ["second"])).stdout, "b/file\n");
      for (const [from, to, recursive, code] of [
        ["/workspace/a", "/workspace/x", false, "EISDIR"],
        ["/workspace/a", "/workspace/a/b/inside", true, "EINVAL"],
        ["/workspace/a", "/workspace/a", true, "EINVAL"],
        ["/workspace/a/b/file", "/workspace/a/b/file", false, "EINVAL"],
        ["/workspace/fifo", "/workspace/x", false, "EINVAL"],
        ["/none", "/workspace/x", false, "ENOENT"],
        ["/workspace/a", "/workspace/a/b/file", true, "ENOTDIR"],
      ] as const) {
        await assert.rejects(runtime.cp(from, to, { recursive }), { code }, `${from} ${to}`);
      }
    });
  });
});

describe("watch", () => {
  test("hears of changes of the host and of guests", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.mkdir("/workspace/sub");
      await using watcher = runtime.watch("/workspace", { recursive: true });
      await watcher.ready;
      await runtime.writeFile("/workspace/sub/host", "1");
      await runtime.exec("import fs from 'node:fs'; fs.writeFileSync('guest', '1');");
      const names = new Set<string | null>();
      for await (const { eventType, filename } of watcher) {
        assert.match(eventType, /^(rename|change)$/);
        names.add(filename);
        if (names.has("sub/host") && names.has("guest")) break;
      }
      assert.equal((await runtime.processes()).length, 0);
      assert.equal((await watcher.next()).done, true);
    });
  });

  test("ends with its signal and with the runtime, and tells what is not there", async () => {
    let last: Promise<IteratorResult<unknown>> | undefined;
    await withRuntime({}, async (runtime) => {
      const missing = runtime.watch("/none");
      await assert.rejects(missing.ready, { code: "ENOENT", path: "/none", syscall: "watch" });
      const abort = new AbortController();
      const aborted = runtime.watch("/workspace", { signal: abort.signal });
      await aborted.ready;
      const next = aborted.next();
      abort.abort(new Error("enough"));
      await assert.rejects(next, { message: "enough" });
      assert.throws(() => runtime.watch("/workspace", { signal: abort.signal }), {
        message: "enough",
      });
      const watcher = runtime.watch("/workspace");
      await watcher.ready;
      last = watcher.next();
    });
    assert.equal((await last)?.done, true);
  });

  test("ends with a program that says what ours never does", async () => {
    const { FileWatcher } = createRequire(import.meta.url)("../lib/watch.cjs");
    for (const said of ["x".repeat(10_000), "null\n", "{\n", "7\n"]) {
      let [pieces, killed] = [0, 0];
      const pull = (controller: ReadableStreamDefaultController) => {
        pieces += 1;
        controller.enqueue(Buffer.from(said));
      };
      const stream = new ReadableStream({ pull }, { highWaterMark: 0 });
      const execution = {
        reader: { stream: () => stream },
        kill: () => (killed += 1),
        result: Promise.resolve({}),
      };
      const watcher = new FileWatcher(execution, "/workspace");
      await assert.rejects(watcher.ready, { code: "EIO", syscall: "watch", path: "/workspace" });
      assert.ok(pieces < 10 && killed === 1, `${pieces} pieces, killed ${killed} times`);
    }
  });

  test("of a guest hears of what the host writes", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(`
        import { watch } from "node:fs";
        watch("/workspace", (type, name) => { console.log(name); process.exit(); });
        console.log("up");
      `);
      const reader = program.stdout.getReader();
      const text = async () => Buffer.from((await reader.read()).value ?? []).toString();
      assert.equal(await text(), "up\n");
      await runtime.writeFile("/workspace/of-the-host", "1");
      assert.equal(await text(), "of-the-host\n");
    });
  });
});

describe("processes", () => {
  test("have the time and memory that they take", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(`
        globalThis.kept = Buffer.alloc(40_000_000, 1);
        for (const end = performance.now() + 300; performance.now() < end; );
        console.log("done");
        setInterval(() => {}, 1000);
      `);
      for await (const _ of program.stdout) break;
      const [info] = await runtime.processes();
      assert.ok(info && info.cpuMs > 50 && info.memoryBytes > 40_000_000, JSON.stringify(info));
    });
  });
});

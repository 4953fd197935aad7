// Files of a sandbox, of this process and of a server: the same tests.

import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listed } from "./support/host-tar.ts";
import { everywhere, type Place } from "./support/sandboxes.ts";
import { after, before, describe, test } from "./support/suite.ts";

for (const place of everywhere) {
  describe(`Files of a sandbox ${place.name}`, () => {
    before(() => place.begin());
    after(() => place.end());
    suite(place);
  });
}

/** A folder of the host for one test. */
async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-sandbox-files-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function suite({ withSandbox }: Place) {
  test("upload copies files, modes, times and links, over what is there", async () => {
    await withFolder(async (folder) => {
      const root = join(folder, "project");
      mkdirSync(join(root, "sub/deep"), { recursive: true });
      writeFileSync(join(folder, "secret"), "not for guests");
      writeFileSync(join(root, "run.sh"), "#!/bin/sh\necho ran\n");
      chmodSync(join(root, "run.sh"), 0o755);
      const large = Buffer.alloc(2_500_000, "0123456789abcdef!");
      writeFileSync(join(root, "sub/large"), large);
      writeFileSync(join(root, "sub/whole"), large.subarray(0, 1024 * 1024));
      for (let n = 0; n < 40; n += 1) writeFileSync(join(root, "sub/deep", String(n)), `${n}`);
      utimesSync(join(root, "run.sh"), 1_000_000_000.5, 1_000_000_000.5);
      symlinkSync("run.sh", join(root, "link"));
      symlinkSync("../secret", join(root, "out"));
      chmodSync(join(root, "sub/deep"), 0o555);
      await withSandbox(async ({ exec, files }) => {
        const done = await files.upload(root, "/workspace/p");
        assert.deepEqual(done, { files: 45, bytes: 2_500_000 + 1_048_576 + 19 + 70, skipped: [] });
        const line =
          "p/link; stat -c '%a %Y' p/run.sh; stat -c %a p/sub/deep; readlink p/out; cat p/out 2> /dev/null || echo none";
        const { stdout } = await exec.run(line);
        assert.equal(stdout, "ran\n755 1000000000\n555\n../secret\nnone\n");
        assert.deepEqual(Buffer.from(await files.readFile("/workspace/p/sub/large")), large);
        const whole = await files.readFile("/workspace/p/sub/whole");
        assert.deepEqual(Buffer.from(whole), large.subarray(0, 1024 * 1024));
        assert.equal((await files.upload(root, "/workspace/p")).files, 45);
      });
    });
  });

  test("upload asks the filter, ends with the signal, and tells what is wrong", async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "node_modules/x"), { recursive: true });
      for (const name of ["a", "b", "node_modules/x/c"]) writeFileSync(join(folder, name), name);
      await withSandbox(async ({ files }) => {
        const filter = async (path: string) => path !== "node_modules" && path !== "b";
        assert.equal((await files.upload(folder, "/workspace/x", { filter })).files, 1);
        assert.deepEqual(await files.readDir("/workspace/x"), ["a"]);
        const abort = new AbortController();
        const stop = () => abort.abort(new Error("enough"));
        const { signal } = abort;
        const stopped = files.upload(folder, "/workspace/y", { signal, filter: stop as never });
        await assert.rejects(stopped, { message: "enough" });
        await assert.rejects(files.upload(folder, "/y", { signal }), { message: "enough" });
        const wrong = { code: "ERR_INVALID_ARG_VALUE" };
        await assert.rejects(files.upload(join(folder, "none"), "/y"), { code: "ENOENT" });
        await assert.rejects(files.upload(folder, "relative"), wrong);
        await assert.rejects(files.upload(folder, "/y", { fitler: stop } as never), wrong);
        await files.writeFile("/workspace/file", "");
        await assert.rejects(files.upload(folder, "/workspace/file"), { code: /EEXIST|ENOTDIR/ });
      });
    });
  });

  test("download gives a tar at the pace of its reader", async () => {
    await withSandbox(async ({ exec, files, processes }) => {
      await exec.run("mkdir -p x/sub; echo hello > x/a; ln -s a x/l; echo there > x/sub/b");
      await files.writeFile("/workspace/x/large", new Uint8Array(3_000_000).fill(7));
      const { lines: names, bytes } = await listed(await files.download("/workspace/x"));
      assert.deepEqual(names, ["./", "./a", "./l", "./large", "./sub/", "./sub/b"]);
      assert(bytes > 3_000_000);
      const reader = (await files.download("/workspace/x")).getReader();
      assert((await reader.read()).value);
      // It waits.
      assert.equal((await processes()).length, 1);
      await reader.cancel();
      while ((await processes()).length > 0) await files.exists("/");
      await assert.rejects(files.download("/none"), { code: "ENOENT" });
      await assert.rejects(files.download("/workspace/x/a"), { code: "ENOTDIR" });
      const abort = new AbortController();
      const { signal } = abort;
      const aborted = (await files.download("/workspace/x", { signal })).getReader();
      await aborted.read();
      abort.abort(new Error("enough"));
      const rest = async () => {
        while (!(await aborted.read()).done);
      };
      await assert.rejects(rest(), { message: "enough" });
      while ((await processes()).length > 0) await files.exists("/");
    });
  });

  test("single files are appended to, linked, copied, and their modes changed", async () => {
    await withSandbox(async ({ exec, files }) => {
      const wrong = "ERR_INVALID_ARG_VALUE";
      await files.appendFile("/workspace/a", "1");
      await files.appendFile("/workspace/a", new Uint8Array(2_500_000).fill(50));
      assert.equal(await files.readFile("/workspace/a", "utf8"), `1${"2".repeat(2_500_000)}`);
      await files.appendFile("/workspace/empty", "");
      await files.chmod("/workspace/empty", 0o4751);
      assert.equal((await files.stat("/workspace/empty")).mode & 0o7777, 0o4751);
      await files.symlink("empty", "/workspace/link");
      await files.mkdir("/workspace/d/sub", { recursive: true });
      await files.writeFile("/workspace/d/sub/x", "x");
      await files.cp("/workspace/d", "/workspace/e", { recursive: true });
      await files.cp("/workspace/link", "/workspace/second");
      assert.equal((await exec.run("readlink link second; cat e/sub/x")).stdout, "empty\nempty\nx");
      for (const [call, code] of [
        [() => files.symlink("x", "/workspace/link"), "EEXIST"],
        [() => files.symlink("", "/workspace/x"), wrong],
        [() => files.symlink("x", "relative"), wrong],
        [() => files.chmod("/none", 0o600), "ENOENT"],
        [() => files.chmod("/etc", 0o10000), "ERR_OUT_OF_RANGE"],
        [() => files.appendFile("/etc", "x"), "EISDIR"],
        [() => files.appendFile("/workspace/a", "x", ...([{}] as unknown as [])), wrong],
        [() => files.cp("/workspace/d", "/workspace/f"), "EISDIR"],
        [() => files.cp("/workspace/d", "/workspace/f", { recurse: true } as never), wrong],
        [() => files.cp("/none", "/workspace/f"), "ENOENT"],
      ] as [() => Promise<void>, string][]) {
        await assert.rejects(call(), { code }, String(call));
      }
    });
  });

  test("changes are heard of", async () => {
    await withSandbox(async ({ exec, files, processes }) => {
      await files.mkdir("/workspace/sub");
      const watcher = files.watch("/workspace", { recursive: true });
      await watcher.ready;
      await files.writeFile("/workspace/sub/host", "1");
      await exec.run("echo 1 > guest");
      const names = new Set<string | null>();
      for await (const { eventType, filename } of watcher) {
        assert.match(eventType, /^(rename|change)$/);
        names.add(filename);
        if (names.has("sub/host") && names.has("guest")) break;
      }
      while ((await processes()).length > 0) await files.exists("/");
      assert.equal((await watcher.next()).done, true);
      const missing = files.watch("/none");
      await assert.rejects(missing.ready, { code: "ENOENT", path: "/none", syscall: "watch" });
      assert.throws(() => files.watch("relative"), { code: "ERR_INVALID_ARG_VALUE" });
      const abort = new AbortController();
      const aborted = files.watch("/workspace", { signal: abort.signal });
      await aborted.ready;
      const next = aborted.next();
      abort.abort(new Error("enough"));
      await assert.rejects(next, { message: "enough" });
      while ((await processes()).length > 0) await files.exists("/");
    });
  });

  test("of output that is too long the part is kept that is asked for", async () => {
    await withSandbox(async ({ exec }) => {
      const line = "printf 'a%.0s' {1..50}; printf 'b%.0s' {1..50}";
      const shell = await exec.shell();
      for (const run of [exec.run.bind(exec), shell.run.bind(shell)]) {
        for (const [keep, stdout] of [
          ["head", "a".repeat(10)],
          ["tail", "b".repeat(10)],
          ["both", "aaaaa\n[90 bytes left out]\nbbbbb"],
        ] as const) {
          const result = await run(line, { maxOutputBytes: 10, keep });
          assert.equal(result.stdout, stdout);
          assert.equal(result.stdoutTruncated, true);
        }
        await assert.rejects(run(line, { keep: "middle" as never }), {
          code: "ERR_INVALID_ARG_VALUE",
          message: /options\.keep/,
        });
      }
    });
  });
}

// Directories of the host in a machine: what guests see of them, what they change, and what they never reach.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeRuntime } from "secure-exec";
import { rejectsArgument } from "./support/arguments.ts";
import { after, before, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-mounts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

type Options = Parameters<typeof NodeRuntime.create>[0];

/** Writes files below the folder, and gives the path of the first name. */
function files(contents: Record<string, string>): string {
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const [first = ""] = Object.keys(contents);
  return join(folder, first.split("/")[0] ?? "");
}

async function withRuntime<T>(
  options: Options,
  act: (runtime: NodeRuntime) => Promise<T>,
): Promise<T> {
  const runtime = await NodeRuntime.create(options);
  try {
    return await act(runtime);
  } finally {
    await runtime.dispose();
  }
}

/** What a program prints, which must end well. */
async function printed(runtime: NodeRuntime, code: string): Promise<string> {
  const { stdout, stderr, exitCode } = await runtime.exec(code);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** Prints the code of what an expression throws, or its value. */
const attempt = `
  import * as fs from "node:fs";
  const attempt = (act) => { try { return act() ?? "done"; } catch (error) { return error.code; } };
`;

describe("the options of mounts", () => {
  const wrong: [unknown, string][] = [
    [{}, "options.mounts"],
    ["/tmp", "options.mounts"],
    [[null], "options.mounts[0]"],
    [[{}], "options.mounts[0].guestPath"],
    [[{ guestPath: "data", hostPath: folder }], "options.mounts[0].guestPath"],
    [[{ guestPath: "/", hostPath: folder }], "options.mounts[0].guestPath"],
    [[{ guestPath: "/proc/x", hostPath: folder }], "options.mounts[0].guestPath"],
    [[{ guestPath: "/a/../dev", hostPath: folder }], "options.mounts[0].guestPath"],
    [[{ guestPath: "/a\0b", hostPath: folder }], "options.mounts[0].guestPath"],
    [[{ guestPath: "/a" }], "options.mounts[0].hostPath"],
    [[{ guestPath: "/a", hostPath: "" }], "options.mounts[0].hostPath"],
    [[{ guestPath: "/a", hostPath: join(folder, "none") }], "options.mounts[0].hostPath"],
    [[{ guestPath: "/a", hostPath: process.execPath }], "options.mounts[0].hostPath"],
    [[{ guestPath: "/a", hostPath: folder, readOnly: 1 }], "options.mounts[0].readOnly"],
    [[{ guestPath: "/a", hostPath: folder, overlay: "yes" }], "options.mounts[0].overlay"],
    [[{ guestPath: "/a", hostPath: folder, followOutside: "x" }], "mounts[0].followOutside"],
    [[{ guestPath: "/a", hostPath: folder, readonly: true }], "options.mounts[0].readonly"],
    [
      [{ guestPath: "/a", hostPath: folder, overlay: true, readOnly: false }],
      "options.mounts[0].readOnly",
    ],
    [
      [
        { guestPath: "/a", hostPath: folder },
        { guestPath: "/a/", hostPath: folder },
      ],
      "options.mounts[1].guestPath",
    ],
  ];

  test("name what is wrong with them before anything starts", async () => {
    for (const [mounts, option] of wrong) {
      await rejectsArgument((loose) => NodeRuntime.create({ mounts: loose }), mounts, option);
    }
    for (const [nodeModules, option] of [
      [1, "options.nodeModules"],
      ["", "options.nodeModules"],
      [join(folder, "none"), "options.nodeModules"],
      [{}, "options.nodeModules.hostPath"],
      [{ hostPath: folder, guestPath: "x" }, "options.nodeModules.guestPath"],
      [{ hostPath: folder, readOnly: true }, "options.nodeModules.readOnly"],
    ] as const) {
      await rejectsArgument(
        (loose) => NodeRuntime.create({ nodeModules: loose }),
        nodeModules,
        option,
      );
    }
  });

  test("refuse the system's own files", async () => {
    const mounts = [{ guestPath: "/a", hostPath: "/proc" }];
    await rejectsArgument((loose) => NodeRuntime.create({ mounts: loose }), mounts, "mounts[0]");
  });
});

describe("a mounted directory", () => {
  /** Prints all that a tree has, with everything that a program can see of it. */
  const reader = `
    const fs = require("fs");
    const { join } = require("path");
    const walk = (dir, name) => {
      for (const entry of fs.readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const path = join(dir, entry.name);
        const shown = name + "/" + entry.name;
        const stat = fs.lstatSync(path);
        const kind = entry.isDirectory() ? "dir" : entry.isSymbolicLink() ? "link" : entry.isFile() ? "file" : "other";
        const more = kind === "link" ? fs.readlinkSync(path) : kind === "file" ? fs.readFileSync(path, "latin1") : "";
        const size = kind === "file" ? stat.size : "";
        console.log(shown, kind, (stat.mode & 0o7777).toString(8), stat.nlink > 1 && kind === "file", size, stat.mtimeMs, more);
        if (kind === "dir") walk(path, shown);
      }
    };
    walk(process.argv[2], "");
    for (const path of ["a/../a/text", "./a//text", "in/text", "a/text/", "a/none", "in/none/x", "loop", "chain"]) {
      try {
        console.log(path, fs.readFileSync(process.argv[2] + "/" + path, "utf8").length);
      } catch (error) {
        console.log(path, error.code, error.syscall);
      }
    }
    console.log(fs.existsSync(process.argv[2] + "/a"), fs.existsSync(process.argv[2] + "/b"));
    const fd = fs.openSync(process.argv[2] + "/a/text", "r");
    const some = Buffer.alloc(4);
    console.log(fs.readSync(fd, some, 0, 4, 2), some.toString(), fs.fstatSync(fd).size);
    fs.closeSync(fd);
    for (const [what, act] of [["access", () => fs.accessSync(process.argv[2] + "/a/tool", fs.constants.X_OK)], ["rmdir", () => fs.rmdirSync(process.argv[2] + "/none")]]) {
      try { act(); console.log(what, "done"); } catch (error) { console.log(what, error.code); }
    }
  `;

  test("is read as on the host", async () => {
    const root = files({
      "tree/a/text": "some text\n",
      "tree/a/empty": "",
      "tree/a/tool": "#!/bin/sh\n",
      "tree/deep/er/and/deeper/file": "x",
      "tree/reader.cjs": reader,
    });
    writeFileSync(
      join(root, "bytes"),
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    );
    chmodSync(join(root, "a/tool"), 0o755);
    linkSync(join(root, "a/text"), join(root, "second"));
    symlinkSync("a", join(root, "in"));
    symlinkSync("../a/text", join(root, "deep/link"));
    symlinkSync("nowhere", join(root, "dangling"));
    symlinkSync("loop", join(root, "loop"));
    symlinkSync("deep/link", join(root, "chain"));
    mkdirSync(join(root, "empty"));
    const host = spawnSync(process.execPath, [join(root, "reader.cjs"), root], {
      encoding: "utf8",
    });
    assert.equal(host.stderr, "");
    await withRuntime({ mounts: [{ guestPath: "/tree", hostPath: root }] }, async (runtime) => {
      const guest = await runtime.execCommand("node", ["/tree/reader.cjs", "/tree"]);
      assert.equal(guest.stderr, "");
      assert.equal(guest.stdout, host.stdout);
      const shell = await runtime.execCommand("sh", [
        "-c",
        "cd /tree/deep && cat link ../a/text && ls er",
      ]);
      assert.equal(shell.stdout, "some text\nsome text\nand\n", shell.stderr);
      assert.equal(await runtime.readFile("/tree/a/text", "utf8"), "some text\n");
      const listed = await runtime.readDir("/tree/a");
      assert.deepEqual([...listed].sort(), ["empty", "text", "tool"]);
      const mounts = await runtime.execCommand("cat", ["/proc/mounts"]);
      assert.match(mounts.stdout, /^host \/tree hostfs ro,/m);
      assert.ok(!mounts.stdout.includes(folder));
    });
  });

  test("has many files as they are, the first time and again", async () => {
    // Not files of a moment ago, which nobody keeps.
    const hostPath = fileURLToPath(new URL("../lib", import.meta.url));
    const sums = `
      import { createHash } from "node:crypto";
      import { readdirSync, readFileSync, statSync } from "node:fs";
      import { join } from "node:path";
      const sums = (folder) => readdirSync(folder, { recursive: true }).sort()
        .filter((name) => statSync(join(folder, name)).isFile())
        .map((name) => name + createHash("sha256").update(readFileSync(join(folder, name))).digest("hex"));
    `;
    const names = readdirSync(hostPath, { recursive: true, encoding: "utf8" }).sort();
    const expected = names
      .filter((name) => statSync(join(hostPath, name)).isFile())
      .map((name) => {
        const bytes = readFileSync(join(hostPath, name));
        return name + createHash("sha256").update(bytes).digest("hex");
      });
    assert.ok(expected.length > 50);
    for (const readOnly of [true, false]) {
      await withRuntime({ mounts: [{ guestPath: "/m", hostPath, readOnly }] }, async (runtime) => {
        for (let round = 0; round < 2; round += 1) {
          const read = `${sums} console.log(JSON.stringify(sums("/m")));`;
          assert.deepEqual(JSON.parse(await printed(runtime, read)), expected);
        }
      });
    }
  });

  test("refuses every change, and nothing is changed", async () => {
    const root = files({ "fixed/a/text": "kept", "fixed/b": "kept" });
    const before = statSync(join(root, "b"));
    await withRuntime({ mounts: [{ guestPath: "/m", hostPath: root }] }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt}
        const acts = {
          write: () => fs.writeFileSync("/m/b", "x"),
          truncate: () => fs.truncateSync("/m/b", 0),
          openTruncate: () => fs.openSync("/m/b", fs.constants.O_RDONLY | fs.constants.O_TRUNC),
          append: () => fs.appendFileSync("/m/b", "x"),
          create: () => fs.writeFileSync("/m/new", "x"),
          mkdir: () => fs.mkdirSync("/m/new"),
          rename: () => fs.renameSync("/m/b", "/m/c"),
          renameOver: () => { fs.writeFileSync("/tmp/x", "x"); fs.renameSync("/tmp/x", "/m/b"); },
          chmod: () => fs.chmodSync("/m/b", 0o777),
          utimes: () => fs.utimesSync("/m/b", 1, 1),
          link: () => fs.linkSync("/m/b", "/m/c"),
          symlink: () => fs.symlinkSync("b", "/m/c"),
          unlink: () => fs.unlinkSync("/m/b"),
          rmdir: () => fs.rmdirSync("/m/a"),
          rm: () => fs.rmSync("/m/a", { recursive: true }),
          copy: () => fs.copyFileSync("/etc/hostname", "/m/b"),
        };
        for (const [name, act] of Object.entries(acts)) console.log(name, attempt(act));`,
      );
      for (const line of out.trim().split("\n")) {
        const [name, code] = line.split(" ");
        assert.equal(code, name === "renameOver" ? "EXDEV" : "EROFS", line);
      }
      await assert.rejects(runtime.writeFile("/m/b", "x"), { code: "EROFS" });
      await assert.rejects(runtime.remove("/m/a", { recursive: true }), { code: "EROFS" });
    });
    assert.equal(readFileSync(join(root, "b"), "utf8"), "kept");
    assert.deepEqual(statSync(join(root, "b")).mtimeMs, before.mtimeMs);
    assert.deepEqual(readdirSync(root).sort(), ["a", "b"]);
  });

  test("shows what the host changes", async () => {
    const root = files({ "changing/a": "one" });
    await withRuntime({ mounts: [{ guestPath: "/m", hostPath: root }] }, async (runtime) => {
      const look = `${attempt}
        console.log(attempt(() => fs.readFileSync("/m/a", "utf8")), attempt(() => fs.readFileSync("/m/b", "utf8")));`;
      assert.equal(await printed(runtime, look), "one ENOENT\n");
      files({ "changing/a": "two", "changing/b": "new" });
      assert.equal(await printed(runtime, look), "two new\n");
      rmSync(join(root, "b"));
      assert.equal(await printed(runtime, look), "two ENOENT\n");
      const waiting = runtime.exec(
        `
        import { existsSync } from "node:fs";
        import { setTimeout } from "node:timers/promises";
        console.log("waits");
        while (!existsSync("/m/flag")) await setTimeout(5);
        console.log("found");`,
        { onStdout: () => files({ "changing/flag": "" }) },
      );
      assert.equal((await waiting).stdout, "waits\nfound\n");
    });
  });

  test("may be written to, within its bound, as the host's user", async () => {
    const root = files({ "written/there": "there" });
    const limits = { resources: { maxMountBytes: 256 * 1024 } };
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    await withRuntime({ mounts, limits }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt}
        fs.mkdirSync("/m/d/e", { recursive: true });
        fs.writeFileSync("/m/d/e/new", "hello", { mode: 0o640 });
        fs.appendFileSync("/m/d/e/new", " world");
        fs.renameSync("/m/d/e/new", "/m/d/moved");
        fs.symlinkSync("moved", "/m/d/link");
        fs.symlinkSync("/m/there", "/m/d/absolute");
        fs.linkSync("/m/d/moved", "/m/hard");
        fs.utimesSync("/m/d/moved", 5, 6);
        fs.truncateSync("/m/hard", 5);
        const fd = fs.openSync("/m/rw", "w+");
        fs.writeSync(fd, "0123456789", 0);
        const back = Buffer.alloc(4);
        fs.readSync(fd, back, 0, 4, 3);
        fs.ftruncateSync(fd, 8);
        fs.fsyncSync(fd);
        console.log(back.toString(), fs.fstatSync(fd).size, fs.readFileSync("/m/d/link", "utf8"), fs.readFileSync("/m/d/absolute", "utf8"));
        fs.closeSync(fd);
        console.log(attempt(() => fs.writeFileSync("/m/large", Buffer.alloc(300_000))));
        console.log(attempt(() => fs.truncateSync("/m/rw", 1e15)), attempt(() => fs.symlinkSync("/etc/passwd", "/m/evil")), attempt(() => fs.symlinkSync("../outside", "/m/evil")));
        fs.rmSync("/m/large", { force: true });
        fs.writeFileSync("/m/fits", Buffer.alloc(100_000));
        fs.rmSync("/m/d", { recursive: true });
        console.log(fs.readdirSync("/m").sort().join());`,
      );
      assert.equal(out, "3456 8 hello there\nENOSPC\nENOSPC EPERM EPERM\nfits,hard,rw,there\n");
      await runtime.writeFile("/m/by-host", "bytes");
      assert.equal(readFileSync(join(root, "by-host"), "utf8"), "bytes");
      await runtime.remove("/m/by-host");
    });
    assert.equal(readFileSync(join(root, "hard"), "utf8"), "hello");
    assert.equal(readFileSync(join(root, "rw"), "utf8"), "01234567");
    const { uid, mode, mtimeMs } = statSync(join(root, "hard"));
    assert.deepEqual([uid, mode & 0o777, mtimeMs !== 6000], [process.getuid?.(), 0o640, true]);
  });

  test("has no paths that are longer than a path may be", async () => {
    const hostPath = files({ "deep/file": "" });
    const mounts = [{ guestPath: "/deep", hostPath, readOnly: false }];
    const program = `
      import { mkdirSync, readFileSync } from "node:fs";
      const name = "d".repeat(250);
      const descend = () => { for (;;) { mkdirSync(name); process.chdir(name); } };
      process.chdir("/deep");
      try { descend(); } catch (error) { console.log(error.code); }
      console.log(readFileSync("/deep/file", "utf8").length);
    `;
    await withRuntime({ mounts }, async (runtime) => {
      assert.equal(await printed(runtime, program), "ENAMETOOLONG\n0\n");
    });
  });

  test("keeps the changes of an overlay in the machine", async () => {
    const root = files({ "laid/a": "below", "laid/d/b": "below" });
    const mounts = [{ guestPath: "/m", hostPath: root, overlay: true }];
    await withRuntime({ mounts, files: { "/m/added": "added" } }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt}
        fs.appendFileSync("/m/a", " and above");
        fs.rmSync("/m/d", { recursive: true });
        fs.writeFileSync("/m/new", "new");
        fs.renameSync("/m/new", "/m/moved");
        console.log(fs.readdirSync("/m").sort().join(), fs.readFileSync("/m/a", "utf8"), attempt(() => fs.statSync("/m/d/b")));`,
      );
      assert.equal(out, "a,added,moved below and above ENOENT\n");
      const crash = `Array.prototype.reverse.call({ length: 2 ** 53 - 1 });`;
      await runtime.exec(crash, { timeout: 100 }).catch(() => {});
      assert.equal(await runtime.readFile("/m/a", "utf8"), "below and above");
      assert.deepEqual([...(await runtime.readDir("/m"))].sort(), ["a", "added", "moved"]);
    });
    assert.equal(readFileSync(join(root, "a"), "utf8"), "below");
    assert.deepEqual(readdirSync(root).sort(), ["a", "d"]);
  });

  test("stays where it is when the VM process is replaced", async () => {
    const root = files({ "replaced/a": "still there" });
    await withRuntime({ mounts: [{ guestPath: "/m", hostPath: root }] }, async (runtime) => {
      await runtime.writeFile("/tmp/kept", "kept");
      const crash = `Array.prototype.reverse.call({ length: 2 ** 53 - 1 });`;
      await runtime.exec(crash, { timeout: 100 }).catch(() => {});
      const read = `${attempt} console.log(attempt(() => fs.readFileSync("/m/a", "utf8")), attempt(() => fs.readFileSync("/tmp/kept", "utf8")));`;
      assert.equal(await printed(runtime, read), "still there kept\n");
    });
  });

  test("can lie in another one, and has what it covers below it", async () => {
    const outer = files({ "outer/inner/covered": "", "outer/a": "outer" });
    const inner = files({ "inner/b": "inner" });
    const mounts = [
      { guestPath: "/work/inner", hostPath: inner },
      { guestPath: "/work", hostPath: outer },
    ];
    await withRuntime({ mounts }, async (runtime) => {
      const { stdout } = await runtime.execCommand("sh", [
        "-c",
        "cd /work/inner; cat b ../a; ls /work/inner; pwd",
      ]);
      assert.equal(stdout, "innerouterb\n/work/inner\n");
    });
  });

  test("works in every kind of isolation", async () => {
    const root = files({ "isolated/a": "read" });
    for (const isolation of ["shared", "in-process"] as const) {
      const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
      await withRuntime({ isolation, mounts }, async (runtime) => {
        const code = `import fs from "node:fs"; fs.writeFileSync("/m/${isolation}", "x"); console.log(fs.readFileSync("/m/a", "utf8"));`;
        assert.equal(await printed(runtime, code), "read\n");
        assert.ok(existsSync(join(root, isolation)));
      });
    }
  });
});

describe("what a mount never gives", () => {
  let secret: string;
  before(() => {
    secret = join(folder, "secret");
    writeFileSync(secret, "what is outside");
  });

  test("is behind links that leave it, wherever they are", async () => {
    const root = files({ "leaving/a/text": "inside" });
    symlinkSync("../secret", join(root, "relative"));
    symlinkSync(secret, join(root, "absolute"));
    symlinkSync("..", join(root, "parent"));
    symlinkSync("/", join(root, "slash"));
    symlinkSync("/proc/self/root", join(root, "magic"));
    symlinkSync("relative", join(root, "chained"));
    symlinkSync("../../secret", join(root, "a/up"));
    symlinkSync(join(root, "a/text"), join(root, "back"));
    await withRuntime({ mounts: [{ guestPath: "/m", hostPath: root }] }, async (runtime) => {
      const paths = [
        "relative",
        "absolute",
        "parent/secret",
        "slash/etc/passwd",
        "magic/etc/passwd",
        "chained",
        "a/up",
        `parent${secret}`,
        `../..${secret}`,
      ];
      const out = await printed(
        runtime,
        `${attempt}
        for (const path of ${JSON.stringify(paths)}) {
          for (const act of [() => fs.readFileSync("/m/" + path, "utf8"), () => fs.statSync("/m/" + path).size, () => fs.realpathSync("/m/" + path), () => fs.readdirSync("/m/" + path).length]) {
            console.log(attempt(act));
          }
        }
        console.log(fs.readFileSync("/m/back", "utf8"), fs.readlinkSync("/m/back"), fs.readlinkSync("/m/relative"), attempt(() => fs.readlinkSync("/m/absolute")));`,
      );
      const lines = out.trim().split("\n");
      assert.equal(lines.pop(), "inside a/text ../secret EACCES");
      assert.ok(
        lines.every((line) => line === "ENOENT"),
        out,
      );
    });
  });

  test("is behind other names of its paths", async () => {
    const root = files({ "named/a": "inside" });
    await withRuntime({ mounts: [{ guestPath: "/m", hostPath: root }] }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt}
        const long = "n".repeat(256);
        const paths = ["/m/../../etc/passwd", "/m/%2e%2e/secret", "/m/" + long, "/m/" + "x/".repeat(2500), "/m/a/", "/m/a/..", "/m//./a", "/m/a\\0b"];
        for (const path of paths) console.log(attempt(() => fs.readFileSync(path, "utf8").slice(0, 6)));`,
      );
      assert.equal(
        out,
        "root:x\nENOENT\nENAMETOOLONG\nENAMETOOLONG\nENOTDIR\nENOTDIR\ninside\nERR_INVALID_ARG_VALUE\n",
      );
    });
  });

  test("is opened where it is no file", async () => {
    const root = files({ "special/a": "" });
    assert.equal(spawnSync("mkfifo", [join(root, "fifo")]).status, 0);
    const server = createServer().listen(join(root, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    try {
      await withRuntime({ mounts }, async (runtime) => {
        const out = await printed(
          runtime,
          `${attempt}
          import net from "node:net";
          for (const name of ["fifo", "socket"]) {
            for (const flags of ["r", "w", "r+"]) console.log(attempt(() => fs.openSync("/m/" + name, flags)));
            console.log(fs.statSync("/m/" + name).isFile());
          }
          const { code } = await new Promise((resolve) => net.connect("/m/socket").on("error", resolve));
          console.log(code);`,
        );
        assert.match(out, /^(ENXIO\nENXIO\nENXIO\nfalse\n){2}(ECONNREFUSED|ENOTSUP)\n$/);
      });
    } finally {
      server.close();
    }
  });

  test("is found while the host flips links", async () => {
    const root = files({ "flipped/dir/file": "inside", "elsewhere/file": "what is outside" });
    symlinkSync("../elsewhere", join(root, "link"));
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    await withRuntime({ mounts }, async (runtime) => {
      const flipper = spawnFlipper(root);
      const racing = printed(
        runtime,
        `${attempt}
        const seen = new Set();
        for (let round = 0; round < 10_000; round++) {
          seen.add(attempt(() => fs.readFileSync("/m/dir/file", "utf8")));
          if (round % 16 === 0) {
            attempt(() => fs.writeFileSync("/m/dir/made", "x"));
            attempt(() => fs.mkdirSync("/m/dir/a"));
            attempt(() => fs.mkdirSync("/m/dir/a/b"));
            attempt(() => fs.rmSync("/m/dir/a", { recursive: true, force: true }));
          }
        }
        console.log(JSON.stringify([...seen]));`,
      );
      const out = await racing.finally(flipper);
      assert.ok(!out.includes("outside"), out);
      const still = `${attempt} console.log(fs.readFileSync("/m/dir/file", "utf8"));`;
      assert.equal(await printed(runtime, still), "inside\n");
    });
    assert.deepEqual(readdirSync(join(folder, "elsewhere")), ["file"]);
    assert.equal(readFileSync(join(folder, "elsewhere/file"), "utf8"), "what is outside");
  });
});

/** A thread that has `dir` and `link` change places as fast as it can; the function given back ends it. */
function spawnFlipper(root: string): () => Promise<unknown> {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const code = `
    const fs = require("fs");
    const { parentPort, workerData: root } = require("worker_threads");
    let on = true;
    parentPort.on("message", () => { on = false; });
    const turn = () => {
      for (let count = 0; count < 50; count++) {
        fs.renameSync(root + "/dir", root + "/aside");
        fs.renameSync(root + "/link", root + "/dir");
        fs.renameSync(root + "/dir", root + "/link");
        fs.renameSync(root + "/aside", root + "/dir");
      }
      if (on) setImmediate(turn);
      else parentPort.close();
    };
    turn();`;
  const worker = new Worker(code, { eval: true, workerData: root });
  const ended = new Promise((resolve, reject) =>
    worker.once("exit", resolve).once("error", reject),
  );
  return () => {
    worker.postMessage("end");
    return ended;
  };
}

describe("node_modules of the host", () => {
  const program = `
    import one from "one";
    import { createRequire } from "node:module";
    const require = createRequire(import.meta.url);
    console.log(one, require("@scope/two"), require("one/package.json").version);`;

  test("of npm and yarn resolve from everywhere", async () => {
    const root = files({
      "npm/node_modules/one/package.json": `{ "version": "1.2.3", "exports": { ".": "./lib/index.mjs", "./package.json": "./package.json" } }`,
      "npm/node_modules/one/lib/index.mjs": `import three from "three"; export default "one " + three;`,
      "npm/node_modules/one/node_modules/three/index.js": `module.exports = "nested";`,
      "npm/node_modules/three/index.js": `module.exports = "hoisted";`,
      "npm/node_modules/@scope/two/index.js": `module.exports = "two " + require("three");`,
    });
    const nodeModules = join(root, "node_modules");
    await withRuntime({ nodeModules }, async (runtime) => {
      assert.equal(await printed(runtime, program), "one nested two hoisted 1.2.3\n");
      await runtime.mkdir("/opt/deep/er", { recursive: true });
      await runtime.writeFile("/opt/deep/er/main.mjs", program);
      const { stdout, stderr } = await runtime.execCommand("node", ["/opt/deep/er/main.mjs"]);
      assert.equal(stdout, "one nested two hoisted 1.2.3\n", stderr);
    });
    const elsewhere = { hostPath: nodeModules, guestPath: "/app/node_modules" };
    await withRuntime({ nodeModules: elsewhere, cwd: "/app" }, async (runtime) => {
      await runtime.writeFile("/app/main.mjs", program);
      const { stdout } = await runtime.execCommand("node", ["/app/main.mjs"]);
      assert.equal(stdout, "one nested two hoisted 1.2.3\n");
    });
  });

  test("of pnpm are links that stay inside, relative or not", async () => {
    const root = files({
      "pnpm/node_modules/.pnpm/one@1.2.3/node_modules/one/package.json": `{ "version": "1.2.3" }`,
      "pnpm/node_modules/.pnpm/one@1.2.3/node_modules/one/index.js": `module.exports = "one " + require("three") + " " + __dirname;`,
      "pnpm/node_modules/.pnpm/three@1.0.0/node_modules/three/index.js": `module.exports = "store";`,
      "pnpm/node_modules/.pnpm/two@1.0.0/node_modules/@scope/two/index.js": `module.exports = "two";`,
    });
    const modules = join(root, "node_modules");
    symlinkSync(".pnpm/one@1.2.3/node_modules/one", join(modules, "one"));
    symlinkSync(
      join(modules, ".pnpm/three@1.0.0/node_modules/three"),
      join(modules, ".pnpm/one@1.2.3/node_modules/three"),
    );
    mkdirSync(join(modules, "@scope"));
    symlinkSync("../.pnpm/two@1.0.0/node_modules/@scope/two", join(modules, "@scope/two"));
    await withRuntime({ nodeModules: modules }, async (runtime) => {
      const place = "/node_modules/.pnpm/one@1.2.3/node_modules/one";
      assert.equal(await printed(runtime, program), `one store ${place} two 1.2.3\n`);
    });
  });

  test("with machine code say what to use instead", async () => {
    const root = files({
      "native/node_modules/bcrypt/index.js": `module.exports = require("./lib/bcrypt.node");`,
      "native/node_modules/bcrypt/lib/bcrypt.node": "\x7fELF",
      "native/node_modules/other/index.js": `module.exports = require("./other.node");`,
      "native/node_modules/other/other.node": "\x7fELF",
    });
    await withRuntime({ nodeModules: join(root, "node_modules") }, async (runtime) => {
      const out = await printed(
        runtime,
        `import { createRequire } from "node:module";
        const require = createRequire(import.meta.url);
        for (const name of ["bcrypt", "other"]) {
          try { require(name); } catch ({ code, message }) { console.log(code, message); }
        }`,
      );
      const [first, second] = out.split("\n");
      assert.match(
        first ?? "",
        /^ERR_MODULE_ACCESS_NATIVE_ADDON .*Use bcryptjs instead of bcrypt$/,
      );
      assert.match(second ?? "", /^ERR_MODULE_ACCESS_NATIVE_ADDON .*machine code of the guest$/);
    });
  });

  test("that lead out of an overlay are told of as those of a read-only mount are", async () => {
    const root = files({ "overlaid/in/f": "f", "overlaid/out/secret": "secret" });
    const hostPath = join(root, "in");
    symlinkSync(join(root, "out/secret"), join(hostPath, "absolute"));
    symlinkSync("../out/secret", join(hostPath, "relative"));
    const code = `import fs from "node:fs";
      for (const name of ["absolute", "relative"]) {
        try { fs.readFileSync("/m/" + name) } catch ({ message }) { console.log(message) }
      }`;
    const told = async (mount: object) => {
      const mounts = [{ guestPath: "/m", hostPath, ...mount }];
      return await withRuntime({ mounts }, (runtime) => printed(runtime, code));
    };
    const [readOnly, overlaid] = [await told({}), await told({ overlay: true })];
    assert.equal(overlaid, readOnly);
    const lines = readOnly.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^ENOENT.*The link \/m\/absolute leads to a place of the host,/);
    assert.match(lines[1] ?? "", /^ENOENT.*The link \/m\/relative leads to \.\.\/out\/secret,/);
  });

  test("of a workspace lead to its packages where those are followed", async () => {
    const root = files({
      "space/packages/one/package.json": `{ "version": "1.2.3" }`,
      "space/packages/one/index.js": `module.exports = "one " + require("three") + " " + __dirname;`,
      "space/packages/two/index.js": `module.exports = "two";`,
      "space/node_modules/three/index.js": `module.exports = "hoisted";`,
    });
    const hostPath = join(root, "node_modules");
    symlinkSync("../packages/one", join(hostPath, "one"));
    mkdirSync(join(hostPath, "@scope"));
    symlinkSync(join(root, "packages/two"), join(hostPath, "@scope/two"));
    await withRuntime({ nodeModules: hostPath }, async (runtime) => {
      const { stderr, exitCode } = await runtime.exec(program);
      assert.equal(exitCode, 1);
      const why =
        "The link /node_modules/one leads to ../packages/one, which is outside of its mount";
      assert.match(stderr, /Cannot find (package|module) 'one'/);
      assert.ok(stderr.includes(why), stderr);
      assert.ok(!stderr.includes(folder), stderr);
    });
    const followOutside = [join(root, "packages")];
    await withRuntime({ nodeModules: { hostPath, followOutside } }, async (runtime) => {
      const place = "/mnt/outside/packages/one";
      assert.equal(await printed(runtime, program), `one hoisted ${place} two 1.2.3\n`);
    });
  });
});

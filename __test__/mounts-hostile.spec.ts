// Directories of the host with more in them, and more done to them, than anybody means well by.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { after, before, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-hostile-mounts-"));
// Deeper than paths are long: a path at a time, nobody removes it.
after(() => assert.equal(spawnSync("rm", ["-rf", folder]).status, 0));

function directory(name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** What a program prints, which must end well. */
async function printed(runtime: NodeRuntime, code: string, timeout = 60_000): Promise<string> {
  const { stdout, stderr, exitCode } = await runtime.exec(code, { timeout });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

const attempt = `
  import * as fs from "node:fs";
  const attempt = (act) => { try { return act() ?? "done"; } catch (error) { return error.code; } };
`;

describe("63 a mount with very much in it", () => {
  const names = 100_000;
  let large: string;
  let deep: string;
  /** Directories below each other: more than a path has room for. */
  const depth = 10_000;

  before(
    () => {
      large = directory("large");
      for (let index = 0; index < names; index += 1) writeFileSync(join(large, `n${index}`), "");
      deep = directory("deep");
      const make = `
        const fs = require("fs");
        for (let level = 0; level < ${depth}; level++) { fs.mkdirSync("d"); process.chdir("d"); }
        fs.writeFileSync("bottom", "");`;
      const { status, stderr } = spawnSync(process.execPath, ["-e", make], { cwd: deep });
      assert.equal(status, 0, String(stderr));
      symlinkSync(".", join(deep, "cycle"));
      symlinkSync("..", join(deep, "d", "above"));
    },
    { timeout: 120_000 },
  );

  test("lists 100,000 names, each once, in bounded memory", { timeout: 120_000 }, async () => {
    for (const readOnly of [true, false]) {
      const mounts = [{ guestPath: "/m", hostPath: large, readOnly }];
      await withRuntime({ mounts }, async (runtime) => {
        const out = await printed(
          runtime,
          `${attempt}
          const names = new Set(fs.readdirSync("/m"));
          console.log(names.size, names.has("n0"), names.has("n${names - 1}"));
          console.log(attempt(() => fs.statSync("/m/n77777").size), attempt(() => fs.statSync("/m/none")));`,
        );
        assert.equal(out, `${names} true true\n0 ENOENT\n`);
        // The host takes as many names as a machine may have files, and is told which limit that is.
        await assert.rejects(runtime.readDir("/m"), {
          code: "EOVERFLOW",
          limit: "limits.resources.maxInodeCount",
        });
        assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      });
    }
  });

  test("ends where paths end, without end for nobody", { timeout: 120_000 }, async () => {
    const mounts = [{ guestPath: "/m", hostPath: deep, readOnly: false }];
    await withRuntime({ mounts }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt}
        const down = (levels) => Array(levels).fill("d").join("/");
        console.log(attempt(() => fs.statSync("/m/" + down(2046)).isDirectory()), attempt(() => fs.statSync("/m/" + down(2047))));
        process.chdir("/m/" + down(1500));
        process.chdir(down(500));
        console.log(process.cwd() === "/m/" + down(2000), fs.readdirSync(".").join());
        // A directory at a time, further than any path: as far as one below the mount may be long.
        let steps = 0;
        let code = "";
        for (; !code && steps < 10_000; steps += 1) code = attempt(() => process.chdir("d") ?? "");
        console.log(code, steps, attempt(() => fs.readdirSync(".").join()));
        process.chdir("/m");
        console.log(attempt(() => fs.readdirSync("/m/cycle/cycle/cycle").sort().join()));
        console.log(attempt(() => fs.statSync("/m/" + "cycle/".repeat(41))));
        console.log(attempt(() => fs.readdirSync("/m/d/above/d/above").sort().join()));`,
      );
      const lines = [
        "true ENAMETOOLONG",
        "true d",
        "ENAMETOOLONG 49 d",
        "cycle,d",
        "ELOOP",
        "cycle,d",
      ];
      assert.deepEqual(out.trim().split("\n"), lines);
      await assert.rejects(runtime.remove("/m/d", { recursive: true }), { code: "ENAMETOOLONG" });
      // What it could not reach is there, and nothing beside it is gone.
      assert.deepEqual(readdirSync(deep).sort(), ["cycle", "d"]);
      await runtime.remove("/m/cycle");
      assert.ok(existsSync(join(deep, "d/d/d")));
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  test("removes links of a cycle, and not what they lead to", async () => {
    const root = directory("cycles");
    mkdirSync(join(root, "a/b"), { recursive: true });
    symlinkSync("..", join(root, "a/b/up"));
    symlinkSync("../..", join(root, "a/b/further"));
    symlinkSync("self", join(root, "a/self"));
    writeFileSync(join(root, "kept"), "kept");
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    await withRuntime({ mounts }, async (runtime) => {
      const out = await printed(
        runtime,
        `${attempt} fs.rmSync("/m/a", { recursive: true }); console.log(fs.readdirSync("/m").join());`,
      );
      assert.equal(out, "kept\n");
    });
    assert.equal(readFileSync(join(root, "kept"), "utf8"), "kept");
  });
});

describe("64 files of a mount that are changed while they are in use", () => {
  /** Prints what POSIX says; the same on the host. */
  const program = `
    const fs = require("fs");
    const root = process.argv[2];
    const at = (name) => root + "/" + name;
    const attempt = (act) => { try { return act() ?? "done"; } catch (error) { return error.code; } };
    const rest = (fd) => {
      const bytes = Buffer.alloc(100);
      return bytes.subarray(0, fs.readSync(fd, bytes, 0, 100, null)).toString();
    };
    const say = (...what) => console.log(...what);

    fs.writeFileSync(at("a"), "0123456789");
    const read = fs.openSync(at("a"), "r");
    const three = Buffer.alloc(3);
    fs.readSync(read, three, 0, 3, null);
    fs.unlinkSync(at("a"));
    say("read while unlinked", three.toString(), rest(read), fs.fstatSync(read).nlink, fs.fstatSync(read).size, fs.existsSync(at("a")));
    fs.writeFileSync(at("a"), "another");
    say("a new one of that name", fs.readSync(read, three, 0, 3, 0), three.toString(), fs.readFileSync(at("a"), "utf8"));
    fs.closeSync(read);

    const both = fs.openSync(at("b"), "w+");
    fs.writeSync(both, "before ");
    fs.unlinkSync(at("b"));
    fs.writeSync(both, "after");
    fs.ftruncateSync(both, 10);
    const back = Buffer.alloc(20);
    say("written while unlinked", back.subarray(0, fs.readSync(both, back, 0, 20, 0)).toString(), attempt(() => fs.statSync(at("b"))));
    fs.closeSync(both);

    fs.writeFileSync(at("old"), "old bytes");
    fs.writeFileSync(at("new"), "new bytes, more");
    const held = fs.openSync(at("old"), "r");
    fs.renameSync(at("new"), at("old"));
    say("renamed over", rest(held), fs.fstatSync(held).nlink, fs.readFileSync(at("old"), "utf8"), attempt(() => fs.statSync(at("new"))));
    say("two files", fs.fstatSync(held).ino !== fs.statSync(at("old")).ino);
    fs.closeSync(held);

    const moving = fs.openSync(at("moving"), "w");
    fs.writeSync(moving, "one");
    fs.mkdirSync(at("d"));
    fs.renameSync(at("moving"), at("d/moved"));
    fs.writeSync(moving, " two");
    fs.renameSync(at("d"), at("e"));
    fs.writeSync(moving, " three");
    say("written while it moved", fs.readFileSync(at("e/moved"), "utf8"), fs.fstatSync(moving).nlink);
    fs.closeSync(moving);

    const [one, two] = [fs.openSync(at("log"), "a"), fs.openSync(at("log"), "a")];
    for (let turn = 0; turn < 5; turn++) { fs.writeSync(one, "1"); fs.writeSync(two, "2"); }
    fs.truncateSync(at("log"), 3);
    fs.writeSync(one, "x");
    fs.writeSync(two, "y");
    say("appended in turn", fs.readFileSync(at("log"), "utf8"));
    fs.closeSync(one); fs.closeSync(two);

    const shared = fs.openSync(at("shared"), "w+");
    fs.writeSync(shared, "abcdef");
    const other = fs.openSync(at("shared"), "r");
    fs.writeSync(shared, "X", 1);
    say("seen by another", rest(other));
    fs.ftruncateSync(shared, 2);
    fs.ftruncateSync(shared, 4);
    say("cut and grown", JSON.stringify(fs.readFileSync(at("shared"), "utf8")), fs.fstatSync(other).size);
    fs.closeSync(shared); fs.closeSync(other);

    fs.mkdirSync(at("list"));
    for (let index = 0; index < 50; index++) fs.writeFileSync(at("list/" + index), "");
    const dir = fs.opendirSync(at("list"));
    dir.readSync();
    for (let index = 0; index < 50; index++) fs.unlinkSync(at("list/" + index));
    while (dir.readSync());
    dir.closeSync();
    say("emptied while it is listed", fs.readdirSync(at("list")).length);

    process.chdir(at("list"));
    fs.rmdirSync(at("list"));
    say("removed while one is in it", attempt(() => fs.writeFileSync("x", "")));
    process.chdir("/");
    say(fs.readdirSync(root).sort().join());
  `;

  test("are as POSIX says, as on the host", async () => {
    const root = directory("posix");
    const theirs = directory("posix-host");
    writeFileSync(join(folder, "posix.cjs"), program);
    const host = spawnSync(process.execPath, [join(folder, "posix.cjs"), theirs], {
      encoding: "utf8",
    });
    assert.equal(host.stderr, "");
    assert.match(host.stdout, /read while unlinked 012 3456789 0 10 false/);
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    await withRuntime({ mounts, files: { "/tmp/posix.cjs": program } }, async (runtime) => {
      const guest = await runtime.execCommand("node", ["/tmp/posix.cjs", "/m"]);
      assert.equal(guest.stderr, "");
      assert.equal(guest.stdout, host.stdout);
    });
    assert.deepEqual(readdirSync(root).sort(), readdirSync(theirs).sort());
  });

  test("may be unlinked and replaced by the host while a guest reads", async () => {
    const root = directory("by-host");
    writeFileSync(join(root, "f"), "first ".repeat(50_000));
    for (const readOnly of [true, false]) {
      writeFileSync(join(root, "f"), "first ".repeat(50_000));
      const mounts = [{ guestPath: "/m", hostPath: root, readOnly }];
      await withRuntime({ mounts }, async (runtime) => {
        let stdout = "";
        const running = await runtime.spawn(
          `${attempt}
          const fd = fs.openSync("/m/f", "r");
          const bytes = Buffer.alloc(300_000);
          fs.readSync(fd, bytes, 0, 6, null);
          console.log("open");
          for await (const _ of process.stdin);
          let count = 6;
          for (let read; (read = fs.readSync(fd, bytes, count, Math.min(7000, bytes.length - count), null)) > 0; ) count += read;
          console.log(count, bytes.toString() === "first ".repeat(50_000), fs.readFileSync("/m/f", "utf8"));`,
          {
            onStdout: (chunk) => {
              stdout += Buffer.from(chunk).toString();
              if (stdout !== "open\n") return;
              rmSync(join(root, "f"));
              writeFileSync(join(root, "f"), "second");
              running.closeStdin();
            },
          },
        );
        assert.equal(await running.wait(), 0);
        assert.equal(stdout, "open\n300000 true second\n");
      });
    }
  });

  test("take what many append at once, whole and in one piece", { timeout: 60_000 }, async () => {
    const root = directory("append");
    const lines = 200;
    const mounts = [{ guestPath: "/m", hostPath: root, readOnly: false }];
    await withRuntime({ mounts }, async (runtime) => {
      const writer = (name: string) => `
        import { appendFileSync, closeSync, openSync, writeSync } from "node:fs";
        const fd = openSync("/m/log", "a");
        for (let line = 0; line < ${lines}; line += 1) {
          const text = "${name} " + line + " " + "${name}".repeat(line % 40) + "\\n";
          if (line % 2) writeSync(fd, text); else appendFileSync("/m/log", text);
        }
        closeSync(fd);`;
      const names = ["a", "b", "c"];
      const running = names.map((name) => runtime.exec(writer(name)));
      for (let line = 0; line < lines; line += 1) {
        appendFileSync(join(root, "log"), `h ${line} ${"h".repeat(line % 40)}\n`);
        await new Promise(setImmediate);
      }
      for (const { exitCode, stderr } of await Promise.all(running))
        assert.equal(exitCode, 0, stderr);
      const text = readFileSync(join(root, "log"), "utf8");
      const found = text.trimEnd().split("\n");
      assert.equal(found.length, (names.length + 1) * lines);
      for (const name of [...names, "h"]) {
        const own = found.filter((line) => line.startsWith(`${name} `));
        const expected = Array.from(
          { length: lines },
          (_, line) => `${name} ${line} ${name.repeat(line % 40)}`,
        );
        assert.deepEqual(own, expected);
      }
    });
  });
});

describe("programs that end with very many files open", () => {
  test("leave the machine as it is", { timeout: 120_000 }, async () => {
    const root = directory("open");
    writeFileSync(join(root, "file"), "inside");
    const mounts = [
      { guestPath: "/fixed", hostPath: root },
      { guestPath: "/open", hostPath: root, readOnly: false },
    ];
    await withRuntime({ mounts }, async (runtime) => {
      const holder = `
        const { openSync, writeSync } = require("fs");
        let count = 0;
        try { for (;; count += 1) openSync(process.argv[1], "r"); } catch {}
        writeSync(1, "" + count);
        process.stdin.on("data", () => process.exit());`;
      // All of them hold theirs before one ends.
      const opened = await printed(
        runtime,
        `
        import { spawn } from "node:child_process";
        import { once } from "node:events";
        const children = Array.from({ length: 8 }, (_, at) =>
          spawn("node", ["-e", ${JSON.stringify(holder)}, at % 2 ? "/fixed/file" : "/open/file"]));
        const counts = await Promise.all(children.map(async ({ stdout }) => +(await once(stdout, "data"))[0]));
        const ended = children.map((child) => once(child, "exit"));
        for (const { stdin } of children) stdin.write("end");
        await Promise.all(ended);
        console.log(Math.min(...counts));`,
      );
      assert.ok(Number(opened) > 200, opened);
      const read = `import fs from "node:fs"; console.log(fs.readFileSync("/open/file", "utf8"));`;
      assert.equal(await printed(runtime, read), "inside\n");
    });
  });
});

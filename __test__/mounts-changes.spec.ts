// What the host changes in a directory that guests only read is seen, however much of it a machine keeps in mind.

import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { after, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-changes-"));
after(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, "a", "b", name);

/** Everything that there is to see below a directory. */
const look = `
  import * as fs from "node:fs";
  const seen = [];
  const walk = (path) => {
    const { mode, size, mtimeMs, nlink } = fs.lstatSync(path);
    seen.push([path, mode.toString(8), mtimeMs, size, nlink]);
    if (fs.statSync(path, { throwIfNoEntry: false })?.isFile()) seen.push(fs.readFileSync(path, "utf8"));
    if (fs.lstatSync(path).isSymbolicLink()) seen.push(fs.readlinkSync(path));
    else if (fs.lstatSync(path).isDirectory()) {
      for (const name of fs.readdirSync(path).sort()) walk(path + "/" + name);
    }
    seen.push(fs.existsSync(path + "/missing"));
  };
`;

/** Each of them after the one before. */
const changes: [string, () => void][] = [
  ["a file of the same length", () => writeFileSync(at("file"), "two")],
  ["the same times", () => utimesSync(at("file"), 1000, 1000)],
  ["a longer file", () => appendFileSync(at("file"), " and more")],
  ["permissions", () => chmodSync(at("file"), 0o640)],
  ["a name that was missing", () => writeFileSync(at("missing"), "here")],
  ["a name that has gone", () => unlinkSync(at("missing"))],
  [
    "another file by a rename",
    () => {
      writeFileSync(join(folder, "new"), "one");
      renameSync(join(folder, "new"), at("file"));
    },
  ],
  ["a link", () => symlinkSync("file", at("link"))],
  [
    "another link of its name",
    () => {
      unlinkSync(at("link"));
      symlinkSync("inner/file", at("link"));
    },
  ],
  ["something in a directory", () => mkdirSync(at("inner/deeper"))],
  ["permissions of a directory", () => chmodSync(at("inner"), 0o700)],
  [
    "a directory in the place of one",
    () => {
      renameSync(join(folder, "a"), join(folder, "former"));
      mkdirSync(at("inner"), { recursive: true });
      writeFileSync(at("inner/file"), "of another");
    },
  ],
  [
    "that of before again",
    () => {
      rmSync(join(folder, "a"), { recursive: true });
      renameSync(join(folder, "former"), join(folder, "a"));
    },
  ],
  ["no directory any more", () => rmSync(join(folder, "a"), { recursive: true })],
];

for (const overlay of [false, true]) {
  describe(`changes of the host's, ${overlay ? "below an overlay" : "in a read-only mount"}`, () => {
    test("are seen by the next program, and by one that runs", { timeout: 120_000 }, async () => {
      rmSync(folder, { recursive: true });
      mkdirSync(at("inner"), { recursive: true });
      writeFileSync(at("file"), "one");
      writeFileSync(at("inner/file"), "within");
      // So long ago that what is read of it is kept.
      for (const name of ["file", "inner/file"]) utimesSync(at(name), 500, 500);
      const mounts = [{ guestPath: "/host", hostPath: folder, overlay }];
      const used = await NodeRuntime.create({ mounts });
      try {
        const seen = async (runtime: NodeRuntime) => {
          const code = `${look}
            for (const name of fs.readdirSync("/host").sort()) walk("/host/" + name);
            globalThis.__return(seen);`;
          const { value, stderr } = await runtime.run(code);
          assert.ok(value, stderr);
          return value;
        };
        await seen(used);
        for (const [what, change] of changes) {
          change();
          const ofUsed = await seen(used);
          const fresh = await NodeRuntime.create({ mounts });
          try {
            assert.deepEqual(ofUsed, await seen(fresh), what);
          } finally {
            await fresh.dispose();
          }
          assert.deepEqual(await seen(used), ofUsed, what);
        }
      } finally {
        await used.dispose();
      }
    });
  });
}

test("a program that runs sees them within a moment", { timeout: 60_000 }, async () => {
  mkdirSync(join(folder, "a"), { recursive: true });
  const file = join(folder, "a", "turn");
  writeFileSync(file, "0");
  const mounts = [{ guestPath: "/host", hostPath: folder }];
  const runtime = await NodeRuntime.create({ mounts });
  try {
    const code = `
      import * as fs from "node:fs";
      import { setTimeout } from "node:timers/promises";
      for (let turn = 0; turn < 5; turn += 1) {
        // Listed and looked up, so that all is known of it.
        for (;;) {
          fs.readdirSync("/host/a");
          fs.existsSync("/host/a/missing");
          if (fs.readFileSync("/host/a/turn", "utf8") === String(turn)) break;
          await setTimeout(5);
        }
        console.log(turn);
      }
    `;
    const program = await runtime.spawn(code);
    let turn = 0;
    for await (const chunk of program.stdout) {
      const told = Buffer.from(chunk).toString().trim().split("\n");
      turn = Number(told.at(-1)) + 1;
      writeFileSync(file, String(turn));
    }
    assert.equal(turn, 5);
    assert.equal(await program.wait(), 0);
  } finally {
    await runtime.dispose();
  }
});

// What guests hear of files that the host changes.

import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { after, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(realpathSync(tmpdir()), "secure-exec-watch-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A new directory of the host with these files. */
function project(name: string, files: Record<string, string>): string {
  const directory = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

/** Watches what `paths` names and prints a line for each event; `end` as a name ends it. */
const watcher = (paths: string[], options = "{}") => `
  import { watch } from "node:fs";
  const watchers = ${JSON.stringify(paths)}.map((path) => watch(path, ${options}, (type, name) => {
    if (name?.endsWith("end")) watchers.map((watcher) => watcher.close());
    else console.log(path, type, name);
  }));
  console.log("ready");`;

type Lines = AsyncIterator<string>;

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function next(lines: Lines): Promise<string> {
  return (await lines.next()).value;
}

async function restOf(lines: Lines): Promise<string[]> {
  const all: string[] = [];
  for (let line = await lines.next(); !line.done; line = await lines.next()) all.push(line.value);
  return all;
}

async function withMount(
  mount: { hostPath: string; readOnly?: boolean; overlay?: boolean },
  act: (runtime: NodeRuntime) => Promise<void>,
) {
  const runtime = await NodeRuntime.create({ mounts: [{ guestPath: "/app", ...mount }] });
  try {
    await act(runtime);
  } finally {
    await runtime.dispose();
  }
}

for (const [kind, options] of Object.entries({
  "a read-only mount": {},
  "a mount that guests write to": { readOnly: false },
  "an overlay": { overlay: true },
})) {
  describe(`in ${kind} a guest hears of the host`, () => {
    test("making, changing, renaming and removing files", async () => {
      const hostPath = project(`each-${kind}`, { "a.txt": "a", "sub/b.txt": "b" });
      await withMount({ hostPath, ...options }, async (runtime) => {
        const program = await runtime.spawn(watcher(["/app", "/app/sub", "/app/a.txt"]));
        const lines = linesOf(program.stdout);
        assert.equal(await next(lines), "ready");
        appendFileSync(join(hostPath, "a.txt"), "more");
        writeFileSync(join(hostPath, "sub/c.txt"), "");
        renameSync(join(hostPath, "sub/c.txt"), join(hostPath, "d.txt"));
        unlinkSync(join(hostPath, "d.txt"));
        writeFileSync(join(hostPath, "end"), "");
        const heard = new Set(await restOf(lines));
        for (const line of [
          "/app change a.txt",
          "/app/a.txt change a.txt",
          "/app/sub rename c.txt",
          "/app rename d.txt",
        ]) {
          assert.ok(heard.has(line), `${line}: ${[...heard].join(", ")}`);
        }
        assert.equal(await program.wait(), 0);
      });
    });

    test("as soon as it reads, and below directories that come", async () => {
      const hostPath = project(`deep-${kind}`, { "a.mjs": "export default 1;" });
      await withMount({ hostPath, ...options }, async (runtime) => {
        const program = await runtime.spawn(`
          import { readFileSync, watch } from "node:fs";
          const read = () => { try { return readFileSync("/app/new/x.txt", "utf8"); } catch (e) { return e.code; } };
          console.log(read());
          const watcher = watch("/app", { recursive: true }, (type, name) => {
            if (name !== "new/x.txt") return;
            const text = read();
            if (text !== "") console.log(text);
            if (text === "second") watcher.close();
          });`);
        const lines = linesOf(program.stdout);
        assert.equal(await next(lines), "ENOENT");
        // The guest watches the new directory when it has heard of it: until then it may miss what comes there. What is
        // written once more is heard at the latest.
        const writing = async (text: string, line = next(lines)): Promise<string | undefined> => {
          writeFileSync(join(hostPath, "new/x.txt"), text);
          const late = new Promise<false>((resolve) => setTimeout(resolve, 200, false));
          const isHeard = await Promise.race([line.then(() => true), late]);
          return isHeard ? await line : await writing(text, line);
        };
        mkdirSync(join(hostPath, "new"));
        assert.equal(await writing("first"), "first");
        let line = await writing("second");
        while (line === "first") line = await writing("second");
        assert.equal(line, "second");
        assert.equal(await program.wait(), 0);
      });
    });
  });
}

describe("watching files of the host", () => {
  test("tells once of what guests change, in the order in which they did", async () => {
    const hostPath = project("once", { "a.txt": "a" });
    await withMount({ hostPath, readOnly: false }, async (runtime) => {
      const program = await runtime.spawn(watcher(["/app"]));
      const lines = linesOf(program.stdout);
      assert.equal(await next(lines), "ready");
      const { exitCode, stderr } = await runtime.exec(`
        import { mkdirSync, renameSync, rmdirSync } from "node:fs";
        mkdirSync("/app/one");
        renameSync("/app/one", "/app/two");
        rmdirSync("/app/two");
        mkdirSync("/app/end");`);
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual(await restOf(lines), [
        "/app rename one",
        "/app rename one",
        "/app rename two",
        "/app rename two",
      ]);
    });
  });

  test("tells an overlay's guests nothing of what they have copied or removed", async () => {
    const hostPath = project("hidden", { "copied.txt": "a", "removed.txt": "b", "seen.txt": "c" });
    await withMount({ hostPath, overlay: true }, async (runtime) => {
      await runtime.writeFile("/app/copied.txt", "of the guest");
      await runtime.remove("/app/removed.txt");
      const program = await runtime.spawn(watcher(["/app"]));
      const lines = linesOf(program.stdout);
      assert.equal(await next(lines), "ready");
      for (const name of ["copied.txt", "removed.txt", "seen.txt"]) {
        appendFileSync(join(hostPath, name), "of the host");
      }
      writeFileSync(join(hostPath, "end"), "");
      assert.deepEqual([...new Set(await restOf(lines))], ["/app change seen.txt"]);
    });
  });

  test("goes on for many machines at a time, and after one has ended", async () => {
    const hostPath = project("many", { "a.txt": "a" });
    const runtimes = await Promise.all(
      [1, 2, 3].map(() => NodeRuntime.create({ mounts: [{ guestPath: "/app", hostPath }] })),
    );
    try {
      const programs = await Promise.all(runtimes.map((rt) => rt.spawn(watcher(["/app"]))));
      const lines = programs.map(({ stdout }) => linesOf(stdout));
      for (const each of lines) assert.equal(await next(each), "ready");
      await runtimes[0]?.dispose();
      appendFileSync(join(hostPath, "a.txt"), "more");
      writeFileSync(join(hostPath, "end"), "");
      for (const each of lines.slice(1)) {
        assert.deepEqual([...new Set(await restOf(each))], ["/app change a.txt"]);
      }
    } finally {
      await Promise.all(runtimes.map((runtime) => runtime.dispose()));
    }
  });

  test("is what rt.watch does as well", async () => {
    const hostPath = project("host-watch", { "a.txt": "a" });
    await withMount({ hostPath }, async (runtime) => {
      const watching = runtime.watch("/app");
      await watching.ready;
      appendFileSync(join(hostPath, "a.txt"), "more");
      for await (const event of watching) {
        assert.deepEqual(event, { eventType: "change", filename: "a.txt" });
        break;
      }
    });
  });
});

// Memory, descriptors and threads after much use of files of the host's: mounts, overlays, filesystems in memory and in
// JavaScript, and machines that have them.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createInMemoryFileSystem,
  NodeFileSystem,
  NodeRuntime,
  type VirtualFileSystem,
} from "secure-exec";
import { assertFlat, type Budget, counts, hostHeapBytes, ownMemory } from "./support/memory.ts";
import { after, before, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-leaks-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const large = "x".repeat(100_000);

/** A directory of the host with something in it. */
function directory(name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, "d/e"), { recursive: true });
  for (let index = 0; index < 100; index += 1) writeFileSync(join(path, `d/f${index}`), "x");
  writeFileSync(join(path, "large"), large);
  return path;
}

async function filled(files: VirtualFileSystem): Promise<VirtualFileSystem> {
  await files.mkdir("/d/e", { recursive: true });
  for (let index = 0; index < 100; index += 1) await files.writeFile(`/d/f${index}`, "x");
  await files.writeFile("/large", large);
  return files;
}

/** A filesystem in JavaScript: each method is a call of the host's. */
function inJavaScript(files: VirtualFileSystem): VirtualFileSystem {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(files));
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
  const call = (name: string) => {
    const method = files[name as keyof VirtualFileSystem] as (...args: unknown[]) => unknown;
    return [name, (...args: unknown[]) => method.apply(files, args)];
  };
  return Object.fromEntries(names.map(call)) as unknown as VirtualFileSystem;
}

async function mountsOf(name: string) {
  const memory = await filled(createInMemoryFileSystem());
  return [
    { guestPath: "/fixed", hostPath: directory(`${name}-fixed`) },
    { guestPath: "/open", hostPath: directory(`${name}-open`), readOnly: false },
    { guestPath: "/laid", hostPath: directory(`${name}-laid`), overlay: true },
    { guestPath: "/memory", filesystem: memory },
    { guestPath: "/script", filesystem: inJavaScript(memory) },
    { guestPath: "/node", filesystem: new NodeFileSystem({ root: directory(`${name}-node`) }) },
  ];
}

const inProc = (name: string) => () => readdirSync(`/proc/self/${name}`).length;
/** What the host's process has of its own, bytes. */
const ownBytes = () =>
  Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;

const host: Budget[] = [
  { name: "heap of the host", read: hostHeapBytes, perIteration: 1000 },
  { name: "descriptors of the host", read: inProc("fd"), perIteration: 0 },
  { name: "threads of the host", read: inProc("task"), perIteration: 0 },
];

const looks = (path: string) => `
  const fd = fs.openSync("${path}/large", "r");
  fs.readSync(fd, Buffer.alloc(1000), 0, 1000, 50_000);
  fs.fstatSync(fd);
  fs.closeSync(fd);
  if (fs.readFileSync("${path}/large").length !== ${large.length}) throw new Error("cut");
  if (fs.readdirSync("${path}/d").length < 101) throw new Error("names are missing");
  fs.statSync("${path}/none" + turn, { throwIfNoEntry: false });
  fs.watch("${path}/d", () => {}).close();
  fs.watch("${path}/large", () => {}).unref();
  fs.readFileSync("${path}/d/f" + (turn % 100));`;

const changes = (path: string) => `
  const made = "${path}/made" + turn;
  fs.writeFileSync(made, "x".repeat(10_000));
  fs.appendFileSync(made, "y");
  fs.renameSync(made, made + "-moved");
  fs.chmodSync(made + "-moved", 0o600);
  fs.truncateSync(made + "-moved", 5);
  const both = fs.openSync(made + "-moved", "r+");
  fs.unlinkSync(made + "-moved");
  fs.closeSync(both);
  fs.mkdirSync(made);
  fs.symlinkSync("d", made + "/link");
  fs.rmSync(made, { recursive: true });`;

/** A program that uses a mount again and again and ends with files open. */
const program = (path: string, writes: boolean) => `
  import fs from "node:fs";
  for (let turn = 0; turn < 20; turn += 1) {
    ${looks(path)}
    ${writes ? changes(path) : ""}
  }
  for (let turn = 0; turn < 20; turn += 1) fs.openSync("${path}/d/f" + turn, "${writes ? "r+" : "r"}");
  fs.opendirSync("${path}");`;

describe("programs that use files of the host's", () => {
  let runtime: NodeRuntime;
  let vmMemory: (perIteration: number) => Budget;
  before(async () => {
    runtime = await NodeRuntime.create({ mounts: await mountsOf("programs") });
    vmMemory = await ownMemory(runtime);
  });
  after(() => runtime.dispose());

  const places = {
    "read-only mount": ["/fixed", false],
    "mount that is written to": ["/open", true],
    overlay: ["/laid", true],
    "filesystem in memory": ["/memory", true],
    "filesystem in JavaScript": ["/script", true],
    "directory as a filesystem": ["/node", true],
  } as const;
  for (const [name, [path, writes]] of Object.entries(places)) {
    test(`${name}: nothing is kept`, { timeout: 120_000 }, async () => {
      const code = program(path, writes);
      const call = async () => {
        const { exitCode, stderr } = await runtime.exec(code);
        assert.equal(exitCode, 0, stderr);
      };
      await call();
      const before = await counts(runtime);
      const iterations = 10;
      await assertFlat(iterations, [vmMemory(20_000), ...host], async () => {
        for (let done = 0; done < iterations; done += 1) await call();
      });
      assert.deepEqual(await counts(runtime), before);
    });
  }

  test("file methods of the host: nothing is kept", { timeout: 120_000 }, async () => {
    const call = async () => {
      for (const path of ["/open", "/laid", "/memory", "/script", "/node"]) {
        await runtime.writeFile(`${path}/by-host`, large);
        assert.equal((await runtime.readFile(`${path}/by-host`)).length, large.length);
        await runtime.readDir(`${path}/d`);
        await runtime.remove(`${path}/by-host`);
        await assert.rejects(runtime.readFile(`${path}/none`), { code: "ENOENT" });
      }
    };
    await call();
    const before = await counts(runtime);
    const iterations = 20;
    await assertFlat(iterations, [vmMemory(5000), ...host], async () => {
      for (let done = 0; done < iterations; done += 1) await call();
    });
    assert.deepEqual(await counts(runtime), before);
  });
});

describe("what has files of the host's", () => {
  const own = (perIteration: number) => ({
    name: "memory of the host",
    read: ownBytes,
    perIteration,
  });

  test("machines: nothing is kept", { timeout: 240_000 }, async () => {
    const mounts = await mountsOf("machines");
    const code = Object.entries({
      "/fixed": false,
      "/open": true,
      "/memory": true,
      "/script": true,
    })
      .map(([path, writes]) => `{ const turn = 1; ${looks(path)} ${writes ? changes(path) : ""} }`)
      .join("\n");
    const call = async () => {
      const runtime = await NodeRuntime.create({ mounts });
      const { exitCode, stderr } = await runtime.exec(`import fs from "node:fs"; ${code}`);
      assert.equal(exitCode, 0, stderr);
      await runtime.dispose();
    };
    await call();
    const iterations = 8;
    const [heap, ...others] = host;
    assert.ok(heap);
    const budgets = [own(40_000), { ...heap, perIteration: 10_000 }, ...others];
    await assertFlat(iterations, budgets, async () => {
      for (let done = 0; done < iterations; done += 1) await call();
    });
  });

  test("filesystems: nothing is kept", { timeout: 120_000 }, async () => {
    const root = directory("filesystems");
    const iterations = 20;
    await assertFlat(iterations, [own(20_000), ...host], async () => {
      for (let done = 0; done < iterations; done += 1) {
        const files = await filled(createInMemoryFileSystem());
        await files.writeFile("/huge", Buffer.alloc(1_000_000, "x"));
        inJavaScript(files);
        const there = new NodeFileSystem({ root });
        assert.equal((await there.readFile("/large")).length, large.length);
      }
      // What is collected in the first turn is finalized behind it.
      for (let turn = 0; turn < 3; turn += 1) {
        hostHeapBytes();
        await new Promise(setImmediate);
      }
    });
  });
});

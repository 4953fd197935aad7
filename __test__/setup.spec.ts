// The build's own steps, as a fresh machine meets them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");

/** A module of the scripts, which have no types. */
function script(name: string) {
  return import(pathToFileURL(join(root, "scripts/lib", name)).href);
}

test("an empty cache is not taken for an up-to-date V8 library", async () => {
  const empty = await mkdtemp(join(tmpdir(), "secure-exec-cache-"));
  const { SECURE_EXEC_CACHE, RUSTY_V8_ARCHIVE } = process.env;
  try {
    process.env.SECURE_EXEC_CACHE = empty;
    delete process.env.RUSTY_V8_ARCHIVE;
    const { isVendored, unpackV8 } = await script("v8.mjs");
    if (isVendored) assert.equal(await unpackV8.upToDate(), undefined);
  } finally {
    Object.assign(process.env, { SECURE_EXEC_CACHE, RUSTY_V8_ARCHIVE });
    if (SECURE_EXEC_CACHE === undefined) delete process.env.SECURE_EXEC_CACHE;
    if (RUSTY_V8_ARCHIVE === undefined) delete process.env.RUSTY_V8_ARCHIVE;
    await rm(empty, { recursive: true });
  }
});

test("objects are linked without tables for unwinding, unless their functions catch something", async () => {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-objects-"));
  const run = (command: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, `${command}: ${stderr}`);
    return stdout;
  };
  try {
    await writeFile(join(folder, "plain.c"), "int plain(int (*f)(void)) { return f() + 1; }");
    await writeFile(
      join(folder, "catches.c"),
      `__attribute__((noinline)) static void end(int *x) { *(volatile int *)x = 0; }
       int catches(int (*f)(void)) { __attribute__((cleanup(end))) int y = 1; return f() + y; }`,
    );
    run("cc", "-c", "-fPIC", "-fasynchronous-unwind-tables", "plain.c");
    run("cc", "-c", "-fPIC", "-fexceptions", "catches.c");
    run("ar", "rcs", "both.a", "plain.o", "catches.o");
    const { excludeUnwinding } = await script("unwinding.mjs");
    const archive = await readFile(join(folder, "both.a"));
    assert.equal(excludeUnwinding(archive), 1);
    assert.equal(excludeUnwinding(archive), 1, "once more changes nothing");
    await writeFile(join(folder, "both.a"), archive);
    const options = [
      "-shared",
      "-nostdlib",
      "-Wl,--whole-archive",
      "both.a",
      "-Wl,--no-whole-archive",
    ];
    run("cc", ...options, "-o", "both.so");
    const frames = run("readelf", "--debug-dump=frames", "both.so");
    const [, plain] = run("nm", "both.so").match(/^(\w+) T plain$/m) ?? [];
    const [, catches] = run("nm", "both.so").match(/^(\w+) T catches$/m) ?? [];
    assert(frames.includes(`pc=${catches}..`));
    assert(!frames.includes(`pc=${plain}..`));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the set-up brings every tool that commands are compared with", async () => {
  const { hostTools } = await script("prerequisites.mjs");
  const named = new Set<string>();
  const commands = join(root, "commands");
  for (const crate of await readdir(commands)) {
    const cases = join(commands, crate, "tests/cases");
    for (const name of await readdir(cases).catch(() => [])) {
      const text = await readFile(join(cases, name), "utf8");
      for (const [, tool = ""] of text.matchAll(/^~? ?needs (\S+): /gm)) named.add(tool);
    }
    const tests = await readFile(join(commands, crate, "tests/against_host.rs"), "utf8").catch(
      () => "",
    );
    for (const [, list = ""] of tests.matchAll(/compare\("\w+", &\[([^\]]*)\]/g)) {
      for (const [, tool = ""] of list.matchAll(/"(\w+)"/g))
        named.add(tool === "awk" ? "gawk" : tool);
    }
  }
  assert(named.has("tree") && named.has("zip"));
  assert.deepEqual(
    [...named].filter((tool) => !Object.hasOwn(hostTools, tool)),
    [],
  );
});

test("the reports of cargo, node --test and the conformance runner are counted", async () => {
  const { addCounts, countsOf, countTests, noCounts } = await script("test-counts.mjs");
  const report = [
    "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1s",
    "test a::b ... ok",
    "\u001b[34mℹ pass 7\u001b[39m",
    "ℹ fail 2",
    "ℹ cancelled 1",
    "ℹ skipped 4",
    "ℹ todo 0",
    "10 passed, 1 failed, 5 skipped",
    "20 of 30 passed, 10 failed",
  ];
  const sum = report.map((line) => countsOf(line)).reduce(addCounts, noCounts);
  assert.deepEqual(sum, { passed: 20, failed: 5, skipped: 11 });
  const program = "process.stdout.write('1 passed, 2 failed'); process.exitCode = 3";
  const run = await countTests(process.execPath, ["-e", program], {});
  const output = "1 passed, 2 failed";
  assert.deepEqual(run, { counts: { passed: 1, failed: 2, skipped: 0 }, ended: 3, output });
});

test("a group of tests that fails does not keep the others from running", () => {
  const program = `
    import { runGroups } from ${JSON.stringify(pathToFileURL(join(root, "scripts/lib/test-groups.mjs")))};
    const group = (code) => ({ name: "group", command: process.execPath, args: ["-e", code] });
    const lines = "['tree 4', 'jq 2', 'tree 1', ''].join(os.EOL)";
    const skip = "fs.appendFileSync(process.env.SECURE_EXEC_SKIPPED, " + lines + ");";
    process.exitCode = await runGroups([
      ["breaks", group("process.exitCode = 101")],
      ["dies", group("process.kill(process.pid, 9)")],
      ["fails", group("console.log('2 passed, 3 failed'); process.exitCode = 1")],
      ["absent", { ...group("process.exitCode = 1"), leftOut: async () => "there is no suite" }],
      ["passes", group("console.log('5 passed, 0 failed, 1 skipped');" + skip)],
    ]);
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", program],
    { encoding: "utf8" },
  );
  assert.equal(status, 1, stderr);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.at(-1), "7 passed, 5 failed, 9 skipped");
  assert(lines.includes("  skipped: 5 cases, the host has no tree to compare with"));
  assert(lines.includes("  absent: left out. there is no suite"));
});

test("files that fail are run once more, alone, and named where they pass then", async () => {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-again-"));
  try {
    const mark = JSON.stringify(join(folder, "mark"));
    const first = `if (!fs.existsSync(${mark})) { fs.writeFileSync(${mark}, ""); throw new Error("busy"); }`;
    const files = {
      "passes.cjs": "test('a', () => {});",
      // As through a module that wraps the function.
      "wrapper.cjs": "exports.wrapped = (name, run) => test(name, () => run());",
      "unstable.cjs": `require("./wrapper.cjs").wrapped('b', () => { ${first} });`,
      "fails.cjs": "test('c', () => { throw new Error('broken'); });",
    };
    for (const [name, body] of Object.entries(files)) {
      await writeFile(
        join(folder, name),
        `const fs = require("node:fs"); const { test } = require("node:test"); ${body}`,
      );
    }
    const program = `
      import { runGroups } from ${JSON.stringify(pathToFileURL(join(root, "scripts/lib/test-groups.mjs")))};
      import { nodeFiles } from ${JSON.stringify(pathToFileURL(join(root, "scripts/lib/run-again.mjs")))};
      const args = ["--test", "--test-reporter=spec", process.env.PATTERN];
      process.exitCode = await runGroups([
        ["files", { name: "files", command: process.execPath, args, runner: nodeFiles }],
      ]);
    `;
    // The variables of this test's own runner would make the inner one report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const run = (pattern: string) => {
      const { status, stdout } = spawnSync(
        process.execPath,
        ["--input-type=module", "-e", program],
        {
          encoding: "utf8",
          env: { ...env, PATTERN: join(folder, pattern) },
        },
      );
      return { status, lines: stdout.trimEnd().split("\n") };
    };
    const unstable = run("{passes,unstable}.cjs");
    assert.equal(unstable.lines.at(-1), "2 passed, 0 failed, 0 skipped", unstable.lines.join("\n"));
    assert.equal(unstable.status, 0);
    const inFolder = (file: string) => relative(root, join(folder, file));
    const named = `  unstable, passed only alone: ${inFolder("unstable.cjs")}: b: busy`;
    assert(unstable.lines.includes(named), unstable.lines.join("\n"));
    const broken = run("{passes,fails}.cjs");
    assert.equal(broken.lines.at(-1), "1 passed, 1 failed, 0 skipped");
    const failed = `  failed: ${inFolder("fails.cjs")}: c: broken`;
    assert.equal(broken.lines.at(-3), failed, broken.lines.join("\n"));
    assert.equal(broken.status, 1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("tests of cargo that fail are named, unless a binary of theirs ended without a sum", async () => {
  const { cargoTests } = await script("run-again.mjs");
  const report = ["running 2 tests", "test a::b ... ok", "test a::c ... FAILED", ""];
  const sum = "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
  assert.deepEqual(await cargoTests.failed("", [...report, sum].join("\n")), ["a::c"]);
  assert.deepEqual(await cargoTests.failed("", [...report, sum, "running 1 test"].join("\n")), []);
  const again = cargoTests.again(["test", "--workspace"], ["a::c"]);
  assert.deepEqual(again, ["test", "--workspace", "--", "--exact", "--test-threads=1", "a::c"]);
});

test("files of Node's suite are grouped by their folder, a known beginning, or their first word", async () => {
  const { groupOf } = await script("../conformance/suite.mjs");
  const groups = {
    "es-module/test-esm-symlink.mjs": "es-module",
    "module-hooks/test-module-hooks-preload.js": "module-hooks",
    "parallel/test-http2-ping.js": "http2",
    "parallel/test-https-agent.js": "https",
    "parallel/test-http-agent.js": "http",
    "parallel/test-eventsource-disabled.js": "eventsource",
    "parallel/test-events-once.js": "event",
    "sequential/test-child-process-emfile.js": "child-process",
    "sequential/test-gc-http-client.js": "gc",
    "parallel/test-webcrypto-wrap-unwrap.js": "webcrypto",
    "parallel/test-cluster-worker-exit.js": "cluster",
  };
  for (const [name, group] of Object.entries(groups)) assert.equal(groupOf(name), group, name);
});

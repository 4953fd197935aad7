// The command line's programs: what they see of the host, their streams, how they end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ended, files, folder, run, start } from "./support/cli.ts";
import { describe, test } from "./support/suite.ts";

describe("secure-exec run", () => {
  test("passes arguments, environment, streams and the status", async () => {
    const program = files({
      "program/main.mjs": `
        let input = "";
        for await (const chunk of process.stdin) input += chunk;
        console.log(JSON.stringify([process.argv.slice(2), process.env.NAME, process.cwd(), input]));
        console.error("problem");
        process.exitCode = 3;`,
    });
    const args = ["run", "--env", "NAME=a=b", "--cwd", "/tmp", program, "--env", "x"];
    const { stdout, stderr, exitCode } = await run(args, { input: "typed" });
    assert.deepEqual(JSON.parse(stdout), [["--env", "x"], "a=b", "/tmp", "typed"]);
    assert.equal(stderr, "problem\n");
    assert.equal(exitCode, 3);
  });

  test("runs code, prints its value, and reads a program from standard input", async () => {
    const show = "console.log(process.argv.slice(2).join())";
    assert.equal((await run(["run", "-e", show, "a", "--b"])).stdout, "--b\n");
    assert.equal((await run(["-p", "6 * 7"])).stdout, "42\n");
    assert.equal((await run(["run", "--eval=console.log(1)"])).stdout, "1\n");
    const typed = `const x: number = 5; ${show}; console.log(x)`;
    assert.equal((await run(["run", "-", "a"], { input: typed })).stdout, "a\n5\n");
  });

  test("passes variables of this process that are named, and those of a file", async () => {
    files({ "vars.env": "A=1\n# comment\nB='two words'\n" });
    const { stdout } = await run(
      [
        "-p",
        "[process.env.A, process.env.B, process.env.SECRET, process.env.UNSET, process.env.OTHER]",
        "--env-file",
        "vars.env",
        "--env",
        "A=3",
        "--env",
        "SECRET",
        "--env",
        "UNSET",
      ],
      { env: { SECRET: "s", OTHER: "o" } },
    );
    assert.equal(stdout, "[ '3', 'two words', 's', undefined, undefined ]\n");
    const path = await run(["-p", "process.env.PATH", "--env", "PATH=/nowhere"]);
    assert.equal(path.stdout, "/nowhere\n");
    assert.equal(
      (await run(["shell", "--env", "PATH=/nowhere", "-c", "echo $PATH"])).stdout,
      "/nowhere\n",
    );
  });
});

describe("the folder of a program", () => {
  const project = {
    "app/package.json": `{ "type": "module" }`,
    "app/src/main.js": `
      import { double } from "../lib/double.js";
      import data from "../data.json" with { type: "json" };
      import dependency from "dependency";
      import { typed } from "./typed.ts";
      import { readFileSync } from "node:fs";
      console.log(double(data.n), dependency, typed(3), readFileSync("note.txt", "utf8"), import.meta.url);`,
    "app/src/typed.ts": "export function typed(n: number): string { return String(n); }",
    "app/lib/double.js": "export const double = (n) => 2 * n;",
    "app/data.json": `{ "n": 21 }`,
    "app/note.txt": "note",
    "app/node_modules/dependency/package.json": `{ "main": "index.cjs" }`,
    "app/node_modules/dependency/index.cjs": `module.exports = "dependency";`,
  };
  const expected = "42 dependency 3 note file:///workspace/src/main.js\n";

  test("is the one of the nearest package.json, with everything in it", async () => {
    files(project);
    const cwd = join(folder, "app");
    assert.deepEqual(await run(["run", "src/main.js"], { cwd }), {
      stdout: expected,
      stderr: "",
      exitCode: 0,
    });
    assert.equal((await run([join(cwd, "src/main.js")])).stdout, expected);
  });

  test("is the file's own where there is no package.json", async () => {
    const main = files({
      "loose/main.mjs": `import { a } from "./a.mjs"; console.log(a, process.argv[1]);`,
      "loose/a.mjs": "export const a = 1;",
    });
    assert.equal((await run(["run", main])).stdout, "1 /workspace/main.mjs\n");
    assert.equal((await run(["run", "loose/main.mjs"])).stdout, "1 /workspace/main.mjs\n");
    const alone = await run(["run", "--no-copy", main]);
    assert.match(alone.stderr, /Cannot find module '\/workspace\/a\.mjs'/);
    assert.equal(alone.exitCode, 1);
    const wider = await run(["run", "--copy", ".", main], { cwd: join(folder, "loose") });
    assert.equal(wider.stdout, "1 /workspace/main.mjs\n");
    const outside = await run(["run", "--copy", "app", main]);
    assert.match(outside.stderr, /^secure-exec: .*main\.mjs is not in the folder of --copy, app\n/);
  });

  test("gives the program this process's place in it as working directory", async () => {
    files({ "place/package.json": "{}", "place/sub/where.mjs": "console.log(process.cwd())" });
    const sub = join(folder, "place/sub");
    assert.equal((await run(["where.mjs"], { cwd: sub })).stdout, "/workspace/sub\n");
    assert.equal((await run(["place/sub/where.mjs"])).stdout, "/workspace\n");
  });

  test("keeps permissions, empty folders and the links that stay inside", async () => {
    const main = files({
      "linked/main.mjs": `
        import { readlinkSync, readdirSync, statSync, readFileSync } from "node:fs";
        console.log(readlinkSync("a/rel"), readFileSync("a/rel", "utf8"), readFileSync("abs", "utf8"), readlinkSync("abs"));
        console.log(readlinkSync("gone"), readdirSync("empty"), (statSync("run.sh").mode & 0o777).toString(8));`,
      "linked/target.txt": "target",
      "linked/a/x": "",
      "linked/run.sh": "echo",
    });
    const at = (name: string) => join(folder, "linked", name);
    mkdirSync(at("empty"));
    symlinkSync("../target.txt", at("a/rel"));
    symlinkSync(at("target.txt"), at("abs"));
    symlinkSync("nowhere", at("gone"));
    const { chmodSync } = await import("node:fs");
    chmodSync(at("run.sh"), 0o755);
    const { stdout, stderr } = await run(["run", main], { cwd: join(folder, "linked") });
    assert.equal(stdout, "../target.txt target target target.txt\nnowhere [] 755\n", stderr);
    const copied = await run(["run", "--copy", ".", main], { cwd: join(folder, "linked") });
    assert.equal(
      copied.stdout,
      "../target.txt target target /workspace/target.txt\nnowhere [] 755\n",
      copied.stderr,
    );
  });

  test("is the host's own, which no program changes", async () => {
    const main = files({
      "fixed/main.mjs": `
        import { readFileSync, rmSync, writeFileSync } from "node:fs";
        const attempt = (act) => { try { act(); return "done"; } catch (error) { return error.code; } };
        console.log(attempt(() => writeFileSync("new", "x")), attempt(() => writeFileSync("data", "x")), attempt(() => rmSync("data")));
        console.log(attempt(() => readFileSync("data")), attempt(() => writeFileSync("/mnt/out/made", "made")));`,
      "fixed/data": "kept",
      "out/there": "",
    });
    const cwd = join(folder, "fixed");
    const mount = ["--mount", "../out:/mnt/out"];
    const fixed = await run(["run", ...mount, main], { cwd });
    assert.equal(fixed.stdout, "EROFS EROFS EROFS\ndone EROFS\n", fixed.stderr);
    const overlay = await run(["run", "--overlay", ...mount, main], { cwd });
    assert.equal(overlay.stdout, "done done done\nENOENT EROFS\n", overlay.stderr);
    const written = await run(["run", "--mount", "../out:/mnt/out:rw", main], { cwd });
    assert.equal(written.stdout, "EROFS EROFS EROFS\ndone done\n", written.stderr);
    assert.equal(readFileSync(join(folder, "out/made"), "utf8"), "made");
    assert.equal(readFileSync(join(cwd, "data"), "utf8"), "kept");
    for (const wrong of ["out", "none:/a", "fixed/data:/a"]) {
      const { stderr, exitCode } = await run(["run", "--mount", wrong, main]);
      assert.match(stderr, /^secure-exec: --mount takes/);
      assert.equal(exitCode, 64);
    }
  });

  test("refuses links that lead out of it, and names them", async () => {
    const main = files({
      "leaving/main.mjs": `import "./out.mjs";`,
      "outside.txt": "",
    });
    symlinkSync("../outside.txt", join(folder, "leaving/out"));
    symlinkSync("../outside.mjs", join(folder, "leaving/out.mjs"));
    const mounted = await run(["run", main]);
    assert.match(
      mounted.stderr,
      /Cannot find module '\/workspace\/out\.mjs'.*The link \/workspace\/out\.mjs leads to \.\.\/outside\.mjs, which is outside/,
    );
    rmSync(join(folder, "leaving/out.mjs"));
    const copy = ["run", "--copy", join(folder, "leaving")];
    const { stderr, exitCode } = await run([...copy, main]);
    assert.match(
      stderr,
      /^secure-exec: .*\/leaving\/out is a link to \.\.\/outside\.txt, which leads out of .*--copy/,
    );
    assert.equal(exitCode, 1);
  });

  test("names in messages are no commands of the terminal, and no lines", async () => {
    const program = files({ "escapes/main.mjs": "", "escapes/package.json": "{}" });
    const target = "/etc/\u001b]0;title\u0007\u001b[2J\u009b1m\nsecure-exec: all is well";
    symlinkSync(target, join(folder, "escapes/link"));
    const { stderr, exitCode } = await run(["run", "--copy", join(folder, "escapes"), program]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /\\x1b\]0;title\\x07\\x1b\[2J\\x9b1m\\nsecure-exec: all is well/);
    assert.equal(stderr.split("\n").length, 2, stderr);
  });

  test("that is copied must fit, and what does not is told with its bound", async () => {
    const main = files({ "large/main.mjs": "console.log(1)", "large/data": "x".repeat(3_000_000) });
    const copy = ["--copy", join(folder, "large")];
    const bytes = await run(["run", ...copy, "--disk", "2m", main]);
    assert.match(
      bytes.stderr,
      /large does not fit into the machine: it holds more than 2m\. .*--disk.*--no-copy/,
    );
    assert.equal(bytes.exitCode, 1);
    files(Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`large/${index}`, ""])));
    const inodes = await run(["run", ...copy, "--inodes", "512", main]);
    assert.match(inodes.stderr, /it holds more than 512 files\. .*--inodes/);
    assert.equal(
      (await run(["run", "--disk", "2m", "--inodes", "512", "--no-copy", main])).stdout,
      "1\n",
    );
    assert.equal((await run(["run", "--disk", "2m", "--inodes", "512", main])).stdout, "1\n");
  });

  test("has a limit that is told when the program fails by it", async () => {
    const write = `require("fs").writeFileSync("/tmp/a", Buffer.alloc(2e6))`;
    const failed = await run(["--disk", "1m", "-e", write]);
    assert.match(
      failed.stderr,
      /ENOSPC.*\nsecure-exec: --disk is 1 MiB, 1\.\d+ MiB would be used\.\n$/s,
    );
    assert.equal(failed.stderr.match(/--disk/g)?.length, 1);
    const survived = await run(["--disk", "1m", "-e", `try { ${write} } catch {}`]);
    assert.deepEqual(survived, { stdout: "", stderr: "", exitCode: 0 });
  });

  test("must leave room for the machine's own files", async () => {
    // As many as the bound, to which the machine's own come.
    const names = Array.from({ length: 600 }, (_, index) => [`many/file-${index}`, ""]);
    const main = files({ "many/main.mjs": "", ...Object.fromEntries(names) });
    const copy = ["--copy", join(folder, "many")];
    const { stderr, exitCode } = await run(["run", ...copy, "--inodes", "605", main]);
    assert.match(
      stderr,
      /^secure-exec: ENOSPC.*--inodes is 605.*Raise it, .*--no-copy and --file\n$/,
    );
    assert.equal(exitCode, 1);
  });

  test("is nothing but the file where the files of many programs are", async () => {
    const main = files({
      "home/main.mjs": `import "./neighbour.mjs";`,
      "home/package.json": "{}",
      "home/neighbour.mjs": "",
      "home/project/main.mjs": `import "./neighbour.mjs"; console.log(process.argv[1]);`,
      "home/project/neighbour.mjs": "",
    });
    const env = { HOME: join(folder, "home") };
    const { stderr, exitCode } = await run(["run", main], { env });
    assert.match(stderr, /Cannot find module '\/workspace\/neighbour\.mjs'/);
    assert.match(
      stderr,
      /secure-exec: only main\.mjs was copied, for .*home holds the files of many.*--copy/,
    );
    assert.equal(exitCode, 1);
    const inside = await run(["run", "home/project/main.mjs"], { env });
    assert.equal(inside.stdout, "/workspace/main.mjs\n");
  });

  test("that is copied has nothing but files", async () => {
    const main = files({ "special/main.mjs": "" });
    const server = createServer().listen(join(folder, "special/socket"));
    await once(server, "listening");
    try {
      assert.equal((await run(["run", main])).exitCode, 0);
      const { stderr } = await run(["run", "--copy", join(folder, "special"), main]);
      assert.match(
        stderr,
        /special\/socket is neither a file nor a folder: it cannot be copied\n$/,
      );
    } finally {
      server.close();
    }
  });

  test("shows the guest's paths in stack traces", async () => {
    const main = files({
      "throws/main.mjs": `import "./deep/thrower.mjs";`,
      "throws/deep/thrower.mjs": `throw new Error("x");`,
    });
    const { stderr } = await run(["run", main]);
    assert.match(stderr, /at file:\/\/\/workspace\/deep\/thrower\.mjs:1:7/);
    assert.ok(!stderr.includes(folder));
  });
});

describe("how a program ends", () => {
  test("its output is streamed whole", async () => {
    const { stdout } = await run(["-e", `process.stdout.write("x".repeat(3_000_000))`]);
    assert.equal(stdout.length, 3_000_000);
  });

  test("a timeout kills it and says so", async () => {
    const { stdout, stderr, exitCode } = await run([
      "--timeout",
      "2.5s",
      "-e",
      `console.log("up"); for (;;);`,
    ]);
    assert.deepEqual([stdout, exitCode], ["up\n", 137]);
    assert.equal(stderr, "secure-exec: killed: it ran longer than --timeout 2500 ms\n");
  });

  test("a full heap is told once, as status 134", async () => {
    const fill = "const all = []; for (let i = 0; ; i++) all.push(String(i).repeat(1000));";
    for (const type of ["commonjs", "module"]) {
      const main = files({
        [`heap/${type}/main.js`]: fill,
        [`heap/${type}/package.json`]: JSON.stringify({ type }),
      });
      const { stderr, exitCode } = await run(["--heap", "32m", main]);
      assert.equal(exitCode, 134, stderr);
      const told = stderr.match(/heap limit|v8HeapLimitMb|--heap|SIGABRT/g) ?? [];
      assert.ok(stderr.trim().split("\n").length === 1 && told.length > 0, stderr);
    }
  });

  test("signals reach the program, and its group where they are a terminal's", async () => {
    const handler = `process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1e6); console.log("up")`;
    const handled = start(["-e", handler]);
    const [handledEnd] = [ended(handled)];
    await once(handled.stdout, "data");
    handled.kill("SIGTERM");
    assert.equal((await handledEnd).exitCode, 9);
    const line = start(["shell", "-c", "echo up; sleep 1000; echo after"]);
    const lineEnd = ended(line);
    await once(line.stdout, "data");
    line.kill("SIGINT");
    assert.deepEqual(await lineEnd, { stdout: "up\n", stderr: "", exitCode: 130 });
  });

  test("a reader that has gone ends it in silence", async () => {
    for (const args of [
      ["exec", "yes"],
      ["-e", "for (let i = 0; ; i++) console.log(i)"],
    ]) {
      const child = start(args);
      let stderr = "";
      child.stderr.on("data", (text) => (stderr += text));
      await once(child.stdout, "data");
      child.stdout.destroy();
      const [code] = await once(child, "close");
      assert.deepEqual([code, stderr], [141, ""]);
    }
  });

  test("a reader that is slow keeps it waiting, and memory bounded", async () => {
    const child = start(["exec", "sh", "-c", "yes | tee /tmp/copy"]);
    await once(child.stdout, "readable");
    const before = residentSet(child.pid as number);
    // Standard output is not read: two seconds of `yes` would be gigabytes.
    const probe = await run(["exec", "sh", "-c", "yes | head -c 200000000 | wc -c"]);
    assert.equal(probe.stdout.trim(), "200000000");
    assert.ok(residentSet(child.pid as number) - before < 64 * 1024, "kilobytes");
    child.kill("SIGKILL");
    child.stdout.destroy();
    await once(child, "close");
  });

  /** Kilobytes of memory of a process of the host. */
  function residentSet(pid: number): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  }
});

describe("--trace", () => {
  test("prints system calls on standard error, or in a file, and only those asked for", async () => {
    const code = `require("fs").mkdirSync("/tmp/traced"); console.error("own")`;
    const { stderr, exitCode } = await run(["--trace=mkdirat", "-e", code]);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^mkdirat\(AT_FDCWD, "\/tmp\/traced", 0777\) = 0\n/m);
    assert.match(stderr, /^\+\+\+ exited with 0 \+\+\+\n/m);
    assert.doesNotMatch(stderr, /openat/);
    const strace = await run(["exec", "--trace", "-e", "trace=exit_group,!x", "true"]);
    assert.equal(strace.exitCode, 64);
    const made = await run(["exec", "--trace", "-e", "trace=mkdirat", "mkdir", "/tmp/made"]);
    assert.match(made.stderr, /mkdirat\(.*"\/tmp\/made", .*\n/);
    assert.doesNotMatch(made.stderr, /getcwd/);
    const file = join(folder, "trace.txt");
    const apart = await run(["--trace", "-o", file, "-t", "-e", code]);
    assert.equal(apart.stderr, "own\n");
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.ok(lines.some((line) => line.includes("mkdirat(")));
    assert.deepEqual(
      lines.filter((line) => !/^\d+ +\d\d:\d\d:\d\d \S/.test(line)),
      [],
    );
    const nowhere = await run(["--trace", "-o", "/nope/trace", "-e", code]);
    assert.equal(
      nowhere.stderr,
      "secure-exec: --trace-output: /nope/trace cannot be written: ENOENT\n",
    );
  });
});

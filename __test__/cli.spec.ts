// The command line.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");
const { version, bin } = createRequire(import.meta.url)("../package.json");
const cli = join(root, bin["secure-exec"]);
const folder = mkdtempSync(join(tmpdir(), "secure-exec-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function run(args: string[], input = "") {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const exitCode = await new Promise((resolve) => child.on("close", resolve));
  return { stdout, stderr, exitCode };
}

describe("secure-exec", () => {
  test("shows its version and its help", async () => {
    assert.deepEqual(await run(["--version"]), { stdout: `${version}\n`, stderr: "", exitCode: 0 });
    const { stdout, exitCode } = await run(["--help"]);
    assert.match(stdout, /^Usage: secure-exec run/);
    assert.equal(exitCode, 0);
  });

  test("explains what it does not understand", async () => {
    for (const [args, message] of [
      [[], "a command is missing"],
      [["walk"], "unknown command: walk"],
      [["run"], "run needs a file"],
      [["run", "--fast", "x.mjs"], "unknown option: --fast"],
      [["run", "--timeout", "soon", "x.mjs"], "--timeout takes milliseconds, not 'soon'"],
      [["run", "--env", "A", "x.mjs"], "--env takes NAME=value"],
      [["run", "--allow-net", "host", "x.mjs"], "--allow-net is not available yet"],
      [["run", "--mount=a:b", "x.mjs"], "--mount is not available yet"],
      [["serve"], "serve is not available yet"],
    ] as const) {
      const { stderr, exitCode } = await run([...args]);
      assert.ok(stderr.startsWith(`secure-exec: ${message}`), stderr);
      assert.equal(exitCode, 64);
    }
    const { stderr, exitCode } = await run(["run", "nope.mjs"]);
    assert.equal(stderr, "secure-exec: nope.mjs cannot be read: ENOENT\n");
    assert.equal(exitCode, 1);
  });

  test("run passes arguments, environment, streams and the status", async () => {
    const program = file(
      "program.mjs",
      `let input = "";
       for await (const chunk of process.stdin) input += chunk;
       console.log(JSON.stringify([process.argv.slice(2), process.env.NAME, process.cwd(), input]));
       console.error("problem");
       process.exitCode = 3;`,
    );
    const args = ["run", "--env", "NAME=a=b", "--cwd", "/tmp", program, "--env", "x"];
    const { stdout, stderr, exitCode } = await run(args, "typed");
    assert.deepEqual(JSON.parse(stdout), [["--env", "x"], "a=b", "/tmp", "typed"]);
    assert.equal(stderr, "problem\n");
    assert.equal(exitCode, 3);
  });

  test("run streams everything, and ends at the timeout", async () => {
    const large = file("large.mjs", `process.stdout.write("x".repeat(3_000_000));`);
    assert.equal((await run(["run", large])).stdout.length, 3_000_000);
    const endless = file("endless.mjs", `console.log("up"); setInterval(() => {}, 1000);`);
    const { stdout, exitCode } = await run(["run", "--timeout", "1500", endless]);
    assert.deepEqual([stdout, exitCode], ["up\n", 137]);
  });

  test("--trace prints system calls on standard error", async () => {
    const program = file(
      "traced.mjs",
      `import { mkdirSync } from "node:fs"; mkdirSync("/tmp/traced");`,
    );
    const { stderr, exitCode } = await run(["run", "--trace", program]);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^\[\d+\] mkdirat\(-100, "\/tmp\/traced", 0o777\) = \(\)$/m);
  });
});

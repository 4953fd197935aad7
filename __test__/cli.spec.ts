// The command line: what it understands, and what it says about what it does not.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { cli, files, folder, run, version } from "./support/cli.ts";
import { describe, test } from "./support/suite.ts";

const require = createRequire(import.meta.url);

/** Expects one refused command line. */
async function refused(args: string[], message: string) {
  const { stdout, stderr, exitCode } = await run(args);
  assert.equal(stderr, `secure-exec: ${message}\nTry 'secure-exec --help'.\n`);
  assert.equal(stdout, "");
  assert.equal(exitCode, 64);
}

describe("secure-exec", () => {
  test("shows its version and its help", async () => {
    for (const flag of ["--version", "-v", "version"]) {
      assert.deepEqual(await run([flag]), { stdout: `${version}\n`, stderr: "", exitCode: 0 });
    }
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { stdout, stderr, exitCode } = await run(args);
      assert.match(stdout, /^Usage: secure-exec run/);
      assert.match(stdout, /--memory <size>/);
      assert.deepEqual([stderr, exitCode], ["", 0]);
    }
    for (const args of [
      ["help", "run"],
      ["run", "--help"],
      ["run", "-h", "x.mjs"],
    ]) {
      const { stdout } = await run(args);
      assert.match(stdout, /^Usage: secure-exec run \[options\] <file>/);
      assert.doesNotMatch(stdout, /secure-exec exec/);
    }
  });

  test("shows the usage on standard error where nothing is asked for", async () => {
    const { stdout, stderr, exitCode } = await run([]);
    assert.match(stderr, /^Usage: secure-exec run/);
    assert.deepEqual([stdout, exitCode], ["", 64]);
  });

  test("explains what it does not understand", async () => {
    await refused(["walk"], "unknown command: walk");
    await refused(["help", "walk"], "unknown command: walk");
    await refused(["run"], "run needs a file, -e <code>, or - for a program on standard input");
    await refused(["exec"], "exec needs a command");
    await refused(["run", "--fast", "x.mjs"], "unknown option: --fast");
    await refused(["run", "--timeout"], "--timeout needs a value");
    await refused(["run", "--no-tty=1", "x.mjs"], "--no-tty takes no value");
    await refused(["shell", "-e", "1"], "-e belongs to run, not to shell");
    await refused(["run", "--allow-net", "host", "x.mjs"], "--allow-net is not available yet");
    await refused(["run", "--mount=a:b", "x.mjs"], "--mount takes a folder, which a is not");
    await refused(
      ["serve", "--memory", "1g"],
      "--memory belongs to run and exec and shell and mcp, not to serve",
    );
    await refused(["serve", "--port", "http"], "--port takes a port, 0 to 65535, not 'http'");
    await refused(["run", "-o", "f", "x.mjs"], "--trace-output belongs to --trace");
  });

  test("says which flag has a wrong value", async () => {
    const time = "--timeout takes a time like 500ms, 5s or 2m, not";
    await refused(["run", "--timeout", "soon", "x.mjs"], `${time} 'soon'`);
    await refused(["run", "--timeout", "0", "x.mjs"], `${time} '0'`);
    await refused(["run", "--timeout=-5s", "x.mjs"], `${time} '-5s'`);
    await refused(
      ["run", "--memory", "lots", "x"],
      "--memory takes a size like 256m or 1g, not 'lots'",
    );
    await refused(
      ["exec", "--memory", "512", "ls"],
      "--memory is at least 64m (a number without a unit is bytes)",
    );
    await refused(["exec", "--heap", "1m", "ls"], "--heap is at least 8m");
    await refused(
      ["exec", "--cpus", "0.5", "ls"],
      "--cpus takes a whole number from 1 on, not '0.5'",
    );
    await refused(["run", "--env", "=x", "x.mjs"], "--env takes NAME=value or NAME");
    await refused(["run", "--file", ":/x", "x.mjs"], "--file takes host:guest or host, not ':/x'");
    await refused(
      ["run", "--cwd", "sub", "x.mjs"],
      "--cwd takes an absolute path in the machine, not 'sub'",
    );
    await refused(
      ["exec", "--trace=%all", "ls"],
      "--trace takes names of system calls, %file, %desc, %process, %signal, %network or /pattern, not '%all'",
    );
    const none = "--trace: the machine has no system call";
    await refused(["exec", "--trace=nope", "ls"], `${none} 'nope'`);
    await refused(["exec", "--trace=!read,open", "ls"], `${none} 'open'. There is openat`);
    const { stderr, exitCode } = await run(["exec", "--cpus", "5000", "ls"]);
    assert.match(stderr, /^secure-exec: --cpus is out of range/);
    assert.equal(exitCode, 64);
  });

  test("knows the names of all system calls that it can show", async () => {
    const { systemCalls } = require("../lib/cli/system-calls.cjs");
    const page = readFileSync(new URL("../docs/syscalls.md", import.meta.url), "utf8");
    const named = [...page.matchAll(/^\| `([a-z]\w*)` /gm)].map(([, name]) => name as string);
    // Functions of the C library that Linux does by an ioctl or by a call of another name.
    const shownAs = /^(?:tc|is|unlockpt|(?:tty|pts)name|[gs]etrlimit)/;
    const expected = named.filter((name) => !shownAs.test(name));
    assert.deepEqual([...systemCalls].sort(), [...expected, "ioctl", "prlimit64"].sort());
    assert.equal((await run(["exec", "--trace=?nope,ioctl", "true"])).exitCode, 0);
  });

  test("reads files of variables itself, and not the host's node", () => {
    files({ "of-guest.env": "OF_GUEST=5\n" });
    const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
    const direct = (...args: string[]) =>
      spawnSync(cli, args, { cwd: folder, env: { ...process.env, PATH }, encoding: "utf8" });
    const variable = direct("exec", "--env-file", "of-guest.env", "printenv", "OF_GUEST");
    assert.deepEqual([variable.stdout, variable.status], ["5\n", 0]);
    for (const args of [["--env-file", "nope"], ["--env-file=nope"]]) {
      const { stderr, status } = direct("exec", ...args, "true");
      assert.equal(stderr, "secure-exec: nope cannot be read: ENOENT\n");
      assert.equal(status, 1);
    }
  });

  test("refuses files whose names are no text", async () => {
    const main = files({ "names/main.mjs": "" });
    writeFileSync(
      Buffer.concat([Buffer.from(join(dirname(main), "bad")), Buffer.from([0xff])]),
      "",
    );
    assert.equal((await run(["run", main])).exitCode, 0);
    const { stderr, exitCode } = await run(["run", "--copy", dirname(main), main]);
    assert.match(
      stderr,
      /^secure-exec: .*\/names\/bad\ufffd cannot be copied: its name is no UTF-8/,
    );
    assert.equal(exitCode, 1);
  });

  test("says what is wrong with the files of the host", async () => {
    const nope = await run(["run", "nope.mjs"]);
    assert.equal(nope.stderr, "secure-exec: nope.mjs cannot be read: ENOENT\n");
    assert.equal(nope.exitCode, 1);
    const directory = await run(["run", folder]);
    assert.equal(directory.stderr, `secure-exec: ${folder} is not a file\n`);
    const copied = await run(["exec", "--file", "nope:/tmp/x", "ls"]);
    assert.equal(copied.stderr, "secure-exec: nope cannot be read: ENOENT\n");
    const commands = await run(["exec", "--commands", "nope", "ls"]);
    assert.match(commands.stderr, /^secure-exec: --commands cannot be read: ENOENT/);
  });
});

describe("secure-exec exec", () => {
  test("runs a command with its streams and its status", async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => (index * 7) & 0xff);
    const sum = await run(["exec", "--", "cksum"], { input: bytes });
    assert.match(sum.stdout, /^\d+ 300000\n$/);
    assert.equal((await run(["exec", "sh", "-c", "echo a >&2; exit 7"])).exitCode, 7);
    assert.equal((await run(["exec", "--env", "A=b c", "printenv", "A"])).stdout, "b c\n");
  });

  test("makes the working directory that is asked for", async () => {
    const { stdout } = await run(["exec", "--cwd", "/srv/app/data", "sh", "-c", "touch x && pwd"]);
    assert.equal(stdout, "/srv/app/data\n");
  });

  test("has a shell's statuses for what cannot run and what a signal ended", async () => {
    assert.deepEqual(await run(["exec", "nope"]), {
      stdout: "",
      stderr: "secure-exec: nope: command not found\n",
      exitCode: 127,
    });
    assert.equal((await run(["exec", "/etc/passwd"])).exitCode, 126);
    assert.equal((await run(["exec", "sh", "-c", "kill -TERM $$"])).exitCode, 143);
  });

  test("copies files and folders of the host", async () => {
    files({ "data/in.csv": "1,2\n", "data/deep/x.txt": "x\n" });
    const args = ["--file", "data:/tmp/data", "--file", "data/in.csv", "--file=data/in.csv:/tmp/"];
    const { stdout, stderr } = await run([
      "exec",
      ...args,
      "sh",
      "-c",
      "cat in.csv /tmp/in.csv; find /tmp/data -type f | sort",
    ]);
    assert.equal(stdout, "1,2\n1,2\n/tmp/data/deep/x.txt\n/tmp/data/in.csv\n", stderr);
  });
});

describe("secure-exec exec --file", () => {
  test("reaches any place of the machine, and large files fit", async () => {
    files({ "etc/app.conf": "port=1\n", "large.bin": "x".repeat(40_000_000) });
    const args = ["--file", "etc:/etc/app", "--file", "large.bin:/opt/"];
    const { stdout } = await run([
      "exec",
      ...args,
      "sh",
      "-c",
      "cat /etc/app/*; wc -c < /opt/large.bin",
    ]);
    assert.equal(stdout, "port=1\n40000000\n");
  });
});

describe("secure-exec shell", () => {
  test("runs a line with its arguments", async () => {
    const { stdout, exitCode } = await run([
      "shell",
      "-c",
      "echo $0 $1 $#; exit 4",
      "name",
      "first",
    ]);
    assert.deepEqual([stdout, exitCode], ["name first 1\n", 4]);
  });

  test("runs a script of the host, which finds its neighbours", async () => {
    files({ "scripts/main.sh": ". ./part.sh\necho main $1\n", "scripts/part.sh": "echo part\n" });
    assert.equal((await run(["shell", "scripts/main.sh", "x"])).stdout, "part\nmain x\n");
  });

  test("runs a script by what its first line names", async () => {
    files({
      "by/bash": '#!/bin/bash\na=(1 2 3)\necho "$0 $1 $a+ $(type -t declare)"\n',
      "by/env.sh": "#!/usr/bin/env -S bash -e\nfalse\necho no\n",
      "by/node.sh": "#! /usr/bin/node\nconsole.log(process.argv.slice(1).join())\n",
      "by/none.sh": "#!/bin/nope -x\n",
      "by/empty.sh": "#!\necho empty $1\n",
    });
    const by = (script: string) => run(["shell", `by/${script}`, "one"]);
    assert.equal((await by("bash")).stdout, "/workspace/bash one 1+ builtin\n");
    assert.deepEqual(await by("env.sh"), { stdout: "", stderr: "", exitCode: 1 });
    assert.equal((await by("node.sh")).stdout, "/workspace/node.sh,one\n");
    assert.equal((await by("empty.sh")).stdout, "empty one\n");
    const { stderr, exitCode } = await by("none.sh");
    assert.deepEqual([stderr, exitCode], ["secure-exec: /bin/nope: command not found\n", 127]);
  });

  test("reads commands from standard input, and their input behind them", async () => {
    const { stdout, stderr, exitCode } = await run(["shell"], {
      input: 'echo one; read line\nrest of it\necho "$line"\nexit 3\n',
    });
    assert.deepEqual([stdout, stderr, exitCode], ["one\nrest of it\n", "", 3]);
  });
});

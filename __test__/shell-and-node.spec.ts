// Node.js and the shell's commands in one tree of processes: statuses, redirections, pipes, orphans.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { assertSameAsHost, inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Runs a script in `sh` and gives what it printed. */
async function script(runtime: NodeRuntime, text: string): Promise<string> {
  const { stdout, stderr, exitCode } = await runtime.execCommand("sh", ["-c", text], {
    timeout: 20_000,
  });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

describe("a shell below Node.js", () => {
  test("execSync, exec, shell: true: output, status, limits", async () => {
    await assertSameAsHost(`
      import { exec, execSync, spawn, spawnSync } from "node:child_process";
      import { once } from "node:events";
      import { promisify } from "node:util";
      console.log(execSync("echo one two | tr a-z A-Z; echo three", { encoding: "utf8" }));
      for (const [command, options] of [["exit 7", {}], ["kill -TERM $$", {}], ["echo out; exit 3", { stdio: "pipe" }]])
        try { execSync(command, options); } catch ({ status, signal, stdout }) { console.log(status, signal, String(stdout)); }
      try { execSync("yes", { maxBuffer: 1000 }); } catch ({ code, stdout }) { console.log(code, stdout.length > 0); }
      try { execSync("yes >&2", { stdio: "pipe" }); } catch ({ code, stdout, stderr }) { console.log(code, stdout.length, stderr.length >= 2 ** 20); }
      console.log(spawnSync("exit 5", { shell: true }).status, spawnSync("no-such-command", { shell: true }).status);
      console.log(spawnSync("echo", ["$NAME", "'a  b'"], { shell: true, env: { NAME: "value", PATH: process.env.PATH } }).stdout.toString());
      console.log(await once(spawn("exit 9", { shell: true }), "close"));
      const run = promisify(exec);
      console.log(await run("echo out; echo $((6 * 7)) >&2"));
      await run("exit 4").catch(({ code, killed, cmd }) => console.log(code, killed, cmd));
      console.log(spawnSync("sh", ["-c", "echo $0 $1 $#", "name", "arg"]).stdout.toString());
    `);
  });

  test("pipes both ways, end of file, and a reader that leaves", async () => {
    await assertSameAsHost(`
      import { execSync, spawn, spawnSync } from "node:child_process";
      import { once } from "node:events";
      const node = JSON.stringify(process.execPath);
      const upper = "process.stdin.on('data', (d) => process.stdout.write(String(d).toUpperCase()))";
      console.log(execSync(\`echo from sh | \${node} -e "\${upper}" | sed s/SH/SHELL/\`, { encoding: "utf8" }));
      console.log(execSync(\`\${node} -e "for (let i = 0; i < 1000; i++) console.log(i)" | grep 7 | wc -l | tr -d ' '\`, { encoding: "utf8" }));
      const sort = spawn("sort", ["-r"]);
      for (const word of ["b", "c", "a"]) sort.stdin.write(word + "\\n");
      sort.stdin.end();
      console.log((await sort.stdout.toArray()).join(""));
      const big = spawnSync("cat", { input: Buffer.alloc(3_000_000, "x"), maxBuffer: 1e7 });
      console.log(big.stdout.length, big.status);
      console.log(execSync("yes | head -1", { encoding: "utf8" }));
      const yes = spawn("yes", { stdio: ["ignore", "pipe", "ignore"] });
      yes.stdout.once("data", () => yes.stdout.destroy());
      await once(yes, "exit");
      const [first, second] = [spawn("sh", ["-c", "echo first; sleep 0.1; echo second"]), spawn("cat")];
      first.stdout.pipe(second.stdin);
      console.log((await second.stdout.toArray()).join(""));
    `);
  });

  test("a writer whose reader has gone is 141", async () => {
    await withRuntime({}, async (runtime) => {
      const writers =
        "yes | head -1; echo $PIPESTATUS; head -c 100M /dev/zero | true; echo $PIPESTATUS";
      const { stdout, stderr } = await runtime.execCommand("bash", ["-c", writers]);
      assert.equal(stdout, "y\n141\n141\n", stderr);
      const started = performance.now();
      assert.equal(await script(runtime, "yes | head -1"), "y\n");
      assert.ok(performance.now() - started < 5000);
    });
  });

  test("shims of node_modules/.bin run", async () => {
    const files = {
      "node_modules/.bin/by-shell": [
        "#!/bin/sh",
        `basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")`,
        "",
        "case `uname` in",
        '    *CYGWIN*|*MINGW*|*MSYS*) basedir=`cygpath -w "$basedir"`;;',
        "esac",
        "",
        'if [ -x "$basedir/node" ]; then',
        '  exec "$basedir/node"  "$basedir/../tool/cli.js" "$@"',
        "else",
        '  exec node  "$basedir/../tool/cli.js" "$@"',
        "fi",
        "",
      ].join("\n"),
      "node_modules/tool/cli.js": [
        "#!/usr/bin/env node",
        'console.log("tool", process.argv.slice(2).join("|"));',
        "process.exitCode = 3;",
      ].join("\n"),
    };
    await assertSameAsHost(
      `
      import { spawnSync } from "node:child_process";
      import { chmodSync, symlinkSync } from "node:fs";
      import { delimiter, dirname } from "node:path";
      symlinkSync("../tool/cli.js", "node_modules/.bin/by-node");
      for (const name of [".bin/by-shell", "tool/cli.js"]) chmodSync("node_modules/" + name, 0o755);
      const PATH = ["node_modules/.bin", dirname(process.execPath), process.env.PATH].join(delimiter);
      for (const name of ["by-shell", "by-node"]) {
        const { stdout, status } = spawnSync(name, ["a b", "c"], { env: { PATH } });
        console.log(name, String(stdout), status);
        const again = spawnSync("sh", ["-c", "./node_modules/.bin/" + name + " x"], { env: { PATH } });
        console.log(String(again.stdout), again.status);
      }
      `,
      files,
    );
  });
});

describe("redirections", () => {
  test("every form, quoted names, and what is left after a failure", async () => {
    await withRuntime({}, async (runtime) => {
      const printed = await script(
        runtime,
        [
          `echo one > "a b"; echo two >> 'a b'; cat < "a b"`,
          "{ echo out; echo err >&2; } > both 2>&1; cat both",
          "cat <<END\nsum $((1 + 1))\nEND",
          "cat <<'END'\nraw $((1 + 1))\nEND",
          "cat <<-END\n\ttabs\n\tEND",
          "echo old > kept; false > kept; wc -c < kept",
          "echo old > kept; no-such-command 2> /dev/null > kept || wc -c < kept",
          "umask 000; echo 1 > w; chmod 222 w; echo 2 >> w",
          "cat w 2> /dev/null || { chmod 644 w; cat w; }",
          "exec 3> three; echo to three >&3; exec 3>&-; cat three",
          "set -C; { echo x > three; } 2> /dev/null || echo kept; echo x >| three; cat three",
        ].join("\n"),
      );
      const wanted =
        "one\ntwo\nout\nerr\nsum 2\nraw $((1 + 1))\ntabs\n0\n0\n1\n2\nto three\nkept\nx\n";
      assert.equal(printed, wanted);
    });
  });

  test("failures name the target and leave the shell running", async () => {
    await withRuntime({}, async (runtime) => {
      const failing = ["cat < missing", "echo x > /no/such/dir", "echo x >&77", "echo x > /"];
      const text = failing.map((command) => `${command}; echo $?`).join("; ");
      const { stdout, stderr } = await runtime.execCommand("sh", ["-c", text]);
      assert.match(stdout, /^([1-9]\d*\n){4}$/);
      assert.match(stderr, /missing.*\n.*\/no\/such\/dir.*\n.*77.*\n.*\/.*\n/);
    });
  });
});

describe("orphans", () => {
  test("whose parent ended get process 1 as parent, and are reaped", async () => {
    await withRuntime({}, async (runtime) => {
      // The grandchild waits for a word on a FIFO, so that it is an orphan when it looks.
      const printed = await script(
        runtime,
        [
          "mkfifo go answer",
          `sh -c '{ read word < go; ps -o pid,ppid > answer; } & echo $!' > pid`,
          "echo now > go",
          'while read -r pid parent; do [ "$pid" = "$(cat pid)" ] && echo $parent; done < answer',
          "while kill -0 $(cat pid) 2> /dev/null; do :; done",
          "echo reaped",
        ].join("\n"),
      );
      assert.equal(printed, "1\nreaped\n");
      const { processes, zombies, fds, pipes } = await runtime.getResourceSnapshot();
      assert.deepEqual([processes, zombies, fds, pipes], [0, 0, 0, 0]);
    });
  });

  test("of Node.js live on when they are detached", async () => {
    await withRuntime({}, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(`
        import { spawnSync } from "node:child_process";
        import { readFileSync } from "node:fs";
        const start = \`
          const { spawn } = require("node:child_process");
          const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
          console.log(child.pid);
          child.unref();
        \`;
        const [killed, left] = [0, 1].map(() => Number(spawnSync("node", ["-e", start]).stdout));
        for (const pid of [killed, left])
          console.log(/^PPid:\\s+1$/m.test(readFileSync("/proc/" + pid + "/status", "utf8")));
        process.kill(killed, "SIGKILL");
        for (;;) try { process.kill(killed, 0); } catch (error) { console.log(error.code); break; }
      `);
      assert.equal(stdout, "true\ntrue\nESRCH\n", stderr);
      const [left, ...others] = await runtime.processes();
      assert.deepEqual([left?.argv, left?.ppid, others], [["sleep", "1000"], 1, []]);
      const pid = left?.pid;
      await script(runtime, `kill -KILL ${pid}; while kill -0 ${pid} 2> /dev/null; do :; done`);
      assert.deepEqual(await runtime.processes(), []);
    });
  });
});

test("node without arguments and without input ends with 0", async () => {
  await withRuntime({}, async (runtime) => {
    const { stdout, stderr, exitCode } = await runtime.execCommand("node");
    assert.deepEqual([stdout, stderr, exitCode], ["", "", 0]);
  });
  const { stdout } = await inGuest(`
    import { spawnSync } from "node:child_process";
    console.log(spawnSync("node", { input: "" }).status, spawnSync("node", { stdio: "ignore" }).status);
  `);
  assert.equal(stdout, "0 0\n");
});

test("commands, files and programs name the same system", async () => {
  await assertSameAsHost(`
    import { execFileSync } from "node:child_process";
    import { readFileSync } from "node:fs";
    import os from "node:os";
    const { osRelease, osName, osVersion, osMachine } = process.report.getReport().header;
    const named = [os.type(), os.release(), os.version(), os.machine()];
    console.log(["-s", "-r", "-v", "-m"].map((option, at) =>
      String(execFileSync("uname", [option])).trim() === named[at]));
    console.log(["ostype", "osrelease", "version"].map((name, at) =>
      readFileSync("/proc/sys/kernel/" + name, "utf8").trim() === named[at]));
    console.log([osName, osRelease, osVersion, osMachine].map((name, at) => name === named[at]));
  `);
});

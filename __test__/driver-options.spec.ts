// What drivers and runtimes are made with: each option, and what comes of it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CommandExecutor,
  createInMemoryFileSystem,
  createNodeDriver,
  type NodeDriverOptions,
} from "secure-exec";
import { driverRuntime, recorder } from "./support/driver.ts";
import { describe, test } from "./support/suite.ts";

describe("processConfig and osConfig", () => {
  test("are what programs see", async () => {
    const driver: NodeDriverOptions = {
      processConfig: {
        cwd: "/srv/app",
        env: { A: "1" },
        argv: ["x", "y z"],
        stdin: "given",
        uid: 1234,
        gid: 2345,
        platform: "linux",
        arch: "x64",
        execPath: "/usr/bin/node",
      },
      osConfig: {
        homedir: "/srv",
        tmpdir: "/srv/tmp",
        hostname: "box.example",
        platform: "linux",
        arch: "x64",
        type: "Linux",
      },
    };
    const { exports, errorMessage } = await driverRuntime({ driver }).run(`
      import { execFileSync } from "node:child_process";
      import { readFileSync } from "node:fs";
      import os from "node:os";
      export default {
        cwd: process.cwd(), env: process.env.A, argv: process.argv.slice(-2), stdin: readFileSync(0, "utf8"),
        ids: [process.getuid(), process.getgid(), process.geteuid(), process.getegid()],
        process: [process.platform, process.arch, process.execPath],
        os: [os.homedir(), os.tmpdir(), os.hostname(), os.platform(), os.arch(), os.type()],
        child: execFileSync("id", { encoding: "utf8" }).split(" ").slice(0, 2),
        name: execFileSync("uname", ["-n"], { encoding: "utf8" }).trim() + readFileSync("/etc/hostname", "utf8"),
      };
    `);
    assert.deepEqual(
      exports,
      {
        default: {
          cwd: "/srv/app",
          env: "1",
          argv: ["x", "y z"],
          stdin: "given",
          ids: [1234, 2345, 1234, 2345],
          process: ["linux", "x64", "/usr/bin/node"],
          os: ["/srv", "/srv/tmp", "box.example", "linux", "x64", "Linux"],
          child: ["uid=1234", "gid=2345"],
          name: "box.example\nbox.example\n".replace("\n", ""),
        },
      },
      errorMessage,
    );
  });

  test("a user has the rights that it has, and no others", async () => {
    const filesystem = createInMemoryFileSystem();
    const code = `
      const fs = require("node:fs");
      fs.writeFileSync("/tmp/own", "");
      module.exports = [fs.statSync("/tmp/own").uid, (() => { try { fs.writeFileSync("/etc/x", ""); } catch (error) { return error.code; } })()];
    `;
    const runtime = driverRuntime({ driver: { filesystem, processConfig: { uid: 7 } } });
    assert.deepEqual((await runtime.run(code)).exports, [7, "EACCES"]);
  });

  test("timingMitigation is the runtime's, unless that has one", async () => {
    const code =
      "await null; const a = performance.now(); for (let i = 0; i < 2e7; i++); export default performance.now() > a";
    const driver: NodeDriverOptions = { processConfig: { timingMitigation: "off" } };
    assert.deepEqual((await driverRuntime({ driver }).run(code)).exports, { default: true });
    const frozen = driverRuntime({ driver, timingMitigation: "freeze" });
    assert.deepEqual((await frozen.run(code)).exports, { default: false });
  });

  test("what a machine cannot be is refused by name", () => {
    const wrong: [object, RegExp][] = [
      [{ processConfig: { platform: "darwin" } }, /processConfig\.platform" must be 'linux'/],
      [{ processConfig: { arch: "arm64" } }, /processConfig\.arch" must be 'x64'/],
      [
        { processConfig: { execPath: "/bin/node" } },
        /processConfig\.execPath" must be '\/usr\/bin\/node'/,
      ],
      [{ processConfig: { version: "v18.0.0" } }, /processConfig\.version" cannot be set/],
      [{ processConfig: { pid: 1 } }, /processConfig\.pid" cannot be set: the machine's kernel/],
      [{ processConfig: { ppid: 1 } }, /processConfig\.ppid" cannot be set/],
      [{ processConfig: { uid: 0 } }, /processConfig\.uid" must not be 0: no program is root/],
      [{ processConfig: { gid: 0 } }, /processConfig\.gid" must not be 0/],
      [{ processConfig: { cwd: "x" } }, /processConfig\.cwd/],
      [{ processConfig: { env: { "A=": "" } } }, /processConfig\.env/],
      [{ osConfig: { platform: "win32" } }, /osConfig\.platform" must be 'linux'/],
      [{ osConfig: { type: "Darwin" } }, /osConfig\.type" must be 'Linux'/],
      [{ osConfig: { release: "1" } }, /osConfig\.release" cannot be set/],
      [{ osConfig: { version: "1" } }, /osConfig\.version" cannot be set/],
      [{ osConfig: { hostname: "-x" } }, /osConfig\.hostname" must be a host name/],
      [{ osConfig: { hostName: "x" } }, /osConfig\.hostName.*Did you mean hostname/],
      [
        { commandExecutor: {} },
        /commandExecutor" argument must be an object with the method spawn/,
      ],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => createNodeDriver(options), { name: "TypeError", message });
    }
  });
});

describe("resourceBudgets and payloadLimits", () => {
  test("maxChildProcesses is of each call, whatever the others do", async () => {
    const runtime = driverRuntime({ resourceBudgets: { maxChildProcesses: 1 } });
    const code = `
      const { spawn } = require("node:child_process");
      const outcome = (child) => new Promise((resolve) => child.on("error", ({ code }) => resolve(code)).on("exit", resolve));
      const first = spawn("cat");
      const second = spawn("cat");
      const ends = [outcome(first), outcome(second)];
      ends[1].then(() => first.stdin.end());
      Promise.all(ends).then((all) => console.log(...all));
    `;
    const all = await Promise.all(
      [1, 2, 3].map(async () => {
        const { lines, onStdio } = recorder();
        assert.deepEqual(await runtime.exec(code, { onStdio }), { code: 0 });
        return lines[0];
      }),
    );
    assert.deepEqual(all, Array(3).fill("stdout:0 EAGAIN"));
    const none = driverRuntime({ resourceBudgets: { maxChildProcesses: 0 } });
    const run = "require('node:child_process').execFileSync('true')";
    assert.match((await none.exec(run)).errorMessage ?? "", /EAGAIN/);
  });

  test("maxHandles bounds the descriptors of a program, base64TransferBytes a file", async () => {
    const runtime = driverRuntime({
      resourceBudgets: { maxHandles: 40 },
      payloadLimits: { base64TransferBytes: 1000 },
    });
    const { exports } = await runtime.run(`
      const fs = require("node:fs");
      const attempt = (action) => { try { action(); } catch (error) { return error.code; } };
      module.exports = [
        attempt(() => fs.writeFileSync("/root/f", "x".repeat(1001))),
        attempt(() => { for (let i = 0; i < 40; i++) fs.openSync("/etc/hostname"); }),
      ];
    `);
    assert.deepEqual(exports, ["EFBIG", "EMFILE"]);
  });

  test("maxBridgeCalls bounds the calls of bindings that a call makes in all", async () => {
    const bindings = { one: () => 1 };
    const runtime = driverRuntime({ bindings, resourceBudgets: { maxBridgeCalls: 3 } });
    const code = `
      const { execFileSync } = require("node:child_process");
      const { one } = SecureExec.bindings;
      const attempt = async () => { try { return await one(); } catch (error) { return error.message; } };
      execFileSync("one");
      const all = [];
      for (let i = 0; i < 4; i++) all.push(await attempt());
      export default all;
    `.replace(
      'const { execFileSync } = require("node:child_process");',
      'import { execFileSync } from "node:child_process";',
    );
    const over = "too many calls: resourceBudgets.maxBridgeCalls is 3";
    for (let call = 0; call < 2; call += 1) {
      const { exports } = await runtime.run<{ default: unknown[] }>(code);
      const all = exports?.default ?? [];
      assert.deepEqual(all.slice(0, 2), [1, 1]);
      assert.match(String(all[2]), new RegExp(over));
      assert.match(String(all[3]), new RegExp(over));
    }
    const none = driverRuntime({ bindings, resourceBudgets: { maxBridgeCalls: 0 } });
    assert.match(
      (await none.exec("await SecureExec.bindings.one()")).errorMessage ?? "",
      /maxBridgeCalls is 0/,
    );
  });
});

/** Runs commands on the host, as somebody might. */
const hostExecutor = (seen: unknown[] = []): CommandExecutor => ({
  spawn(command, args, { cwd, env, onStdout, onStderr }) {
    seen.push({ command, args, cwd, env: env.A });
    const child = spawn(command, args, { env: { ...env, PATH: process.env.PATH } });
    child.stdout.on("data", onStdout);
    child.stderr.on("data", onStderr);
    const ended = new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? (signal === "SIGTERM" ? 143 : 137)));
    });
    return {
      writeStdin: (data) =>
        new Promise<void>((resolve) => child.stdin.write(data, () => resolve())),
      closeStdin: () => child.stdin.end(),
      kill: (signal) => child.kill(signal),
      wait: () => ended,
    };
  },
});

describe("commandExecutor", () => {
  test("runs what programs start, with input, output and status", async () => {
    const seen: unknown[] = [];
    const runtime = driverRuntime({
      driver: { commandExecutor: hostExecutor(seen), processConfig: { env: { A: "a" } } },
    });
    const { exports, errorMessage } = await runtime.run(`
      import { exec, spawnSync } from "node:child_process";
      import { promisify } from "node:util";
      const large = "x".repeat(1 << 20);
      const { stdout, stderr, status } = spawnSync("sh", ["-c", "cat; echo err >&2; exit 3"], { input: large, encoding: "utf8", maxBuffer: 1 << 22 });
      export const whole = [stdout === large, stderr, status];
      export const line = (await promisify(exec)("echo $A; uname -n")).stdout.split("\\n")[0];
    `);
    assert.deepEqual(exports, { whole: [true, "err\n", 3], line: "a" }, errorMessage);
    const last = { command: "/bin/sh", args: ["-c", "echo $A; uname -n"], cwd: "/root", env: "a" };
    assert.deepEqual(seen.at(-1), last);
  });

  test("hears of signals, and of the end of who was killed", async () => {
    const { promise: gone, resolve } = Promise.withResolvers<number>();
    const executor = hostExecutor();
    const commandExecutor: CommandExecutor = {
      spawn(command, args, options) {
        const started = executor.spawn(command, args, options);
        if (args[0] === "100") started.wait().then(resolve);
        return started;
      },
    };
    const runtime = driverRuntime({ driver: { commandExecutor } });
    const { exports, errorMessage } = await runtime.run(`
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      const child = spawn("sh", ["-c", "echo up; exec sleep 1000"]);
      await once(child.stdout, "data");
      child.kill();
      export const [code] = await once(child, "exit");
    `);
    assert.deepEqual(exports, { code: 143 }, errorMessage);
    const { promise: up, resolve: started } = Promise.withResolvers<void>();
    const running = runtime.exec(
      "const { spawn } = require('node:child_process'); const child = spawn('sleep', ['100']); setTimeout(() => console.log('up'), 300)",
      { onStdio: () => started() },
    );
    await up;
    runtime.dispose();
    await running;
    assert.equal(await gone, 137);
  });

  test("that cannot run a command says so, as a shell does", async () => {
    const runtime = driverRuntime({ driver: { commandExecutor: hostExecutor() } });
    const { exports } = await runtime.run(`
      const { status, stderr } = require("node:child_process").spawnSync("no-such-command", { encoding: "utf8" });
      module.exports = [status, stderr];
    `);
    assert.deepEqual(exports, [127, "no-such-command: command not found\n"]);
  });

  test("runs nothing that the permission denies, by any way", async () => {
    const seen: { command: string }[] = [];
    const asked: unknown[] = [];
    const runtime = driverRuntime({
      driver: {
        commandExecutor: hostExecutor(seen),
        permissions: {
          childProcess: ({ command, args }) => {
            asked.push([command, args]);
            return command !== "rm";
          },
        },
      },
    });
    const { exports, errorMessage } = await runtime.run(`
      import { spawnSync } from "node:child_process";
      const attempt = async (action) => { try { return await action(); } catch (error) { return error.message; } };
      export const denied = spawnSync("rm", ["x"]).error.code;
      export const allowed = String(spawnSync("echo", ["1"]).stdout);
      export const direct = await attempt(() => callTool("commandExecutor", { action: "begin", command: "rm", args: ["x"] }));
      export const again = await attempt(() => callTool("commandExecutor", { action: "begin", command: "echo", args: ["1"] }));
    `);
    const told = /it has not been allowed/;
    const { direct, again, ...rest } = (exports ?? {}) as Record<string, string>;
    assert.deepEqual(rest, { denied: "EACCES", allowed: "1\n" }, errorMessage);
    assert.match(String(direct), told);
    assert.match(String(again), told);
    assert.deepEqual(
      seen.map(({ command }) => command),
      ["echo"],
    );
    assert.deepEqual(asked, [
      ["rm", ["x"]],
      ["echo", ["1"]],
    ]);
  });
});

describe("loopbackExemptPorts", () => {
  test("of a driver are the host's for its programs", async () => {
    const server = createServer((_, response) => response.end("the host")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const runtime = driverRuntime({ driver: { loopbackExemptPorts: [port] } });
      const code = `export default await (await fetch("http://127.0.0.1:${port}/")).text()`;
      const { exports, errorMessage } = await runtime.run(code);
      assert.deepEqual(exports, { default: "the host" }, errorMessage);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

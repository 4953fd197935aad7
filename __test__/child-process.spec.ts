// Child processes of the guest: `node:child_process` compared with the Node.js that runs the tests.

import assert from "node:assert/strict";
import { assertSameAsHost, inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("pipes of children", () => {
  test("a read by the descriptor of a pipe does not wait", async () => {
    await assertSameAsHost(`
      import { spawn } from "node:child_process";
      import { readSync } from "node:fs";
      const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
        stdio: ["pipe", "pipe", "inherit", "pipe", "ipc"],
      });
      for (const { fd } of [child.stdin._handle, child.stdout._handle, child.stdio[3]._handle, child.channel]) {
        try { console.log(readSync(fd, Buffer.alloc(4))); } catch (error) { console.log(error.code); }
      }
      child.kill();
    `);
  });
});

describe("synchronous children", () => {
  test("execFileSync, spawnSync: output, status, signal, input", async () => {
    await assertSameAsHost(`
      import { execFileSync, spawnSync } from "node:child_process";
      const node = process.execPath;
      console.log(execFileSync(node, ["-e", "console.log(6 * 7)"], { encoding: "utf8" }));
      console.log(execFileSync(node, ["-p", "process.argv.slice(1)", "a", "b c"]).toString());
      const { status, signal, stdout, stderr, error, output } = spawnSync(node, ["-e", "process.stdout.write('out'); process.stderr.write('err'); process.exit(3)"]);
      console.log(status, signal, String(stdout), String(stderr), error, output.map((part) => part && String(part)));
      const killed = spawnSync(node, ["-e", "process.kill(process.pid, 'SIGKILL')"]);
      console.log(killed.status, killed.signal);
      const echo = "process.stdin.pipe(process.stdout)";
      console.log(spawnSync(node, ["-e", echo], { input: "grüße" }).stdout.toString());
      const big = Buffer.alloc(3_000_000, "x");
      const { stdout: copied } = spawnSync(node, ["-e", echo], { input: big, maxBuffer: 1e7 });
      console.log(copied.equals(big));
      console.log(spawnSync(node, ["-e", "console.log(1)"], { stdio: ["ignore", "ignore", "ignore"] }).output);
      execFileSync(node, ["-e", "console.log('inherited')"], { stdio: "inherit" });
    `);
  });

  test("maxBuffer is 1 MiB, counts both streams, and ends the child", async () => {
    await assertSameAsHost(`
      import { execFileSync, spawnSync } from "node:child_process";
      const node = process.execPath;
      const write = (count) => ["-e", "process.stdout.write('x'.repeat(" + count + "))"];
      console.log(spawnSync(node, write(1024 * 1024)).stdout.length);
      const over = spawnSync(node, write(4e6));
      console.log(over.error.code, over.error.syscall === "spawnSync " + node, over.status);
      try { execFileSync(node, write(10), { maxBuffer: 5 }); } catch (error) { console.log(error.code); }
      const both = spawnSync(node, ["-e", "console.log('a'.repeat(10)); console.error('b'.repeat(10))"], { maxBuffer: 15 });
      console.log(both.error.code);
      console.log(spawnSync(node, write(3e6), { maxBuffer: Infinity }).stdout.length);
    `);
  });

  test("a timeout kills, with the signal asked for", async () => {
    await assertSameAsHost(`
      import { execFileSync, spawnSync } from "node:child_process";
      const forever = ["-e", "setInterval(() => {}, 1000)"];
      for (const killSignal of [undefined, "SIGKILL", "SIGINT"]) {
        const { error, signal, status } = spawnSync(process.execPath, forever, { timeout: 300, killSignal });
        console.log(error.code, signal, status);
      }
      const busy = spawnSync(process.execPath, ["-e", "for (;;);"], { timeout: 300 });
      console.log(busy.error.code, busy.signal);
    `);
  });

  test("what cannot start is reported as Linux reports it", async () => {
    await assertSameAsHost(
      `
      import { execFileSync, spawnSync, spawn } from "node:child_process";
      const show = ({ error, pid, output, status, signal }) =>
        console.log(error.code, error.errno, error.syscall, error.path, error.spawnargs, pid, output, status, signal);
      show(spawnSync("no-such-command", ["x"]));
      show(spawnSync("./data.txt"));
      show(spawnSync("./missing/command"));
      show(spawnSync(process.execPath, ["-e", "1"], { cwd: "/no/such/place" }).error ? { error: { code: "ENOENT" } } : {});
      try { execFileSync("no-such-command"); } catch (error) { console.log(error.code, error.status); }
      try { spawn(process.execPath, [], { stdio: ["pipe", 77, "pipe"] }); } catch (error) { console.log(error.code, error.syscall); }
      `,
      { "data.txt": "not a program" },
    );
  });
});

describe("asynchronous children", () => {
  test("events come in Node's order", async () => {
    await assertSameAsHost(`
      import { spawn } from "node:child_process";
      const log = [];
      const child = spawn(process.execPath, ["-e", "process.stdout.write('out'); process.exitCode = 7"]);
      child.on("spawn", () => log.push("spawn"));
      child.on("exit", (...args) => log.push(["exit", ...args]));
      child.on("close", (...args) => { log.push(["close", ...args]); console.log(JSON.stringify(log)); });
      child.stdout.on("data", (data) => log.push(String(data)));
      console.log(typeof child.pid, child.exitCode, child.spawnfile === process.execPath, child.spawnargs.length);
    `);
  });

  test("what a child wrote comes before its exit, however much", async () => {
    for (const [fd, size] of [
      [1, 150_000],
      [2, 150_000],
      [3, 100],
    ]) {
      await assertSameAsHost(`
        import { spawn } from "node:child_process";
        const write = "require('fs').writeSync(${fd}, 'x'.repeat(${size}))";
        const child = spawn(process.execPath, ["-e", write], { stdio: ["ignore", "pipe", "pipe", "pipe"] });
        let read = 0;
        child.stdio[${fd}].on("data", (data) => { read += data.length; });
        child.on("exit", () => console.log("exit", read)).on("close", () => console.log("close", read));
      `);
    }
  });

  test("ENOENT is an event and not a throw", async () => {
    await assertSameAsHost(`
      import { spawn, exec, execFile } from "node:child_process";
      const child = spawn("no-such-command", ["a", "b"]);
      console.log(child.pid);
      child.on("spawn", () => console.log("spawned"));
      child.on("error", (error) => console.log(error.code, error.syscall, error.path, error.spawnargs));
      child.on("close", (...args) => {
        console.log("close", ...args);
        execFile("no-such-command", (error) => console.log(error.code, error.message));
      });
    `);
  });

  test("streams both ways, and what is written to a dead child", async () => {
    await assertSameAsHost(`
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      const echo = spawn(process.execPath, ["-e", "process.stdin.on('data', (d) => process.stdout.write(String(d).toUpperCase()))"]);
      echo.stdin.write("one ");
      echo.stdin.end("two");
      const [text] = await once(echo.stdout.setEncoding("utf8"), "data");
      let rest = text;
      echo.stdout.on("data", (more) => (rest += more));
      await once(echo, "close");
      console.log(rest);
      const big = spawn(process.execPath, ["-e", "process.stdout.write(Buffer.alloc(5e6, 'y'))"]);
      let bytes = 0;
      big.stdout.on("data", (data) => (bytes += data.length));
      await once(big, "close");
      console.log(bytes);
      const deaf = spawn(process.execPath, ["-e", "require('fs').closeSync(0); setInterval(() => {}, 1000)"]);
      deaf.stdin.on("error", (error) => { console.log(error.code); deaf.kill(); });
      deaf.on("exit", (...args) => console.log("exit", ...args));
      const timer = setInterval(() => deaf.stdin.write("x"), 10);
      await once(deaf, "close");
      clearInterval(timer);
    `);
  });

  test("env, cwd, argv0, and only the descriptors that were given", async () => {
    await assertSameAsHost(`
      import { spawnSync } from "node:child_process";
      import { openSync, writeFileSync, readFileSync, realpathSync } from "node:fs";
      const node = process.execPath;
      const env = { ONE: "1", EMPTY: "", PATH: process.env.PATH };
      console.log(spawnSync(node, ["-p", "Object.keys(process.env).sort().join() + JSON.stringify(process.env.EMPTY)"], { env }).stdout.toString());
      console.log(spawnSync(node, ["-p", "process.cwd()"], { cwd: "/tmp" }).stdout.toString() === realpathSync("/tmp") + "\\n");
      console.log(spawnSync(node, ["-p", "process.argv0"], { argv0: "other" }).stdout.toString());
      openSync("leak.txt", "w");
      const open = "const fs = require('fs'); let n = []; for (let fd = 0; fd < 40; fd++) { try { fs.fstatSync(fd); n.push(fd) } catch {} } n.includes(0) && n.includes(1) && n.includes(2) && n";
      const out = openSync("out.txt", "w+");
      spawnSync(node, ["-e", "require('fs').writeSync(3, 'three'); console.log('one')"], { stdio: ["ignore", out, "inherit", out] });
      console.log(readFileSync("out.txt", "utf8"));
    `);
  });

  test("kinds of standard streams are what the child sees", async () => {
    await assertSameAsHost(`
      import { spawnSync } from "node:child_process";
      import { openSync } from "node:fs";
      const probe = "const s = [0, 1, 2].map((fd) => { const t = require('fs').fstatSync(fd); return t.isFile() ? 'file' : t.isFIFO() ? 'fifo' : t.isSocket() ? 'socket' : t.isCharacterDevice() ? 'device' : '?' }); require('fs').writeSync(3, s.join());";
      const run = (stdio) => console.log(spawnSync(process.execPath, ["-e", probe], { stdio: [...stdio, "pipe"] }).output[3].toString());
      run(["pipe", "pipe", "pipe"]);
      run(["ignore", "ignore", "ignore"]);
      const file = openSync("file.txt", "w+");
      run([file, file, "pipe"]);
    `);
  });

  test("kill, signals and handlers", async () => {
    await assertSameAsHost(`
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      const start = async (code) => {
        const child = spawn(process.execPath, ["-e", code + "; console.log('ready'); setInterval(() => {}, 1000)"]);
        await once(child.stdout, "data");
        return child;
      };
      for (const signal of ["SIGTERM", "SIGINT", "SIGKILL", "SIGHUP"]) {
        const child = await start("");
        console.log(child.kill(signal), child.killed);
        console.log(await once(child, "exit"), child.signalCode, child.exitCode, child.kill());
      }
      const polite = await start("process.on('SIGTERM', (name, number) => { console.log(name, number); process.exit(5) })");
      process.kill(polite.pid, 0);
      process.kill(polite.pid, "SIGTERM");
      const [[text], [code]] = await Promise.all([once(polite.stdout, "data"), once(polite, "exit")]);
      console.log(String(text), code);
      try { process.kill(polite.pid, 0); } catch (error) { console.log(error.code); }
      let children = 0;
      process.on("SIGCHLD", () => children++);
      const last = spawn(process.execPath, ["-e", ""]);
      await once(last, "close");
      await new Promise(setImmediate);
      console.log(children);
    `);
  });

  test("AbortSignal and timeout end a child", async () => {
    await assertSameAsHost(`
      import { spawn, execFile } from "node:child_process";
      import { once } from "node:events";
      const forever = ["-e", "setInterval(() => {}, 1000)"];
      const controller = new AbortController();
      const aborted = spawn(process.execPath, forever, { signal: controller.signal });
      aborted.on("error", (error) => console.log(error.name, error.code));
      aborted.on("spawn", () => controller.abort());
      console.log(await once(aborted, "close").catch((error) => error.name));
      const late = spawn(process.execPath, forever, { timeout: 100, killSignal: "SIGKILL" });
      console.log(await once(late, "close"));
      execFile(process.execPath, forever, { timeout: 100 }, (error) => console.log(error.killed, error.signal, error.code));
    `);
  });
});

describe("fork", () => {
  const worker = {
    "worker.mjs": `
      process.on("message", (message) => {
        if (message === "end") return process.disconnect();
        process.send({ got: message, connected: process.connected });
      });
      process.on("disconnect", () => process.argv.includes("quiet") || console.log("child disconnected"));
      process.send("hello");
    `,
  };
  for (const serialization of ["json", "advanced"]) {
    test(`messages both ways with ${serialization} serialization`, async () => {
      await assertSameAsHost(
        `
        import { fork } from "node:child_process";
        import { once } from "node:events";
        const child = fork("./worker.mjs", ["quiet"], { serialization: "${serialization}", execArgv: [] });
        console.log((await once(child, "message"))[0]);
        const messages = [1, "text", null, true, { nested: [1, { a: "ü" }] }, "x".repeat(200_000)];
        if ("${serialization}" === "advanced")
          messages.push(new Map([[1, new Set([2])]]), Buffer.from("buffer"), new Uint16Array([1, 2]), { big: 10n }, new Date(0), /re/g, new Float64Array([1.5]));
        for (const message of messages) {
          child.send(message);
          const [{ got, connected }] = await once(child, "message");
          console.log(typeof got === "string" && got.length > 100 ? got.length : got, connected);
        }
        child.send("end");
        await once(child, "disconnect");
        console.log(child.connected, child.channel);
        console.log(await once(child, "exit"));
        child.on("error", (error) => console.log(error.code));
        console.log(child.send("late"));
        `,
        worker,
      );
    });
  }

  const last = {
    "large.cjs": `process.on("message", () => process.send("x".repeat(3e6), () => process.exit(3)))`,
    "leaves.cjs": `process.on("message", () => { process.send(1); process.disconnect(); })`,
    "dies.cjs": `process.on("message", () => process.send(1, () => process.kill(process.pid, "SIGKILL")))`,
  };
  for (const name of Object.keys(last)) {
    test(`the last messages and the disconnect of ${name} come before its exit`, async () => {
      await assertSameAsHost(
        `
        import { fork } from "node:child_process";
        import { once } from "node:events";
        for (let i = 0; i < 3; i += 1) {
          const child = fork("./${name}");
          const log = [];
          let messages = 0;
          child.on("message", ({ length }) => { messages += 1; if (length) log.push(length); });
          child.on("disconnect", () => log.push("disconnect"));
          child.on("exit", (code, signal) => log.push("exit", code, signal, messages));
          child.send("begin");
          await once(child, "close");
          // A child that ends does not disconnect first: on a busy host the end is now and then told before.
          console.log(log.filter((item) => "${name}" === "leaves.cjs" || item !== "disconnect").join());
        }`,
        last,
      );
    });
  }

  test("a child ends when its parent disconnects or dies", async () => {
    await assertSameAsHost(
      `
      import { fork } from "node:child_process";
      import { once } from "node:events";
      const child = fork("./worker.mjs", { stdio: ["ignore", "pipe", "inherit", "ipc"], execArgv: [] });
      await once(child, "message");
      child.disconnect();
      const [[code], [text]] = await Promise.all([once(child, "exit"), once(child.stdout, "data")]);
      console.log(code, String(text));
      `,
      worker,
    );
  });
});

test("servers and clients on a path, also of another process", async () => {
  await assertSameAsHost(
    `
    import net from "node:net";
    import fs from "node:fs";
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      let text = "";
      socket.setEncoding("utf8").on("data", (more) => (text += more));
      socket.on("end", () => socket.end(text.toUpperCase()));
    });
    server.listen({ path: "echo.sock", writableAll: true });
    await once(server, "listening");
    const stat = fs.statSync("echo.sock");
    console.log(server.address(), stat.isSocket(), (stat.mode & 0o222).toString(8));
    const ask = async (words) => {
      const socket = net.connect("echo.sock");
      await once(socket, "connect");
      socket.end(words);
      let answer = "";
      for await (const part of socket.setEncoding("utf8")) answer += part;
      return answer;
    };
    console.log(await ask("hello"));
    console.log((await Promise.all(Array.from({ length: 20 }, (_, n) => ask("n" + n)))).join());
    console.log((await ask("x".repeat(1_000_000))).length);
    const child = spawn(process.execPath, ["-e", "const s = require('net').connect('echo.sock'); s.end('from a child'); s.pipe(process.stdout)"]);
    const [[output], [code]] = await Promise.all([once(child.stdout, "data"), once(child, "exit")]);
    console.log(String(output), code);
    const second = net.createServer().listen("echo.sock");
    console.log((await once(second, "error"))[0].code);
    for (const path of ["missing.sock", "file.txt"]) {
      const [error] = await once(net.connect(path), "error");
      console.log(error.code, error.syscall, error.address);
    }
    server.close();
    await once(server, "close");
    console.log(fs.existsSync("echo.sock"), server.listening);
    `,
    { "file.txt": "no socket" },
  );
});

describe("processes of a machine", () => {
  test("pids rise and every count returns to its start", async () => {
    await withRuntime({}, async (runtime) => {
      const before = await runtime.getResourceSnapshot();
      const { stdout, stderr } = await runtime.exec(`
        import { spawnSync } from "node:child_process";
        const pids = Array.from({ length: 100 }, () => spawnSync("node", ["-e", ""]).pid);
        console.log(new Set(pids).size, pids.every((pid, at) => at === 0 || pid > pids[at - 1]));
      `);
      assert.equal(stdout, "100 true\n", stderr);
      const after = await runtime.getResourceSnapshot();
      for (const count of ["processes", "zombies", "fds", "pipes", "sockets"] as const) {
        assert.equal(after[count], before[count], count);
      }
    });
  });

  test("too many processes are EAGAIN, and the machine goes on", async () => {
    await withRuntime({ limits: { resources: { maxProcesses: 4 } } }, async (runtime) => {
      const { stdout } = await runtime.exec(`
        import { spawn } from "node:child_process";
        import { once } from "node:events";
        const children = Array.from({ length: 6 }, () => spawn("node", ["-e", "setInterval(() => {}, 1000)"]));
        const errors = [];
        for (const child of children) child.on("error", (error) => errors.push(error.code));
        await new Promise(setImmediate);
        console.log(errors.join(), children.filter((child) => child.pid).length);
        for (const child of children) child.kill("SIGKILL");
      `);
      assert.equal(stdout, "EAGAIN,EAGAIN,EAGAIN 3\n");
      assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
    });
  });

  test("a fork bomb meets its limits and leaves a machine that works", async () => {
    const bomb = `
      const { spawn } = require("node:child_process");
      const fs = require("node:fs");
      for (let i = 0; i < 3; i++)
        spawn("node", ["/workspace/bomb.cjs"], { stdio: "ignore" })
          .on("error", (error) => fs.appendFileSync("/workspace/errors", error.code + " "));
      setInterval(() => {}, 1000);
    `;
    await withRuntime({ files: { "/workspace/bomb.cjs": bomb } }, async (runtime) => {
      const { timedOut } = await runtime.exec(`import "/workspace/bomb.cjs";`, { timeout: 4000 });
      assert.equal(timedOut, true);
      const { stdout, stderr, exitCode } = await runtime.exec(`
        import { readFileSync } from "node:fs";
        console.log([...new Set(readFileSync("/workspace/errors", "utf8").trim().split(" "))].join());
      `);
      assert.deepEqual([stdout, stderr, exitCode], ["EAGAIN\n", "", 0]);
      assert.equal((await runtime.getResourceSnapshot()).processes, 0);
    });
  });

  test("execve goes on as another program in the same process", async () => {
    await assertSameAsHost(
      `
      import { spawnSync } from "node:child_process";
      const { stdout, status, pid } = spawnSync(process.execPath, ["replace.cjs"], { env: { PATH: process.env.PATH } });
      const [first, second] = stdout.toString().trim().split("\\n").map(JSON.parse);
      console.log(first.pid === second.pid, first.pid === pid, second.argv, second.env, status);
      const failed = spawnSync(process.execPath, ["-e", "process.execve('/no/such/file', ['x'], {})"]);
      console.log(failed.signal, /process.execve failed with error code ENOENT/.test(failed.stderr));
      `,
      {
        "replace.cjs": `
          require("fs").writeSync(1, JSON.stringify({ pid: process.pid }) + "\\n");
          process.on("exit", () => console.log("never"));
          process.execve(process.execPath, [process.execPath, "second.cjs", "arg"], { NAME: "value" });
        `,
        "second.cjs": `
          console.log(JSON.stringify({ pid: process.pid, argv: process.argv.slice(2), env: process.env }));
          process.exitCode = 4;
        `,
      },
    );
  });

  test("a timeout of the call ends its session and not those that left it", async () => {
    await withRuntime({}, async (runtime) => {
      const tree = runtime.exec(
        `
        import { spawn, spawnSync } from "node:child_process";
        const code = "setInterval(() => {}, 1000)";
        spawn("node", ["-e", code]);
        spawn("sleep", ["1000"], { detached: true });
        spawnSync("sh", ["-c", "set -m; sleep 1001 & (sleep 1002 &); wait"]);
        `,
        { timeout: 1500 },
      );
      assert.equal((await tree).timedOut, true);
      const left = await runtime.processes();
      assert.deepEqual(
        left.map(({ argv, ppid }) => [argv.join(" "), ppid]),
        [["sleep 1000", 1]],
      );
    });
  });

  test("versions, options and standard input of the command", async () => {
    await assertSameAsHost(
      `
      import { spawnSync } from "node:child_process";
      const run = (args, input = "") => {
        const { status, stdout, stderr } = spawnSync(process.execPath, args, { input });
        console.log(args.join(" "), "|", status, String(stdout), String(stderr).split("\\n").filter((line) => /^[A-Za-z]*Error|bad option|argument/.test(line)).map((line) => line.replace(/.*node: |'.*[/]/, "")));
      };
      run([], "console.log('from stdin')");
      run(["-"], "console.log('dash', process.argv.length)");
      run(["-", "a"], "console.log(process.argv[2])");
      run(["-p", "1 + 1"]);
      run(["-pe", "'both'"]);
      run(["--eval=console.log(3)"]);
      run(["-e", "throw new Error('thrown')"]);
      run(["-c", "good.js"]);
      run(["-c", "bad.js"]);
      run(["missing.js"]);
      run(["--no-such-option"]);
      run(["--input-type=module", "-e", "console.log(import.meta.url.slice(0, 5), await 1)"]);
      run(["-r", "./pre.js", "-p", "globalThis.pre"]);
      run(["--import", "./pre.mjs", "-p", "globalThis.premjs"]);
      run(["good.js", "--version", "x"]);
      run(["--", "good.js", "-e"]);
      run(["-e"]);
      run(["-e", "process.exitCode = 9"]);
      run(["-e", "process.exit(257)"]);
      run(["-e", "await 1; new Promise(() => {})"]);
      run(["--input-type=module", "-e", "await new Promise(() => {})"]);
      run(["--input-type=wasm", "-e", "1"]);
      run(["--unhandled-rejections=maybe", "-e", "1"]);
      run(["--check", "-e", "1"]);
      run(["--test", "--check"]);
      run(["--test", "--test-isolation=maybe"]);
      run(["--test-isolation=maybe", "-p", "1"]);
      run(["-p", "require('timers/promises').setTimeout(1e6, 0, { ref: false })"]);
      `,
      {
        "good.js": "console.log('good', process.argv.slice(2))",
        "bad.js": "function (",
        "pre.js": "globalThis.pre = 'required'",
        "pre.mjs": "globalThis.premjs = 'imported'",
      },
    );
  });
});

test("a child is a process of the machine, never of the host", async () => {
  const { stdout } = await inGuest(`
    import { execFileSync } from "node:child_process";
    const child = execFileSync("node", ["-p", "[process.execPath, process.ppid, process.version].join()"], { encoding: "utf8" });
    console.log(child.trim() === ["/usr/bin/node", process.pid, process.version].join());
  `);
  assert.equal(stdout, "true\n");
});

// What a guest cannot see of the host, of other guests and of earlier programs.

import assert from "node:assert/strict";
import { hostname, userInfo } from "node:os";
import { NodeRuntime } from "secure-exec";
import { run } from "./support/cli.ts";
import { inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** Texts that a guest must never be able to print. */
const hostSecrets = [
  process.cwd(),
  process.execPath,
  import.meta.dirname,
  // A guest has a /root of its own, and the home of nobody is the same everywhere.
  ...(["/", "/root", "/nonexistent"].includes(userInfo().homedir) ? [] : [userInfo().homedir]),
  "SECURE_EXEC_TEST_SECRET",
];

function assertNoSecrets(text: string): void {
  for (const secret of hostSecrets) {
    assert.ok(!text.includes(secret), `the guest saw ${secret}:\n${text.slice(0, 2000)}`);
  }
}

describe("the host", () => {
  test("has no environment, user, name or pid in the guest", async () => {
    process.env.SECURE_EXEC_TEST_SECRET = "SECURE_EXEC_TEST_SECRET";
    process.env.LD_PRELOAD ??= "";
    const { stdout } = await inGuest(`
      import os from "node:os";
      console.log(JSON.stringify({
        env: process.env, cwd: process.cwd(), execPath: process.execPath, argv: process.argv,
        user: os.userInfo(), home: os.homedir(), host: os.hostname(), tmp: os.tmpdir(),
        interfaces: os.networkInterfaces(), report: process.report?.getReport?.(),
        versions: process.versions, config: process.config, uid: process.getuid(),
      }));
    `);
    assertNoSecrets(stdout);
    const { uid, host, env, cwd } = JSON.parse(stdout);
    assert.equal(uid, 1000);
    assert.equal(cwd, "/workspace");
    assert.notEqual(host, hostname());
    assert.equal(env.LD_PRELOAD, undefined);
    assert.equal(env.NODE_OPTIONS, undefined);
  });

  test("has no files in the guest", async () => {
    const paths = [
      "/proc/self/environ",
      "/proc/self/maps",
      "/proc/self/cmdline",
      "/proc/1/environ",
      "/proc/self/root/etc/passwd",
      "/etc/passwd",
      "../../../../../../etc/passwd",
      "/etc/shadow",
      "/etc/hostname",
      "/sys/kernel",
      "/dev/mem",
      import.meta.filename,
      process.execPath,
    ];
    const { stdout, stderr } = await inGuest(
      `
      import fs from "node:fs";
      const seen = {};
      // Not from the program's text, which is in its own /proc/self/cmdline.
      const paths = JSON.parse(fs.readFileSync("paths.json", "utf8"));
      for (const path of paths.map((path, i) => [i, path])) {
        try {
          seen[path[0]] = fs.readFileSync(path[1], "latin1");
        } catch (error) {
          seen[path[0]] = error.code;
        }
      }
      for (const path of ["/proc/self/fd", "/proc/self", "/proc", "/"]) {
        try {
          seen[path] = fs.readdirSync(path).map((name) => {
            try { return [name, fs.readlinkSync(path + "/" + name)]; } catch { return name; }
          });
        } catch (error) {
          seen[path] = error.code;
        }
      }
      console.log(JSON.stringify(seen));
    `,
      { "paths.json": JSON.stringify(paths) },
    );
    assert.equal(stderr, "");
    assertNoSecrets(stdout);
    const seen = JSON.parse(stdout);
    assert.match(seen[paths.indexOf("/etc/passwd")], /^root:x?:0:0:/);
    assert.doesNotMatch(seen[paths.indexOf("/etc/passwd")], /systemd|sshd|www-data/);
    assert.equal(seen[paths.indexOf(import.meta.filename)], "ENOENT");
    assert.equal(seen[paths.indexOf("/dev/mem")], "ENOENT");
  });

  test("is not in error messages and stacks", async () => {
    const { stdout, stderr } = await inGuest(`
      import fs from "node:fs";
      Error.stackTraceLimit = 100;
      const texts = [];
      const keep = (error) => texts.push(error.stack, error.message, String(error.cause));
      try { null.x; } catch (error) { keep(error); }
      try { fs.readFileSync("/no"); } catch (error) { keep(error); }
      try { new WebAssembly.Module(new Uint8Array(3)); } catch (error) { keep(error); }
      await import("/no.mjs").catch(keep);
      await import("no-package").catch(keep);
      Error.prepareStackTrace = (error, frames) => frames.map((frame) => [
        frame.getFileName(), frame.getFunctionName(), String(frame.getThis()), frame.getEvalOrigin(),
      ].join("|")).join("\\n");
      texts.push(new Error("custom").stack);
      console.log(texts.join("\\n"));
      throw new Error("uncaught");
    `);
    assertNoSecrets(stdout + stderr);
    assert.match(stdout, /node:/);
  });

  test("is out of reach of every way out of JavaScript", async () => {
    const { stdout, stderr } = await inGuest(`
      import { createRequire } from "node:module";
      import vm from "node:vm";
      import fs from "node:fs";
      const require = createRequire("/workspace/");
      fs.writeFileSync("addon.node", "\\x7fELF");
      const attempts = {
        constructor: () => this?.constructor ?? (() => {}).constructor.constructor("return process")().pid,
        vm: () => vm.runInNewContext("this.constructor.constructor('return typeof process')()"),
        binding: () => typeof process.binding("spawn_sync").spawn,
        linked: () => process._linkedBinding("anything"),
        dlopen: () => process.dlopen({ exports: {} }, "/workspace/addon.node"),
        addon: () => require("./addon.node"),
        internal: () => require("internal/bootstrap/realm"),
        inspector: () => {
          const { Session } = require("node:inspector");
          const session = new Session();
          session.connect();
          let value;
          const expression = "(globalThis.process ?? {}).binding('fs') && Object.keys(process.env).join()";
          session.post("Runtime.evaluate", { expression, includeCommandLineAPI: true }, (error, { result }) => { value = result.value; });
          return value;
        },
        shell: () => require("node:child_process").execFileSync("/bin/sh", ["-c", "cat /etc/hostname"]).toString(),
        flags: () => { require("node:v8").setFlagsFromString("--allow-natives-syntax"); return eval("typeof %GetOptimizationStatus"); },
        chroot: () => process.setuid(0),
      };
      const answers = {};
      for (const [name, attempt] of Object.entries(attempts)) {
        try { answers[name] = ["returned", String(attempt())]; }
        catch (error) { answers[name] = ["threw", String(error.code ?? error.name)]; }
      }
      console.log(JSON.stringify(answers));
    `);
    assert.notEqual(stdout, "", stderr);
    assertNoSecrets(stdout);
    const answers = JSON.parse(stdout);
    for (const name of ["linked", "dlopen", "addon", "internal", "chroot"]) {
      assert.equal(answers[name][0], "threw", `${name}: ${answers[name]}`);
    }
    // The shell is the guest's own, and so is the machine it names.
    assert.notEqual(answers.shell[1], hostname());
    assert.notEqual(answers.constructor[1], String(process.pid));
  });

  test("is not reached by imports of URLs, nor by source maps", async () => {
    const { stdout, stderr } = await inGuest(`
      const codes = [];
      for (const url of ["http://127.0.0.1:1/x.mjs", "https://example.com/x.mjs", "file:///etc/shadow"]) {
        codes.push(await import(url).then(() => "imported", (error) => error.code ?? error.name));
      }
      console.log(codes.join());
      eval("throw new Error('mapped')\\n//# sourceMappingURL=file:///etc/hostname\\n//# sourceURL=node:internal/spoof");
    `);
    assert.match(stdout, /^ERR_\w+,ERR_\w+,(ERR_\w+|ENOENT)\n$/);
    assert.match(stderr, /mapped/);
    assertNoSecrets(stderr);
  });

  test("names with NUL and links out of the tree are refused or virtual", async () => {
    const { stdout } = await inGuest(`
      import fs from "node:fs";
      const codes = [];
      const attempt = (work) => { try { codes.push(work()); } catch (error) { codes.push(error.code); } };
      attempt(() => fs.readFileSync("/etc/passwd\\0.txt"));
      fs.symlinkSync("../../../../../../../../etc/shadow", "up");
      attempt(() => fs.readFileSync("up"));
      fs.symlinkSync("/proc/1/root/etc/shadow", "proc");
      attempt(() => fs.readFileSync("proc"));
      console.log(codes.join());
    `);
    assert.match(stdout, /^ERR_INVALID_ARG_VALUE,(ENOENT|EACCES),(ENOENT|EACCES)\n$/);
  });
});

describe("other programs", () => {
  test("leave nothing behind but files", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.exec(`
        globalThis.leak = 1;
        Object.prototype.polluted = 1;
        Array.prototype.map = () => "broken";
        process.env.LEAK = "1";
        process.env.TZ = "Asia/Tokyo";
        process.chdir("/tmp");
        process.umask(0);
        process.on("exit", () => console.log("listener"));
        setTimeout(() => {}, 50);
        await import("data:text/javascript,globalThis.loaded = 1");
      `);
      const { stdout } = await runtime.exec(`
        console.log(typeof leak, {}.polluted, [1].map(String)[0], process.env.LEAK, process.cwd());
        console.log(process.umask().toString(8), process.listenerCount("exit"), typeof loaded);
        console.log(Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getTimezoneOffset());
      `);
      assert.equal(stdout, "undefined undefined 1 undefined /workspace\n22 0 undefined\nUTC 0\n");
    });
  });

  test("do not share random numbers", async () => {
    const program = `
      import { randomUUID } from "node:crypto";
      console.log(Math.random(), randomUUID(), crypto.randomUUID());
    `;
    await withRuntime({}, async (runtime) => {
      const outputs = [await inGuest(program), await inGuest(program)].map(({ stdout }) => stdout);
      for (let i = 0; i < 3; i += 1) outputs.push((await runtime.exec(program)).stdout);
      const words = outputs.flatMap((output) => output.trim().split(" "));
      assert.equal(new Set(words).size, words.length, words.join("\n"));
    });
  });

  test("in another runtime share no files, sockets or processes", async () => {
    await withRuntime({ files: { "/workspace/secret": "mine" } }, async (first) => {
      await withRuntime({}, async (second) => {
        const up = Promise.withResolvers<void>();
        const program = await first.spawn(
          `import fs from "node:fs";
           import net from "node:net";
           fs.writeFileSync("/tmp/written", "first");
           net.createServer().listen("/tmp/socket", () => console.log("up"));`,
          { onStdout: () => up.resolve() },
        );
        await up.promise;
        const { stdout } = await second.exec(
          `import fs from "node:fs";
           import net from "node:net";
           console.log(fs.existsSync("/workspace/secret"), fs.existsSync("/tmp/written"));
           console.log(fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).join() === "1," + process.pid);
           for (let pid = 2; pid < 100; pid += 1)
             if (pid !== process.pid) try { process.kill(pid, "SIGKILL"); console.log("killed", pid); } catch {}
           net.connect("/tmp/socket").on("error", (error) => console.log(error.code));`,
        );
        assert.equal(stdout, "false false\ntrue\nENOENT\n");
        assert.equal(program.exitCode, null);
        assert.deepEqual((await second.processes()).length, 0);
        program.kill("SIGKILL");
        assert.equal(await program.wait(), 137);
      });
    });
  });
});

describe("guest clocks", () => {
  test("stand still within a turn when frozen, and cannot be thawed", async () => {
    const runtime = await NodeRuntime.create({ jsRuntime: { timingMitigation: "freeze" } });
    try {
      const { stdout, stderr } = await runtime.exec(`
        import vm from "node:vm";
        const busy = () => { for (let i = 0, x = 0; i < 2e7; i++) x += i; };
        const other = vm.createContext({});
        const day = new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3, second: "numeric" });
        const read = () => [
          Date.now(), +new Date(), Date(), performance.now(), Number(process.hrtime.bigint()),
          vm.runInContext("Date.now()", other), new vm.Script("+new Date()").runInNewContext(),
          day.format(), globalThis.Temporal?.Now.instant(), JSON.stringify(process.cpuUsage()),
        ].join();
        const before = read();
        busy();
        console.log(read() === before, typeof SharedArrayBuffer);
        await new Promise((resolve) => setTimeout(resolve, 30));
        console.log(read() !== before);
        delete globalThis.Date;
        console.log(typeof SharedArrayBuffer, vm.runInNewContext("typeof SharedArrayBuffer"));
        for (const Memory of [WebAssembly.Memory, vm.runInNewContext("WebAssembly.Memory")]) {
          const memory = new Memory({ initial: 1, maximum: 1, shared: true });
          try {
            console.log(memory.buffer.constructor.name);
          } catch (error) {
            console.log(error.name);
          }
        }
      `);
      const shared = "undefined undefined\nTypeError\nTypeError\n";
      assert.equal(stdout, `true undefined\ntrue\n${shared}`, stderr);
    } finally {
      await runtime.dispose();
    }
  });

  test("tell whole milliseconds unless asked for more", async () => {
    const program = `
      const times = Array.from({ length: 200 }, () => { for (let i = 0; i < 1e4; i++); return performance.now(); });
      console.log(times.every((time) => Math.abs(time * 1000 - Math.round(time) * 1000) < 1));
    `;
    assert.equal((await inGuest(program)).stdout, "true\n");
    await withRuntime({ jsRuntime: { highResolutionTime: true } }, async (runtime) => {
      assert.equal((await runtime.exec(program)).stdout, "false\n");
    });
  });
});

describe("time zones", () => {
  const tell = `
    console.log(Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getTimezoneOffset());
  `;

  test("are what TZ says, from the start and when it is set", async () => {
    await withRuntime({ env: { TZ: "America/New_York" } }, async (runtime) => {
      assert.equal((await runtime.exec(tell)).stdout, "America/New_York 300\n");
      assert.equal(
        (await runtime.exec(tell, { env: { TZ: ":Asia/Tokyo" } })).stdout,
        "Asia/Tokyo -540\n",
      );
      const changed = await runtime.exec(`
        ${tell} process.env.TZ = "Europe/Paris"; ${tell} delete process.env.TZ; ${tell}
      `);
      assert.equal(changed.stdout, "America/New_York 300\nEurope/Paris -60\nUTC 0\n");
      assert.equal((await runtime.exec(tell, { env: { TZ: "Nowhere" } })).stdout, "Factory 0\n");
    });
  });

  test("end with the program that set them, and say where they cannot be set", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.exec(`process.env.TZ = "Asia/Tokyo"; ${tell}`);
      assert.equal((await runtime.exec(tell)).stdout, "UTC 0\n");
    });
    await withRuntime({ isolation: "shared" }, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(tell, { env: { TZ: "Asia/Tokyo" } });
      assert.equal(stdout, "UTC 0\n");
      assert.match(stderr, /time zone of this VM is UTC/);
    });
  });
});

describe("code that has taken over a VM process", () => {
  test("is refused everything", { timeout: 180_000 }, async () => {
    const { stdout, exitCode } = await run(["doctor", "--json"]);
    const { ok, attacks, isolation, files, versions } = JSON.parse(stdout);
    for (const name of ["node", "v8", "openssl", "icu", "wasmtime"]) {
      assert.match(versions[name], /^\d+\.\d+/, name);
    }
    assert.ok(attacks.length >= 75);
    const ofFiles = attacks.filter(({ name }: { name: string }) => name.startsWith("file-"));
    assert.ok(ofFiles.length >= 25);
    const worked = attacks.filter(({ refused }: { refused: boolean }) => !refused);
    assert.deepEqual(worked, []);
    assert.equal(isolation.seccomp, true);
    assert.ok(files.length > 2);
    assert.deepEqual([ok, exitCode], [true, 0]);
  });
});

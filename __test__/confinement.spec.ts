// The VM process: what it has given up, what it leaves behind, how a violation is told.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { ended, field, folder, threads, vmProcessIds } from "./support/vm-process.ts";

const run = promisify(execFile);
const root = process.getuid?.() === 0;

/** Everything that starts threads: workers, the pool of the crypto functions, a command. */
const busy = `
  import { pbkdf2 } from "node:crypto";
  import { execFileSync } from "node:child_process";
  import { Worker } from "node:worker_threads";
  await new Promise((resolve) => new Worker("0", { eval: true }).on("exit", resolve));
  await new Promise((resolve) => pbkdf2("a", "b", 1000, 32, "sha256", resolve));
  console.log(execFileSync("node", ["-p", "6 * 7"], { encoding: "utf8" }).trim());
`;

/** A limit of a process, soft and hard. */
function limitOf(pid: number, name: string): [soft: string, hard: string] {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const [, soft = "", hard = ""] = new RegExp(`^${name} +(\\S+) +(\\S+)`, "m").exec(limits) ?? [];
  return [soft, hard];
}

/** The processes that serve a runtime. The one that waits for the next may still be starting. */
function serving(): number[] {
  const pids = vmProcessIds().filter((pid) => limitOf(pid, "Max data size")[0] !== "unlimited");
  assert.ok(pids.length > 0);
  return pids;
}

describe("a VM process", () => {
  test("has no rights on any thread", async () => {
    await withRuntime({}, async (runtime) => {
      assert.equal((await runtime.exec(busy)).stdout, "42\n");
      for (const pid of serving()) {
        const found = threads(pid);
        assert.ok(found.length > 1);
        for (const status of found) {
          assert.equal(field(status, "NoNewPrivs"), "1");
          assert.equal(field(status, "Seccomp"), "2");
          for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) {
            assert.match(field(status, set), /^0+$/, set);
          }
          if (!root) continue;
          assert.match(field(status, "CapBnd"), /^0+$/);
          assert.equal(field(status, "Uid"), "65534\t65534\t65534\t65534");
          assert.equal(field(status, "Gid"), "65534\t65534\t65534\t65534");
          assert.equal(field(status, "Groups"), "");
        }
      }
    });
  });

  test("has a session of its own, no terminal, directory, file or variable of the host", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.exec(busy);
      for (const pid of serving()) {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [, , pgrp, session, terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        assert.deepEqual([pgrp, session, terminal], [String(pid), String(pid), "0"]);
        assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"), "1000\n");
        assert.equal(field(readFileSync(`/proc/${pid}/status`, "utf8"), "Umask"), "0077");
        // For others than root it is not to be seen, as it should be.
        if (!root) continue;
        assert.equal(readlinkSync(`/proc/${pid}/cwd`), "/");
        assert.equal(readFileSync(`/proc/${pid}/environ`, "utf8"), "");
        for (const fd of readdirSync(`/proc/${pid}/fd`)) {
          const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
          const own = /^(socket:|anon_inode:\[eventfd\]|\/dev\/null$|\/proc\/\d+\/statm$)/;
          assert.ok(own.test(target) || target.startsWith(folder), `${fd} is ${target}`);
          if (!target.startsWith(folder)) continue;
          const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8");
          assert.equal(Number.parseInt(field(info, "flags"), 8) & 3, 0, target);
        }
      }
    });
  });

  test("has limits that it cannot lift", async () => {
    await withRuntime({}, async () => {
      // One of an earlier runtime may be about to end: the processes are numbered as they start.
      const pid = serving()
        .toSorted((a, b) => a - b)
        .at(-1);
      assert.ok(pid);
      const of = (name: string) => limitOf(pid, name);
      for (const name of [
        "Max core file size",
        "Max file size",
        "Max locked memory",
        "Max msgqueue size",
        "Max nice priority",
        "Max realtime priority",
      ]) {
        assert.deepEqual(of(name), ["0", "0"], name);
      }
      assert.deepEqual(of("Max pending signals"), ["256", "256"]);
      const [soft, hard] = of("Max open files");
      assert.equal(soft, hard);
      // Those of its own, and 1,024 for files of mounts.
      assert.ok(Number(hard) < 256 + 1024);
      const [data, most] = of("Max data size");
      assert.ok(Number(data) > 2 ** 29 && Number(most) < 2 ** 34, `${data} ${most}`);
    });
  });

  test("leaves nothing behind, in its session or out of it", async () => {
    const sleeps = `sh -c "echo \\$\\$ > '$0.left'; exec sleep 600"`;
    const starts = [`${sleeps} &`, `setsid ${sleeps} &`, `(setsid ${sleeps} & exec sleep 600) &`];
    for (const start of starts) await ended(await leftBehind(start, "await rt.dispose();"));
  });

  test("that is killed leaves nothing of its session behind", async () => {
    const kill = `
      for (const pid of binding.vmProcessIds()) process.kill(pid, "SIGKILL");
      await rt.exec("1").catch(() => {});
      await rt.dispose();
    `;
    await ended(await leftBehind(`sleep 600 &\necho $! > "$0.left"`, kill));
  });
});

/**
 * Runs a host whose launcher starts something before it becomes the real one, the parent of that.
 *
 * @returns The pid that was told.
 */
async function leftBehind(shell: string, then: string): Promise<number> {
  const copy = mkdtempSync(join(tmpdir(), "secure-exec-launcher-"));
  try {
    const project = join(import.meta.dirname, "..");
    for (const name of ["index.js", "index.cjs", "binding.cjs", "package.json"]) {
      copyFileSync(join(project, name), join(copy, name));
    }
    cpSync(join(project, "lib"), join(copy, "lib"), { recursive: true });
    const own = join(copy, "npm", basename(folder));
    cpSync(folder, own, { recursive: true, filter: (path) => path === folder });
    const real = "secure-exec-vm";
    for (const name of readdirSync(folder).filter((name) => name !== real)) {
      symlinkSync(join(folder, name), join(own, name));
    }
    const launcher = join(own, real);
    // The first VM process is that of the runtime; one that is kept ready for the next starts nothing.
    const lines = [
      `if [ ! -e "$0.left" ]; then`,
      shell,
      `while [ ! -s "$0.left" ]; do :; done`,
      "fi",
    ];
    const becomes = `exec '${join(folder, real)}' "$@"`;
    writeFileSync(launcher, ["#!/bin/sh", ...lines, becomes, ""].join("\n"));
    chmodSync(launcher, 0o755);
    const host = `
      import { createRequire } from "node:module";
      import { NodeRuntime } from "./index.js";
      const binding = createRequire(import.meta.url)("./binding.cjs");
      const rt = await NodeRuntime.create();
      await rt.exec("1");
      ${then}
    `;
    writeFileSync(join(copy, "host.mjs"), host);
    await run(process.execPath, [join(copy, "host.mjs")], { cwd: copy });
    return Number(readFileSync(`${launcher}.left`, "utf8"));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

describe("a system call that is forbidden", () => {
  const violation = { code: "ERR_VM_CRASHED", why: "signal SIGSYS", securityViolation: true };

  /** One of another test may be on its end. */
  const send = (pids: number[], signal: NodeJS.Signals) => {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ESRCH");
      }
    }
  };

  /** Ends it as the kernel would. */
  const violate = (pids: number[]) => send(pids, "SIGSYS");

  test("ends the calls in flight, and the next one runs elsewhere", async () => {
    await withRuntime({ files: { "/workspace/given": "given" } }, async (runtime) => {
      let running = () => {};
      const ran = new Promise<void>((resolve) => {
        running = resolve;
      });
      const onStdout = () => running();
      const pending = runtime.exec(`console.log(1); setInterval(() => {}, 1000);`, { onStdout });
      await ran;
      const serves = (pid: number) => threads(pid).some((one) => field(one, "Name") === "guest");
      // The spare, which is the replacement, has threads of that name, too.
      violate(serving().filter(serves));
      await assert.rejects(pending, { ...violation, stateLost: true });
      assert.equal(await runtime.readFile("/workspace/given", "utf8"), "given");
    });
  });

  test("is told to the next call where none was in flight", async () => {
    await withRuntime({}, async (runtime) => {
      const pids = vmProcessIds();
      violate(pids);
      await Promise.all(pids.map(ended));
      await assert.rejects(runtime.exec("1"), violation);
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  test("is no other end", async () => {
    await withRuntime({}, async (runtime) => {
      const started = Promise.withResolvers<void>();
      const pending = runtime.exec("console.log(1); setInterval(() => {}, 1000);", {
        onStdout: () => started.resolve(),
      });
      await started.promise;
      send(vmProcessIds(), "SIGKILL");
      await assert.rejects(pending, { why: "signal SIGKILL", securityViolation: false });
    });
  });
});

/** Whether this user may have a network of its own here; nothing where there is no command to find out. */
function ownNetwork(): boolean | undefined {
  const root = process.getuid?.() === 0;
  const { status } = spawnSync("unshare", [...(root ? [] : ["--user"]), "--net", "true"]);
  return status === null ? undefined : status === 0;
}

describe("requireIsolation", () => {
  test("is met by a process of its own", async () => {
    for (const requireIsolation of ["process", "partial"] as const) {
      await withRuntime({ requireIsolation }, async (runtime) => {
        const { level, seccomp, noNewPrivs, capabilities, missing } = runtime.isolation;
        const { userns, netns, pidns } = runtime.isolation;
        const lax = requireIsolation === "process";
        const expected = lax ? ownNetwork() : false;
        if (expected !== undefined) assert.equal(netns, expected);
        assert.deepEqual([userns, pidns], [netns && process.getuid?.() !== 0, false]);
        assert.equal(typeof runtime.isolation.speculation.storeBypass, "string");
        assert.ok(level === "partial" || level === "sealed");
        assert.deepEqual([seccomp, noNewPrivs, capabilities], [true, true, 0]);
        assert.equal(missing.length === 0, level === "sealed");
        assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
      });
    }
  });

  test("is refused where runtimes share a process", async () => {
    for (const isolation of ["shared", "in-process"] as const) {
      await withRuntime({ isolation }, async (runtime) => {
        assert.equal(runtime.isolation.level, isolation === "shared" ? "shared" : "none");
        assert.ok(runtime.isolation.missing.includes("a process of its own"));
      });
      await assert.rejects(NodeRuntime.create({ isolation, requireIsolation: "process" }), {
        name: "VmError",
        code: "ERR_ISOLATION_UNAVAILABLE",
        message: /this system lacks .*a process of its own/,
      });
    }
  });

  test("is one of three words", async () => {
    const requireIsolation = "strict" as "sealed";
    await assert.rejects(NodeRuntime.create({ requireIsolation }), {
      code: "ERR_INVALID_ARG_VALUE",
      message: /requireIsolation/,
    });
  });

  test("cannot be changed afterwards", async () => {
    await withRuntime({}, async ({ isolation }) => {
      for (const part of [isolation, isolation.missing, isolation.speculation]) {
        assert.ok(Object.isFrozen(part));
      }
    });
  });
});

describe("commands of a directory that only the host's user can read", () => {
  // They are compiled, which takes ten seconds of a processor each time.
  test("run", { timeout: 240_000 }, async () => {
    const secret = mkdtempSync(join(tmpdir(), "secure-exec-private-"));
    try {
      cpSync(join(folder, "commands"), secret, { recursive: true });
      chmodSync(secret, 0o700);
      for (const isolation of ["process", "shared"] as const) {
        await withRuntime({ isolation, commandsDir: secret }, async (runtime) => {
          const { stdout } = await runtime.execCommand("sh", ["-c", "echo 1 | cat"]);
          assert.equal(stdout, "1\n");
        });
      }
    } finally {
      rmSync(secret, { recursive: true, force: true });
    }
  });
});

describe("a host that is root", () => {
  const skip = root ? false : "not root";

  test("may choose who VM processes are", { skip }, async () => {
    const code = `
      import { NodeRuntime } from "./index.js";
      const rt = await NodeRuntime.create();
      console.log(rt.isolation.uid, rt.isolation.level, (await rt.exec("console.log(1)")).stdout);
      await rt.dispose();
    `;
    const cwd = join(import.meta.dirname, "..");
    const of = async (uid: string) => {
      const env = { ...process.env, SECURE_EXEC_VM_UID: uid };
      return await run(process.execPath, ["--input-type=module", "-e", code], { cwd, env });
    };
    assert.match((await of("1234")).stdout, /^1234 (sealed|partial) 1/);
    assert.match((await of("0")).stdout, /^0 partial 1/);
    await assert.rejects(of("nobody"), /SECURE_EXEC_VM_UID must be/);
  });

  const setpriv = spawnSync("setpriv", ["--version"]).status === 0;
  test("and cannot change users is told so", {
    skip: skip || (!setpriv && "no setpriv"),
  }, async () => {
    const code = `
      import { NodeRuntime } from "./index.js";
      const rt = await NodeRuntime.create();
      const { level, uid, capabilities, missing } = rt.isolation;
      console.log(level, uid, capabilities, missing.includes("a user other than root"));
      await rt.dispose();
      await NodeRuntime.create({ requireIsolation: "sealed" }).catch(({ code, message }) => {
        console.log(code, message.includes("a user other than root"));
      });
    `;
    const args = ["--bounding-set", "-setuid", process.execPath, "--input-type=module", "-e", code];
    const { stdout } = await run("setpriv", args, { cwd: join(import.meta.dirname, "..") });
    assert.equal(stdout, "partial 0 0 true\nERR_ISOLATION_UNAVAILABLE true\n");
  });
});

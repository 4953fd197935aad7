// WebAssembly programs made to break the machine that runs them. Each ends in a way that its parent sees.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";
import {
  assemble,
  i32,
  i64,
  joined,
  leb,
  type Module,
  op,
  section,
  sectionOf,
} from "./support/wasm-module.ts";

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

type Options = NonNullable<Parameters<typeof NodeRuntime.create>[0]>;
type End = Awaited<ReturnType<NodeRuntime["execCommand"]>>;

const fine = assemble({ functions: [{ body: [] }] });

/** Gives `work` a runtime that must run programs of both kinds afterwards, as must all others. */
async function withVictim(options: Options, work: (runtime: NodeRuntime) => Promise<void>) {
  await withRuntime(options, async (runtime) => {
    await work(runtime);
    await install(runtime, fine);
    assert.equal((await runtime.execCommand("/tmp/program")).exitCode, 0);
    assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
    const { processes, zombies, fds, pipes } = await runtime.getResourceSnapshot();
    assert.deepEqual([processes, zombies, fds, pipes], [0, 0, 0, 0]);
  });
  await sentinel.assertUnharmed();
}

async function install(runtime: NodeRuntime, bytes: Uint8Array): Promise<void> {
  await runtime.writeFile("/tmp/program", bytes);
  const { exitCode, stderr } = await runtime.execCommand("chmod", ["755", "/tmp/program"]);
  assert.equal(exitCode, 0, stderr);
}

async function run(runtime: NodeRuntime, module: Module | Buffer): Promise<End> {
  await install(runtime, Buffer.isBuffer(module) ? module : assemble(module));
  return await runtime.execCommand("/tmp/program", [], { timeout: 20_000 });
}

/** The module is not run, and one line says why. */
async function assertRefused(runtime: NodeRuntime, module: Module | Buffer, why = /./) {
  const { exitCode, stderr } = await run(runtime, module);
  assert.equal(exitCode, 126, stderr);
  assert.match(stderr, /^.*program: cannot execute: .*\n$/);
  assert.match(stderr, why);
}

/** A module whose start is some code. */
const start = (body: number[]): Module => ({ functions: [{ body }] });

describe("103 a module that", () => {
  test("is damaged, anywhere, is refused or ends by itself", async () => {
    await withVictim({}, async (runtime) => {
      await assertRefused(runtime, Buffer.from([0, 0x61, 0x73, 0x6d]));
      await assertRefused(runtime, Buffer.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]));
      for (let length = 9; length < fine.length; length += 1) {
        await assertRefused(runtime, fine.subarray(0, length));
      }
      for (let at = 8; at < fine.length; at += 1) {
        for (const value of [0, 0x7f, 0xff]) {
          const damaged = Buffer.from(fine);
          damaged[at] = value;
          const { timedOut } = await run(runtime, damaged);
          assert.ok(!timedOut, `byte ${at} as ${value}`);
        }
      }
    });
  });

  test("has too much of something is refused in time", { timeout: 60_000 }, async () => {
    const million = 1_000_000;
    const repeated = (bytes: number[], count: number) =>
      Buffer.alloc(bytes.length * count, Buffer.from(bytes));
    const type = section(1, [[0x60, 0, 0]]);
    const one = section(3, [[0]]);
    const empty = section(10, [[2, 0, 0x0b]]);
    const start = section(7, [[6, ...Buffer.from("_start"), 0, 0]]);
    const names = Array.from({ length: million }, (_, n) => String(n).padStart(7, "0"));
    const exports = Buffer.from(names.map((name) => `\x07${name}\0\0`).join(""), "latin1");
    const code = Buffer.concat([Buffer.from([0]), repeated([0x41, 1, 0x1a], 2_500_000)]);
    const long = Buffer.concat([Buffer.from(leb(code.length + 1)), code, Buffer.from([0x0b])]);
    const modules = {
      types: joined(sectionOf(1, million, repeated([0x60, 0, 0], million)), one, start, empty),
      functions: joined(
        type,
        sectionOf(3, million, Buffer.alloc(million)),
        start,
        sectionOf(10, million, repeated([2, 0, 0x0b], million)),
      ),
      exports: joined(type, one, sectionOf(7, million, exports), empty),
      "code of one function": joined(type, one, start, sectionOf(10, 1, long)),
      locals: assemble({ functions: [{ locals: 50_001, body: [] }] }),
    };
    await withVictim({}, async (runtime) => {
      for (const [what, module] of Object.entries(modules)) {
        const started = performance.now();
        await assertRefused(runtime, module);
        const ms = performance.now() - started;
        assert.ok(ms < 5000 + 1000, `${what} took ${ms} ms`);
      }
    });
  });

  test("is larger than its limit is not looked at", async () => {
    const custom = Buffer.concat([fine, Buffer.from([0, ...leb(17 << 20), 1, 0x78])]);
    const large = Buffer.concat([custom, Buffer.alloc((17 << 20) - 2)]);
    await withVictim({}, async (runtime) => {
      await assertRefused(runtime, large, /module of size \d+ exceeds the limit of 16777216/);
    });
  });
});

test("104 loops, also of calls to the host, end at the limits of time", async () => {
  const calls: Module = {
    imports: [{ name: "sched_yield", results: [i32] }],
    functions: [{ body: op.forever([...op.call(0), ...op.drop]) }],
  };
  const limits = { jsRuntime: { cpuTimeLimitMs: 300 } };
  for (const endless of [start(op.forever([])), calls]) {
    await withVictim({ limits }, async (runtime) => {
      await install(runtime, assemble(endless));
      await assert.rejects(runtime.execCommand("/tmp/program"), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.jsRuntime.cpuTimeLimitMs",
      });
    });
    await withVictim({}, async (runtime) => {
      await install(runtime, assemble(endless));
      const started = performance.now();
      const end = await runtime.execCommand("/tmp/program", [], { timeout: 300 });
      assert.deepEqual([end.exitCode, end.timedOut], [137, true]);
      assert.ok(performance.now() - started < 2000);
    });
  }
});

describe("105 growing", () => {
  const exit = { name: "proc_exit", parameters: [i32] };

  test("stops at the limit of memory", async () => {
    const limits = { wasm: { maxMemoryBytes: 16 << 20 } };
    await withVictim({ limits }, async (runtime) => {
      // Ends with the pages that the memory could not grow by: all.
      const body = [...op.i32(65_535), ...op.grow, ...op.call(0)];
      const { exitCode, stderr } = await run(runtime, { imports: [exit], functions: [{ body }] });
      assert.equal(exitCode, 255, stderr);
      const fits = [...op.i32(255), ...op.grow, ...op.call(0)];
      assert.equal(
        (await run(runtime, { imports: [exit], functions: [{ body: fits }] })).exitCode,
        1,
      );
    });
  });

  test("of many at a time stays within the memory of the machine", async () => {
    const bomb = start(op.forever([...op.i32(16), ...op.grow, ...op.drop]));
    const limits = { resources: { maxMemoryBytes: 256 << 20 } };
    await withVictim({ limits }, async (runtime) => {
      await install(runtime, assemble(bomb));
      await runtime.writeFile("/tmp/kept", "kept");
      const bombs = Array.from({ length: 8 }, () =>
        runtime.execCommand("/tmp/program", [], { timeout: 1000 }),
      );
      // Whoever comes late gets no memory, which is an error like any other.
      for (const end of await Promise.all(bombs)) {
        assert.ok(end.timedOut || /memory/.test(end.stderr), JSON.stringify(end));
      }
      assert.equal(await runtime.readFile("/tmp/kept", "utf8"), "kept");
    });
  });

  test("before the start, in memories and tables, is refused", async () => {
    await withVictim({}, async (runtime) => {
      await assertRefused(runtime, { functions: [{ body: [] }], memories: [[0, ...leb(5000)]] });
      await assertRefused(runtime, {
        functions: [{ body: [] }],
        memories: Array.from({ length: 100 }, () => [0, 1]),
      });
      const large = { functions: [{ body: [] }], tables: [[0x70, 0, ...leb(4_000_000_000)]] };
      assert.notEqual((await run(runtime, large)).exitCode, 0);
      const tables = Array.from({ length: 101 }, () => [0x70, 0, 1]);
      assert.notEqual((await run(runtime, { functions: [{ body: [] }], tables })).exitCode, 0);
    });
  });
});

test("106 recursion ends the process with a signal", async () => {
  await withVictim({}, async (runtime) => {
    for (const locals of [0, 2000]) {
      const { exitCode, stderr } = await run(runtime, {
        functions: [{ locals, body: op.call(0) }],
      });
      assert.equal(exitCode, 128 + 11);
      assert.equal(stderr.split("\n").length, 2, stderr);
    }
  });
});

test("107 imports that are not there, or of another type, are named", async () => {
  await withVictim({}, async (runtime) => {
    const write = [i32, i32, i32, i32];
    for (const wrong of [
      { module: "env", name: "f" },
      { name: "fd_write" },
      { name: "fd_everything", parameters: write, results: [i32] },
      { module: "wasi_unstable", name: "fd_write", parameters: write, results: [i32] },
      { name: "fd_write", parameters: [...write, i32], results: [i32] },
    ]) {
      await assertRefused(runtime, { imports: [wrong], functions: [{ body: [] }] }, /import/);
    }
    await assertRefused(runtime, { functions: [{ parameters: [i32], body: [] }] });
    await assertRefused(runtime, Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), /_start/);
  });
});

// Every call of preview 1: i is 32 bits, l 64.
const calls: Record<string, string> = JSON.parse(
  await readFile(new URL("./fixtures/preview1-calls.json", import.meta.url), "utf8"),
);

test("108 calls of the host with the worst numbers harm the caller only", async () => {
  const worst = [1, 3, 65_535, 2 ** 31 - 1, -(2 ** 31), -1];
  await withVictim({}, async (runtime) => {
    await runtime.mkdir("/tmp/all");
    const names: string[] = [];
    for (const [name, kinds] of Object.entries(calls)) {
      const types = [...kinds].map((kind) => (kind === "l" ? i64 : i32));
      for (const value of worst) {
        const given = types.flatMap((type) =>
          type === i64 ? op.i64(BigInt(value)) : op.i32(value),
        );
        const imports = [{ name, parameters: types, results: [i32] }];
        const bytes = assemble({
          imports,
          functions: [{ body: [...given, ...op.call(0), ...op.drop] }],
        });
        names.push(`${name}-${value}`);
        await runtime.writeFile(`/tmp/all/${name}-${value}`, bytes);
      }
    }
    // What waits, as it may, is killed.
    const text = `chmod 755 *; for f in *; do timeout -s KILL 2 ./$f < /dev/null > /dev/null 2>> ../err; echo $f $?; done`;
    const { stdout } = await runtime.execCommand("sh", ["-c", text], { cwd: "/tmp/all" });
    const ends = stdout.trim().split("\n");
    assert.equal(ends.length, names.length);
    for (const end of ends) assert.match(end, / (0|137|139)$/);
    assert.ok(ends.some((end) => end.endsWith(" 0")) && ends.some((end) => end.endsWith(" 139")));
    const errors = Buffer.from(await runtime.readFile("/tmp/err")).toString();
    assert.doesNotMatch(errors, /internal|panic|cannot execute/);
  });
});

describe("109 a storm of traps", () => {
  const traps = {
    unreachable: [...op.unreachable],
    outside: [...op.i32(-1), ...op.load, ...op.drop],
    full: op.call(0),
    zero: [...op.i32(1), ...op.i32(0), ...op.div, ...op.drop],
  };
  const statuses = { unreachable: 134, outside: 139, full: 139, zero: 136 };
  const files = Object.fromEntries(
    Object.entries(traps).map(([name, body]) => [`/tmp/${name}`, assemble(start(body))]),
  );
  const storm = (rounds: number) => `
    cd /tmp; chmod 755 ${Object.keys(traps).join(" ")}
    for round in $(seq ${rounds}); do
      ${Object.keys(traps)
        .map((name) => `(./${name} 2> /dev/null; echo ${name} $?) &`)
        .join("\n")}
      wait
    done`;

  /** Faults inside V8's own WebAssembly: out of bounds, division by zero, a full stack. */
  const faults = `
    const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
    const outside = new WebAssembly.Instance(new WebAssembly.Module(bytes(${JSON.stringify(
      Buffer.from(assemble(start(traps.outside))).toString("base64"),
    )})));
    const full = new WebAssembly.Instance(new WebAssembly.Module(bytes(${JSON.stringify(
      Buffer.from(assemble(start(traps.full))).toString("base64"),
    )})));
    const caught = {};
    const strike = () => {
      for (const { exports } of [outside, full])
        try { exports._start(); } catch (error) { caught[error.name] = (caught[error.name] ?? 0) + 1; }
    };`;

  test("of both engines at the same time is handled by each", async () => {
    await withVictim({ files }, async (runtime) => {
      const rounds = 60;
      const [shell, node] = await Promise.all([
        runtime.execCommand("sh", ["-c", storm(rounds)], { timeout: 25_000 }),
        runtime.exec(
          `${faults}
           for (let n = 0; n < 400; n += 1) { strike(); if (n % 20 === 0) await new Promise(setImmediate); }
           console.log(JSON.stringify(caught));`,
          { timeout: 25_000 },
        ),
      ]);
      const ends = shell.stdout.trim().split("\n").sort();
      const wanted = Object.entries(statuses).flatMap(([name, status]) =>
        Array.from({ length: rounds }, () => `${name} ${status}`),
      );
      assert.deepEqual(ends, wanted.sort());
      assert.deepEqual(JSON.parse(node.stdout), { RuntimeError: 400, RangeError: 400 });
    });
  });

  // The engine's own end takes the VM process with it, and every call in flight is told so.
  test("and the end of V8 in the same machine cost that machine's process only", async () => {
    const limits = { jsRuntime: { v8HeapLimitMb: 64 }, resources: { maxMemoryBytes: 384 << 20 } };
    const deaths: [string, RegExp][] = [
      ["'a'.repeat(1e6).replace(/a/g, '$&'.repeat(500));", /^ERR_(VM_CRASHED|RESOURCE_LIMIT)$/],
      [
        "const a = []; for (;;) a.push(new Array(1e6).fill({}));",
        /^ERR_(VM_CRASHED|RESOURCE_LIMIT)$/,
      ],
    ];
    for (const [death, code] of deaths) {
      await withVictim({ files, limits }, async (runtime) => {
        const raging = Promise.withResolvers<void>();
        const controller = new AbortController();
        const traps = runtime.execCommand("sh", ["-c", storm(100_000)], {
          onStdout: () => raging.resolve(),
          signal: controller.signal,
        });
        const ended = traps.then(
          ({ exitCode }) => exitCode,
          (error) => error.code,
        );
        await raging.promise;
        const dying = runtime.exec(`${faults} strike(); ${death}`, { timeout: 20_000 });
        const end = await dying.then(
          ({ exitCode }) => exitCode,
          (error) => error.code,
        );
        assert.match(String(end), code);
        if (end !== "ERR_VM_CRASHED") controller.abort({ code: "aborted" });
        // A shell that gets no memory for its next command any more ends by itself.
        const wanted = end === "ERR_VM_CRASHED" ? end : "aborted";
        assert.ok([wanted, 2].includes(await ended), String(await ended));
      });
    }
  });
});

describe("110 proposals", () => {
  test("that nothing needs are off", async () => {
    const body = (code: number[]): Module => ({ functions: [{ body: code }] });
    const cases: Record<string, Module> = {
      threads: { functions: [{ body: [] }], memories: [[3, 1, 1]] },
      atomics: body([...op.i32(0), 0xfe, 0x10, 0x02, 0x00, ...op.drop]),
      "64-bit memory": { functions: [{ body: [] }], memories: [[4, 1]] },
      "garbage collection": { functions: [{ body: [] }], types: [[0x5f, 1, i32, 0]] },
      "tail calls": body([0x12, 0]),
      exceptions: body([0x08, 0]),
    };
    await withVictim({}, async (runtime) => {
      for (const module of Object.values(cases)) await assertRefused(runtime, module);
    });
  });

  test("that compilers use are on", async () => {
    const fill = [...op.i32(0), ...op.i32(1), ...op.i32(9), 0xfc, 0x0b, 0x00];
    const extend = [...op.i32(200), 0xc0, ...op.drop];
    const two = { results: [i32, i32], body: [...op.i32(1), ...op.i32(2)] };
    const body = [...fill, ...extend, ...op.call(1), ...op.drop, ...op.drop];
    await withVictim({}, async (runtime) => {
      const { exitCode, stderr } = await run(runtime, { functions: [{ body }, two] });
      assert.equal(exitCode, 0, stderr);
    });
  });
});

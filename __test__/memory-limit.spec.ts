// A machine whose memory is used up loses the program that holds the most of it, and nothing else.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NodeRuntime, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const mebibyte = 1 << 20;
const small = { limits: { resources: { maxMemoryBytes: 128 * mebibyte } } };

function isMemoryLimit(error: unknown, bound: number): true {
  assert.ok(error instanceof VmError, String(error));
  assert.equal(error.code, "ERR_RESOURCE_LIMIT", error.message);
  assert.equal(error.limit, "limits.resources.maxMemoryBytes");
  assert.equal(error.bound, bound);
  assert.ok((error.used ?? 0) >= bound);
  return true;
}

/** Runs `body` in a machine with a file and a program that must both outlive it. */
async function beside(body: (runtime: NodeRuntime) => Promise<void>) {
  await withRuntime(small, async (runtime) => {
    await runtime.writeFile("/workspace/kept", "kept");
    const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
    await body(runtime);
    assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
    assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
    await other.writeStdin("still here");
    other.closeStdin();
    assert.equal(await other.wait(), 0);
    assert.equal(other.captured.stdout, "still here");
  });
}

describe("what native code takes for a program is within maxMemoryBytes:", () => {
  const programs: Record<string, string> = {
    promises: "const kept = []; for (;;) kept.push(Promise.reject(1));",
    hashes: `const { createHash } = process.getBuiltinModule("crypto"); const kept = []; for (;;) kept.push(createHash("sha512"));`,
    keys: `const { createSecretKey } = process.getBuiltinModule("crypto"); const kept = []; const key = Buffer.alloc(4096); for (;;) kept.push(createSecretKey(key));`,
    formats: `const kept = []; for (;;) kept.push(new Intl.DateTimeFormat("de"), new Intl.Segmenter("en"));`,
    collators: `const kept = []; for (;;) kept.push(new Intl.Collator("sv", { numeric: true }), new Intl.PluralRules("ar"));`,
    "writes that are put together": `import http from "node:http";
      const block = Buffer.alloc(1 << 20);
      const server = http.createServer((_, response) => { for (let at = 0; at < 4000; at++) response.write(block); });
      server.listen(3000, () => http.get("http://localhost:3000", (response) => response.pause()));`,
    "writes to a stream of HTTP/2": `import http2 from "node:http2";
      const block = Buffer.alloc(1 << 20);
      const server = http2.createServer((_, response) => { for (let at = 0; at < 4000; at++) response.write(block); });
      server.listen(3000, () => {
        const client = http2.connect("http://localhost:3000", { settings: { initialWindowSize: 2 ** 31 - 1 } });
        client.request({ ":path": "/" }).pause();
      });`,
  };
  for (const [name, code] of Object.entries(programs)) {
    test(name, { timeout: 120_000 }, async () => {
      await beside(async (runtime) => {
        const outcome = await runtime.exec(code, { timeout: 100_000 }).catch((error) => error);
        assert.ok(outcome instanceof VmError, `${outcome.exitCode} ${outcome.stderr}`);
        assert.equal(outcome.code, "ERR_RESOURCE_LIMIT", outcome.message);
        assert.match(outcome.limit ?? "", /maxMemoryBytes|v8HeapLimitMb/);
      });
    });
  }
});

/** A program that holds as many mebibytes of objects from the first line of its standard input on until its end. */
async function holder(runtime: NodeRuntime, mebibytes: number) {
  const full = Promise.withResolvers<void>();
  const program = await runtime.spawn(
    `const kept = [];
    process.stdin.once("data", () => {
      for (let at = 0; at < ${mebibytes * 16}; at++) kept.push(new Array(8191).fill(at + 0.5));
      console.log("full");
    });
    process.stdin.on("end", () => console.log(kept.length));`,
    { onStdout: () => full.resolve() },
  );
  const outcome = program.wait().catch((error: unknown) => error);
  const grow = async () => {
    await program.writeStdin("now\n");
    await Promise.race([outcome, full.promise]);
  };
  return { program, outcome, grow };
}

test("of many programs the largest end, one after the other, and the rest go on", async () => {
  await withRuntime({}, async (runtime) => {
    await runtime.writeFile("/workspace/kept", "kept");
    const holders = await Promise.all(Array.from({ length: 10 }, () => holder(runtime, 80)));
    await Promise.all(holders.map(({ grow }) => grow()));
    for (const { program } of holders) program.closeStdin();
    const ended = await Promise.all(holders.map(({ outcome }) => outcome));
    const failed = ended.filter((outcome) => outcome !== 0);
    for (const outcome of failed) isMemoryLimit(outcome, 512 * mebibyte);
    assert.ok(failed.length >= 3, `${failed.length} of 800 MiB in 512 ended`);
    assert.ok(failed.length <= 8, `${failed.length} of 10 ended`);
    assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
    assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
  });
});

test("the largest ends, and not the one that asks for more", async () => {
  const resources = { maxMemoryBytes: 256 * mebibyte };
  const limits = { resources, jsRuntime: { v8HeapLimitMb: 128 } };
  await withRuntime({ limits }, async (runtime) => {
    const large = await holder(runtime, 72);
    const small = await Promise.all(Array.from({ length: 5 }, () => holder(runtime, 24)));
    await large.grow();
    assert.equal(large.program.exitCode, null);
    for (const { grow } of small) await grow();
    isMemoryLimit(await large.outcome, 256 * mebibyte);
    for (const { program } of small) program.closeStdin();
    const ended = await Promise.all(small.map(({ outcome }) => outcome));
    assert.ok(ended.filter((outcome) => outcome === 0).length >= 4, ended.join());
  });
});

test("programs of a machine with little memory end by a limit with a name", async () => {
  const options = { limits: { resources: { maxMemoryBytes: 64 * mebibyte } } };
  await withRuntime(options, async (runtime) => {
    await runtime.writeFile("/workspace/kept", "kept");
    const bombs = Array.from({ length: 6 }, () =>
      runtime.exec("const kept = []; for (;;) kept.push(new Array(1000).fill(1.5));"),
    );
    for (const outcome of await Promise.allSettled(bombs)) {
      assert.equal(outcome.status, "rejected");
      const error = (outcome as PromiseRejectedResult).reason;
      assert.ok(error instanceof VmError, String(error));
      // One may find that there is no memory to start.
      assert.match(error.code, /^(ERR_RESOURCE_LIMIT|EAGAIN)$/, error.message);
      const { limit } = error as { limit?: string };
      assert.match(limit ?? "", /maxMemoryBytes|v8HeapLimitMb/);
    }
    assert.equal(await runtime.readFile("/workspace/kept", "utf8"), "kept");
    assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
  });
});

test("a child that is ended for it tells its parent by its status", async () => {
  await beside(async (runtime) => {
    await runtime.writeFile(
      "/workspace/bomb.cjs",
      `const { createHash } = require("crypto"); const kept = []; for (;;) kept.push(createHash("sha512"));`,
    );
    const { stdout, limits } = await runtime.exec(`
      import { spawnSync } from "node:child_process";
      const { status, signal } = spawnSync("node", ["bomb.cjs"]);
      console.log(status, signal);`);
    assert.equal(stdout, "null SIGABRT\n");
    assert.ok(limits?.some(({ limit }) => limit === "limits.resources.maxMemoryBytes"));
  });
});

describe("bounds that programs can handle:", () => {
  test("watches", async () => {
    await beside(async (runtime) => {
      const { stdout, limits } = await runtime.exec(`
        import { watch } from "node:fs";
        const kept = [];
        try {
          for (;;) kept.push(watch("/tmp"));
        } catch (error) {
          console.log(kept.length, error.code);
        }
        kept.pop().close();
        kept.push(watch("/tmp"));
        for (const watcher of kept) watcher.close();
        watch("/tmp").close();`);
      assert.equal(stdout, "8192 ENOSPC\n");
      const named = limits?.map(({ limit }) => limit);
      assert.deepEqual(named, ["limits.resources.maxInotifyWatches"]);
    });
  });

  test("messages that nobody takes", async () => {
    await beside(async (runtime) => {
      const { stdout, limits } = await runtime.exec(`
        import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
        const { port1, port2 } = new MessageChannel();
        const piece = new Uint8Array(1 << 16);
        let sent = 0;
        try {
          for (;;) { port1.postMessage(piece); sent++; }
        } catch (error) {
          console.log(error.code, sent > 450 && sent < 512);
        }
        receiveMessageOnPort(port2);
        port1.postMessage(piece);
        port2.close();
        // Ports are closed at the end of a turn.
        setImmediate(() => setImmediate(() => {
          const { port1 } = new MessageChannel();
          for (let at = 0; at < 450; at++) port1.postMessage(piece);
          console.log("again");
        }));`);
      assert.equal(stdout, "ERR_RESOURCE_LIMIT true\nagain\n");
      const named = limits?.map(({ limit }) => limit);
      assert.deepEqual(named, ["limits.resources.maxQueuedMessageBytes"]);
    });
  });
});

test("who reads a file that is larger than the memory is told so, and nothing else is lost", async () => {
  const hostPath = mkdtempSync(join(tmpdir(), "large-"));
  try {
    for (const [name, size] of [
      ["a", 600 * mebibyte],
      ["b", 4 * 2 ** 40],
    ] as const) {
      writeFileSync(join(hostPath, name), "");
      truncateSync(join(hostPath, name), size);
    }
    const mounts = [{ guestPath: "/m", hostPath }];
    await withRuntime({ ...small, mounts }, async (runtime) => {
      const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
      const { stdout } = await runtime.exec(`
        import { openSync, readFileSync } from "node:fs";
        for (const read of [
          () => readFileSync("/m/a", "utf8"),
          () => readFileSync("/m/b", "utf8"),
          () => readFileSync(openSync("/m/a"), "utf8"),
        ]) {
          try { console.log(read().length); } catch (error) { console.log(error.code); }
        }
        console.log(readFileSync("/etc/passwd", "utf8").length > 0);`);
      assert.equal(stdout, "ENOMEM\nENOMEM\nENOMEM\ntrue\n");
      await other.writeStdin("still here");
      other.closeStdin();
      assert.equal(await other.wait(), 0);
      assert.equal(other.captured.stdout, "still here");
    });
  } finally {
    rmSync(hostPath, { recursive: true });
  }
});

test("a program has what the one before it has not given back yet", {
  timeout: 120_000,
}, async () => {
  const limits = { resources: { maxMemoryBytes: 512 * mebibyte } };
  await withRuntime({ limits }, async (runtime) => {
    const pieces =
      "const kept = []; for (let i = 0; i < 18; i++) kept.push(Buffer.alloc(20 << 20, 1));";
    await runtime.writeFile("/tmp/pieces.js", pieces);
    await runtime.writeFile("/tmp/whole.js", "Buffer.alloc(350 << 20, 1)");
    const line = "for f in pieces whole pieces whole; do node /tmp/$f.js || exit; done; echo all";
    const { stdout, stderr } = await runtime.execCommand("sh", ["-c", line]);
    assert.equal(stdout, "all\n", stderr);
  });
});

test("the machine's memory is that of its limit", async () => {
  await withRuntime(small, async (runtime) => {
    const { stdout } = await runtime.exec(`
      import { readFileSync } from "node:fs";
      import { freemem, totalmem } from "node:os";
      const total = Number(readFileSync("/proc/meminfo", "utf8").match(/MemTotal:\\s+(\\d+)/)[1]);
      console.log(totalmem(), total * 1024 === totalmem(), freemem() > 0 && freemem() < totalmem());`);
    assert.equal(stdout, `${128 * mebibyte} true true\n`);
  });
});

test("a machine that is too small for its own files names the limit", async () => {
  for (const maxInodeCount of [1, 10, 100]) {
    const options = { limits: { resources: { maxInodeCount } } };
    await assert.rejects(
      withRuntime(options, async () => {}),
      {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.resources.maxInodeCount",
        bound: maxInodeCount,
      },
    );
  }
});

// A program that is in the middle of a long native call can be ended without its machine.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const crypto = `const crypto = process.getBuiltinModule("crypto");`;
const zlib = `const zlib = process.getBuiltinModule("zlib"); ${crypto}`;
const noise = `Buffer.from(crypto.randomBytes(8e6).toString("hex"))`;

const calls: Record<string, string> = {
  pbkdf2Sync: `${crypto} console.log("start"); crypto.pbkdf2Sync("a", "b", 2 ** 31 - 1, 64, "sha512");`,
  pbkdf2: `${crypto} crypto.pbkdf2("a", "b", 2 ** 31 - 1, 64, "sha512", () => {}); console.log("start");`,
  "pbkdf2Sync of a long key": `${crypto} console.log("start"); crypto.pbkdf2Sync("a", "b", 1000, 1e8, "sha1");`,
  scryptSync: `${crypto} console.log("start"); crypto.scryptSync("a", "b", 64, { N: 2 ** 14, r: 8, p: 20_000, maxmem: 2 ** 28 });`,
  "a key of RSA": `${crypto} console.log("start"); for (;;) crypto.generateKeyPairSync("rsa", { modulusLength: 8192 });`,
  "a safe prime": `${crypto} console.log("start"); crypto.generatePrimeSync(6000, { safe: true });`,
  "parameters of Diffie-Hellman": `${crypto} console.log("start"); crypto.createDiffieHellman(6000);`,
  "a check of a prime": `${crypto} const prime = crypto.generatePrimeSync(1024); console.log("start"); crypto.checkPrimeSync(prime, { checks: 2 ** 30 });`,
  "hashes of large buffers": `${crypto} const data = Buffer.alloc(1e8); console.log("start"); for (;;) crypto.createHash("sha512").update(data).digest();`,
  "brotli into a large buffer": `${zlib} const data = ${noise}; console.log("start"); for (;;) zlib.brotliCompressSync(data, { chunkSize: 32e6 });`,
  "zstd into a large buffer": `${zlib} const data = ${noise}; console.log("start"); for (;;) zlib.zstdCompressSync(data, { chunkSize: 32e6, params: { [zlib.constants.ZSTD_c_compressionLevel]: 19 } });`,
  "deflate into a large buffer": `${zlib} const data = Buffer.alloc(96e6, ${noise}); console.log("start"); for (;;) zlib.deflateSync(data, { chunkSize: 96e6, level: 9 });`,
};

const limits = { jsRuntime: { cpuTimeLimitMs: Number.POSITIVE_INFINITY } };

/** Starts `code`, waits until it is in its call, and ends it by `end`. */
async function endInside(
  runtime: NodeRuntime,
  code: string,
  end: (abort: AbortController) => void,
): Promise<unknown> {
  const abort = new AbortController();
  return await runtime
    .exec(code, {
      signal: abort.signal,
      onStdout: () => end(abort),
    })
    .catch((error) => error);
}

describe("an abort ends the program alone in", () => {
  for (const [name, code] of Object.entries(calls)) {
    test(name, { timeout: 120_000 }, async () => {
      await withRuntime({ limits }, async (runtime) => {
        const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
        await endInside(runtime, code, (abort) => setTimeout(() => abort.abort(), 100));
        await other.writeStdin("still here");
        other.closeStdin();
        assert.equal(await other.wait(), 0);
        assert.equal(other.captured.stdout, "still here");
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      });
    });
  }
});

test("a worker is terminated in the middle of one", { timeout: 60_000 }, async () => {
  await withRuntime({ limits }, async (runtime) => {
    const { stdout } = await runtime.exec(`
      import { Worker } from "node:worker_threads";
      const worker = new Worker(${JSON.stringify(
        `${crypto} process.getBuiltinModule("worker_threads").parentPort.postMessage("start"); crypto.pbkdf2Sync("a", "b", 2 ** 31 - 1, 64, "sha512");`,
      )}, { eval: true });
      worker.once("message", async () => console.log(await worker.terminate()));`);
    assert.equal(stdout, "1\n");
  });
});

test("large buffers come back whole", { timeout: 60_000 }, async () => {
  await withRuntime({ limits }, async (runtime) => {
    const { stdout } = await runtime.exec(`
      import zlib from "node:zlib";
      const text = Array.from({ length: 300_000 }, (_, at) => \`\${at * 7919} text\`).join();
      const options = { chunkSize: 8e6 };
      const same = (data) => console.log(data.toString() === text);
      same(zlib.inflateSync(zlib.deflateSync(text, options), options));
      same(zlib.gunzipSync(zlib.gzipSync(text, options), options));
      same(zlib.inflateSync(zlib.deflateSync(text, { ...options, finishFlush: zlib.constants.Z_SYNC_FLUSH }), { ...options, finishFlush: zlib.constants.Z_SYNC_FLUSH }));
      const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 };
      same(zlib.brotliDecompressSync(zlib.brotliCompressSync(text, { params, ...options }), options));
      same(zlib.zstdDecompressSync(zlib.zstdCompressSync(text, options), options));
      try {
        zlib.inflateSync(zlib.deflateSync(text).subarray(0, 300_000), options);
      } catch (error) {
        console.log(error.code);
      }`);
    assert.equal(stdout, `${"true\n".repeat(5)}Z_BUF_ERROR\n`);
  });
});

test("costs that take long give the keys that Node.js gives", { timeout: 60_000 }, async () => {
  const { pbkdf2Sync, scryptSync } = await import("node:crypto");
  const cost = { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 27 };
  const expected = [
    pbkdf2Sync("password", "salt", 150_000, 70, "sha256").toString("hex"),
    pbkdf2Sync("k".repeat(300), "", 150_000, 20, "sha1").toString("hex"),
    scryptSync("password", "salt", 70, cost).toString("hex"),
  ];
  await withRuntime({ limits }, async (runtime) => {
    const { stdout } = await runtime.exec(`
      import { pbkdf2Sync, scryptSync } from "node:crypto";
      console.log(pbkdf2Sync("password", "salt", 150_000, 70, "sha256").toString("hex"));
      console.log(pbkdf2Sync("k".repeat(300), "", 150_000, 20, "sha1").toString("hex"));
      console.log(scryptSync("password", "salt", 70, ${JSON.stringify(cost)}).toString("hex"));`);
    assert.deepEqual(stdout.trim().split("\n"), expected);
  });
});

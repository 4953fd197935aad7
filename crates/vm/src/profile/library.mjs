// Uses what the snapshot lacks of Node's library, once each, for the code caches that are stored behind it. Not the one
// that strips types: most of it is a WebAssembly module in a string, which would be there twice.
import { spawn, spawnSync } from "node:child_process";
import {
  createCipheriv,
  createHmac,
  generateKeyPairSync,
  pbkdf2Sync,
  scryptSync,
} from "node:crypto";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import fs from "node:fs";
import { register } from "node:module";
import { createInterface } from "node:readline/promises";
import { Readable } from "node:stream";
import { json, text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { ReadableStream, TransformStream } from "node:stream/web";
import test from "node:test";
import { parseArgs, promisify, styleText } from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import { Worker } from "node:worker_threads";
import zlib from "node:zlib";
import "node:cluster";
import "node:console";
import "node:dgram";
import "node:dns/promises";
import "node:http";
import "node:http2";
import "node:https";
import "node:inspector";
import "node:path/posix";
import "node:path/win32";
import "node:perf_hooks";
import "node:punycode";
import "node:querystring";
import "node:repl";
import "node:tls";
import "node:wasi";

const child = spawn(process.execPath, ["-p", "6 * 7"]);
await Promise.all([text(child.stdout), once(child, "exit")]);
spawnSync(process.execPath, ["-e", "process.exitCode = 0"]);

const worker = new Worker(
  "import { parentPort, workerData } from 'node:worker_threads';" +
    "parentPort.once('message', (value) => parentPort.postMessage(value + workerData));",
  { eval: true, workerData: 1 },
);
worker.postMessage(1);
await once(worker, "message");
await once(worker, "exit");

for (const kind of ["gzip", "deflate", "brotliCompress", "zstdCompress"]) {
  await promisify(zlib[kind])("text");
}
zlib.gunzipSync(zlib.gzipSync("text"));
await text(Readable.from(["text"]).pipe(zlib.createGzip()).pipe(zlib.createGunzip()));

createHmac("sha256", "key").update("x").digest("base64");
pbkdf2Sync("password", "salt", 1, 32, "sha256");
scryptSync("password", "salt", 32, { N: 2 });
createCipheriv("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12)).update("x");
generateKeyPairSync("ed25519");
await crypto.subtle.digest("SHA-256", new Uint8Array(1));

await new Response("{}").json();
new Headers({ a: "b" }).get("a");
await new Blob(["text"]).text();
await json(new ReadableStream({ pull: (controller) => controller.close() })).catch(() => {});
for await (const chunk of ReadableStream.from(["a"]).pipeThrough(new TransformStream())) {
  String(chunk);
}
new URLPattern({ pathname: "/:id" }).exec("https://example.com/1");
const { port1, port2 } = new MessageChannel();
port1.on("message", () => port1.close());
port2.postMessage({ a: 1 });
await once(port1, "close");
performance.mark("a");
performance.measure("b", "a");
diagnostics.channel("c").publish({});

for await (const line of createInterface({ input: Readable.from(["a\nb\n"]) })) String(line);
parseArgs({ args: ["-f"], options: { flag: { type: "boolean", short: "f" } } });
styleText("bold", "text");
v8.deserialize(v8.serialize({ a: 1 }));
vm.runInNewContext("1 + 1");
fs.mkdirSync("a/b", { recursive: true });
fs.cpSync("a", "c", { recursive: true });
fs.writeFileSync("a/file", "text");
fs.globSync("*");
await pipeline(fs.createReadStream("a/file"), fs.createWriteStream("a/copy"));
register("data:text/javascript,");
await test("a test", (t) => t.assert.ok(true));
fs.rmSync("a", { recursive: true });
fs.rmSync("c", { recursive: true });

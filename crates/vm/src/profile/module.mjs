// A typical program: what it runs of Node's library is compiled when the snapshot is made. It prints to
// pipes, as every guest does. What only a few programs need does not belong here: all of it is in the
// memory of every guest.
import assert from "node:assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import fs from "node:fs";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import util from "node:util";

console.log("text", 1, true, null, undefined, { a: 1, b: [1, "two", { three: 3n }] });
console.error("an error: %s %d %j", "text", 42, { json: true });
console.log(new Error("inspected"), [new Map([["k", 1]]), new Set([1])], new Date(0), /x/g);
console.log(util.inspect({ deep: { deeper: { deepest: { bottom: 1 } } } }, { depth: 0 }));
console.table([{ a: 1, b: 2 }]);

const folder = await mkdtemp(path.join(os.tmpdir(), "profile-"));
const file = path.join(folder, "file.json");
await writeFile(file, JSON.stringify({ a: 1 }));
JSON.parse(await readFile(file, "utf8"));
fs.writeFileSync(path.join(folder, "sync.txt"), "some text\n");
fs.appendFileSync(path.join(folder, "sync.txt"), Buffer.from("more"));
fs.readFileSync(path.join(folder, "sync.txt"), "utf8").split("\n");
fs.existsSync(file);
fs.statSync(file).isFile();
fs.mkdirSync(path.join(folder, "a/b"), { recursive: true });
fs.readdirSync(folder, { withFileTypes: true }).map((entry) => entry.isDirectory());
await readdir(folder);
(await stat(file)).mtime;
fs.writeFileSync(path.join(folder, "module.cjs"), "module.exports = require('node:path').sep;");
fs.writeFileSync(path.join(folder, "module.mjs"), "export default import.meta.url;");
fs.writeFileSync(path.join(folder, "data.json"), "{}");
const require = createRequire(import.meta.url);
require(path.join(folder, "module.cjs"));
require(path.join(folder, "data.json"));
await import(pathToFileURL(path.join(folder, "module.mjs")).href);
await import(path.join(folder, "module.cjs"));
try {
  fs.readFileSync("/missing");
} catch (error) {
  console.log(error.code, error.message);
}
await readFile("/missing").catch(() => {});
await rm(folder, { recursive: true });

const emitter = new EventEmitter();
setTimeout(() => emitter.emit("event", 1), 1);
await once(emitter, "event");
setImmediate(() => {});
process.nextTick(() => {});
queueMicrotask(() => {});
clearInterval(setInterval(() => {}, 10));
await sleep(1);
await Promise.all([1, Promise.resolve(2)]);
new AsyncLocalStorage().run(1, () => {});

await pipeline(
  Readable.from(["a", "b"]),
  new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).toUpperCase()) }),
  async function* (source) {
    for await (const chunk of source) yield chunk;
  },
  async (source) => {
    for await (const chunk of source) String(chunk);
  },
);
let input = "";
for await (const chunk of process.stdin) input += chunk;
await new Promise((done) => process.stdout.write(`${input}\n`, done));

createHash("sha256").update("x").digest("hex");
randomUUID();
randomBytes(8).toString("base64");
const url = new URL("https://user@example.com:8080/p/a/t/h?query=string&a=1#hash");
url.searchParams.get("a");
url.searchParams.append("b", "2");
String(url);
fileURLToPath(import.meta.url);
new TextDecoder().decode(new TextEncoder().encode("héllo"));
Buffer.concat([Buffer.from("68656c6c6f", "hex"), Buffer.alloc(3)]).toString("utf8");
structuredClone({ a: new Date(0), b: new Map() });
performance.now();
process.hrtime.bigint();
process.memoryUsage();
process.cwd();
Object.keys(process.env).length;
process.env.PATH;
process.argv.slice(2);
new AbortController().abort();
globalThis.__return?.({ value: 1 });
assert.deepStrictEqual({ a: [1] }, { a: [1] });
try {
  assert.strictEqual(1, 2);
} catch (error) {
  console.log(error.message);
}
process.on("exit", () => {});
process.exitCode = 0;

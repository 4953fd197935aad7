"use strict";
// Many different things that Node.js's library does, each for the natives that it calls.

const childProcess = require("node:child_process");
const crypto = require("node:crypto");
const fs = require("node:fs");
const { BlockList, connect, createServer, SocketAddress } = require("node:net");
const os = require("node:os");
const perf = require("node:perf_hooks");
const { StringDecoder } = require("node:string_decoder");
const util = require("node:util");
const v8 = require("node:v8");
const vm = require("node:vm");
const workers = require("node:worker_threads");
const zlib = require("node:zlib");

const file = "/tmp/fuzz-file";
const dir = "/tmp/fuzz-dir";
fs.writeFileSync(file, "hello world");
fs.mkdirSync(dir, { recursive: true });
const fd = fs.openSync(file, "r+");

const files = [
  () => fs.readFileSync(file, "utf8"),
  () => fs.writeFileSync(`${dir}/a`, Buffer.from("x")),
  () => fs.appendFileSync(`${dir}/a`, "y"),
  () => [
    fs.statSync(file),
    fs.lstatSync(file, { bigint: true }),
    fs.fstatSync(fd),
    fs.statfsSync("/"),
  ],
  () => fs.readdirSync("/tmp", { withFileTypes: true, recursive: true }),
  () => [fs.accessSync(file), fs.existsSync(file), fs.realpathSync.native(file)],
  () => [fs.chmodSync(file, 0o600), fs.utimesSync(file, 1, 2), fs.futimesSync(fd, 1, 2)],
  () => [
    fs.linkSync(file, `${dir}/l`),
    fs.renameSync(`${dir}/l`, `${dir}/m`),
    fs.unlinkSync(`${dir}/m`),
  ],
  () => [fs.symlinkSync(file, `${dir}/s`), fs.readlinkSync(`${dir}/s`)],
  () => [
    fs.mkdtempSync("/tmp/t"),
    fs.copyFileSync(file, `${dir}/c`),
    fs.cpSync(dir, "/tmp/fuzz-copy", { recursive: true }),
  ],
  () => [
    fs.readSync(fd, Buffer.alloc(10), 0, 5, 0),
    fs.writeSync(fd, "abc", 0),
    fs.ftruncateSync(fd, 5),
    fs.fsyncSync(fd),
  ],
  () => [
    fs.readvSync(fd, [Buffer.alloc(3)], 0),
    fs.writevSync(fd, [Buffer.from("q"), Buffer.from("r")], 0),
  ],
  () => [
    fs.opendirSync("/tmp").readSync(),
    fs.watch("/tmp", () => {}).unref(),
    fs.watchFile(file, () => {}).unref(),
  ],
  async () => {
    const handle = await fs.promises.open(file, "r+");
    await handle.read(Buffer.alloc(4), 0, 4, 0);
    await handle.writev([Buffer.from("a")]);
    await handle.stat();
    await handle.close();
  },
  () => fs.openAsBlob(file).then((blob) => blob.slice(1, 3).text()),
];

const compression = [
  () => zlib.gunzipSync(zlib.gzipSync("abc".repeat(100))),
  () => zlib.brotliDecompressSync(zlib.brotliCompressSync("x")),
  () => zlib.zstdDecompressSync(zlib.zstdCompressSync("x")),
  () => zlib.crc32("abc"),
  () => {
    const stream = zlib.createGzip();
    stream.write("a");
    stream.params(3, 1, () => {});
    stream.flush(() => stream.reset());
  },
];

const cryptography = [
  () => [crypto.createHash("sha256").update("a").copy().digest(), crypto.hash("sha1", "x")],
  () => crypto.createHmac("sha1", "k").update("x").digest("hex"),
  () => [
    crypto.randomFillSync(Buffer.alloc(9), 2, 3),
    crypto.getCiphers(),
    crypto.getCipherInfo("aes-128-cbc"),
  ],
  () => [
    crypto.scryptSync("a", "b", 16),
    crypto.pbkdf2Sync("a", "b", 3, 16, "sha1"),
    crypto.hkdfSync("sha256", "k", "s", "i", 16),
  ],
  () => {
    const cipher = crypto.createCipheriv("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12));
    cipher.setAAD(Buffer.from("z"));
    return [cipher.update("abc"), cipher.final(), cipher.getAuthTag()];
  },
  () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signature = crypto.sign("sha256", Buffer.from("a"), privateKey);
    crypto.verify("sha256", Buffer.from("a"), publicKey, signature);
    privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "x" });
    publicKey.export({ format: "jwk" });
    crypto.diffieHellman({ privateKey, publicKey });
    return crypto.createPublicKey(publicKey.export({ type: "spki", format: "pem" }))
      .asymmetricKeyDetails;
  },
  () => {
    const curve = crypto.createECDH("secp256k1");
    curve.generateKeys();
    return curve.computeSecret(curve.getPublicKey());
  },
  () => [
    crypto.generatePrimeSync(32, { bigint: true }),
    crypto.checkPrimeSync(7n),
    crypto.createSecretKey(Buffer.from("k")).export(),
  ],
  async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, [
      "encrypt",
    ]);
    await crypto.subtle.encrypt({ name: "AES-GCM", iv: Buffer.alloc(12) }, key, Buffer.from("abc"));
    await crypto.subtle.exportKey("jwk", key);
  },
];

const code = [
  () =>
    new vm.Script("globalThis.q = 1", { produceCachedData: true }).runInThisContext({
      timeout: 100,
    }),
  () => vm.runInNewContext("a + 1", { a: 1 }, { timeout: 100, microtaskMode: "afterEvaluate" }),
  () => [vm.compileFunction("return a", ["a"])(1), vm.isContext({}), vm.measureMemory?.()],
  async () => {
    const module = new vm.SourceTextModule("export default 1; import.meta");
    await module.link(() => {});
    await module.evaluate();
    return module.namespace;
  },
  () => v8.deserialize(v8.serialize({ a: [1, new Map([[1, new Date()]])] })),
  () => [
    v8.getHeapStatistics(),
    v8.getHeapSpaceStatistics(),
    v8.getHeapCodeStatistics(),
    v8.cachedDataVersionTag(),
  ],
  () => structuredClone({ a: new Error("x"), b: new Uint8Array(4) }),
  () => [
    util.inspect(new Proxy({}, {}), { showProxy: true }),
    util.inspect(Promise.resolve(1)),
    util.getCallSites?.(),
  ],
  () => [
    util.parseEnv("A=1\nB='x'"),
    util.getSystemErrorMap(),
    util.types.isProxy({}),
    util.stripVTControlCharacters("x"),
  ],
  () => require("node:module").stripTypeScriptTypes?.("let a: number = 1"),
  () => new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)),
];

const processes = [
  () => childProcess.spawnSync("echo", ["a"], { input: "x", timeout: 1000, maxBuffer: 10 }),
  () => childProcess.spawn("cat", { stdio: ["pipe", "pipe", "ignore", "ipc"] }).kill(),
  () => [
    process.memoryUsage(),
    process.cpuUsage(),
    process.resourceUsage(),
    process.hrtime.bigint(),
    process.getActiveResourcesInfo(),
  ],
  () => [
    process.report.getReport(),
    process.umask(0o22),
    process.title,
    process.constrainedMemory?.(),
  ],
  () => [os.cpus(), os.userInfo(), os.setPriority(0), os.networkInterfaces(), os.loadavg()],
  () => process.on("SIGUSR2", () => {}),
  () =>
    new workers.Worker("require('worker_threads').parentPort.postMessage(1)", {
      eval: true,
    }).terminate(),
];

const channels = [
  () => {
    const { port1, port2 } = new workers.MessageChannel();
    port1.postMessage({ a: Buffer.from("x"), port: new workers.MessageChannel().port1 }, []);
    workers.receiveMessageOnPort(port2);
    port1.close();
  },
  () => new workers.BroadcastChannel("x").close(),
  () => {
    const server = createServer((socket) => socket.end("x")).unref();
    server.listen(`${dir}/socket`, () =>
      connect(`${dir}/socket`)
        .on("error", () => {})
        .end("a"),
    );
    server.on("error", () => {});
  },
  () => [
    new BlockList().addSubnet("10.0.0.0", 8),
    new SocketAddress({ address: "::1", family: "ipv6" }),
  ],
  () => require("node:dns").lookup("localhost", () => {}),
  () =>
    require("node:http")
      .createServer(() => {})
      .close(),
];

const texts = [
  () => [
    new StringDecoder("utf16le").write(Buffer.from([1, 2, 3])),
    new StringDecoder("base64").end(Buffer.from("ab")),
  ],
  () => [
    new TextDecoder("shift_jis").decode(Buffer.from("abc")),
    new TextEncoder().encodeInto("é", new Uint8Array(5)),
  ],
  () => [
    Buffer.from("zz", "base64").toString("hex"),
    Buffer.from("abc").fill("q", 1).indexOf("q"),
    Buffer.compare(Buffer.from("a"), Buffer.from("b")),
  ],
  () => [
    require("node:buffer").transcode(Buffer.from("é"), "utf8", "latin1"),
    require("node:buffer").isUtf8(Buffer.from("a")),
  ],
  () => [
    new URL("http://u:p@h:1/a?b#c").searchParams.get("b"),
    URL.canParse("x", "http://y"),
    require("node:url").domainToASCII("é.com"),
  ],
  () => new URLPattern({ pathname: "/:id" }).exec("http://a/1"),
  () => new Blob(["a", new Blob(["b"])]).slice(0, 1).arrayBuffer(),
];

const measures = [
  () => {
    const histogram = perf.createHistogram();
    histogram.record(5);
    histogram.add(perf.createHistogram());
    return [histogram.percentile(50), histogram.reset()];
  },
  () => perf.monitorEventLoopDelay().enable(),
  () => [performance.mark("a"), performance.measure("b", "a"), performance.eventLoopUtilization()],
  () =>
    require("node:async_hooks")
      .createHook({ init() {} })
      .enable()
      .disable(),
  () => new (require("node:async_hooks").AsyncLocalStorage)().run(1, () => setImmediate(() => {})),
  () =>
    require("node:trace_events")
      .createTracing({ categories: ["v8"] })
      .enable(),
  () => [setTimeout(() => {}, 1), setInterval(() => {}, 5).unref(), queueMicrotask(() => {})],
];

module.exports = [
  ...files,
  ...compression,
  ...cryptography,
  ...code,
  ...processes,
  ...channels,
  ...texts,
  ...measures,
  ...require("./network.cjs"),
  ...require("./debugging.cjs"),
];

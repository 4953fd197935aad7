// What docs/node.md says of the modules: each feature is tried in a guest, by a snippet that must come to an end.

/** Features by module. A snippet is the body of an asynchronous function: what it gives back or throws is on the page. */
export const features = {
  child_process: {
    "`spawn`": `
      const child = require("child_process").spawn("node", ["-p", "1"]);
      await once(child, "exit");`,
    "`fork` with messages": `
      require("fs").writeFileSync("/tmp/child.cjs", "process.send(1)");
      const child = require("child_process").fork("/tmp/child.cjs");
      await Promise.all([once(child, "message"), once(child, "exit")]);`,
  },
  cluster: {
    "a worker that listens": `
      require("fs").writeFileSync("/tmp/worker.cjs", "require('net').createServer().listen(0)");
      const cluster = require("cluster");
      cluster.setupPrimary({ exec: "/tmp/worker.cjs", silent: true });
      const worker = cluster.fork();
      let text = "";
      worker.process.stderr.on("data", (data) => { text += data; });
      const listening = new Promise((resolve) => worker.once("listening", () => resolve(true)));
      const ended = once(worker, "exit").then(() => false);
      const works = await Promise.race([listening, ended]);
      worker.process.kill("SIGKILL");
      if (!works) throw new Error(/\\[?(?:Error|ERR)[^\\n]*/.exec(text)?.[0] ?? "the worker ended");`,
  },
  crypto: {
    "hashes, ciphers, key pairs": `
      const crypto = require("crypto");
      crypto.createHash("sha256").update("x").digest();
      crypto.createCipheriv("aes-256-gcm", crypto.randomBytes(32), crypto.randomBytes(12));
      crypto.generateKeyPairSync("ed25519");
      crypto.scryptSync("x", "y", 16);`,
    "`webcrypto.subtle`": `
      await crypto.subtle.digest("SHA-512", new Uint8Array(8));`,
    "`setFips(true)`": `require("crypto").setFips(true);`,
    "`setEngine`": `require("crypto").setEngine("dynamic");`,
  },
  dgram: {
    "a datagram and its answer": `
      const server = require("dgram").createSocket("udp4").bind(0, "127.0.0.1");
      await once(server, "listening");
      server.on("message", (message, { port, address }) => server.send(message, port, address));
      const client = require("dgram").createSocket("udp4");
      client.send("x", server.address().port, "127.0.0.1");
      await once(client, "message");
      client.close();
      server.close();`,
    groups: `
      const socket = require("dgram").createSocket({ type: "udp4", reuseAddr: true }).bind(0);
      await once(socket, "listening");
      socket.addMembership("224.0.0.114");
      socket.close();`,
  },
  dns: {
    "`lookup`": `await require("dns").promises.lookup("localhost");`,
    "`lookup` of what the machine does not know": `await require("dns").promises.lookup("example.org");`,
    "a `Resolver` with a server of the machine": `
      const server = require("dgram").createSocket("udp4").bind(0, "127.0.0.1");
      await once(server, "listening");
      server.on("message", (question, { port, address }) => {
        const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1];
        const answer = Buffer.concat([question, Buffer.from(record)]);
        answer[2] |= 0x80;
        answer[7] = 1;
        server.send(answer, port, address);
      });
      const resolver = new (require("dns").promises.Resolver)();
      resolver.setServers(["127.0.0.1:" + server.address().port]);
      await resolver.resolve4("example.org");
      server.close();`,
    "`resolve` without a server": `await require("dns").promises.resolve("example.org");`,
  },
  fs: {
    "`watch`": `require("fs").watch("/tmp").close();`,
    "`watchFile`": `
      require("fs").watchFile("/tmp", () => {});
      require("fs").unwatchFile("/tmp");`,
    "`openAsBlob`": `
      require("fs").writeFileSync("/tmp/blob", "x");
      await (await require("fs").openAsBlob("/tmp/blob")).text();`,
  },
  http: {
    "`createServer`, `get`": `
      const http = require("http");
      const server = http.createServer((request, response) => response.end("x")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const request = http.get({ port: server.address().port, host: "127.0.0.1" });
      (await once(request, "response")).resume();
      server.close();`,
    "`get` of an address outside": `await once(require("http").get("http://192.0.2.1/"), "response");`,
  },
  http2: {
    "`createServer`, `connect`": `
      const http2 = require("http2");
      const server = http2.createServer((request, response) => response.end("ok")).listen(0);
      await once(server, "listening");
      const client = http2.connect("http://localhost:" + server.address().port);
      const headers = await once(client.request({ ":path": "/" }).resume(), "response");
      if (headers[":status"] !== 200) throw new Error("not answered");
      client.close();
      server.close();`,
    "`connect` to an address outside": `await once(require("http2").connect("http://192.0.2.1"), "connect");`,
  },
  https: {
    "`createServer`, `get`": `
      const https = require("https");
      const psk = Buffer.alloc(16, 1);
      const options = { ciphers: "PSK", maxVersion: "TLSv1.2", host: "127.0.0.1", agent: false };
      const listener = (request, response) => response.end();
      const server = https.createServer({ ...options, pskCallback: () => psk }, listener);
      await once(server.listen(0, "127.0.0.1"), "listening");
      const identify = { checkServerIdentity() {}, pskCallback: () => ({ psk, identity: "me" }) };
      const request = https.get({ ...options, ...identify, port: server.address().port });
      (await once(request, "response")).resume();
      server.close();`,
  },
  inspector: {
    "`url`": `require("inspector").url();`,
    "`open`": `require("inspector").open(0);`,
    "`Session.connect`": `new (require("inspector").Session)().connect();`,
    "`Session.connectToMainThread`": `
      const { Worker } = require("worker_threads");
      const load = "process.getBuiltinModule('inspector')";
      const code = \`new (\${load}.Session)().connectToMainThread()\`;
      await once(new Worker(code, { eval: true }), "exit");`,
  },
  module: {
    "`registerHooks`": `require("module").registerHooks({}).deregister();`,
    "`stripTypeScriptTypes`": `require("module").stripTypeScriptTypes("let a: number");`,
    "`enableCompileCache`": `
      const { enableCompileCache, constants } = require("module");
      const { status } = enableCompileCache("/tmp/cache");
      const { ENABLED, DISABLED } = constants.compileCacheStatus;
      if (status === DISABLED) return "answers \`DISABLED\`: compiled code is not stored";
      if (status !== ENABLED) throw new Error("status " + status);`,
  },
  net: {
    "a server on a path": `
      const server = require("net").createServer().listen("/tmp/socket");
      await once(server, "listening");
      server.close();`,
    "a server on a port": `
      const server = require("net").createServer().listen(0);
      await once(server, "listening");
      server.close();`,
    "a connection to a port": `await once(require("net").connect(1, "127.0.0.1"), "connect");`,
    "`BlockList`": `new (require("net").BlockList)().addAddress("10.0.0.1");`,
  },
  perf_hooks: {
    "`monitorEventLoopDelay`": `require("perf_hooks").monitorEventLoopDelay().enable();`,
    "`createHistogram`": `require("perf_hooks").createHistogram().record(1);`,
  },
  process: {
    "`dlopen` (native addons)": `process.dlopen({ exports: {} }, "/tmp/x.node");`,
    "`report.getReport`": `process.report.getReport();`,
    "`permission`": `if (!process.permission) throw new Error("process.permission is undefined");`,
    "`loadEnvFile`": `
      require("fs").writeFileSync("/tmp/.env", "X=1");
      process.loadEnvFile("/tmp/.env");`,
  },
  repl: {
    "`start`": `
      const { PassThrough } = require("stream");
      const server = require("repl").start({ input: new PassThrough(), output: new PassThrough() });
      server.close();`,
  },
  tls: {
    "`createSecureContext`": `require("tls").createSecureContext();`,
    "`createServer`, `connect`": `
      const tls = require("tls");
      const psk = Buffer.alloc(16, 1);
      const options = { ciphers: "PSK", maxVersion: "TLSv1.2", host: "127.0.0.1" };
      const server = tls.createServer({ ...options, pskCallback: () => psk }, (peer) => peer.end());
      await once(server.listen(0, "127.0.0.1"), "listening");
      const identify = { checkServerIdentity() {}, pskCallback: () => ({ psk, identity: "me" }) };
      const client = tls.connect({ ...options, ...identify, port: server.address().port });
      await once(client, "secureConnect");
      client.destroy();
      server.close();`,
    "`certificateCompression`": `
      require("tls").createSecureContext({ certificateCompression: ["zlib"] });`,
    "`TLSSocket` over a stream": `
      const { duplexPair } = require("stream");
      new (require("tls").TLSSocket)(duplexPair()[0]).destroy();`,
  },
  trace_events: {
    "`createTracing().enable`": `
      require("trace_events").createTracing({ categories: ["node"] }).enable();`,
  },
  v8: {
    "`writeHeapSnapshot`": `require("v8").writeHeapSnapshot("/tmp/heap");`,
    "`serialize`": `require("v8").deserialize(require("v8").serialize(new Map()));`,
    "`queryObjects`": `require("v8").queryObjects(class {});`,
    "`setFlagsFromString`": `require("v8").setFlagsFromString("--trace-gc");`,
    "`setHeapSnapshotNearHeapLimit`": `require("v8").setHeapSnapshotNearHeapLimit(1);`,
    "`startCpuProfile`": `require("v8").startCpuProfile();`,
    "`takeCoverage`": `require("v8").takeCoverage();`,
    "`GCProfiler`": `new (require("v8").GCProfiler)().start();`,
  },
  vm: {
    "contexts and scripts": `require("vm").runInNewContext("1");`,
    "`measureMemory`": `await require("vm").measureMemory({ execution: "eager" });`,
  },
  wasi: {
    "`new WASI`": `new (require("wasi").WASI)({ version: "preview1" });`,
    "a program": `
      const wasi = new (require("wasi").WASI)({ version: "preview1", preopens: { "/": "/tmp" } });
      const memory = new WebAssembly.Memory({ initial: 1 });
      wasi.start({ exports: { memory, _start: () => wasi.wasiImport.fd_prestat_get(3, 0) } });`,
  },
  worker_threads: {
    "`Worker`": `
      const { Worker } = require("worker_threads");
      const worker = new Worker("0;", { eval: true });
      await once(worker, "exit");`,
    "`locks`": `await require("worker_threads").locks.request("x", () => {});`,
  },
  zlib: {
    "gzip, brotli, zstd": `
      const zlib = require("zlib");
      zlib.gunzipSync(zlib.gzipSync("x"));
      zlib.brotliDecompressSync(zlib.brotliCompressSync("x"));
      zlib.zstdDecompressSync(zlib.zstdCompressSync("x"));`,
  },
  "node:sea": {
    "`isSea`": `require("node:sea").isSea();`,
    "`getAsset`": `require("node:sea").getAsset("x");`,
  },
  "node:sqlite": {
    "`DatabaseSync`, statements, functions": `
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync("features.db");
      db.function("twice", (x) => x * 2);
      db.exec("create table if not exists t(a); insert into t values (1)");
      if (db.prepare("select twice(a) x from t").get().x !== 2) throw new Error("a wrong sum");
      db.createSession().changeset();`,
    "`backup`": `
      const { backup, DatabaseSync } = require("node:sqlite");
      await backup(new DatabaseSync(":memory:"), "features-copy.db");`,
    "`loadExtension`": `
      const { DatabaseSync } = require("node:sqlite");
      new DatabaseSync(":memory:", { allowExtension: true }).loadExtension("x");`,
  },
  "node:test": {
    "`test`": `await require("node:test").run({ files: [] }).toArray();`,
  },
  globals: {
    "`fetch` of a `data:` URL": `await (await fetch("data:text/plain,x")).text();`,
    "`fetch` of an `http:` URL": `
      const server = require("http").createServer((request, response) => response.end("x")).listen(0, "127.0.0.1");
      await once(server, "listening");
      await (await fetch("http://127.0.0.1:" + server.address().port)).text();
      server.closeAllConnections();
      server.close();`,
    "`WebSocket`": `
      const server = require("http").createServer().listen(0, "127.0.0.1");
      server.on("upgrade", ({ headers }, socket) => {
        const hash = require("crypto").createHash("sha1");
        hash.update(headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        socket.write("HTTP/1.1 101 x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n");
        socket.end("Sec-WebSocket-Accept: " + hash.digest("base64") + "\\r\\n\\r\\n");
      });
      await once(server, "listening");
      await once(new WebSocket("ws://127.0.0.1:" + server.address().port), "open");
      server.close();`,
    "`localStorage`": `
      if (globalThis.localStorage === undefined) throw new Error("localStorage is undefined");
      localStorage.setItem("x", "y");`,
    "`WebAssembly`": `
      new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));`,
    "`Intl`": `new Intl.DateTimeFormat("de").format(0);`,
  },
};

/** The program that tries them and gives back what each threw; one guest for each feature. */
export function program(body) {
  return `
    import { createRequire } from "node:module";
    const require = createRequire("/tmp/");
    const once = (emitter, event) => new Promise((resolve, reject) => {
      const on = (emitter.once ?? emitter.addEventListener).bind(emitter);
      on(event, resolve);
      on("error", (error) => reject(error.error ?? error));
    });
    const told = (error) => {
      const { cause, errors } = Object(error);
      const inner = cause ?? errors?.[0];
      const text = Object(error).message || String(error);
      return inner ? told(inner) : [Object(error).code, text];
    };
    const end = (error, said = "works") => {
      globalThis.__return(error === undefined ? [said] : told(error));
      process.exit();
    };
    process.on("uncaughtException", end);
    try {
      end(undefined, await (async () => { ${body} })());
    } catch (error) {
      end(error ?? new Error("it threw nothing"));
    }`;
}

// Guests that try to get out of their machine by the network, or to exhaust it: the numbers are those of the catalogue.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { Sentinel } from "./support/sentinel.ts";
import { after, before, describe, test } from "./support/suite.ts";
import { assemble, op } from "./support/wasm-module.ts";

let sentinel: Sentinel;
before(async () => {
  sentinel = await Sentinel.start();
});
after(() => sentinel.stop());

/** What a program prints; it must end well. */
async function printed(rt: NodeRuntime, code: string, options = {}): Promise<string> {
  const { stdout, stderr, exitCode } = await rt.exec(code, { timeout: 25_000, ...options });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** Listeners of the host that count who comes. */
class Watched {
  visitors = 0;
  readonly #servers: Server[] = [];
  readonly #datagrams = createSocket("udp4");
  readonly #folder = mkdtempSync(join(tmpdir(), "secure-exec-watched-"));
  port = 0;

  get path(): string {
    return join(this.#folder, "s");
  }

  static async open(): Promise<Watched> {
    const watched = new Watched();
    const [first] = await watched.#listen({ port: 0, host: "0.0.0.0" });
    watched.port = first ?? 0;
    await watched.#listen({ path: watched.path });
    await watched.#listen({ path: `\0${watched.path}` });
    watched.#datagrams.on("message", () => watched.visitors++).bind(watched.port, "0.0.0.0");
    await once(watched.#datagrams, "listening");
    return watched;
  }

  async #listen(at: object): Promise<number[]> {
    const server = createServer((socket) => {
      this.visitors += 1;
      socket.destroy();
    });
    this.#servers.push(server);
    await once(server.listen(at), "listening");
    const address = server.address();
    return address && typeof address === "object" ? [address.port] : [];
  }

  close(): void {
    for (const server of this.#servers) server.close();
    this.#datagrams.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Addresses of this host that are not its loopback. */
const ownAddresses = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .filter(({ internal, scopeid }) => !internal && !scopeid)
  .map(({ address }) => address);

describe("ways out", () => {
  let watched: Watched;
  before(async () => {
    watched = await Watched.open();
  });
  after(() => {
    watched.close();
    assert.equal(watched.visitors, 0);
  });

  test("65 the outside is EACCES by every door", async () => {
    const door = `
      import dgram from "node:dgram";
      import dns from "node:dns";
      import net from "node:net";
      import tls from "node:tls";
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      import { execFileSync, spawnSync } from "node:child_process";
      const told = ({ code, syscall }) => code + " " + syscall;
      const failed = async (emitter) => told((await once(emitter, "error"))[0]);
      console.log("tcp", await failed(net.connect(443, "192.0.2.1")));
      console.log("tcp6", await failed(net.connect(443, "2001:db8::1")));
      console.log("tls", await failed(tls.connect(443, "192.0.2.1")));
      console.log("listen", await failed(net.createServer().listen(3000, "192.0.2.1")));
      const udp = dgram.createSocket("udp4");
      console.log("send", await new Promise((done) => udp.send("x", 53, "192.0.2.1", (error) => done(told(error)))));
      console.log("connect", await new Promise((done) => udp.connect(53, "192.0.2.1", (error) => done(told(error)))));
      udp.close();
      console.log("bind", await failed(dgram.createSocket("udp4").bind(3000, "192.0.2.1")));
      console.log("lookup", await dns.promises.lookup("example.com").catch(told));
      const worker = new Worker('process.getBuiltinModule("net").connect(443, "192.0.2.1")', { eval: true });
      console.log("worker", await failed(worker));
      const child = spawnSync("node", ["-e", 'fetch("http://192.0.2.1/").catch((e) => console.log(e.cause.code))']);
      console.log("child", String(child.stdout).trim());
      for (const line of ["curl -s http://192.0.2.1/", "wget -q http://192.0.2.1/", "nc 192.0.2.1 80", "echo x > /dev/tcp/192.0.2.1/80"]) {
        console.log(line.split(" ")[0], spawnSync("bash", ["-c", line]).status !== 0);
      }`;
    await withRuntime({}, async (rt) => {
      const started = performance.now();
      const lines = (await printed(rt, door)).trim().split("\n");
      assert.deepEqual(lines, [
        "tcp EACCES connect",
        "tcp6 EACCES connect",
        "tls EACCES connect",
        "listen EADDRNOTAVAIL listen",
        "send EACCES send",
        "connect EACCES connect",
        "bind EADDRNOTAVAIL bind",
        "lookup EACCES getaddrinfo",
        "worker EACCES connect",
        "child EACCES",
        "curl true",
        "wget true",
        "nc true",
        "echo true",
      ]);
      assert.ok(performance.now() - started < 15_000, "none of them waits");
    });
  });

  test("66 no spelling of an address leads to the host", async () => {
    const own = ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"];
    own.push("127.1.2.3", "::ffff:7f00:1", "0:0:0:0:0:0:0:1");
    const urls = ["2130706433", "0x7f.1", "0177.1", "127.1", "[::ffff:127.0.0.1]", "[::]", "0"];
    const foreign = ["169.254.169.254", "fd00:ec2::254", "100.64.0.1", "10.0.0.1", "172.16.0.1"];
    foreign.push("192.168.0.1", "64:ff9b::7f00:1", "fe80::1", "metadata.google.internal");
    foreign.push("host.docker.internal", "224.0.0.1", "255.255.255.255", ...ownAddresses);
    const code = `
      import net from "node:net";
      import dgram from "node:dgram";
      import { once } from "node:events";
      const port = ${watched.port};
      const by = async (host) => (await once(net.connect({ port, host }), "error"))[0];
      const told = (error) => error.code ?? error.errors?.map(({ code }) => code).join();
      const results = { own: new Set(), urls: new Set(), foreign: {} };
      for (const host of ${JSON.stringify(own)}) {
        results.own.add(told(await by(host)));
        const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
        await new Promise((done) => socket.send("x", port, host, done));
        socket.close();
      }
      for (const host of ${JSON.stringify(urls)}) {
        const { cause } = await fetch("http://" + host + ":" + port + "/").catch((error) => error);
        results.urls.add(told(cause));
      }
      for (const host of ${JSON.stringify(foreign)}) results.foreign[host] = told(await by(host));
      console.log(JSON.stringify({ ...results, own: [...results.own], urls: [...results.urls] }));`;
    await withRuntime({}, async (rt) => {
      const results = JSON.parse(await printed(rt, code));
      // The machine's own loopback, where nobody listens.
      assert.deepEqual([...new Set([...results.own, ...results.urls])], ["ECONNREFUSED"]);
      for (const [host, code] of Object.entries(results.foreign)) {
        const isGroup = host === "224.0.0.1" || host === "255.255.255.255";
        assert.equal(code, isGroup ? "ENETUNREACH" : "EACCES", host);
      }
      assert.equal(watched.visitors, 0);
    });
  });

  test("67 a name is checked by the address that is connected to, each time", async () => {
    const code = `
      import net from "node:net";
      import { once } from "node:events";
      import { writeFileSync, readFileSync } from "node:fs";
      const server = net.createServer((socket) => socket.end("own")).listen(${watched.port}, "127.0.0.1");
      await once(server, "listening");
      const hosts = readFileSync("/etc/hosts", "utf8");
      const answers = ["192.0.2.1", "127.0.0.1", "192.0.2.1"];
      const lookup = (name, options, done) => {
        const address = answers.shift();
        done(null, options.all ? [{ address, family: 4 }] : address, 4);
      };
      for (let at = 0; at < 3; at++) {
        const socket = net.connect({ host: "rebind.test", port: ${watched.port}, lookup });
        console.log(await Promise.race([once(socket, "data").then(String), once(socket, "error").then(([e]) => e.code)]).catch((e) => e.code));
      }
      // Of several addresses those that are outside are refused, one by one.
      const all = (name, options, done) => setImmediate(done, null, ["192.0.2.1", "2001:db8::1", "127.0.0.1"].map(
        (address) => ({ address, family: net.isIP(address) })));
      const socket = net.connect({ host: "rebind.test", port: ${watched.port}, lookup: all });
      const attempts = [];
      socket.on("connectionAttemptFailed", (address, port, family, error) => attempts.push(address + " " + error.code));
      console.log(String((await once(socket, "data"))[0]), attempts.join());
      server.close();`;
    await withRuntime({}, async (rt) => {
      assert.equal(
        await printed(rt, code),
        "EACCES\nown\nEACCES\nown 192.0.2.1 EACCES,2001:db8::1 EACCES\n",
      );
    });
  });

  test("68 redirects, proxies and tunnels are checked hop by hop", async () => {
    const code = `
      import http from "node:http";
      import net from "node:net";
      import { once } from "node:events";
      import { spawnSync, spawn } from "node:child_process";
      const hops = [];
      const server = http.createServer((request, response) => {
        hops.push(request.url);
        response.writeHead(302, { Location: "http://169.254.169.254/latest/meta-data/" }).end();
      });
      // A proxy of the machine's own has no more than its machine has.
      server.on("connect", (request, socket) => {
        hops.push("CONNECT " + request.url);
        const [host, port] = request.url.split(":");
        net.connect(port, host).on("error", ({ code }) => socket.end("HTTP/1.1 502 " + code + "\\r\\n\\r\\n"));
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address();
      const base = "http://127.0.0.1:" + port;
      console.log((await fetch(base + "/redirect").catch((error) => error)).cause.code);
      const run = async (command, args, env) => {
        const child = spawn(command, args, { env: { ...process.env, ...env } });
        let out = "";
        child.stdout.on("data", (data) => (out += data));
        const [status] = await once(child, "close");
        return [status, out.trim()];
      };
      const [status] = await run("curl", ["-sL", base + "/redirect"]);
      console.log(status !== 0);
      const tunnel = http.request({ port, method: "CONNECT", path: "169.254.169.254:80" }).end();
      const [answer] = await once(tunnel, "connect");
      console.log(answer.statusCode, answer.statusMessage);
      const get = 'fetch("http://169.254.169.254/").then((r) => console.log(r.status), (e) => console.log(e.cause.code))';
      const outside = { HTTP_PROXY: "http://192.0.2.1:3128", HTTPS_PROXY: "http://192.0.2.1:3128" };
      for (const env of [outside, { ...outside, NODE_USE_ENV_PROXY: "1" }]) console.log((await run("node", ["-e", get], env))[1]);
      console.log(hops.join());
      server.closeAllConnections();
      server.close();`;
    await withRuntime({}, async (rt) => {
      assert.equal(
        await printed(rt, code),
        "EACCES\ntrue\n502 EACCES\nEACCES\nEACCES\n/redirect,/redirect,CONNECT 169.254.169.254:80\n",
      );
    });
  });

  test("69 local sockets of the host are not there", async () => {
    const path = JSON.stringify(watched.path);
    const code = `
      import net from "node:net";
      import { once } from "node:events";
      for (const at of [${path}, "\\0" + ${path}, "/run/docker.sock", "/var/run/docker.sock", "/tmp/.X11-unix/X0"]) {
        console.log((await once(net.connect(at), "error"))[0].code);
      }`;
    await withRuntime({}, async (rt) => {
      assert.equal(await printed(rt, code), "ENOENT\nECONNREFUSED\nENOENT\nENOENT\nENOENT\n");
      assert.equal(watched.visitors, 0);
    });
  });

  test("70 ports are the machine's own", async () => {
    const listen = (name: string) => `
      import net from "node:net";
      for (const port of [22, 80, 3000, ${watched.port}]) {
        net.createServer((socket) => socket.end("${name}")).listen(port, port === 80 ? "0.0.0.0" : undefined);
      }`;
    const text = async (stream: AsyncIterable<unknown>) => {
      let all = "";
      for await (const chunk of stream) all += String(chunk);
      return all;
    };
    await withRuntime({}, async (one) => {
      await withRuntime({}, async (two) => {
        await Promise.all([one.spawn(listen("one")), two.spawn(listen("two"))]);
        for (const port of [22, 80, 3000, watched.port]) {
          await Promise.all([one.waitForListener({ port }), two.waitForListener({ port })]);
          assert.equal(await text(one.connect(port)), "one");
          assert.equal(await text(two.connect(port)), "two");
        }
        // The host's is the host's: the port of a guest that nothing listens on here is free.
        const socket = connect(watched.port, "127.0.0.1").on("error", () => {});
        await once(socket, "close");
        assert.equal(watched.visitors, 1);
        watched.visitors = 0;
        const own = createServer().listen(3000, "127.0.0.1");
        const [taken] = await Promise.race([once(own, "listening"), once(own, "error")]);
        if (taken === undefined) own.close();
        // One that is published is on 127.0.0.1 only.
        await using exposed = await one.exposePort(3000);
        assert.equal(await text(connect(exposed.port, "127.0.0.1")), "one");
        for (const address of ownAddresses) {
          const outside = connect(exposed.port, address);
          const [error] = await once(outside, "error");
          assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED", address);
        }
      });
    });
  });
});

describe("floods", () => {
  test("71 datagrams without number wait within the machine's bound", async () => {
    const code = `
      import dgram from "node:dgram";
      import { once } from "node:events";
      const sink = dgram.createSocket("udp4");
      await once(sink.bind(0, "127.0.0.1"), "listening");
      const { port } = sink.address();
      let seen = 0;
      sink.on("message", () => (seen += 1));
      const source = dgram.createSocket("udp4");
      const block = Buffer.alloc(1000);
      for (let at = 0; at < 100_000; at++) source.send(block, port, "127.0.0.1");
      await new Promise((done) => source.send("last", port, "127.0.0.1", done));
      // Who does not get to read loses what comes: 100,000 of them would be 100 MB.
      console.log(seen < 5000);
      source.close();
      sink.close();`;
    await withRuntime({}, async (rt) => {
      assert.equal(await printed(rt, code), "true\n");
      const { sockets, bufferedBytes } = await rt.getResourceSnapshot();
      assert.deepEqual([sockets, bufferedBytes], [0, 0]);
    });
    await sentinel.assertUnharmed();
  });

  test("71 queries of names without number leave nothing, and nobody outside hears of them", async () => {
    const code = `
      import dns from "node:dns";
      const resolver = new dns.promises.Resolver({ tries: 1, timeout: 50 });
      resolver.setServers(["8.8.8.8"]);
      const codes = new Set();
      for (let round = 0; round < 100; round++) {
        const all = Array.from({ length: 100 }, (_, at) => resolver.resolve4("a".repeat(60) + at + ".example.com"));
        for (const { reason } of await Promise.allSettled(all)) codes.add(reason.code);
      }
      console.log([...codes].join());`;
    await withRuntime({}, async (rt) => {
      assert.equal(await printed(rt, code), "EACCES\n");
      assert.equal((await rt.getResourceSnapshot()).sockets, 0);
    });
    await sentinel.assertUnharmed();
  });

  test("71 ten thousand half-open connections meet the limit, by name", async () => {
    const code = `
      import net from "node:net";
      import { once } from "node:events";
      const server = net.createServer({ pauseOnConnect: true });
      await once(server.listen(0, "127.0.0.1", 100_000), "listening");
      const { port } = server.address();
      const codes = {};
      const open = [];
      for (let at = 0; at < 10_000; at++) {
        const socket = net.connect(port, "127.0.0.1");
        open.push(socket);
        socket.on("error", ({ code }) => (codes[code] = (codes[code] ?? 0) + 1));
        if (at % 100 === 0) await new Promise((next) => setImmediate(next));
      }
      await new Promise((next) => setImmediate(next));
      console.log(Object.keys(codes).sort().join());
      for (const socket of open) socket.destroy();
      server.close();
      process.exit();`;
    const limits = { resources: { maxConnections: 500, maxSockets: 2000, maxOpenFds: 2000 } };
    await withRuntime({ limits }, async (rt) => {
      const { stdout, stderr, exitCode, limits: met } = await rt.exec(code, { timeout: 25_000 });
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, /ENOBUFS/);
      assert.ok(met?.some(({ limit }) => limit === "limits.resources.maxConnections"));
      const { sockets, bufferedBytes, fds } = await rt.getResourceSnapshot();
      assert.deepEqual([sockets, bufferedBytes, fds], [0, 0, 0]);
    });
    await sentinel.assertUnharmed();
  });

  test("71 a server that is asked a byte at a time, and never, serves others meanwhile", async () => {
    await withRuntime({}, async (rt) => {
      await rt.spawn(`
        import http from "node:http";
        const server = http.createServer({ headersTimeout: 400, requestTimeout: 500, connectionsCheckingInterval: 50 },
          (_, response) => response.end("served"));
        server.listen(3000);`);
      await rt.waitForListener({ port: 3000 });
      const slow = Array.from({ length: 50 }, () => rt.connect(3000));
      const ends = slow.map((socket) => {
        socket.on("error", () => {});
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
        const timer = setInterval(() => socket.write("X"), 20);
        // Some are reset: what they went on to write is not read.
        const closed = new Promise((resolve) => socket.resume().once("close", resolve));
        return closed.finally(() => clearInterval(timer));
      });
      for (let at = 0; at < 20; at++) assert.equal((await rt.fetch(3000)).body, "served");
      // The server's own time for heads ends them all.
      await Promise.all(ends);
      assert.equal((await rt.fetch(3000)).body, "served");
      while ((await rt.getResourceSnapshot()).sockets > 1) await turn();
    });
    await sentinel.assertUnharmed();
  });

  test("71 a small answer that is large when it is unpacked harms its reader only", async () => {
    // A thousand times smaller, twice.
    const bomb = gzipSync(gzipSync(Buffer.alloc(192 << 20)));
    const limits = {
      resources: { maxMemoryBytes: 128 << 20 },
      http: { maxFetchResponseBytes: 1 << 20 },
    };
    await withRuntime({ files: { "/workspace/bomb": bomb }, limits }, async (rt) => {
      const server = `
        import http from "node:http";
        import { readFileSync } from "node:fs";
        http.createServer((_, response) => {
          response.setHeader("Content-Encoding", "gzip, gzip");
          response.end(readFileSync("/workspace/bomb"));
        }).listen(3000);`;
      await rt.spawn(server);
      await rt.waitForListener({ port: 3000 });
      // Nothing is unpacked for the host.
      assert.deepEqual(Buffer.from((await rt.fetch(3000)).bytes), bomb);
      const reader = `await (await fetch("http://127.0.0.1:3000/")).arrayBuffer();`;
      const end = await rt.exec(reader, { timeout: 20_000 }).catch((error) => error);
      assert.ok(end.exitCode !== 0, "it cannot be held");
      const streamed = `
        let length = 0;
        for await (const piece of (await fetch("http://127.0.0.1:3000/")).body) length += piece.length;
        console.log(length);`;
      const restarted = await rt.exec("1").then(() => rt.findListener({ port: 3000 }));
      if (!restarted) {
        await rt.spawn(server);
        await rt.waitForListener({ port: 3000 });
      }
      assert.equal(await printed(rt, streamed), `${192 << 20}\n`);
    });
    await sentinel.assertUnharmed();
  });
});

describe("messages", () => {
  test("72 lines within headers, and headers of a megabyte", async () => {
    const code = `
      import http from "node:http";
      import net from "node:net";
      import { once } from "node:events";
      const code = (work) => { try { work(); return "accepted"; } catch (error) { return error.code ?? error.name; } };
      const server = http.createServer((request, response) => {
        console.log("set", code(() => response.setHeader("X-A", request.url + "\\r\\nSet-Cookie: a=1")));
        console.log("name", code(() => response.setHeader("X\\r\\nB", "1")));
        console.log("head", code(() => response.writeHead(200, "OK\\r\\nX: y")));
        console.log("large", code(() => response.setHeader("X-Large", "x".repeat(1e6))));
        response.removeHeader("X-Large");
        response.statusMessage = "OK";
        response.end("fine");
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address();
      const url = "http://127.0.0.1:" + port;
      console.log("path", code(() => http.get({ port, path: "/\\r\\nHost: evil" })));
      console.log("request", code(() => http.get({ port, headers: { "X-A": "b\\nc: d" } })));
      console.log("method", code(() => http.request({ port, method: "GET / HTTP/1.1\\r\\nX: y\\r\\n" })));
      console.log("Headers", code(() => new Headers({ "x-a": "b\\r\\nc: d" })));
      console.log("fetch", await fetch(url, { headers: { "x-a": "b\\0c" } }).catch((error) => error.name));
      console.log("body", await (await fetch(url)).text());
      const large = await fetch(url, { headers: { "x-large": "x".repeat(1e6) } }).catch((error) => error);
      console.log("sent", large.status ?? large.cause?.code);
      const raw = net.connect(port, "127.0.0.1");
      raw.on("error", () => {});
      raw.end("GET / HTTP/1.1\\r\\nHost: x\\r\\nX-A: a\\0b\\r\\n\\r\\n");
      let answer = "";
      for await (const piece of raw) answer += piece;
      console.log("raw", answer.split("\\r\\n")[0]);
      server.closeAllConnections();
      server.close();`;
    await withRuntime({}, async (rt) => {
      assert.deepEqual((await printed(rt, code)).trim().split("\n"), [
        "path ERR_UNESCAPED_CHARACTERS",
        "request ERR_INVALID_CHAR",
        "method ERR_INVALID_HTTP_TOKEN",
        "Headers TypeError",
        "fetch TypeError",
        "set ERR_INVALID_CHAR",
        "name ERR_INVALID_HTTP_TOKEN",
        "head ERR_INVALID_CHAR",
        "large accepted",
        "body fine",
        "sent 431",
        "raw HTTP/1.1 400 Bad Request",
      ]);
      // The same of a server as the host sees it.
      await rt.spawn(`
        import http from "node:http";
        http.createServer((_, response) => {
          response.setHeader("X-Large", "x".repeat(1e6));
          response.end("fine");
        }).listen(3000);`);
      await rt.waitForListener({ port: 3000 });
      await assert.rejects(rt.fetch(3000), { code: "ERR_INVALID_HTTP_RESPONSE" });
    });
    await sentinel.assertUnharmed();
  });

  test("73 there are no raw sockets", async () => {
    const opens = assemble({
      imports: [{ name: "sock_open", parameters: [0x7f, 0x7f, 0x7f], results: [0x7f] }],
      functions: [{ body: [...op.i32(0), ...op.i32(3), ...op.i32(0), ...op.call(0), ...op.drop] }],
    });
    const files = { "/workspace/raw.wasm": { data: opens, mode: 0o755 } };
    await withRuntime({ files }, async (rt) => {
      const { exitCode, stderr } = await rt.execCommand("/workspace/raw.wasm");
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /sock_open/);
      const ping = await rt.execCommand("ping", ["-c", "1", "127.0.0.1"]);
      assert.notEqual(ping.exitCode, 0);
      const code = `
        import net from "node:net";
        const types = Object.keys(process.binding("tcp_wrap").constants);
        console.log(types.join());
        try { process.binding("raw_wrap"); } catch (error) { console.log(error.message); }`;
      const { stdout } = await rt.exec(code);
      assert.match(
        stdout,
        /^SOCKET,SERVER,UV_TCP_IPV6ONLY.*\nNo such (module|binding): raw_wrap\n$/,
      );
    });
  });
});

describe("a guest that misuses connections harms itself only", () => {
  /** Peers, as programs for one port of a guest that is also served well. */
  const peers: Record<string, string> = {
    "floods with connections": `
      const open = () => net.connect(3000, "127.0.0.1").on("error", () => {}).on("connect", function () { this.destroy(); }).on("close", open);
      for (let at = 0; at < 50; at++) open();`,
    "opens and says nothing": `
      const open = () => net.connect(3000, "127.0.0.1").on("error", () => setTimeout(open, 10));
      for (let at = 0; at < 100; at++) open();`,
    "asks and never reads": `
      const ask = () => {
        const socket = net.connect(3000, "127.0.0.1").on("error", () => {});
        socket.pause();
        socket.write("GET /large HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".repeat(20));
      };
      for (let at = 0; at < 20; at++) ask();`,
    "sends what is no HTTP": `
      import { randomBytes } from "node:crypto";
      const open = () => {
        const socket = net.connect(3000, "127.0.0.1").on("error", () => {}).on("close", open);
        socket.resume().end(randomBytes(1000));
      };
      for (let at = 0; at < 20; at++) open();`,
    "sends heads without end": `
      const open = () => {
        const socket = net.connect(3000, "127.0.0.1").on("error", () => {}).on("close", open);
        socket.write("GET / HTTP/1.1\\r\\n");
        const more = () => { while (socket.writable && socket.write("X-A: " + "b".repeat(1000) + "\\r\\n")); };
        socket.resume().on("drain", more);
        more();
      };
      for (let at = 0; at < 10; at++) open();`,
  };
  for (const [name, peer] of Object.entries(peers)) {
    test(name, async () => {
      // As many as it may have at a time are its machine's: here the server is to be served too.
      const resources = { maxOpenFds: 2048, maxSockets: 4096, maxConnections: 4096 };
      const limits = { resources };
      await withRuntime({ limits }, async (rt) => {
        await rt.spawn(`
          import http from "node:http";
          const large = Buffer.alloc(1 << 20, "x");
          http.createServer((request, response) => response.end(request.url === "/large" ? large : "well"))
            .listen(3000, "127.0.0.1", 1000);`);
        await rt.waitForListener({ port: 3000 });
        const before = await rt.getResourceSnapshot();
        const hostile = await rt.spawn(
          `import net from "node:net"; ${peer} setInterval(() => {}, 1e6);`,
        );
        for (let at = 0; at < 20; at++) {
          assert.equal((await rt.fetch(3000)).body, "well");
          assert.equal((await rt.execCommand("echo", ["on"])).stdout, "on\n");
        }
        const { bufferedBytes } = await rt.getResourceSnapshot();
        assert.ok(bufferedBytes <= 32 << 20, String(bufferedBytes));
        hostile.kill("SIGKILL");
        await hostile.wait();
        for (;;) {
          const now = await rt.getResourceSnapshot();
          const isBack = now.sockets === before.sockets && now.fds === before.fds;
          if (isBack && now.bufferedBytes === 0 && now.processes === before.processes) break;
          await turn();
        }
        assert.equal((await rt.fetch(3000)).body, "well");
      });
      await sentinel.assertUnharmed();
    });
  }
});

// HTTP/2 within the machine: guests' servers and clients, as on host Node.js, and peers that mean harm.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { assertIdle, assertSameAsHost, type Files, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const names = ["ca-cert.pem", "server-cert.pem", "server-key.pem"];
const files: Files = {
  ...Object.fromEntries(
    names.map((name) => [name, readFileSync(new URL(`fixtures/tls/${name}`, import.meta.url))]),
  ),
  "file.txt": "0123456789".repeat(20_000),
};

const head = `
  import http2 from "node:http2";
  import https from "node:https";
  import net from "node:net";
  import { createHash } from "node:crypto";
  import { once } from "node:events";
  import { closeSync, openSync, readFileSync } from "node:fs";
  import { Duplex, duplexPair } from "node:stream";
  import { setImmediate as turn } from "node:timers/promises";
  const pem = (name) => readFileSync(name + ".pem");
  const show = (...values) => console.log(...values);
  const listen = async (server, ...where) => {
    server.listen(...(where.length ? where : [0, "127.0.0.1"]));
    await once(server, "listening");
    return where.length ? where[0] : server.address().port;
  };
  const open = (port, options) => http2.connect("http://127.0.0.1:" + port, options);
  const read = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const get = async (client, headers = {}, options = {}) => {
    const request = client.request({ ":path": "/", ...headers }, options);
    const body = read(request);
    const [response] = await once(request, "response");
    return { request, response, body: await body };
  };
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const closed = (emitter) => new Promise((resolve) => emitter.once("close", resolve));
`;

/** Programs that print the same here and on host Node.js. */
const programs: Record<string, string> = {
  "requests with all kinds of headers": `
    const server = http2.createServer();
    server.on("stream", (stream, headers, flags, raw) => {
      const { "user-agent": agent, cookie, many, secret } = headers;
      show(headers[":method"], headers[":path"], headers[":scheme"], flags, agent, cookie, many, secret);
      show(raw.length, headers[http2.sensitiveHeaders]);
      stream.respond({ ":status": 201, "set-cookie": ["a=1", "b=2"], empty: "", latin: "caf\\u00e9" });
      stream.end();
    });
    const client = open(await listen(server));
    const request = client.request({
      ":method": "PUT", ":path": "/a?b=c", "user-agent": "x", cookie: ["k=v", "l=w"], many: ["1", "2"],
      secret: "s", [http2.sensitiveHeaders]: ["secret"],
    });
    request.end("body");
    const [response, flags] = await once(request, "response");
    show(response[":status"], response["set-cookie"], JSON.stringify(response.empty), response.latin, flags);
    show((await read(request)).length, request.rstCode, request.sentHeaders[":path"]);
    client.close(); server.close();
    await closed(client); show(client.closed, client.destroyed);`,
  "the interface that is as that of HTTP/1": `
    const server = http2.createServer((request, response) => {
      show(request.method, request.url, request.httpVersion, request.headers.host, request.authority.split(":")[0]);
      response.setHeader("x-one", "1");
      response.appendHeader("x-one", "2");
      response.statusMessage = "";
      response.addTrailers({ "x-after": "trailer" });
      response.writeHead(202, { "content-type": "text/plain" });
      response.write("one ");
      request.on("data", (chunk) => response.write(String(chunk)));
      request.on("end", () => response.end(" two"));
      response.on("finish", () => show("finish", response.headersSent, response.statusCode));
    });
    const client = open(await listen(server));
    const request = client.request({ ":method": "POST", ":path": "/c" });
    request.on("trailers", (trailers) => show(trailers["x-after"]));
    request.end("body");
    const [response] = await once(request, "response");
    show(response[":status"], response["x-one"], String(await read(request)));
    client.close(); server.close();`,
  "what is said before the answer": `
    const server = http2.createServer((request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.writeContinue();
      response.end("done");
    });
    server.on("checkContinue", (request, response) => { response.writeContinue(); response.end("continued"); });
    const client = open(await listen(server));
    const request = client.request({});
    request.on("headers", (headers) => show(headers[":status"], headers.link));
    request.on("continue", () => show("continue"));
    show(String(await read(request)));
    const asking = client.request({ expect: "100-continue", ":method": "POST" });
    asking.on("continue", () => asking.end("x"));
    show(String(await read(asking)));
    client.close(); server.close();`,
  "promises and the streams of them": `
    const server = http2.createServer();
    server.on("stream", (stream) => {
      show(stream.pushAllowed);
      stream.pushStream({ ":path": "/pushed" }, (error, pushed, headers) => {
        show(error, headers[":path"], pushed.id);
        pushed.respond({ ":status": 200, "x-pushed": "yes" });
        pushed.end("pushed body");
      });
      stream.respond(); stream.end("body");
    });
    const client = open(await listen(server));
    const pushed = new Promise((resolve) => client.on("stream", async (stream, headers) => {
      const [response] = await once(stream, "push");
      resolve([headers[":path"], response["x-pushed"], String(await read(stream))]);
    }));
    const { body } = await get(client);
    show(String(body), await pushed);
    client.close(); server.close();
    const refusing = http2.createServer();
    refusing.on("stream", (stream) => {
      try { stream.pushStream({}, () => {}); } catch (error) { show(error.code); }
      stream.respond(); stream.end();
    });
    const other = open(await listen(refusing), { settings: { enablePush: false } });
    await once(other, "remoteSettings");
    await get(other);
    other.close(); refusing.close();`,
  "headers behind the data, both ways": `
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.on("trailers", (trailers) => show("server", trailers.from));
      stream.respond({}, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ from: "server", sum: "1" }));
      stream.resume().on("end", () => stream.end("body"));
    });
    const client = open(await listen(server));
    const request = client.request({ ":method": "POST" }, { waitForTrailers: true });
    request.on("wantTrailers", () => request.sendTrailers({ from: "client" }));
    request.on("trailers", (trailers) => show("client", trailers.from, trailers.sum));
    request.end("data");
    show(String(await read(request)));
    client.close(); server.close();`,
  "files as answers": `
    const server = http2.createServer();
    server.on("stream", (stream, headers) => {
      const path = headers[":path"];
      if (path === "/whole") stream.respondWithFile("file.txt", { "x-a": "b" }, { statCheck: (stat, h) => { h.size = stat.size; } });
      if (path === "/part") stream.respondWithFile("file.txt", {}, { offset: 15, length: 20 });
      if (path === "/none") stream.respondWithFile("none.txt", {}, { onError: (error) => { stream.respond({ ":status": 404, code: error.code }); stream.end(); } });
      if (path === "/folder") stream.respondWithFile(".", {}, { onError: (error) => { stream.respond({ ":status": 403, code: error.code }); stream.end(); } });
      if (path === "/trailers") {
        stream.respondWithFile("file.txt", {}, { length: 5, waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ last: "yes" }));
      }
      if (path === "/fd") {
        const fd = openSync("file.txt");
        stream.respondWithFD(fd, {}, { offset: 3, length: 4 });
        stream.on("close", () => closeSync(fd));
      }
    });
    const client = open(await listen(server));
    for (const path of ["/whole", "/part", "/none", "/folder", "/trailers", "/fd"]) {
      const request = client.request({ ":path": path });
      request.on("trailers", (trailers) => show(trailers.last));
      const [response] = await once(request, "response");
      const body = await read(request);
      show(path, response[":status"], response["content-length"], response.size, response.code, body.length, digest(body));
    }
    client.close(); server.close();`,
  "twenty megabytes to a reader that is slow": `
    const total = 20_000_000;
    const bytes = Buffer.alloc(total, "0123456789abcdefg");
    let most = 0;
    let waited = false;
    const server = http2.createServer();
    server.on("stream", async (stream) => {
      stream.respond();
      for (let at = 0; at < total; at += 100_000) {
        if (!stream.write(bytes.subarray(at, at + 100_000))) { waited = true; await once(stream, "drain"); }
        most = Math.max(most, stream.writableLength);
      }
      stream.end();
    });
    const client = open(await listen(server));
    const request = client.request({});
    const hash = createHash("sha256");
    let count = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      count += chunk.length;
      if (count % 7 === 0) await turn();
    }
    show(count, hash.digest("hex") === digest(bytes), waited, most < 300_000);
    client.close(); server.close();`,
  "a peer that does not read is not written to": `
    const server = http2.createServer();
    let sent = 0;
    server.on("stream", (stream) => {
      stream.respond();
      const more = () => { while (stream.write(Buffer.alloc(16_384), () => { sent += 16_384; })); };
      stream.on("drain", more).on("error", () => {});
      more();
    });
    const client = open(await listen(server));
    const request = client.request({});
    await once(request, "response");
    request.pause();
    for (let at = 0; at < 2000; at += 1) await turn();
    show(sent > 0, sent <= 65_535 + 32_768);
    client.destroy(); server.close();`,
  "uploads of many megabytes": `
    const server = http2.createServer((request, response) => request.pipe(response));
    const client = open(await listen(server), { settings: { initialWindowSize: 1_000_000 } });
    const bytes = Buffer.alloc(5_000_000, "abcdefghijk");
    const request = client.request({ ":method": "POST" });
    request.end(bytes);
    show((await read(request)).equals(bytes));
    client.close(); server.close();`,
  "thousands of streams": `
    const server = http2.createServer({ settings: { maxConcurrentStreams: 200 } });
    server.on("stream", (stream, headers) => { stream.respond({ ":status": 200 }); stream.end(headers[":path"]); });
    const client = open(await listen(server));
    await once(client, "remoteSettings");
    let right = 0;
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(Array.from({ length: 150 }, async (_, at) => {
        const { body } = await get(client, { ":path": "/" + batch + "/" + at });
        if (String(body) === "/" + batch + "/" + at) right += 1;
      }));
    }
    show(right, client.state.nextStreamID);
    client.close(); server.close();`,
  "TLS, where the protocol is agreed on": `
    const identity = { key: pem("server-key"), cert: pem("server-cert"), allowHTTP1: true };
    const server = http2.createSecureServer(identity, (request, response) => {
      response.end(request.httpVersion + " " + (request.stream?.session?.alpnProtocol ?? request.socket.alpnProtocol));
    });
    const port = await listen(server);
    const trusting = { ca: pem("ca-cert"), servername: "localhost" };
    const client = http2.connect("https://127.0.0.1:" + port, trusting);
    const { body } = await get(client);
    show(String(body), client.encrypted, client.alpnProtocol, client.originSet.length);
    const request = https.get({ host: "127.0.0.1", port, ...trusting, agent: false });
    const [response] = await once(request, "response");
    show(String(await read(response)));
    client.close(); server.close();
    const strict = http2.createSecureServer({ key: pem("server-key"), cert: pem("server-cert") }, () => {});
    strict.on("unknownProtocol", (socket) => { show("unknown protocol"); socket.destroy(); });
    const where = await listen(strict);
    const refused = https.get({ host: "127.0.0.1", port: where, ...trusting, agent: false, ALPNProtocols: ["http/1.1"] });
    const [error] = await once(refused, "error");
    show(error.code);
    strict.close();`,
  settings: `
    show(http2.getDefaultSettings());
    const packed = http2.getPackedSettings({ headerTableSize: 100, enablePush: false, maxConcurrentStreams: 7,
      initialWindowSize: 8, maxFrameSize: 20_000, maxHeaderListSize: 9, enableConnectProtocol: true });
    show(packed.toString("hex"), http2.getUnpackedSettings(packed));
    try { http2.getPackedSettings({ maxFrameSize: 1 }); } catch (error) { show(error.code); }
    const server = http2.createServer({ settings: { maxConcurrentStreams: 5, customSettings: { 9999: 12 } } });
    server.on("session", (session) => {
      session.on("remoteSettings", (settings) => show("server sees", settings));
      session.on("localSettings", (settings) => show("server has", settings));
    });
    const client = open(await listen(server), { settings: { initialWindowSize: 123_456 }, remoteCustomSettings: [9999] });
    const [remote] = await once(client, "remoteSettings");
    show("client sees", remote);
    await new Promise((resolve) => client.settings({ maxFrameSize: 32_768 }, (error, settings, duration) => {
      show(error, settings.maxFrameSize, typeof duration); resolve();
    }));
    show(client.localSettings, client.pendingSettingsAck);
    client.close(); server.close();`,
  "pings, goodbyes, alternatives and origins": `
    const said = [];
    const note = (...values) => said.push(values.join(" "));
    const identity = { key: pem("server-key"), cert: pem("server-cert"), origins: ["https://a.example", "https://b.example"] };
    const server = http2.createSecureServer(identity);
    server.on("session", (session) => {
      session.on("ping", (payload) => note("ping", String(payload)));
      session.altsvc("h2=\\":8000\\"", "https://a.example");
      session.origin("https://c.example");
    });
    server.on("stream", (stream) => {
      stream.session.goaway(0, 0, Buffer.from("bye"));
      stream.respond(); stream.end("x");
    });
    const client = http2.connect("https://127.0.0.1:" + (await listen(server)), { ca: pem("ca-cert"), servername: "localhost" });
    client.on("altsvc", (...values) => note("altsvc", ...values));
    client.on("origin", (origins) => note("origin", origins));
    client.on("goaway", (code, last, data) => note("goaway", code, last, String(data)));
    await once(client, "connect");
    await new Promise((resolve) => client.ping(Buffer.from("12345678"), (error, duration, payload) => {
      show(error, typeof duration, String(payload)); resolve();
    }));
    try { client.ping(Buffer.from("1"), () => {}); } catch (error) { show(error.code); }
    const { body } = await get(client);
    show(String(body));
    server.close();
    await closed(client); show(client.closed, said.sort());`,
  "more pings than may wait": `
    const server = http2.createServer();
    const client = open(await listen(server), { maxOutstandingPings: 2 });
    await once(client, "connect");
    const results = await Promise.all([1, 2, 3].map(() => new Promise((resolve) => {
      client.ping((error) => resolve(error?.code));
    })));
    show(results);
    client.close(); server.close();`,
  "windows and other state": `
    const server = http2.createServer((request, response) => response.end());
    const client = open(await listen(server));
    await once(client, "remoteSettings");
    const { outboundQueueSize, ...state } = client.state;
    show(state);
    client.setLocalWindowSize(1_000_000);
    show(client.state.localWindowSize, client.state.effectiveLocalWindowSize);
    const request = client.request({});
    show(request.state);
    client.setNextStreamID(101);
    request.resume();
    await closed(request);
    const next = client.request({}).resume();
    show(next.id);
    await closed(next);
    client.close(); server.close();`,
  "streams that are reset": `
    const server = http2.createServer();
    server.on("stream", (stream, headers) => {
      stream.on("error", (error) => show("server", headers[":path"], error.code, error.message));
      stream.on("aborted", () => show("aborted", headers[":path"]));
      stream.on("close", () => show("server close", headers[":path"], stream.rstCode));
      if (headers[":path"] === "/server") stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      if (headers[":path"] === "/none") { stream.respond(); stream.close(); }
    });
    const client = open(await listen(server));
    for (const [path, act] of [
      ["/server", () => {}],
      ["/none", () => {}],
      ["/client", (request) => request.close(http2.constants.NGHTTP2_CANCEL)],
      ["/destroy", (request) => request.destroy(new Error("mine"))],
    ]) {
      const request = client.request({ ":path": path }, { endStream: path === "/none" });
      request.on("error", (error) => show("client", path, error.code, error.message));
      await new Promise((resolve) => client.ping(resolve));
      act(request);
      request.resume();
      await closed(request);
      await new Promise((resolve) => client.ping(resolve));
      show("client close", path, request.rstCode, request.aborted, request.destroyed);
    }
    client.close(); server.close();`,
  "sessions that end in the middle": `
    let said = [];
    const note = (...values) => said.push(values.join(" "));
    const server = http2.createServer();
    let act;
    server.on("stream", (stream) => { stream.on("error", (error) => note("stream", error.code)); act(stream); });
    server.on("session", (session) => session.on("error", (error) => note("session", error.code)).on("close", () => note("session closed")));
    const port = await listen(server);
    for (const next of [
      (stream) => { stream.respond(); stream.session.close(); stream.end("graceful"); },
      (stream) => { stream.respond(); stream.write("x"); stream.session.destroy(); },
      (stream) => stream.session.destroy(http2.constants.NGHTTP2_INTERNAL_ERROR),
      (stream) => stream.session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ]) {
      act = next;
      const client = open(port);
      client.on("error", (error) => note("client", error.code, error.message));
      const request = client.request({});
      request.on("error", (error) => note("request", error.code));
      let body = "";
      request.setEncoding("utf8").on("data", (text) => { body += text; });
      await Promise.all([closed(request), closed(client)]);
      show(body, request.rstCode, said.sort());
      said = [];
    }
    server.close();
    await closed(server);`,
  "streams of JavaScript in place of sockets": `
    const [near, far] = duplexPair();
    const session = http2.performServerHandshake(far);
    session.on("stream", (stream, headers) => { stream.respond({ "x-path": headers[":path"] }); stream.end("over a pair"); });
    const client = http2.connect("http://x", { createConnection: () => near });
    const { response, body } = await get(client, { ":path": "/p" });
    show(response["x-path"], String(body), client.alpnProtocol, session.encrypted);
    client.close();
    await closed(client);`,
  "local sockets": `
    const server = http2.createServer((request, response) => response.end("local"));
    const path = await listen(server, "server.sock");
    const client = http2.connect("http://x", { createConnection: () => net.connect(path) });
    show(String((await get(client)).body));
    client.close(); server.close();`,
  "connections through a stream": `
    const server = http2.createServer({ settings: { enableConnectProtocol: true } });
    server.on("stream", (stream, headers) => {
      show(headers[":method"], headers[":protocol"], headers[":authority"]);
      stream.respond();
      stream.pipe(stream);
    });
    const client = open(await listen(server));
    await once(client, "remoteSettings");
    for (const headers of [{ ":authority": "x:1" }, { ":authority": "x", ":scheme": "http", ":path": "/", ":protocol": "websocket" }]) {
      const request = client.request({ ":method": "CONNECT", ...headers });
      request.end("echo");
      show(String(await read(request)));
    }
    try { client.request({ ":method": "CONNECT", ":authority": "a", ":path": "/" }); } catch (error) { show(error.code); }
    client.close(); server.close();`,
  "entries of performance": `
    import { PerformanceObserver } from "node:perf_hooks";
    const entries = [];
    const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
    observer.observe({ type: "http2" });
    const server = http2.createServer((request, response) => response.end("body"));
    const client = open(await listen(server));
    await get(client);
    client.close(); server.close();
    await closed(server);
    while (entries.length < 4) await turn();
    for (const { name, entryType, detail } of entries.sort((a, b) => (a.name + a.detail.type < b.name + b.detail.type ? -1 : 1))) {
      show(name, entryType, Object.keys(detail).join(), detail.type, detail.streamCount, detail.id);
    }
    observer.disconnect();`,
  "what a handler throws": `
    process.on("uncaughtException", (error) => show("uncaught", error.message));
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.respond(); stream.end("x");
      if (stream.id === 1) throw new Error("of a stream");
    });
    const client = open(await listen(server));
    show(String((await get(client)).body));
    const request = client.request({});
    request.on("response", () => { throw new Error("of a response"); });
    show(String(await read(request)));
    client.close(); server.close();`,
  "what a peer of HTTP/1 gets": `
    const server = http2.createServer();
    server.on("sessionError", (error) => show(error.code, error.message));
    const socket = net.connect(await listen(server), "127.0.0.1");
    socket.write("GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n");
    await closed(socket.resume());
    server.close();
    const other = net.createServer((peer) => peer.on("error", () => {}).once("data", () => peer.end("HTTP/1.1 400 Bad Request\\r\\n\\r\\n")));
    const client = open(await listen(other));
    client.on("error", (error) => show(error.code, error.message));
    client.request({}).on("error", (error) => show(error.code));
    await closed(client);
    other.close();`,
  "bounds that a program sets": `
    const server = http2.createServer({ maxHeaderListPairs: 5, maxSessionMemory: 1 });
    server.on("stream", (stream) => { stream.respond(); stream.end("x"); });
    const client = open(await listen(server), { maxSendHeaderBlockLength: 1000 });
    const many = client.request(Object.fromEntries(Array.from({ length: 20 }, (_, at) => ["h" + at, "v"])));
    many.on("error", (error) => show(error.code, error.message));
    await closed(many.resume());
    const long = client.request({ long: "x".repeat(2000) });
    long.on("frameError", (type, code) => show("frameError", type, code));
    long.on("error", (error) => show(error.code));
    await closed(long.resume());
    client.destroy(); server.close();`,
};

describe("as on host Node.js:", () => {
  for (const [name, body] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(`${head}${body}`, files);
    });
  }
});

/** Frames by hand, and a server that is attacked with them. */
const raw = `
  const frame = (type, flags, id, payload = Buffer.alloc(0)) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type; head[4] = flags; head.writeUInt32BE(id, 5);
    return Buffer.concat([head, payload]);
  };
  const [DATA, HEADERS, RST, SETTINGS, PING, WINDOW, CONTINUATION] = [0, 1, 3, 4, 6, 8, 9];
  const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n"), frame(SETTINGS, 0, 0)]);
  // :method GET, :scheme http, :path /, :authority x
  const block = Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x78]);
  const request = (id, flags = 5) => frame(HEADERS, flags, id, block);
  const endless = Buffer.concat([Buffer.from([0x83]), block.subarray(1)]);
  const server = http2.createServer();
  const errors = [];
  server.on("sessionError", (error) => errors.push(error.code + ": " + error.message));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":method"] === "POST") return;
    stream.respond();
    stream.end("x");
  });
  const port = await listen(server);
  const attack = async (make, most = 400) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {}).resume();
    const gone = closed(socket);
    let isOver = false;
    gone.then(() => { isOver = true; });
    socket.write(preface);
    for (let at = 0; at < most && !isOver; at += 1) {
      if (!socket.write(make(at))) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), gone]);
      else await turn();
    }
    for (let at = 0; at < 200 && !isOver; at += 1) await turn();
    socket.destroy();
    await gone;
    const honest = open(port);
    const { body } = await get(honest);
    honest.close();
    await closed(honest);
    return [isOver ? "ended" : "borne", String(body), ...errors.splice(0)];
  };
`;

/** Attacks, and how each ends: the session of the attacker alone. */
const attacks: Record<string, [body: string, outcome: RegExp]> = {
  "a flood of settings": [
    "attack(() => Buffer.concat(Array(500).fill(frame(SETTINGS, 0, 0))))",
    /^ended,x/,
  ],
  "a flood of pings": [
    "attack(() => Buffer.concat(Array(500).fill(frame(PING, 0, 0, Buffer.alloc(8)))))",
    /,x/,
  ],
  "rapid resets": [
    `attack((at) => Buffer.concat(Array.from({ length: 500 }, (_, n) => {
      const id = 2 * (at * 500 + n) + 1;
      return Buffer.concat([request(id, 4), frame(RST, 0, id, Buffer.from([0, 0, 0, 8]))]);
    })))`,
    /^ended,x,ERR_HTTP2/,
  ],
  "a flood of continuations": [
    "attack((at) => at === 0 ? frame(HEADERS, 0, 1, block) : frame(CONTINUATION, 0, 1, Buffer.alloc(0)))",
    /^ended,x,ERR_HTTP2/,
  ],
  "headers without end": [
    `attack((at) => {
      const field = Buffer.concat([Buffer.from([0, 1, 97, 0x7f, 0xf9, 0x7e]), Buffer.alloc(16_248, 98)]);
      return at === 0 ? frame(HEADERS, 0, 1, block) : frame(CONTINUATION, 0, 1, field);
    })`,
    /^ended,x/,
  ],
  "a header that unpacks to much": [
    `attack((at) => {
      const indexed = Buffer.concat([Buffer.from([0x40, 1, 97, 0x7f, 0x81, 0x1e]), Buffer.alloc(4000, 98)]);
      const payload = Buffer.concat([block, indexed, Buffer.alloc(12_000, 0xbe)]);
      return frame(HEADERS, 5, 2 * at + 1, payload);
    })`,
    /,x/,
  ],
  "empty data without end": [
    "attack((at) => at === 0 ? frame(HEADERS, 4, 1, endless) : Buffer.concat(Array(100).fill(frame(DATA, 0, 1))))",
    /^ended,x,ERR_HTTP2_TOO_MANY_INVALID_FRAMES/,
  ],
  "a window that overflows": [
    "attack(() => frame(WINDOW, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])))",
    /^ended,x,ERR_HTTP2_ERROR/,
  ],
  "frames of streams that there are not": [
    "attack((at) => frame(DATA, 0, 2 * at + 1, Buffer.alloc(100)))",
    /^ended,x,ERR_HTTP2_ERROR/,
  ],
  "answers to pings that nobody sent": [
    "attack(() => frame(PING, 1, 0, Buffer.alloc(8)))",
    /^ended,x,ERR_HTTP2_ERROR/,
  ],
  "frames that are too large": [
    "attack(() => frame(DATA, 0, 1, Buffer.alloc(20_000)))",
    /^ended,x,ERR_HTTP2_ERROR/,
  ],
  garbage: [
    `(async () => {
      let seed = 1;
      const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) >> 8;
      const ends = [];
      for (let round = 0; round < 40; round += 1) {
        const [end, body] = await attack((at) => frame(random() % 12, random() % 256, random() % 8,
          Buffer.from(Array.from({ length: random() % 60 }, random))), 20);
        ends.push(end, body);
      }
      return [ends.includes("ended") ? "ended" : "borne", ends.at(-1)];
    })()`,
    /^ended,x/,
  ],
  "more streams than may be, none of them ended": [
    "attack((at) => Buffer.concat(Array.from({ length: 500 }, (_, n) => request(2 * (at * 500 + n) + 1, 4))), 100)",
    /,x/,
  ],
};

describe("a hostile peer harms only its own session:", () => {
  for (const [name, [body, outcome]] of Object.entries(attacks)) {
    test(name, async () => {
      await withRuntime({ files: {} }, async (runtime) => {
        const code = `${head}${raw} show(String(await ${body})); server.close(); await closed(server);`;
        const { stdout, stderr, exitCode } = await runtime.exec(code, { timeout: 60_000 });
        assert.equal(exitCode, 0, stderr);
        assert.match(stdout, outcome, stderr);
        await assertIdle(runtime);
      });
    });
  }
});

test("a session is destroyed in the middle of everything", async () => {
  const code = `${head}
    const places = ["stream", "data", "end", "trailers", "wantTrailers", "ping", "remoteSettings", "localSettings", "goaway", "close"];
    for (const place of places) for (const side of ["server", "client"]) {
      const server = http2.createServer();
      const sessions = {};
      const strike = (where, whose) => { if (where === place && whose === side) sessions[side]?.destroy(); };
      const watch = (emitter, whose) => {
        emitter.on("error", () => {});
        for (const name of places) emitter.on(name, () => strike(name, whose));
        return emitter;
      };
      server.on("session", (session) => { sessions.server = watch(session, "server"); });
      server.on("stream", (stream) => {
        watch(stream, "server");
        stream.respond({}, { waitForTrailers: true });
        stream.on("wantTrailers", () => { try { stream.sendTrailers({ a: "b" }); } catch {} });
        if (!stream.session) return;
        stream.session.ping(() => {});
        stream.resume();
        stream.end(Buffer.alloc(100_000));
      });
      const client = watch(open(await listen(server)), "client");
      sessions.client = client;
      for (let at = 0; at < 5; at += 1) {
        const request = watch(client.request({ ":method": "POST" }, { waitForTrailers: true }), "client");
        request.on("wantTrailers", () => { try { request.sendTrailers({ a: "b" }); } catch {} });
        request.resume();
        request.end(Buffer.alloc(100_000));
      }
      client.ping(() => {});
      setTimeout(() => { client.destroy(); sessions.server?.destroy(); }, 200);
      await closed(client);
      server.close();
      await closed(server);
    }
    show("done");`;
  await withRuntime({ files: {} }, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(code, { timeout: 60_000 });
    assert.equal(stdout, "done\n", stderr);
    await assertIdle(runtime);
  });
});

test("random frames, to servers and to clients, end in errors that are told", async () => {
  const code = `${head}
    let seed = 1234567;
    const random = (below) => {
      seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5;
      return (seed >>> 0) % below;
    };
    const pick = (...values) => values[random(values.length)];
    const number = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value >>> 0); return bytes; };
    const noise = (most) => Buffer.from(Array.from({ length: random(most) }, () => random(256)));
    const frame = (type, flags, id, payload = Buffer.alloc(0), lie = 0) => {
      const start = Buffer.alloc(9);
      start.writeUIntBE(Math.max(0, payload.length + lie), 0, 3);
      start[3] = type; start[4] = flags; start.writeUInt32BE(id, 5);
      return Buffer.concat([start, payload]);
    };
    const id = () => pick(0, 1, 3, 5, 2, 4, 7, 0x7fffffff);
    const request = Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x78]);
    const pieces = [
      () => frame(0, pick(0, 1, 8, 9), id(), noise(40)),
      (opening) => frame(1, pick(4, 5, 0, 1, 0x2c, 0x0c), id(), Buffer.concat([opening, random(2) ? noise(30) : Buffer.alloc(0)])),
      () => frame(2, 0, id(), Buffer.concat([number(id()), Buffer.from([random(256)])])),
      () => frame(3, 0, id(), number(random(14))),
      () => frame(4, random(2), pick(0, 0, 0, 1), Buffer.concat([Buffer.from([0, random(10)]), number(pick(0, 1, 100, 65_535, 0x7fffffff, 0xffffffff))])),
      () => frame(5, pick(4, 0, 8), id(), Buffer.concat([number(id()), request])),
      () => frame(6, random(2), 0, Buffer.alloc(random(10) ? 8 : random(20))),
      () => frame(7, 0, 0, Buffer.concat([number(id()), number(random(14)), noise(10)])),
      () => frame(8, 0, id(), number(pick(0, 1, 65_535, 0x7fffffff))),
      () => frame(9, pick(0, 4), id(), noise(20)),
      () => frame(10, 0, id(), Buffer.concat([Buffer.from([0, random(5)]), noise(20)])),
      () => frame(12, 0, 0, Buffer.concat([Buffer.from([0, 3]), noise(20)])),
      () => frame(random(20), random(256), id(), noise(60), random(4) ? 0 : random(20) - 10),
      () => noise(20),
    ];
    const codes = new Set();
    const note = (error) => codes.add(error.code);
    process.on("uncaughtException", note);
    for (let round = 0; round < 1500; round += 1) {
      const isServer = random(2) === 0;
      const [near, far] = duplexPair();
      for (const end of [near, far]) end.on("error", () => {});
      near.resume();
      const act = random(8);
      let session;
      const watch = (stream) => {
        stream.on("error", note);
        stream.on("data", () => { if (act === 1) stream.close(random(13)); if (act === 2) session.destroy(); });
        stream.on("trailers", () => { if (act === 3) session.destroy(); });
      };
      const attempt = (work) => { try { work(); } catch (error) { note(error); } };
      if (isServer) {
        session = http2.performServerHandshake(far, { maxSessionMemory: pick(1, 10), paddingStrategy: random(3), maxHeaderListPairs: pick(4, 100) });
        session.on("stream", (stream) => attempt(() => {
          watch(stream);
          if (act === 4) return session.destroy();
          stream.respond({}, { waitForTrailers: random(2) === 0 });
          stream.on("wantTrailers", () => attempt(() => stream.sendTrailers({ a: "b" })));
          stream.end(Buffer.alloc(random(3) * 40_000));
        }));
      } else {
        session = http2.connect("http://x", { createConnection: () => far, paddingStrategy: random(3) });
        session.on("stream", watch);
        for (let at = random(4); at > 0; at -= 1) attempt(() => {
          const stream = session.request({ ":method": pick("GET", "POST") });
          watch(stream);
          stream.on("response", () => { if (act === 5) session.destroy(); if (act === 6) stream.destroy(); });
          stream.end(Buffer.alloc(random(3) * 30_000));
        });
      }
      session.on("error", note);
      session.on("ping", () => { if (act === 7) session.destroy(); });
      if (isServer && random(20)) near.write("PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n");
      if (random(10)) near.write(frame(4, 0, 0));
      for (let left = random(25); left > 0; left -= 1) {
        near.write(pieces[random(pieces.length)](isServer ? request : Buffer.from([0x88])));
        if (random(4) === 0) await turn();
      }
      for (let at = 0; at < 3; at += 1) await turn();
      pick(() => near.end(), () => near.destroy(), () => session.destroy())();
      await turn();
      session.destroy();
      near.destroy();
    }
    show(codes.has("ERR_HTTP2_ERROR"), codes.has("ERR_HTTP2_SESSION_ERROR"), codes.has("ERR_HTTP2_STREAM_ERROR"));`;
  await withRuntime({ files: {} }, async (runtime) => {
    const { stdout, stderr, exitCode } = await runtime.exec(code, { timeout: 60_000 });
    assert.equal(stdout, "true true true\n", stderr);
    assert.equal(exitCode, 0);
    await assertIdle(runtime);
  });
});

// HTTP within the machine: the same programs on host Node.js, over a path and over a port.

import assert from "node:assert/strict";
import { assertIdle, assertSameAsHost, withRuntime } from "./support/guest.ts";
import { test } from "./support/suite.ts";

/** Programs begin with this: `listen(server)` gives the options of a request to it. */
const prelude = (place: string) => `
  import http from "node:http";
  import net from "node:net";
  import { once } from "node:events";
  async function listen(server) {
    server.listen(${place});
    await once(server, "listening");
    const address = server.address();
    return typeof address === "string" ? { socketPath: address } : { host: "127.0.0.1", port: address.port };
  }
  const connect = ({ socketPath, host, port }) => net.connect(socketPath ? { path: socketPath } : { host, port });
  const open = (options) => new Promise((resolve, reject) => {
    const request = http.request(options, resolve);
    request.on("error", reject);
    request.end(options.body);
  });
  async function text(message) {
    let text = "";
    for await (const chunk of message.setEncoding("utf8")) text += chunk;
    return text;
  }
`;

const places = { path: '"http.sock"', port: '0, "127.0.0.1"' };

function sameAsHost(name: string, code: string) {
  for (const [kind, place] of Object.entries(places)) {
    test(`${name} (${kind})`, async () => {
      await assertSameAsHost(`${prelude(place)}${code}`);
    });
  }
}

sameAsHost(
  "a connection stays open for the next request",
  `
  const server = http.createServer((request, response) => response.end(request.method + " " + request.url));
  const sockets = new Set();
  server.on("connection", (socket) => sockets.add(socket));
  const target = await listen(server);
  const agent = new http.Agent({ keepAlive: true });
  for (const path of ["/a", "/b?c=d", "/c"]) {
    const response = await open({ ...target, agent, path });
    console.log(response.statusCode, response.headers.connection, await text(response), sockets.size);
  }
  console.log(Object.keys(agent.freeSockets).length);
  agent.destroy();
  server.close();
  await once(server, "close");
  console.log("closed");
`,
);

sameAsHost(
  "an agent with one socket serves one request after the other",
  `
  let under = 0;
  let most = 0;
  const server = http.createServer(async (request, response) => {
    most = Math.max(most, ++under);
    await new Promise((resolve) => setTimeout(resolve, 2));
    under--;
    response.end(request.url);
  });
  const target = await listen(server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const order = [];
  await Promise.all(["/1", "/2", "/3", "/4"].map(async (path) => {
    order.push(await text(await open({ ...target, agent, path })));
  }));
  console.log(most, order.join());
  agent.destroy();
  server.close();
`,
);

sameAsHost(
  "an upgrade is another protocol from there on",
  `
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    console.log("server", request.headers.upgrade, head.toString());
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\nfirst");
    socket.pipe(socket);
  });
  const target = await listen(server);
  const request = http.request({ ...target, headers: { Connection: "Upgrade", Upgrade: "echo" } });
  request.end();
  const [response, socket, head] = await once(request, "upgrade");
  console.log(response.statusCode, response.headers.upgrade);
  let seen = head.toString();
  socket.setEncoding("utf8");
  socket.write("second");
  while (!seen.endsWith("second")) seen += (await once(socket, "data"))[0];
  console.log(seen);
  socket.end();
  await once(socket, "close");
  server.close();
`,
);

sameAsHost(
  "CONNECT makes a tunnel",
  `
  const server = http.createServer();
  server.on("connect", (request, socket, head) => {
    console.log("server", request.url, head.length);
    socket.write("HTTP/1.1 200 Connection Established\\r\\n\\r\\n");
    socket.on("data", (data) => socket.end(data.toString().toUpperCase()));
  });
  const target = await listen(server);
  const request = http.request({ ...target, method: "CONNECT", path: "there:80" }).end();
  const [response, socket] = await once(request, "connect");
  socket.setEncoding("utf8").write("through");
  const [data] = await once(socket, "data");
  console.log(response.statusCode, data);
  await once(socket, "close");
  server.close();
`,
);

sameAsHost(
  "informational answers come before the answer",
  `
  const server = http.createServer((request, response) => {
    response.writeProcessing();
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.end("done");
  });
  server.on("checkContinue", async (request, response) => {
    response.writeContinue();
    response.end("continued with " + (await text(request)));
  });
  const target = await listen(server);
  const request = http.request(target);
  request.on("information", ({ statusCode, headers }) => console.log(statusCode, JSON.stringify(headers)));
  request.end();
  console.log(await text((await once(request, "response"))[0]));
  const expecting = http.request({ ...target, method: "POST", headers: { Expect: "100-continue" } });
  expecting.flushHeaders();
  await once(expecting, "continue");
  expecting.end("a body");
  console.log(await text((await once(expecting, "response"))[0]));
  server.close();
`,
);

sameAsHost(
  "requests in a row on one connection are answered in order",
  `
  const server = http.createServer((request, response) => {
    setTimeout(() => response.end(request.url), request.url === "/slow" ? 5 : 0);
  });
  const target = await listen(server);
  const socket = connect(target).setEncoding("utf8");
  const get = (path, more = "") => "GET " + path + " HTTP/1.1\\r\\nHost: x\\r\\n" + more + "\\r\\n";
  socket.write(get("/slow") + get("/fast") + get("/last", "Connection: close\\r\\n"));
  let answer = "";
  for await (const piece of socket) answer += piece;
  console.log(answer.replace(/Date: .*/g, "Date"));
  server.close();
`,
);

sameAsHost(
  "chunks both ways, with trailers",
  `
  const server = http.createServer(async (request, response) => {
    const body = await text(request);
    response.writeHead(200, { Trailer: "X-Sum" });
    for (const word of body.split(" ")) response.write(word + ".");
    response.addTrailers({ "X-Sum": request.trailers["x-count"] + " " + request.headers["transfer-encoding"] });
    response.end();
  });
  const target = await listen(server);
  const request = http.request({ ...target, method: "POST", headers: { Trailer: "X-Count" } });
  for (const word of ["one ", "two ", "three"]) request.write(word);
  request.addTrailers({ "X-Count": "3" });
  request.end();
  const [response] = await once(request, "response");
  console.log(await text(response), response.headers["transfer-encoding"], JSON.stringify(response.trailers));
  const large = Buffer.alloc(3 << 20, "abcdefg");
  const echo = http.createServer((request, response) => request.pipe(response));
  const place = { ...(await (async () => { server.close(); await once(server, "close"); return listen(echo); })()) };
  const answer = await open({ ...place, method: "PUT", body: large });
  const pieces = [];
  for await (const piece of answer) pieces.push(piece);
  console.log(Buffer.concat(pieces).equals(large));
  echo.close();
`,
);

sameAsHost(
  "headers that come more than once",
  `
  const server = http.createServer((request, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2; Path=/"]);
    response.setHeader("X-Twice", ["one", "two"]);
    response.end(JSON.stringify([request.headers.cookie, request.headers["x-many"], request.rawHeaders.length]));
  });
  const target = await listen(server);
  const headers = { Cookie: ["c=3", "d=4"], "X-Many": ["a", "b"] };
  for (let at = 0; at < 60; at++) headers["X-" + at] = "v".repeat(at);
  const response = await open({ ...target, headers });
  console.log(JSON.stringify(response.headers["set-cookie"]), response.headers["x-twice"], await text(response));
  console.log(response.rawHeaders.filter((name) => name === "Set-Cookie").length);
  server.close();
`,
);

sameAsHost(
  "either side gives up",
  `
  const server = http.createServer((request, response) => {
    request.on("error", (error) => console.log("request", error.code));
    response.on("close", () => console.log("response closed", response.writableFinished));
    response.write("begun");
    if (request.url === "/dies") setImmediate(() => response.destroy());
  });
  const target = await listen(server);
  const controller = new AbortController();
  const request = http.get({ ...target, signal: controller.signal });
  request.on("error", (error) => console.log("client", error.name, error.code));
  const [response] = await once(request, "response");
  response.on("error", (error) => console.log("answer", error.name, error.code));
  await once(response, "data");
  const gone = once(server, "request").catch(() => {});
  controller.abort();
  await once(response, "close");
  const dying = await open({ ...target, path: "/dies" });
  console.log((await text(dying).catch((error) => error)).code);
  server.close();
`,
);

sameAsHost(
  "what is no HTTP is answered with an error",
  `
  const server = http.createServer({ maxHeaderSize: 2000 }, () => console.log("never"));
  const target = await listen(server);
  const wrong = [
    "nonsense\\r\\n\\r\\n",
    "GET / HTTP/1.1\\r\\nHost: x\\r\\nA b: c\\r\\n\\r\\n",
    "GET / HTTP/1.1\\r\\n\\r\\n",
    "GET / HTTP/1.1\\r\\nHost: x\\r\\nLong: " + "x".repeat(3000) + "\\r\\n\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n",
  ];
  for (const input of wrong) {
    const socket = connect(target).setEncoding("utf8").on("error", () => {});
    socket.write(input);
    let answer = "";
    for await (const piece of socket) answer += piece;
    console.log(answer.split("\\r\\n")[0]);
  }
  server.on("clientError", (error, socket) => {
    console.log(error.code, error.bytesParsed, error.reason, error.rawPacket.length);
    socket.destroy();
  });
  const socket = connect(target).on("error", () => {});
  socket.write(wrong[1]);
  await once(socket, "close");
  const answers = net.createServer((socket) => socket.end("HTTP/1.1 twohundred\\r\\n\\r\\n"));
  server.close();
  await once(server, "close");
  const place = await listen(answers);
  console.log((await open(place).catch((error) => error)).code);
  answers.close();
`,
);

sameAsHost(
  "who is too slow is cut off",
  `
  const server = http.createServer({ headersTimeout: 30, requestTimeout: 30, connectionsCheckingInterval: 5 });
  const target = await listen(server);
  const socket = connect(target).setEncoding("utf8");
  socket.write("GET / HTTP/1.1\\r\\nHost:");
  let answer = "";
  for await (const piece of socket) answer += piece;
  console.log(JSON.stringify(answer));
  const idle = connect(target);
  await once(idle, "connect");
  server.closeIdleConnections();
  server.closeAllConnections();
  idle.resume();
  await once(idle, "close");
  server.close();
  console.log("closed");
`,
);

sameAsHost(
  "hooks see requests on both sides",
  `
  import { AsyncLocalStorage, createHook, executionAsyncResource } from "node:async_hooks";
  const kinds = new Set();
  createHook({ init: (id, kind) => kind.startsWith("HTTP") && kinds.add(kind) }).enable();
  const storage = new AsyncLocalStorage();
  const server = http.createServer((request, response) => {
    storage.run(request.url, () => setImmediate(() => response.end(storage.getStore())));
  });
  const target = await listen(server);
  const answers = ["/1", "/2", "/3"].map((path) => storage.run("client " + path, async () => {
    const answer = await text(await open({ ...target, path }));
    return answer + " " + storage.getStore();
  }));
  console.log((await Promise.all(answers)).join(", "), [...kinds].sort().join());
  server.close();
`,
);

sameAsHost(
  "an exception in a handler ends the program",
  `
  const server = http.createServer(() => { throw new Error("in the handler"); });
  process.on("uncaughtException", (error) => {
    console.log(error.message);
    process.exit(3);
  });
  const target = await listen(server);
  http.get(target).on("error", () => {});
`,
);

test("random messages in random pieces are parsed as on the host", async () => {
  await assertSameAsHost(`
    import common from "node:_http_common";
    import { createHash } from "node:crypto";
    const { HTTPParser } = common;
    let state = 20261130;
    const random = (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const pick = (list) => list[random(list.length)];
    const starts = [
      "GET / HTTP/1.1", "POST /a?b#c HTTP/1.1", "HEAD http://x:80/ HTTP/1.0", "CONNECT x:1 HTTP/1.1", "M-SEARCH * HTTP/1.1",
      "HTTP/1.1 200 OK", "HTTP/1.1 204 ", "HTTP/1.0 304", "HTTP/1.1 100 Continue", "HTTP/1.1 101 Switch", "PRI * HTTP/2.0",
    ];
    const headers = [
      "Host: x", "Content-Length: 5", "Content-Length: 0", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
      "Connection: close", "Connection: keep-alive, Upgrade", "Upgrade: x", "A:", "B:  c \\t", "C: d\\r\\n e", "\\xfc: \\xe9", "D : e",
    ];
    const bodies = ["", "hello", "5\\r\\nhello\\r\\n0\\r\\n\\r\\n", "5;a=b\\r\\nhello\\r\\n0\\r\\nT: v\\r\\n\\r\\n", "FFFFFFFFFFFFFFFFF\\r\\n"];
    const noise = ["\\0", "\\r", "\\n", " ", ":", ";", "\\x80", "9"];
    function message() {
      const lines = [pick(starts)];
      for (let count = random(6) + (random(40) === 0 ? 70 : 0); count > 0; count--) lines.push(pick(headers));
      let text = lines.join("\\r\\n") + "\\r\\n\\r\\n" + pick(bodies);
      for (let count = random(8) === 0 ? random(3) + 1 : 0; count > 0; count--) {
        const at = random(text.length);
        text = text.slice(0, at) + pick(noise) + text.slice(at + random(2));
      }
      return text;
    }
    function events(input) {
      const seen = [];
      const parser = new HTTPParser();
      const type = input.startsWith("HTTP") ? HTTPParser.RESPONSE : HTTPParser.REQUEST;
      parser.initialize(type, {}, random(10) === 0 ? 60 : 0, pick([0, 0, 0, HTTPParser.kLenientAll, random(2048)]));
      for (const name of ["MessageBegin", "Headers", "HeadersComplete", "Body", "MessageComplete"]) {
        parser[HTTPParser["kOn" + name]] = (...values) => {
          // Where pieces of a body end is where the pieces of the input do.
          seen.push(name === "Body" ? String(values[0]) : [name, values]);
          return name === "HeadersComplete" ? answer : undefined;
        };
      }
      const answer = pick([0, 0, 0, 1, 2]);
      const bytes = Buffer.from(input, "latin1");
      const step = pick([1, 7, bytes.length]);
      for (let at = 0; at < bytes.length; at += step) {
        const piece = bytes.subarray(at, at + step);
        const result = parser.execute(piece);
        seen.push(typeof result === "number" ? result : [result.code, result.bytesParsed, result.reason]);
        // Where another protocol begins, or an error is, Node's parser counts from anywhere.
        if (result !== piece.length) break;
      }
      const end = parser.finish();
      seen.push(end?.code);
      parser.close();
      return seen;
    }
    for (let round = 0; round < 30; round++) {
      const hash = createHash("sha1");
      for (let count = 0; count < 100; count++) {
        const input = message() + (random(4) === 0 ? message() : "");
        hash.update(JSON.stringify(events(input)));
      }
      console.log(round, hash.digest("hex"));
    }
  `);
});

test("a worker's sockets end with it", async () => {
  await assertSameAsHost(`
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const program = \`
      const http = require("node:http");
      const { parentPort, workerData } = require("node:worker_threads");
      const server = http.createServer((request, response) => response.write("begun"));
      server.listen(workerData, "127.0.0.1", () => {
        const { port } = server.address();
        http.get({ port, host: "127.0.0.1" }, (response) => {
          response.once("data", () => parentPort.postMessage(port));
        });
      });
    \`;
    let port = 0;
    const ports = new Set();
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(program, { eval: true, execArgv: [], workerData: port });
      [port] = await once(worker, "message");
      ports.add(port);
      await worker.terminate();
    }
    console.log(ports.size);
  `);
});

test("a program that misuses its parsers harms itself only", async () => {
  await withRuntime({}, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(`
      import common from "node:_http_common";
      import net from "node:net";
      import { once } from "node:events";
      const { HTTPParser } = common;
      const server = net.createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const misuses = {
        close: (parser) => parser.close(),
        "close the handle": (parser, socket) => socket._handle.close(),
        destroy: (parser, socket) => socket.destroy(),
        unconsume: (parser) => parser.unconsume(),
        initialize: (parser) => parser.initialize(HTTPParser.RESPONSE, {}),
        "consume again": (parser, socket) => parser.consume(socket._handle),
        "consume another": (parser, socket, other) => parser.consume(other._handle),
        execute: (parser) => parser.execute(Buffer.from("GET /again HTTP/1.1\\r\\n")),
        "execute for ever": (parser, socket, other, times) => times < 20_000 && parser.execute(Buffer.from("GET / HTTP/1.1\\r\\n\\r\\n")),
        finish: (parser) => parser.finish(),
        throw: () => { throw new Error("thrown"); },
        null: (parser) => { for (let index = 0; index < 7; index++) parser[index] = null; },
      };
      process.on("uncaughtException", () => {});
      for (const [name, misuse] of Object.entries(misuses)) {
        for (const event of ["kOnMessageBegin", "kOnHeadersComplete", "kOnBody", "kOnMessageComplete", "kOnExecute"]) {
          const clients = [net.connect(server.address().port, "127.0.0.1"), net.connect(server.address().port, "127.0.0.1")];
          const sockets = [(await once(server, "connection"))[0], (await once(server, "connection"))[0]];
          for (const socket of [...clients, ...sockets]) socket.on("error", () => {});
          const parser = new HTTPParser();
          parser.initialize(HTTPParser.REQUEST, {});
          let times = 0;
          const done = new Promise((resolve) => {
            parser[HTTPParser[event]] = () => {
              setImmediate(resolve);
              misuse(parser, ...sockets, times++);
            };
          });
          parser.consume(sockets[0]._handle);
          sockets[0]._handle.readStart();
          clients[0].write("POST / HTTP/1.1\\r\\nContent-Length: 5\\r\\n\\r\\nhello");
          await done;
          for (const socket of [...clients, ...sockets]) socket.destroy();
        }
      }
      server.close();
      console.log("done");
    `);
    assert.equal(stdout, "done\n", stderr);
    await assertIdle(runtime);
  });
});

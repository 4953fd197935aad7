// fetch, WebSocket, EventSource within the machine: the same programs on host Node.js, and what is denied.

import assert from "node:assert/strict";
import { assertSameAsHost, inGuest } from "./support/guest.ts";
import { test } from "./support/suite.ts";

const prelude = `
  import http from "node:http";
  import { once } from "node:events";
  async function serve(handler) {
    const server = http.createServer(handler).listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, url: "http://127.0.0.1:" + server.address().port };
  }
`;

test("fetch sends and receives headers and bodies", async () => {
  await assertSameAsHost(`${prelude}
    const { server, url } = await serve(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      response.setHeader("Set-Cookie", ["a=1", "b=2"]);
      response.setHeader("X-Kind", String(request.headers["content-type"]).split(";")[0]);
      response.statusCode = 201;
      response.end(request.method + " " + request.url + " " + Buffer.concat(pieces).toString());
    });
    const answer = await fetch(url + "/path?q=ä", { method: "POST", body: JSON.stringify({ a: "ü" }) });
    console.log(answer.status, answer.ok, answer.statusText, answer.headers.getSetCookie().join(), await answer.text());
    const form = new FormData();
    form.append("name", "value");
    form.append("file", new Blob(["content"]), "f.txt");
    const posted = await fetch(url, { method: "PUT", body: form });
    const text = await posted.text();
    console.log(posted.headers.get("x-kind"), text.includes('filename="f.txt"'), text.includes("content"));
    const body = new ReadableStream({
      start(controller) {
        for (const word of ["one", "two", "three"]) controller.enqueue(new TextEncoder().encode(word));
        controller.close();
      },
    });
    console.log(await (await fetch(url, { method: "POST", body, duplex: "half" })).text());
    const headers = new Headers([["A", "1"], ["a", "2"]]);
    console.log(headers.get("a"), (await fetch(new Request(url, { headers }))).status);
    console.log(await (await fetch("data:text/plain;base64,aGVsbG8=")).text());
    console.log(await Response.json({ a: 1 }).json());
    server.closeAllConnections();
    server.close();
  `);
});

test("the body of an answer is a stream", async () => {
  await assertSameAsHost(`${prelude}
    const { server, url } = await serve((request, response) => {
      response.write("first ");
      response.flushHeaders();
      server.once("goon", () => response.end("second"));
    });
    const answer = await fetch(url);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    console.log((await reader.read()).value);
    server.emit("goon");
    console.log((await reader.read()).value, (await reader.read()).done);
    const large = await serve((request, response) => request.pipe(response));
    const bytes = new Uint8Array(2 << 20).map((_, index) => index * 31);
    const echoed = await (await fetch(large.url, { method: "POST", body: bytes })).bytes();
    console.log(Buffer.from(echoed).equals(Buffer.from(bytes)));
    for (const { server: one } of [{ server }, large]) {
      one.closeAllConnections();
      one.close();
    }
  `);
});

test("redirects are followed, counted, or handed over", async () => {
  await assertSameAsHost(`${prelude}
    const { server, url } = await serve((request, response) => {
      if (request.url === "/end") return response.end(request.method + " arrived");
      const to = { "/once": "/end", "/twice": "/once", "/loop": "/loop", "/see": "/end" }[request.url];
      response.writeHead(request.url === "/see" ? 303 : 307, { Location: to }).end();
    });
    const answer = await fetch(url + "/twice", { method: "POST", body: "x" });
    console.log(await answer.text(), answer.redirected, new URL(answer.url).pathname);
    console.log(await (await fetch(url + "/see", { method: "POST", body: "x" })).text());
    console.log((await fetch(url + "/once", { redirect: "manual" })).status);
    for (const [path, redirect] of [["/loop", "follow"], ["/once", "error"]]) {
      console.log(await fetch(url + path, { redirect }).catch((error) => error.name + " " + error.cause?.message));
    }
    server.closeAllConnections();
    server.close();
  `);
});

test("compressed answers are unpacked", async () => {
  await assertSameAsHost(`${prelude}
    import zlib from "node:zlib";
    const text = "compress me ".repeat(1000);
    const encodings = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync };
    const { server, url } = await serve((request, response) => {
      const encoding = request.url.slice(1);
      response.setHeader("Content-Encoding", encoding);
      response.end(encodings[encoding](text));
    });
    for (const encoding of Object.keys(encodings)) {
      const answer = await fetch(url + "/" + encoding);
      console.log(encoding, answer.headers.get("content-encoding"), (await answer.text()) === text);
    }
    const [response] = await once(http.get(url + "/gzip"), "response");
    const unpacked = response.pipe(zlib.createGunzip());
    let size = 0;
    for await (const piece of unpacked) size += piece.length;
    console.log(size);
    server.closeAllConnections();
    server.close();
  `);
});

test("a fetch is given up, at once or in the middle", async () => {
  await assertSameAsHost(`${prelude}
    const { server, url } = await serve((request, response) => response.write("begun"));
    console.log((await fetch(url, { signal: AbortSignal.abort() }).catch((error) => error)).name);
    const controller = new AbortController();
    const answer = await fetch(url, { signal: controller.signal });
    const reader = answer.body.getReader();
    await reader.read();
    const rest = reader.read().catch((error) => error.name);
    controller.abort();
    console.log(await rest);
    const silent = await serve(() => {});
    const signal = AbortSignal.timeout(20);
    console.log((await fetch(silent.url, { signal }).catch((error) => error)).name);
    for (const one of [server, silent.server]) {
      one.closeAllConnections();
      one.close();
    }
    const gone = await fetch(url).catch((error) => error);
    console.log(gone.name, gone.message, gone.cause.code);
  `);
});

test("a fetch that is under way keeps the program alive", async () => {
  await assertSameAsHost(`${prelude}
    const { server, url } = await serve((request, response) => {
      setTimeout(() => response.end("late"), 20).unref();
    });
    server.unref();
    fetch(url).then((answer) => answer.text()).then((text) => {
      console.log(text);
      server.closeAllConnections();
    });
  `);
});

test("events of a server", async () => {
  const program = `${prelude}
    let connections = 0;
    const { server, url } = await serve((request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("retry: 1\\n\\n");
      if (++connections === 1) {
        response.write("id: 7\\nevent: greeting\\ndata: hello\\ndata: again\\n\\n");
        return response.end();
      }
      response.write("data: resumed after " + request.headers["last-event-id"] + "\\n\\n");
    });
    const source = new EventSource(url);
    source.addEventListener("greeting", ({ data, lastEventId }) => console.log(JSON.stringify(data), lastEventId));
    const [{ data }] = await once(source, "message");
    console.log(data, source.readyState, source.url === url + "/");
    source.close();
    server.closeAllConnections();
    server.close();
  `;
  // The class is behind an option, for children of ours on both sides.
  await assertSameAsHost(
    `import { spawn } from "node:child_process";
     const child = spawn(process.execPath, ["--experimental-eventsource", "program.mjs"], { stdio: "inherit" });
     child.on("exit", (code) => process.exit(code));`,
    { "program.mjs": program },
  );
});

/** A server of WebSockets, by hand: it echoes messages below 64 KiB and answers a close. */
const webSocketServer = `
  import { createHash } from "node:crypto";
  const { server, url } = await serve((request, response) => response.writeHead(426).end());
  server.on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    socket.write([
      "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Protocol: " + request.headers["sec-websocket-protocol"],
      "Sec-WebSocket-Accept: " + createHash("sha1").update(key).digest("base64"), "", "",
    ].join("\\r\\n"));
    let data = Buffer.alloc(0);
    socket.on("data", (piece) => {
      data = Buffer.concat([data, piece]);
      while (data.length >= 6) {
        const short = data[1] & 127;
        const at = short === 126 ? 4 : 2;
        if (data.length < at + 4) return;
        const length = short === 126 ? data.readUInt16BE(2) : short;
        if (data.length < at + 4 + length) return;
        const mask = data.subarray(at, at + 4);
        const payload = data.subarray(at + 4, at + 4 + length).map((byte, index) => byte ^ mask[index % 4]);
        const head = Buffer.from(data.subarray(0, at));
        head[1] &= 127;
        socket.write(Buffer.concat([head, payload]));
        if ((data[0] & 15) === 8) socket.end();
        data = data.subarray(at + 4 + length);
      }
    });
  });
`;

test("WebSocket speaks with a server of the machine", async () => {
  await assertSameAsHost(`${prelude}${webSocketServer}
    const socket = new WebSocket(url.replace("http", "ws"), ["one"]);
    socket.binaryType = "arraybuffer";
    await once(socket, "open");
    console.log(socket.readyState, socket.protocol);
    for (const message of ["text ü", "long ".repeat(1000), new Uint8Array([1, 2, 3])]) {
      socket.send(message);
      const [{ data }] = await once(socket, "message");
      console.log(typeof data === "string" ? data.length : Buffer.from(data).toString("hex"));
    }
    socket.close(3001, "bye");
    const [{ code, reason, wasClean }] = await once(socket, "close");
    console.log(code, reason, wasClean);
    const refused = new WebSocket(url.replace("http", "ws"));
    server.removeAllListeners("upgrade");
    const [event] = await once(refused, "error");
    console.log(event.type, refused.readyState);
    server.closeAllConnections();
    server.close();
  `);
});

test("what is outside is refused at once, in every API", async () => {
  const { stdout, stderr } = await inGuest(`
    import http from "node:http";
    import { once } from "node:events";
    const cause = (error) => error.code ?? error.cause?.code ?? String(error);
    const start = Date.now();
    console.log("fetch", await fetch("http://192.0.2.1/").catch(cause));
    const server = http.createServer((request, response) => {
      response.writeHead(302, { Location: "http://192.0.2.1/" }).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    console.log("redirect", await fetch("http://127.0.0.1:" + server.address().port).catch(cause));
    server.closeAllConnections();
    server.close();
    console.log("name", await fetch("http://example.com/").catch(cause));
    console.log("http", cause((await once(http.get("http://192.0.2.1/"), "error").catch((error) => [error]))[0]));
    const socket = new WebSocket("ws://192.0.2.1/");
    console.log("WebSocket", (await once(socket, "error"))[0].type);
    console.log(Date.now() - start < 5000);
  `);
  assert.equal(
    stdout,
    "fetch EACCES\nredirect EACCES\nname EACCES\nhttp EACCES\nWebSocket error\ntrue\n",
    stderr,
  );
});

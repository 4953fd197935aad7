// Servers of node:http in guests, driven by the host.

import assert from "node:assert/strict";
import { get, request } from "node:http";
import { gunzipSync } from "node:zlib";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { test } from "./support/suite.ts";

async function serve(rt: NodeRuntime, handler: string, more = "") {
  const server = await rt.spawn(`
    import http from "node:http";
    import { gzipSync } from "node:zlib";
    const server = http.createServer(async (request, response) => { ${handler} });
    ${more}
    server.listen(3000);
  `);
  await rt.waitForListener({ port: 3000 });
  return server;
}

test("the documented example", async () => {
  await withRuntime({}, async (rt) => {
    const server = await rt.spawn(`
 import http from "node:http";
 http.createServer((_, res) => res.end("ok")).listen(3000);`);

    const listener = await rt.waitForListener({ port: 3000 });
    const res = await rt.fetch(listener.port ?? 3000, { path: "/" });
    assert.deepEqual([res.status, res.body], [200, "ok"]); // 200 ok

    server.kill();
    await server.wait();
    await assert.rejects(rt.fetch(3000, { path: "/" }), { code: "ECONNREFUSED" });
  });
});

test("a request as the server sees it, and its answer as the host does", async () => {
  await withRuntime({}, async (rt) => {
    await serve(
      rt,
      `const parts = [];
       for await (const part of request) parts.push(part);
       response.writeHead(201, "Made", [
         ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Path", request.url], ["X-Method", request.method],
         ["Trailer", "X-End"],
       ]);
       response.write(Buffer.concat(parts));
       response.addTrailers({ "X-End": "over" });
       response.end();`,
    );
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const path = "/a/b?c=%20d";
    const response = await rt.fetch(3000, { method: "PATCH", path, body: bytes });
    assert.equal(response.status, 201);
    assert.equal(response.statusText, "Made");
    assert.equal(response.headers["set-cookie"], "a=1, b=2");
    const cookies = response.rawHeaders.filter(([name]) => name === "Set-Cookie");
    assert.deepEqual(cookies, [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    assert.equal(response.headers["x-path"], path);
    assert.equal(response.headers["x-method"], "PATCH");
    assert.deepEqual(response.bytes, bytes);
    assert.deepEqual(response.trailers, { "x-end": "over" });
  });
});

test("what is compressed stays so", async () => {
  await withRuntime({}, async (rt) => {
    await serve(
      rt,
      `response.setHeader("content-encoding", "gzip"); response.end(gzipSync("packed"));`,
    );
    const { bytes } = await rt.fetch(3000, { headers: { "accept-encoding": "gzip" } });
    assert.equal(String(gunzipSync(bytes)), "packed");
  });
});

test("events of a server as they come", async () => {
  await withRuntime({}, async (rt) => {
    await serve(
      rt,
      `response.writeHead(200, { "content-type": "text/event-stream" });
       let number = 0;
       const timer = setInterval(() => response.write("data: " + number++ + "\\n\\n"), 5);
       response.on("close", () => clearInterval(timer));`,
    );
    const { headers, body } = await rt.fetch(3000, { stream: true });
    assert.equal(headers["content-type"], "text/event-stream");
    let text = "";
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString();
      if (text.includes("data: 3")) break;
    }
    assert.match(text, /^data: 0\n\ndata: 1\n\n/);
  });
});

test("a server that is killed while it answers", async () => {
  await withRuntime({}, async (rt) => {
    await serve(rt, `response.write("half"); process.kill(process.pid, "SIGKILL");`);
    await assert.rejects(rt.fetch(3000), { code: "ECONNRESET", name: "VmError" });
  });
});

test("programs of the host reach it by a published port", async () => {
  await withRuntime({}, async (rt) => {
    await serve(
      rt,
      `response.end("hello " + request.headers["x-name"]);`,
      `server.on("upgrade", (request, socket) => {
         socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n");
         socket.pipe(socket);
       });`,
    );
    await using exposed = await rt.exposePort(3000);
    const answer = await fetch(exposed.url, { headers: { "x-name": "browser" } });
    assert.equal(await answer.text(), "hello browser");
    // One connection for several requests.
    for (const name of ["one", "two", "three"]) {
      const text = await new Promise<string>((resolve, reject) => {
        get(exposed.url, { headers: { "x-name": name } }, (response) => {
          response.setEncoding("utf8").on("data", resolve);
        }).on("error", reject);
      });
      assert.equal(text, `hello ${name}`);
    }
    const echo = await new Promise<string>((resolve, reject) => {
      const upgrade = request(exposed.url, {
        headers: { connection: "Upgrade", upgrade: "echo" },
      });
      upgrade.on("error", reject).on("upgrade", (_, socket) => {
        socket.end("through");
        socket.setEncoding("utf8").on("data", resolve);
      });
      upgrade.end();
    });
    assert.equal(echo, "through");
  });
});

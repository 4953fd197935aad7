// Streams of every kind whose reader waits until nothing more can be written: what was written comes back all the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { Duplex } from "node:stream";
import { assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const files = Object.fromEntries(
  ["server-key.pem", "server-cert.pem"].map((name) => [
    name,
    readFileSync(new URL(`fixtures/tls/${name}`, import.meta.url)),
  ]),
);

const head = `
  import childProcess from "node:child_process";
  import http from "node:http";
  import https from "node:https";
  import http2 from "node:http2";
  import net from "node:net";
  import tls from "node:tls";
  import { once } from "node:events";
  import { readFileSync } from "node:fs";
  const identity = { key: readFileSync("server-key.pem"), cert: readFileSync("server-cert.pem") };
  const trusting = { host: "127.0.0.1", rejectUnauthorized: false };
  const echo = (stream) => stream.pipe(stream);
  const answer = (request, response) => request.pipe(response);
  const listen = async (server, ...where) => {
    server.listen(...(where.length ? where : [0, "127.0.0.1"]));
    await once(server, "listening");
    return server.address().port;
  };
  const bytes = Buffer.alloc(4_000_000, "0123456789abcdef");
  /** Writes everything, looks away for a while, and then reads. */
  async function full(writable, readable, done = () => {}) {
    writable.end(bytes);
    const source = await readable;
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    const chunks = [];
    for await (const chunk of source) chunks.push(chunk);
    console.log(Buffer.concat(chunks).equals(bytes));
    done();
  }
  const response = async (request) => (await once(request, "response"))[0];
`;

const programs: Record<string, string> = {
  TCP: `
    const server = net.createServer({ allowHalfOpen: true }, echo);
    const client = net.connect({ host: "127.0.0.1", port: await listen(server), allowHalfOpen: true });
    await full(client, client, () => server.close());`,
  "a local socket": `
    const server = net.createServer({ allowHalfOpen: true }, echo);
    await listen(server, "echo.sock");
    const client = net.connect({ path: "echo.sock", allowHalfOpen: true });
    await full(client, client, () => server.close());`,
  TLS: `
    const server = tls.createServer({ ...identity, allowHalfOpen: true }, echo);
    const client = tls.connect({ ...trusting, port: await listen(server), allowHalfOpen: true });
    await full(client, client, () => server.close());`,
  "TLS over TLS": `
    const inner = tls.createServer({ ...identity, allowHalfOpen: true }, echo);
    const port = await listen(inner);
    const outer = tls.createServer({ ...identity, allowHalfOpen: true }, (peer) => {
      const onward = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      peer.pipe(onward).pipe(peer);
    });
    const below = tls.connect({ ...trusting, port: await listen(outer), allowHalfOpen: true });
    await once(below, "secureConnect");
    const client = tls.connect({ ...trusting, socket: below, allowHalfOpen: true });
    await full(client, client, () => { inner.close(); outer.close(); });`,
  HTTP: `
    const server = http.createServer(answer);
    const request = http.request({ host: "127.0.0.1", port: await listen(server), method: "POST", agent: false });
    await full(request, response(request), () => server.close());`,
  HTTPS: `
    const server = https.createServer(identity, answer);
    const request = https.request({ ...trusting, port: await listen(server), method: "POST", agent: false });
    await full(request, response(request), () => server.close());`,
  "HTTP/2": `
    const server = http2.createServer();
    server.on("stream", (stream) => { stream.respond(); echo(stream); });
    const client = http2.connect("http://127.0.0.1:" + await listen(server));
    const request = client.request({ ":method": "POST" });
    await full(request, request, () => { client.close(); server.close(); });`,
  "HTTP/2 over TLS": `
    const server = http2.createSecureServer(identity);
    server.on("stream", (stream) => { stream.respond(); echo(stream); });
    const client = http2.connect("https://127.0.0.1:" + await listen(server), trusting);
    const request = client.request({ ":method": "POST" });
    await full(request, request, () => { client.close(); server.close(); });`,
  "a command": `
    const child = childProcess.spawn("cat");
    await full(child.stdin, child.stdout);`,
  "a pipeline of commands": `
    const child = childProcess.spawn("sh", ["-c", "cat | cat | cat"]);
    await full(child.stdin, child.stdout);`,
  "a program": `
    const child = childProcess.spawn(process.execPath, ["-e", "process.stdin.pipe(process.stdout)"]);
    await full(child.stdin, child.stdout);`,
};

describe("an echo that is read only when every buffer on its way is full:", () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(head + program, files);
    });
  }

  test("streams of the host's", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.spawn(`
        import net from "node:net";
        net.createServer({ allowHalfOpen: true }, (peer) => peer.on("error", () => {}).pipe(peer)).listen(3000);`);
      await runtime.waitForListener({ port: 3000 });
      const bytes = Buffer.alloc(4_000_000, "0123456789abcdef");
      const full = async (stream: Duplex) => {
        stream.end(bytes);
        for (let turn = 0; turn < 500; turn += 1) await setImmediate();
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        assert.ok(Buffer.concat(chunks).equals(bytes));
      };
      await full(runtime.connect(3000, { allowHalfOpen: true }));
      const exposed = await runtime.exposePort(3000);
      const { port } = exposed;
      await full(connect({ host: "127.0.0.1", port, allowHalfOpen: true }));
      await exposed.close();
    });
  });
});

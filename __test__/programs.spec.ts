// Programs from npm do in a machine what they do on host Node.js: servers are asked by the host, clients and what has both
// ends talk within the machine.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { NodeRuntime } from "secure-exec";
import {
  askHost,
  comparable,
  guestFolder,
  HostPrograms,
  notInstalled as skip,
  programFiles,
  type Request,
} from "./support/programs.ts";
import { describe, test } from "./support/suite.ts";

const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };
const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 128);

/** What the servers are asked. */
const servers: Record<string, Request[]> = {
  express: [
    { path: "/" },
    { path: "/", method: "HEAD" },
    { path: "/users/a%20b?q=1&q=2&deep[a]=b" },
    { path: "/json", method: "POST", headers: json, body: '{"a":[1,{"b":null}]}' },
    { path: "/json", method: "POST", headers: json, body: '{"broken' },
    { path: "/form", method: "POST", headers: form, body: "a=1&b[c]=2&d=%C3%BC" },
    {
      path: "/raw",
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
    },
    { path: "/cookies" },
    { path: "/stream" },
    { path: "/static/page.html" },
    { path: "/static/data.bin", headers: { range: "bytes=10-19" } },
    { path: "/static/data.bin", headers: { range: "bytes=9999-" } },
    { path: "/static/page.html", headers: { "if-none-match": 'W/"23-e8d4a51000"' } },
    { path: "/static/../../etc/passwd" },
    { path: "/shops/7/items" },
    { path: "/broken" },
    { path: "/rejected" },
    { path: "/nothing/here" },
    { path: "/json", method: "OPTIONS" },
  ],
  fastify: [
    { path: "/" },
    { path: "/sum/abc", method: "POST", headers: json, body: '{"numbers":[1,"2",3]}' },
    { path: "/sum/abcdef", method: "POST", headers: json, body: '{"numbers":[]}' },
    { path: "/sum/abc", method: "POST", headers: json, body: '{"numbers":["x"]}' },
    { path: "/sum/abc", method: "POST", headers: json, body: "" },
    { path: "/stream" },
    { path: "/broken" },
    { path: "/lines", method: "POST", headers: { "content-type": "text/lines" }, body: "a\nb" },
    { path: "/lines", method: "POST", headers: { "content-type": "a/b" }, body: "x" },
    { path: "/plugin/answer" },
    { path: "/nothing" },
  ],
  hono: [
    { path: "/" },
    { path: "/users/12?q=a&q=b" },
    { path: "/users/x" },
    { path: "/json", method: "POST", headers: json, body: '{"a":1}' },
    {
      path: "/form",
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=B" },
      body:
        '--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nvälue\r\n' +
        '--B\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n' +
        "Content-Type: text/plain\r\n\r\ncontent\r\n--B--\r\n",
    },
    { path: "/raw", method: "PUT", body: "x" },
    { path: "/raw", method: "POST", body: bytes },
    { path: "/cookies", headers: { cookie: "a=1; b=%20" } },
    { path: "/stream" },
    { path: "/events" },
    { path: "/jwt" },
    { path: "/broken" },
    { path: "/nested/inner" },
  ],
  koa: [
    { path: "/" },
    { path: "/json?a=1&a=2", headers: { accept: "text/html, application/json;q=0.5" } },
    { path: "/stream" },
    { path: "/cookies", headers: { cookie: "name=value" } },
    { path: "/echo", method: "POST", body: bytes },
    { path: "/fresh", headers: { "if-none-match": '"tag"' } },
    { path: "/fresh" },
    { path: "/moved" },
    { path: "/broken" },
    { path: "/nothing" },
  ],
  "http-proxy": [
    { path: "/a?b=c" },
    { path: "/", method: "POST", body: bytes },
    { path: "/nowhere" },
  ],
};

/** What talks to itself, or to a process of its own. */
const programs = [
  "ws",
  "socket-io",
  "undici",
  "axios",
  "got",
  "pg",
  "ioredis",
  "selfsigned",
  "grpc",
];

describe("programs from npm", { skip }, () => {
  let host: HostPrograms;
  let runtime: NodeRuntime;

  before(async () => {
    const limits = { resources: { maxFilesystemBytes: 128 << 20, maxMemoryBytes: 1 << 30 } };
    [host, runtime] = await Promise.all([
      HostPrograms.create(),
      NodeRuntime.create({ files: programFiles(), limits }),
    ]);
  });

  after(async () => {
    host?.close();
    await runtime?.dispose();
  });

  for (const [name, requests] of Object.entries(servers)) {
    test(`${name}, asked by the host`, async () => {
      const hostPort = host.serve(`${name}.mjs`);
      const told = Promise.withResolvers<number>();
      const server = await runtime.spawnCommand("node", [`${guestFolder}/${name}.mjs`], {
        onStdout: (chunk) => told.resolve(Number(Buffer.from(chunk))),
      });
      // A program that fails has ended before it listens.
      server.wait().then((code) => told.reject(new Error(`${code}: ${server.stderr}`)));
      const port = await told.promise;
      for (const request of requests) {
        const headers = { host: "app.test", ...request.headers };
        const [expected, got] = await Promise.all([
          askHost(await hostPort, { ...request, headers }),
          runtime.fetch(port, { ...request, headers }),
        ]);
        const text = `${request.method ?? "GET"} ${request.path}\n${server.stderr}`;
        assert.deepEqual(comparable(got), comparable(expected), text);
      }
      server.kill("SIGKILL");
      await server.wait();
    });
  }

  for (const name of programs) {
    test(`${name}, within the machine`, async () => {
      const [expected, got] = await Promise.all([
        host.run(`${name}.mjs`),
        runtime.execCommand("node", [`${guestFolder}/${name}.mjs`], { timeout: 25_000 }),
      ]);
      assert.equal(expected.exitCode, 0, expected.stderr);
      assert.deepEqual(
        { stdout: got.stdout, exitCode: got.exitCode },
        { stdout: expected.stdout, exitCode: 0 },
        got.stderr,
      );
    });
  }

  test("leave nothing behind", async () => {
    const { processes, listeners, sockets, bufferedBytes } = await runtime.getResourceSnapshot();
    assert.deepEqual(
      { processes, listeners, sockets, bufferedBytes },
      {
        processes: 0,
        listeners: 0,
        sockets: 0,
        bufferedBytes: 0,
      },
    );
  });
});

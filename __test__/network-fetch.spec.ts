// `rt.fetch`: HTTP to servers of guests, good ones and hostile ones.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { NodeRuntime, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

/**
 * A server of node:net that reads one request (with `content-length`, or in chunks, or without a body) and runs
 * `answer`, which has `head`, `body` (a Buffer) and `socket`.
 */
async function serve(rt: NodeRuntime, answer: string, port = 3000) {
  const server = await rt.spawn(`
    import net from "node:net";
    import { setTimeout as sleep } from "node:timers/promises";
    const end = (bytes) => {
      const at = bytes.indexOf("\\r\\n\\r\\n");
      if (at < 0) return undefined;
      const head = bytes.subarray(0, at).toString("latin1");
      const rest = bytes.subarray(at + 4);
      const length = /content-length: (\\d+)/i.exec(head)?.[1];
      if (length !== undefined) {
        return rest.length >= Number(length) ? { head, body: rest } : undefined;
      }
      if (!/transfer-encoding: chunked/i.test(head)) return { head, body: rest };
      return rest.toString("latin1").endsWith("0\\r\\n\\r\\n") ? { head, body: dechunk(rest) } : undefined;
    };
    const dechunk = (bytes) => {
      const parts = [];
      for (let at = 0; ; ) {
        const line = bytes.indexOf("\\r\\n", at);
        const size = parseInt(bytes.subarray(at, line).toString(), 16);
        if (size === 0) return Buffer.concat(parts);
        parts.push(bytes.subarray(line + 2, line + 2 + size));
        at = line + 2 + size + 2;
      }
    };
    net.createServer((socket) => {
      socket.on("error", () => {});
      socket.on("close", () => console.log("closed"));
      const pieces = [];
      let isAnswered = false;
      socket.on("data", async (data) => {
        pieces.push(data);
        const request = isAnswered ? undefined : end(Buffer.concat(pieces));
        if (!request) return;
        isAnswered = true;
        const { head, body } = request;
        ${answer}
      });
    }).listen(${port});
  `);
  await rt.waitForListener({ port });
  return server;
}

const plain = (text: string) =>
  `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: ${text.length}\\r\\n\\r\\n${text}");`;

async function failure(call: Promise<unknown>): Promise<VmError> {
  const error = await call.then(
    () => assert.fail("it must not resolve"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof VmError, String((error as Error)?.stack));
  return error;
}

describe("fetch", () => {
  test("gives the whole response", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `socket.end("HTTP/1.1 201 Made It\\r\\nX-One: a\\r\\nx-one: b\\r\\nSet-Cookie: a=1; Path=/\\r\\n" +
          "set-cookie: b=2\\r\\nContent-Length: 5\\r\\n\\r\\nh\\u00e9llo".slice(0, -1));`,
      );
      const response = await rt.fetch(3000, { path: "/x?y=1" });
      assert.deepEqual(
        { status: response.status, statusText: response.statusText, headers: response.headers },
        {
          status: 201,
          statusText: "Made It",
          headers: { "x-one": "a, b", "set-cookie": "a=1; Path=/, b=2", "content-length": "5" },
        },
      );
      assert.deepEqual(response.rawHeaders, [
        ["X-One", "a"],
        ["x-one", "b"],
        ["Set-Cookie", "a=1; Path=/"],
        ["set-cookie", "b=2"],
        ["Content-Length", "5"],
      ]);
      assert.equal(response.body, "héll");
      assert.deepEqual([...response.bytes], [...Buffer.from("héll")]);
      assert.deepEqual(response.trailers, {});
    });
  });

  test("sends what it was given, and nothing that nobody asked for", async () => {
    await withRuntime({}, async (rt) => {
      const echo = `
        const answer = Buffer.concat([Buffer.from(head + "\\n\\n"), body]);
        socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: " + answer.length + "\\r\\n\\r\\n");
        socket.end(answer);`;
      await serve(rt, echo);
      const { body: got } = await rt.fetch(3000);
      assert.equal(got, "GET / HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\n\n");
      const posted = await rt.fetch(3000, {
        method: "POST",
        path: "/a/b?c=d",
        headers: { "X-A": "1", "x-list": ["2", "3"], host: "example.test" },
        body: "héllo",
      });
      const [head = "", body] = posted.body.split("\n\n");
      const lines = head.split("\r\n");
      assert.equal(lines[0], "POST /a/b?c=d HTTP/1.1");
      for (const line of [
        "x-a: 1",
        "x-list: 2",
        "x-list: 3",
        "host: example.test",
        "content-length: 6",
      ]) {
        assert.ok(lines.includes(line), `${line} of ${head}`);
      }
      assert.equal(body, "héllo");
      const deleted = await rt.fetch(3000, { method: "DELETE", body: new Uint8Array([0, 255]) });
      assert.deepEqual([...deleted.bytes.subarray(-2)], [0, 255]);
      const odd = await rt.fetch(3000, { headers: { ["__proto__"]: "x", constructor: "y" } });
      assert.match(odd.body, /__proto__: x\r\nconstructor: y/);
      const given = await rt.fetch(3000, { headers: new Headers({ "X-From": "Headers" }) });
      assert.match(given.body, /x-from: Headers/);
    });
  });

  test("is binary-safe both ways, however much it is", async () => {
    await withRuntime({}, async (rt) => {
      const echo = `
        socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: " + body.length + "\\r\\n\\r\\n");
        socket.end(body);`;
      await serve(rt, echo);
      const bytes = randomBytes(3_000_001);
      const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
      const { bytes: got } = await rt.fetch(3000, { method: "PUT", body: bytes });
      assert.equal(hash(got), hash(bytes));
      assert.equal(got.constructor, Uint8Array);
    });
  });

  test("bodies of requests may be streams", async () => {
    await withRuntime({}, async (rt) => {
      const echo = `
        socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: " + body.length + "\\r\\n\\r\\n");
        socket.end(body);`;
      await serve(rt, echo);
      async function* parts() {
        yield "one ";
        await turn();
        yield Buffer.from("two ");
        yield new Uint8Array([0x33]);
      }
      const iterated = await rt.fetch(3000, { method: "POST", body: parts() });
      assert.equal(iterated.body, "one two 3");
      const stream = new Blob(["a web ", "stream"]).stream();
      const streamed = await rt.fetch(3000, { method: "POST", body: stream });
      assert.equal(streamed.body, "a web stream");
      const broken = new Error("the source is broken");
      async function* fails() {
        yield "some";
        throw broken;
      }
      await assert.rejects(rt.fetch(3000, { method: "POST", body: fails() }), broken);
      // The server goes on.
      assert.equal((await rt.fetch(3000, { method: "POST", body: "x" })).body, "x");
    });
  });

  test("a body that nobody reads is sent as far as there is room", async () => {
    await withRuntime({}, async (rt) => {
      let accept = () => {};
      const accepted = new Promise<void>((resolve) => {
        accept = resolve;
      });
      const server = await rt.spawn(
        `
        import net from "node:net";
        net.createServer({ pauseOnConnect: true }, (socket) => {
          socket.on("error", () => {});
          process.once("SIGUSR2", () => socket.end("HTTP/1.1 413 Too Large\\r\\nContent-Length: 0\\r\\n\\r\\n"));
          console.log("accepted");
        }).listen(3000);
      `,
        { onStdout: accept },
      );
      await rt.waitForListener({ port: 3000 });
      let pulled = 0;
      let isCancelled = false;
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled += 1;
            controller.enqueue(new Uint8Array(65_536));
          },
          cancel() {
            isCancelled = true;
          },
        },
        { highWaterMark: 0 },
      );
      const response = rt.fetch(3000, { method: "POST", body });
      for (let last = -1; pulled !== last || pulled === 0; ) {
        last = pulled;
        for (let at = 0; at < 20; at++) await rt.getResourceSnapshot();
      }
      // Before that the signal would end the server.
      await accepted;
      assert.ok(pulled < 32, String(pulled));
      server.kill("SIGUSR2");
      assert.equal((await response).status, 413);
      while (!isCancelled) await turn();
    });
  });

  test("responses may be streams, which are read as they are asked for", async () => {
    await withRuntime({}, async (rt) => {
      const server = await serve(
        rt,
        `socket.write("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: X-Sum\\r\\n\\r\\n");
         const block = "10000\\r\\n" + "x".repeat(65536) + "\\r\\n";
         for (let at = 0; at < 64; at++) {
           if (!socket.write(block)) await new Promise((resolve) => socket.once("drain", resolve));
           console.log(at);
         }
         socket.end("0\\r\\nX-Sum: 42\\r\\nX-Sum: 43\\r\\n\\r\\n");`,
      );
      const response = await rt.fetch(3000, { stream: true });
      assert.equal(response.status, 200);
      for (let last = ""; server.captured.stdout === "" || server.captured.stdout !== last; ) {
        last = server.captured.stdout;
        for (let at = 0; at < 20; at++) await rt.getResourceSnapshot();
      }
      assert.ok(!server.captured.stdout.includes("\n40\n"), "it waits for the reader");
      let length = 0;
      for await (const chunk of response.body) length += chunk.length;
      assert.equal(length, 64 * 65_536);
      assert.deepEqual(await response.trailers, { "x-sum": "42, 43" });
      assert.equal(
        await new Response((await rt.fetch(3000, { stream: true })).body)
          .text()
          .then((text) => text.length),
        64 * 65_536,
      );
    });
  });

  test("a stream that is cancelled closes the connection", async () => {
    await withRuntime({}, async (rt) => {
      const server = await serve(
        rt,
        `socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 1000000\\r\\n\\r\\nsome");`,
      );
      const { body, trailers } = await rt.fetch(3000, { stream: true });
      const reader = body.getReader();
      assert.equal(String(Buffer.from((await reader.read()).value ?? [])), "some");
      await reader.cancel();
      await assert.rejects(trailers, { code: "ECONNRESET" });
      while (!server.captured.stdout.includes("closed")) await turn();
    });
  });

  test("trailers of a whole response", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `socket.end("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\nX-Sum: 42\\r\\n\\r\\n");`,
      );
      const { body, trailers } = await rt.fetch(3000);
      assert.equal(body, "abc");
      assert.deepEqual(trailers, { "x-sum": "42" });
    });
  });

  test("what has no body has none", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `const status = head.includes("/204") ? "204 No Content" : head.includes("/304") ? "304 Not Modified" : "200 OK";
         socket.end("HTTP/1.1 " + status + "\\r\\nContent-Length: 5\\r\\n\\r\\n");`,
      );
      assert.equal((await rt.fetch(3000, { method: "HEAD" })).body, "");
      assert.equal((await rt.fetch(3000, { path: "/204" })).status, 204);
      assert.equal((await rt.fetch(3000, { path: "/304" })).bytes.length, 0);
    });
  });

  test("a response without a length ends with its connection", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, `socket.end("HTTP/1.0 200 OK\\r\\n\\r\\nto the end");`);
      assert.equal((await rt.fetch(3000)).body, "to the end");
    });
  });

  test("informational responses go before the one that counts", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `socket.write("HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n");
         ${plain("final")}`,
      );
      const { status, body } = await rt.fetch(3000);
      assert.deepEqual([status, body], [200, "final"]);
    });
  });

  test("over a local socket", async () => {
    await withRuntime({}, async (rt) => {
      await rt.spawn(`
        import net from "node:net";
        net.createServer((socket) => { ${plain("local")} }).listen("/tmp/s");
      `);
      await rt.waitForListener({ path: "/tmp/s" });
      assert.equal((await rt.fetch("/tmp/s")).body, "local");
    });
  });

  test("many at a time", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `const path = head.split(" ")[1];
         socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: " + path.length + "\\r\\n\\r\\n" + path);`,
      );
      const paths = Array.from({ length: 100 }, (_, at) => `/${at}`);
      const bodies = await Promise.all(
        paths.map(async (path) => (await rt.fetch(3000, { path })).body),
      );
      assert.deepEqual(bodies, paths);
    });
  });

  test("a port that nobody listens on rejects at once, with its name and what there is", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, plain("x"), 8080);
      const error = await failure(rt.fetch(3000, { path: "/" }));
      assert.equal(error.code, "ECONNREFUSED");
      assert.match(error.message, /nothing listens on port 3000 .* port 8080 of/);
      assert.match(String(error.stack), /network-fetch\.spec/);
    });
  });

  test("a signal rejects with its reason, before, during and after the head", async () => {
    await withRuntime({}, async (rt) => {
      const server = await serve(
        rt,
        `if (head.includes("/head")) socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf");`,
      );
      const aborted = () => {
        const controller = new AbortController();
        return { controller, reason: new Error("enough"), signal: controller.signal };
      };
      const before = aborted();
      before.controller.abort(before.reason);
      await assert.rejects(rt.fetch(3000, { signal: before.signal }), before.reason);
      const during = aborted();
      const call = rt.fetch(3000, { signal: during.signal });
      await rt.getResourceSnapshot();
      during.controller.abort(during.reason);
      await assert.rejects(call, during.reason);
      const after = aborted();
      const { body } = await rt.fetch(3000, { path: "/head", stream: true, signal: after.signal });
      const reader = body.getReader();
      await reader.read();
      after.controller.abort(after.reason);
      await assert.rejects(reader.read(), after.reason);
      while (server.captured.stdout.split("closed").length < 3) await turn();
      await assert.rejects(rt.fetch(3000, { signal: AbortSignal.timeout(20) }), {
        name: "TimeoutError",
      });
    });
  });

  test("the end of the runtime ends it", async () => {
    const rt = ownedByTest(await NodeRuntime.create());
    await serve(rt, "");
    const call = rt.fetch(3000);
    await rt.getResourceSnapshot();
    const failed = failure(call);
    await rt.dispose();
    assert.equal((await failed).code, "ERR_VM_DISPOSED");
    assert.equal((await failure(rt.fetch(3000))).code, "ERR_VM_DISPOSED");
  });

  test("options are looked at first", async () => {
    await withRuntime({}, async (rt) => {
      const wrong: [object, string][] = [
        [{ path: "relative" }, "ERR_INVALID_ARG_VALUE"],
        [{ method: "G ET" }, "ERR_INVALID_ARG_VALUE"],
        [{ method: "CONNECT" }, "ERR_INVALID_ARG_VALUE"],
        [{ headers: { "a b": "c" } }, "ERR_INVALID_ARG_VALUE"],
        [{ headers: { a: "b\r\nc: d" } }, "ERR_INVALID_ARG_VALUE"],
        [{ headers: { a: {} } }, "ERR_INVALID_ARG_TYPE"],
        [{ headers: "a: b" }, "ERR_INVALID_ARG_TYPE"],
        [{ body: 1 }, "ERR_INVALID_ARG_TYPE"],
        [{ stream: 1 }, "ERR_INVALID_ARG_TYPE"],
        [{ signal: 1 }, "ERR_INVALID_ARG_TYPE"],
        [{ timeout: 0 }, "ERR_OUT_OF_RANGE"],
        [{ redirect: "follow" }, "ERR_INVALID_ARG_VALUE"],
      ];
      for (const [options, code] of wrong) {
        await assert.rejects(rt.fetch(3000, options), { code }, JSON.stringify(options));
      }
      await assert.rejects(rt.fetch(3000, { path: "/a b" }), { code: "ERR_UNESCAPED_CHARACTERS" });
      await assert.rejects(rt.fetch(0), { code: "ERR_OUT_OF_RANGE" });
      await assert.rejects(rt.fetch("http://localhost:3000/"), {
        code: "ERR_INVALID_ARG_VALUE",
        message: /must be a number, the port, or the absolute path of a local socket/,
      });
    });
  });
});

describe("hostile servers", () => {
  /** What a request to each of these fails with. */
  const cases: [name: string, answer: string, code: string, message: RegExp][] = [
    [
      "what is no HTTP",
      `socket.end("SSH-2.0-OpenSSH\\r\\n");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /port 3000/,
    ],
    ["nothing", "socket.end();", "ECONNRESET", /before its response was complete/],
    ["a reset", "socket.resetAndDestroy();", "ECONNRESET", /ECONNRESET/],
    [
      "headers without end",
      `socket.write("HTTP/1.1 200 OK\\r\\n");
       const more = () => { while (socket.writable && socket.write("X-A: " + "b".repeat(1000) + "\\r\\n")); };
       socket.on("drain", more);
       more();`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_HEADER_OVERFLOW/,
    ],
    [
      "one header without end",
      `socket.write("HTTP/1.1 200 OK\\r\\nX-A: ");
       const more = () => { while (socket.writable && socket.write("b".repeat(10000))); };
       socket.on("drain", more);
       more();`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_HEADER_OVERFLOW/,
    ],
    [
      "trailers without end",
      `socket.write("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n");
       const more = () => { while (socket.writable && socket.write("X-A: " + "b".repeat(1000) + "\\r\\n")); };
       socket.on("drain", more);
       more();`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_HEADER_OVERFLOW/,
    ],
    [
      "less than was announced",
      `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nshort");`,
      "ECONNRESET",
      /before its response was complete/,
    ],
    [
      "more than was announced",
      `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok and more");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_/,
    ],
    [
      "two lengths",
      `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nContent-Length: 6\\r\\n\\r\\nhello");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_UNEXPECTED_CONTENT_LENGTH/,
    ],
    [
      "a length and chunks",
      `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_/,
    ],
    [
      "a length that is none",
      `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 99999999999999999999999\\r\\n\\r\\n");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_INVALID_CONTENT_LENGTH/,
    ],
    [
      "a chunk of a size that is none",
      `socket.end("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nfffffffffffffffffff\\r\\nx");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /HPE_INVALID_CHUNK_SIZE/,
    ],
    [
      "a gigantic chunk",
      `socket.write("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nffffffffffff\\r\\n");
       const more = () => { while (socket.writable && socket.write(Buffer.alloc(65536, "x"))); };
       socket.on("drain", more);
       more();`,
      "ERR_RESOURCE_LIMIT",
      /limits\.http\.maxFetchResponseBytes/,
    ],
    [
      "a body without end",
      `socket.write("HTTP/1.1 200 OK\\r\\n\\r\\n");
       const more = () => { while (socket.writable && socket.write(Buffer.alloc(65536, "x"))); };
       socket.on("drain", more);
       more();`,
      "ERR_RESOURCE_LIMIT",
      /limits\.http\.maxFetchResponseBytes/,
    ],
    [
      "an announced length that is too much",
      `socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 1000001\\r\\n\\r\\n");`,
      "ERR_RESOURCE_LIMIT",
      /limits\.http\.maxFetchResponseBytes/,
    ],
    [
      "informational responses without end",
      `const more = () => { while (socket.writable && socket.write("HTTP/1.1 103 Early Hints\\r\\n\\r\\n".repeat(100))); };
       socket.on("drain", more);
       more();`,
      "ERR_INVALID_HTTP_RESPONSE",
      /informational/,
    ],
    [
      "another protocol",
      `socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: x\\r\\nConnection: Upgrade\\r\\n\\r\\n");`,
      "ERR_INVALID_HTTP_RESPONSE",
      /use connect/,
    ],
    ["nothing, for ever", "", "ERR_RESOURCE_LIMIT", /limits\.http\.fetchTimeoutMs/],
    [
      "a byte now and then",
      `socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n");
       for (;;) { socket.write("x"); await sleep(5); }`,
      "ERR_RESOURCE_LIMIT",
      /limits\.http\.fetchTimeoutMs/,
    ],
  ];
  for (const [name, answer, code, message] of cases) {
    test(name, async () => {
      const waits = message.source.includes("fetchTimeoutMs");
      const http = { maxFetchResponseBytes: 1_000_000, ...(waits && { fetchTimeoutMs: 300 }) };
      await withRuntime({ limits: { http } }, async (rt) => {
        const server = await serve(rt, answer);
        const error = await failure(rt.fetch(3000));
        assert.equal(error.code, code, String(error.stack));
        assert.match(error.message, message);
        // Its connection is gone, and the machine works.
        while (!server.captured.stdout.includes("closed")) await turn();
        assert.equal((await rt.execCommand("echo", ["fine"])).stdout, "fine\n");
      });
    });
  }

  test("a chunk for each byte takes memory for its bytes only", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `socket.write("HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n");
         const block = "1\\r\\nx\\r\\n".repeat(16384);
         for (let count = 0; count < 64; count++) socket.write(block);
         socket.end("0\\r\\n\\r\\n");`,
      );
      const used = () => {
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      const before = used();
      const { bytes } = await rt.fetch(3000);
      const taken = used() - before;
      assert.equal(bytes.length, 1 << 20);
      // An object for each byte is some 250 MB.
      assert.ok(taken < 100e6, `${taken} bytes`);
    });
  });

  test("a timeout of the call's own", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "");
      const error = await failure(rt.fetch(3000, { timeout: 50 }));
      assert.equal(error.code, "ERR_TIMEOUT");
      assert.match(error.message, /Port 3000 did not answer within 50 ms/);
    });
  });

  test("a stream that breaks off tells its reader", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, `socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nshort");`);
      const { body, trailers } = await rt.fetch(3000, { stream: true });
      const reader = body.getReader();
      assert.equal((await reader.read()).value?.length, 5);
      await assert.rejects(reader.read(), { code: "ECONNRESET", name: "VmError" });
      await assert.rejects(trailers, { code: "ECONNRESET" });
    });
  });

  test("names of headers that are properties of objects", async () => {
    await withRuntime({}, async (rt) => {
      await serve(
        rt,
        `socket.end("HTTP/1.1 200 OK\\r\\n__proto__: x\\r\\nConstructor: y\\r\\nContent-Length: 0\\r\\n\\r\\n");`,
      );
      const { headers } = await rt.fetch(3000);
      assert.equal(Object.getPrototypeOf(headers), Object.prototype);
      assert.ok(Object.hasOwn(headers, "__proto__"));
      assert.equal(headers.constructor as unknown, "y");
    });
  });
});

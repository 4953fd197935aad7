// Clients of a server that mean harm: what they send ends their own connection, and nothing else.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { WebSocketServer } from "ws";
import type { SandboxHandle, SandboxServer } from "../index.js";
import { ask, connectTo, metric, Raw, token, withServer } from "./support/server.ts";
import { describe, test } from "./support/suite.ts";

/** A server with a sandbox that works before and after. */
async function harmless(work: (server: SandboxServer, sandbox: SandboxHandle) => Promise<void>) {
  const faults: string[] = [];
  const onLog = (message: string, details: Record<string, string>) => {
    assert(!JSON.stringify(details).includes(token));
    if (message === "failed") faults.push(details.error ?? "");
  };
  await withServer({ maxBodyBytes: 1_000_000, onLog }, async (server) => {
    await using sandbox = await connectTo(server);
    await work(server, sandbox);
    assert.equal((await sandbox.exec.run("echo well")).stdout, "well\n");
    assert.equal(await metric(server, "connections"), 1);
  });
  assert.deepEqual(faults, []);
}

const data = (id: number, bytes: Uint8Array) => {
  const head = Buffer.alloc(5);
  head[0] = 1;
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, bytes]);
};

describe("a client that sends", () => {
  test("what is no message is disconnected", async () => {
    await harmless(async (server, { sandboxId }) => {
      const request = { id: 1, method: "exec.list" };
      const wrong: (string | object | Uint8Array)[][] = [
        ["garbage"],
        ["[]"],
        ["null"],
        ['"text"'],
        ["{}"],
        [{ id: -1, method: "exec.list" }],
        [{ id: 2 ** 32, method: "exec.list" }],
        [{ id: "1", method: "exec.list" }],
        [{ id: 1 }],
        [{ ...request, params: [] }],
        [{ ...request, params: null }],
        [{ ...request, bytes: -1 }],
        [{ ...request, bytes: 1e300 }],
        [
          { ...request, bytes: 1 },
          { ...request, bytes: 1 },
        ],
        [{ ...request, bytes: 1 }, data(1, Buffer.alloc(2))],
        [{ method: "exec.run", id: 1, params: { command: "sleep 9" } }, request],
        [{ ack: 1 }],
        [{ ack: 1, offset: "x" }],
        [{ resume: 1 }],
        [{ cancel: {} }],
        [Buffer.from([])],
        [Buffer.from([9, 0, 0, 0, 1])],
        [Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
        [data(7, Buffer.from("x"))],
        [randomBytes(1000)],
      ];
      for (const [index, messages] of wrong.entries()) {
        const raw = await Raw.open(server, sandboxId, `a-hostile-client-${index}`);
        for (const message of messages) raw.send(message);
        const [code] = await raw.closed;
        assert([1002, 1003].includes(code), `${JSON.stringify(messages)}: ${code}`);
      }
    });
  });

  test("frames without end is disconnected", async () => {
    await harmless(async (server, { sandboxId }) => {
      const raw = await Raw.open(server, sandboxId);
      raw.send(Buffer.alloc(2 * 2 ** 20));
      assert.equal((await raw.closed)[0], 1009);
      // What is no WebSocket at all behind the handshake.
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      const head = [
        `GET /v1/sandboxes/${sandboxId}/connect?client=a-client-of-garbage HTTP/1.1`,
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
        "Sec-WebSocket-Protocol: secure-exec.v1",
        `Authorization: Bearer ${token}`,
        "",
        "",
      ];
      socket.write(head.join("\r\n"));
      socket.write(Buffer.alloc(1000, 0xff));
      socket.resume();
      await once(socket, "close");
    });
  });

  test("wrong requests is told so", async () => {
    await harmless(async (server, { sandboxId }) => {
      const raw = await Raw.open(server, sandboxId);
      const wrong = [
        ["nothing", {}, "ERR_INVALID_ARG_VALUE"],
        ["__proto__", {}, "ERR_INVALID_ARG_VALUE"],
        ["constructor", {}, "ERR_INVALID_ARG_VALUE"],
        ["exec.run", {}, "ERR_INVALID_ARG_TYPE"],
        ["exec.run", { command: "true", onStdout: 1, hears: ["onStdin"] }, "ERR_INVALID_ARG_VALUE"],
        ["exec.run", { command: "true", hears: 5 }, "ERR_INVALID_ARG_TYPE"],
        [
          "exec.run",
          JSON.parse('{"command":"true","__proto__":{"timeout":1}}'),
          "ERR_INVALID_ARG_VALUE",
        ],
        ["exec.start", { command: "true", onExit: "x" }, "ERR_INVALID_ARG_TYPE"],
        ["exec.attach", {}, "ERR_INVALID_ARG_TYPE"],
        ["exec.attach", { sessionId: "none" }, "ERR_SESSION_NOT_FOUND"],
        ["session.write", { session: 999 }, "ERR_INVALID_ARG_VALUE"],
        ["session.kill", { session: 0 }, "ERR_INVALID_ARG_VALUE"],
        ["shell.run", { shell: 1, command: "true" }, "ERR_INVALID_ARG_VALUE"],
        ["files.readFile", { path: 5 }, "ERR_INVALID_ARG_TYPE"],
        ["files.mkdir", { path: "/tmp/x", options: 5 }, "ERR_INVALID_ARG_TYPE"],
        ["files.rename", {}, "ERR_INVALID_ARG_TYPE"],
        ["files.upload", { hostDir: "/etc", guestDir: "/tmp" }, "ERR_INVALID_ARG_VALUE"],
        ["files.place", { path: "/tmp/x", mode: 0o4755 }, "ERR_OUT_OF_RANGE"],
        ["files.place", { path: "/tmp/x", mtime: "now" }, "ERR_INVALID_ARG_TYPE"],
        ["files.place", { path: "/tmp/x", user: 0 }, "ERR_INVALID_ARG_VALUE"],
        ["files.place", { path: "x" }, "ERR_INVALID_ARG_VALUE"],
        ["files.attributes", { path: "/tmp", append: true }, "ERR_INVALID_ARG_VALUE"],
        ["files.attributes", { path: 5 }, "ERR_INVALID_ARG_TYPE"],
        ["files.chmod", { path: "/tmp", mode: "777" }, "ERR_INVALID_ARG_TYPE"],
        ["files.symlink", { path: "/tmp/x" }, "ERR_INVALID_ARG_TYPE"],
        ["files.cp", { from: "/tmp", to: 1 }, "ERR_INVALID_ARG_TYPE"],
        ["files.download", {}, "ERR_INVALID_ARG_TYPE"],
        ["files.watch", { path: "/tmp", options: { signal: {} } }, "ERR_INVALID_ARG_TYPE"],
        ["files.watch", { path: "tmp" }, "ERR_INVALID_ARG_VALUE"],
      ] as const;
      for (const [index, [method, params, code]] of wrong.entries()) {
        raw.send({ id: index, method, params });
        const { error } = await raw.next((message) => message.id === index);
        assert.equal(error?.code, code, method);
        assert(!("stack" in error));
      }
      raw.socket.close();
      await raw.closed;
    });
  });

  test("that it has enough of what has not begun yet, has that end", async () => {
    await harmless(async (server, { sandboxId, exec, files }) => {
      await files.writeFile("/tmp/large", new Uint8Array(900_000));
      const raw = await Raw.open(server, sandboxId);
      const requests = [
        ["exec.shell", {}],
        ["terminal.open", {}],
        ["files.watch", { path: "/tmp" }],
        ["files.download", { path: "/tmp" }],
      ] as const;
      for (const verb of ["done", "leave"]) {
        for (const [id, [method, params]] of requests.entries()) {
          raw.send({ id: verb === "done" ? id : id + 10, method, params });
          if (verb === "done") raw.send({ done: id });
        }
      }
      raw.send({ leave: true });
      await raw.closed;
      // Until nothing is left but the machine's first process and those that ask.
      const line = "set -- /proc/[0-9]*; echo $#";
      while ((await exec.run(line)).stdout !== "2\n");
    });
  });

  test("more than it may is told so", async () => {
    await harmless(async (server, { sandboxId }) => {
      const raw = await Raw.open(server, sandboxId);
      raw.send({ id: 1, method: "files.writeFile", params: { path: "/tmp/a" }, bytes: 2_000_000 });
      for (let sent = 0; sent < 2_000_000; sent += 500_000)
        raw.send(data(1, Buffer.alloc(500_000)));
      const { error } = await raw.next((message) => message.id === 1);
      assert.equal(error.code, "ERR_BODY_TOO_LARGE");
      for (let id = 10; id < 4200; id += 1) {
        raw.send({ id, method: "exec.attach", params: { sessionId: "none" } });
      }
      const busy = await raw.next((message) => message.error?.code === "ERR_SERVER_BUSY");
      assert(busy.id > 4000);
      raw.socket.terminate();
      await raw.closed;
      // Bodies that never come whole leave room for others when their connection has gone.
      for (let count = 0; count < 5; count += 1) {
        const raw = await Raw.open(server, sandboxId, `a-client-that-stops-${count}`);
        raw.send({ id: 1, method: "files.writeFile", params: { path: "/tmp/a" }, bytes: 900_000 });
        raw.send({ id: 2, method: "exec.list" });
        await raw.next((message) => message.id === 2);
        raw.socket.terminate();
        await raw.closed;
      }
      while ((await metric(server, "connections")) > 1) {}
      const after = await connectTo(server, { sandboxId });
      await after.files.writeFile("/tmp/a", Buffer.alloc(900_000));
      after.close();
    });
  });
});

describe("a client that asks for much", () => {
  test("by HTTP is told to wait", async () => {
    await harmless(async (server, { sandboxId, files }) => {
      const run = `/v1/sandboxes/${sandboxId}/exec/run`;
      const body = { command: "while [[ ! -e /tmp/go ]]; do sleep 0.01; done" };
      let refused = 0;
      const all = Array.from({ length: 20 }, async () => {
        const { status } = await ask(server, run, { method: "POST", body });
        if (status === 503) refused += 1;
        if (refused === 4) await files.writeFile("/tmp/go", "");
        return status;
      });
      const statuses = await Promise.all(all);
      assert.deepEqual([refused, statuses.filter((status) => status === 200).length], [4, 16]);
    });
  });

  test("and does not take it loses the oldest results", { timeout: 60_000 }, async () => {
    await harmless(async (server, { sandboxId }) => {
      const large = await Raw.open(server, sandboxId);
      const command = "head -c 16000000 /dev/zero";
      for (let id = 1; id <= 10; id += 1) {
        large.send({ id, method: "exec.run", params: { command } });
        // All of it comes, and is not said to have been taken.
        await large.next((message) => message.id === id && message.result);
      }
      large.socket.terminate();
      await large.closed;
      const again = await Raw.open(server, sandboxId);
      const { known } = await again.next((message) => message.hello);
      assert.equal(known.length, 10);
      again.send({ resume: 1, from: 0 });
      const { error } = await again.next((message) => message.id === 1);
      assert.equal(error.code, "ERR_RESULT_DROPPED");
      again.send({ resume: 10, from: 0 });
      const { bodies } = await again.next((message) => message.id === 10);
      assert.deepEqual(bodies, [16_000_000, 0]);
      again.send({ leave: true });
      await again.closed;
    });
  });
});

describe("a client that lets go of nothing", () => {
  test("has the oldest output dropped with the results", { timeout: 120_000 }, async () => {
    await harmless(async (server, { sandboxId }) => {
      const raw = await Raw.open(server, sandboxId);
      const command = "head -c 1048576 /dev/zero";
      for (let id = 1; id <= 140; id += 1) {
        const params = { command, maxOutputBytes: 0, hears: ["onStdout"] };
        raw.send({ id, method: "exec.run", params });
        raw.send({ ack: id, offset: 0 });
        for (let taken = 0; taken < 2 ** 20; ) {
          const frame: Buffer = await raw.next((message) => Buffer.isBuffer(message));
          if (frame[0] !== 2) continue;
          taken += frame.length - 14;
          raw.send({ ack: id, offset: taken });
        }
        await raw.next((message) => message.id === id && message.result);
      }
      raw.socket.terminate();
      await raw.closed;
      const again = await Raw.open(server, sandboxId);
      await again.next((message) => message.hello);
      again.send({ resume: 1, from: 0 });
      const { error } = await again.next((message) => message.id === 1);
      assert.equal(error.code, "ERR_RESULT_DROPPED");
      again.send({ resume: 140, from: 2 ** 20 });
      assert((await again.next((message) => message.id === 140)).result);
      again.send({ leave: true });
      await again.closed;
    });
  });

  test("has no more archives and watchers than the server holds", async () => {
    await harmless(async (server, { sandboxId }) => {
      const raw = await Raw.open(server, sandboxId);
      const start = async (id: number) => {
        raw.send({ id, method: "files.download", params: { path: "/tmp" } });
        return (await raw.next((message) => message.id === id && !message.event)).error?.code;
      };
      const codes = [];
      for (let id = 0; id < 66; id += 1) codes.push(await start(id));
      assert.deepEqual(codes.slice(63), [undefined, "ERR_SERVER_BUSY", "ERR_SERVER_BUSY"]);
      raw.send({ done: 3 });
      assert.equal(await start(100), undefined);
      assert.equal(await start(101), "ERR_SERVER_BUSY");
      raw.send({ leave: true });
      await raw.closed;
    });
  });
});

describe("a server that means harm", () => {
  test("has calls of its client reject", async () => {
    const answers = [
      "garbage",
      "null",
      '{"id":1,"result":[],"bodies":[1e15]}',
      '{"id":1,"result":[],"bodies":[-1]}',
      '{"id":1,"result":[],"bodies":{}}',
      '{"hello":1,"known":5}',
    ];
    for (const answer of answers) {
      const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      await once(sockets, "listening");
      const { port } = sockets.address() as AddressInfo;
      sockets.on("connection", (socket) => {
        socket.send('{"hello":1,"known":[],"continuous":false}');
        socket.on("message", () => socket.send(answer));
      });
      const sandbox = await connectTo({ url: `http://127.0.0.1:${port}` }, { sandboxId: "x" });
      await assert.rejects(sandbox.exec.list(), { code: "ERR_SERVER" }, answer);
      sandbox.close();
      sockets.close();
    }
  });
});

describe("a client that does not read", () => {
  test("has its programs wait, and the server's memory with them", {
    timeout: 60_000,
  }, async () => {
    await harmless(async (server, { sandboxId, files }) => {
      const raw = await Raw.open(server, sandboxId);
      raw.socket.pause();
      const before = process.memoryUsage().rss;
      const line = "head -c 20000000 /dev/zero; echo x >> /tmp/ended";
      for (let id = 1; id <= 20; id += 1) {
        raw.send({
          id,
          method: "exec.start",
          params: { command: line, hears: true, sessionId: `s${id}` },
        });
      }
      // Those of another client, which reads, go on meanwhile.
      const reader = await connectTo(server, { sandboxId });
      let bytes = 0;
      const read = await reader.exec.start("head -c 20000000 /dev/zero", {
        onStdout: (part) => {
          bytes += part.length;
        },
      });
      await read.done;
      assert.equal(bytes, 20_000_000);
      reader.close();
      assert.equal(await files.exists("/tmp/ended"), false);
      const grown = process.memoryUsage().rss - before;
      assert(grown < 150 * 2 ** 20, `${grown} bytes`);
      // When it has gone they end.
      raw.socket.terminate();
      const all = "while [[ $(wc -l < /tmp/ended 2> /dev/null) != 20 ]]; do sleep 0.02; done";
      const last = await connectTo(server, { sandboxId });
      assert.equal((await last.exec.run(all)).exitCode, 0);
      last.close();
    });
  });
});

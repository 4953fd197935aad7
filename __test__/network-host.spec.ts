// The host and the servers of its guests: connections, listeners, published ports.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectHost } from "node:net";
import { setTimeout as after, setImmediate as turn } from "node:timers/promises";
import { type GuestSocket, NodeRuntime, type NodeRuntimeProcess, VmError } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { freePort } from "./support/ports.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

/** A guest server of node:net, listening at `at` (JavaScript), which handles `socket` by `body`. */
async function serve(rt: NodeRuntime, at: string, body: string, options = "{}") {
  const server = await rt.spawn(`
    import net from "node:net";
    net.createServer(${options}, (socket) => { socket.on("error", () => {}); ${body} }).listen(${at});
  `);
  await rt.waitForListener({ processId: server.pid });
  return server;
}

/** The `body` of a server that sends as much as it can. */
const flood = `
    const block = Buffer.alloc(65536, "x");
    const more = () => { while (socket.write(block)); };
    socket.on("drain", more);
    more();`;

async function text(socket: AsyncIterable<unknown>): Promise<string> {
  let all = "";
  for await (const chunk of socket) all += String(chunk);
  return all;
}

/** What `work` gives, or an error that says how things stand when it takes too long. */
async function within<T>(ms: number, work: Promise<T>, state: () => Promise<object>): Promise<T> {
  const over = new AbortController();
  const late = after(ms, undefined, { signal: over.signal }).then(async () => {
    throw new Error(`not done in ${ms} ms: ${JSON.stringify(await state())}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}

async function errorOf(socket: GuestSocket): Promise<VmError> {
  const [error] = await once(socket, "error");
  assert.ok(error instanceof VmError, String(error));
  return error;
}

async function stop(server: NodeRuntimeProcess) {
  server.kill("SIGKILL");
  await server.wait();
}

describe("connections to guests", () => {
  test("bytes go both ways, over TCP and over a local socket", async () => {
    await withRuntime({}, async (rt) => {
      for (const [at, target] of [
        ["3000", 3000],
        ['"/tmp/s"', "/tmp/s"],
      ] as const) {
        await serve(rt, at, `socket.on("data", (data) => socket.end("got " + data));`);
        const socket = rt.connect(target);
        assert.equal(socket.connecting, true);
        assert.equal(socket.readyState, "opening");
        socket.write("ping");
        await once(socket, "connect");
        assert.equal(socket.connecting, false);
        assert.equal(await text(socket), "got ping");
        assert.equal(socket.bytesRead, 8);
        assert.equal(socket.bytesWritten, 4);
        assert.equal(socket.remotePort, target === 3000 ? 3000 : undefined);
        assert.equal(socket.destroyed, true);
        assert.equal(socket.readyState, "closed");
      }
    });
  });

  test("a guest that reads before it writes, and each half ends by itself", async () => {
    await withRuntime({}, async (rt) => {
      const body = `
        let all = "";
        socket.on("data", (data) => { all += data; });
        socket.on("end", () => socket.end(all.toUpperCase()));`;
      await serve(rt, "3000", body, "{ allowHalfOpen: true }");
      const socket = rt.connect(3000, { allowHalfOpen: true });
      socket.write("half ");
      socket.end("open");
      assert.equal(await text(socket), "HALF OPEN");
    });
  });

  test("the guest ends first and the host goes on", async () => {
    await withRuntime({}, async (rt) => {
      const body = `socket.end("bye"); socket.on("data", (data) => console.log("late " + data));`;
      const server = await serve(rt, "3000", body, "{ allowHalfOpen: true }");
      const socket = rt.connect(3000, { allowHalfOpen: true });
      assert.equal(String((await once(socket, "data"))[0]), "bye");
      await once(socket, "end");
      assert.equal(socket.writable, true);
      socket.end("word");
      await once(socket, "close");
      while (!server.captured.stdout.includes("late word")) await turn();
    });
  });

  test("what is sent to a guest that does not read waits, and arrives whole", async () => {
    await withRuntime({}, async (rt) => {
      const body = `
        import("node:crypto").then(({ createHash }) => {
          const hash = createHash("sha256");
          let length = 0;
          socket.pause();
          process.once("SIGUSR2", () => socket.resume());
          console.log("ready");
          socket.on("data", (data) => { hash.update(data); length += data.length; });
          socket.on("end", () => socket.end(length + " " + hash.digest("hex")));
        });`;
      const server = await serve(rt, "3000", body, "{ allowHalfOpen: true, pauseOnConnect: true }");
      const socket = rt.connect(3000);
      const { createHash, randomBytes } = await import("node:crypto");
      const [sent, piece] = [createHash("sha256"), randomBytes(100_000)];
      let length = 0;
      // As long as there is room, and then some.
      while (socket.write(piece) || length < 1_000_000) {
        sent.update(piece);
        length += piece.length;
      }
      sent.update(piece);
      length += piece.length;
      assert.ok(socket.writableLength > 0);
      const { bufferedBytes } = await rt.getResourceSnapshot();
      assert.ok(bufferedBytes <= 256 * 1024, String(bufferedBytes));
      while (!server.captured.stdout.includes("ready")) await turn();
      server.kill("SIGUSR2");
      socket.end();
      assert.equal(await text(socket), `${length} ${sent.digest("hex")}`);
    });
  });

  test("what a guest sends waits while the host does not read", async () => {
    await withRuntime({}, async (rt) => {
      const body = `
        const block = Buffer.alloc(65536, "x");
        let sent = 0;
        const more = () => {
          while (socket.write(block)) sent += block.length;
          sent += block.length;
          console.log(sent);
        };
        socket.on("drain", more);
        more();`;
      const server = await serve(rt, "3000", body);
      const socket = rt.connect(3000);
      await once(socket, "readable");
      const sent = async () => {
        for (let last = -1; ; ) {
          const now = Number(server.captured.stdout.trim().split("\n").at(-1));
          if (now === last) return now;
          last = now;
          for (let at = 0; at < 50; at++) await rt.getResourceSnapshot();
        }
      };
      const first = await sent();
      // The windows of both sides, the socket's buffer and the guest's own.
      assert.ok(first < 2_000_000, String(first));
      let read = 0;
      while (read < 4_000_000) {
        const [chunk] = await once(socket, "data");
        read += chunk.length;
      }
      socket.destroy();
    });
  });

  test("who takes long for what a guest sends has one piece in a turn of the loop", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", flood);
      const socket = rt.connect(3000);
      let ofThisTurn = 0;
      let most = 0;
      socket.on("data", () => {
        ofThisTurn += 1;
        most = Math.max(most, ofThisTurn);
        // Longer than connections may take of a turn.
        for (const begun = performance.now(); performance.now() - begun < 15; );
      });
      for (let turns = 0; turns < 20 || socket.bytesRead < 1_000_000; turns++) {
        await turn();
        ofThisTurn = 0;
      }
      socket.destroy();
      // One that waited, and one that came.
      assert.ok(most <= 2, `${most} pieces`);
    });
  });

  test("what has waited for a turn is given together, as long as that is quick", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", flood);
      const socket = rt.connect(3000);
      let ofThisTurn = 0;
      let most = 0;
      let isSlow = true;
      socket.on("data", () => {
        ofThisTurn += 1;
        most = Math.max(most, ofThisTurn);
        for (const begun = performance.now(); isSlow && performance.now() - begun < 15; );
        isSlow = false;
      });
      // Again and again something has to wait first.
      const together = async () => {
        for (let turns = 0; most < 3; turns++) {
          isSlow ||= turns % 16 === 0;
          await turn();
          ofThisTurn = 0;
        }
      };
      await within(20_000, together(), async () => ({ most }));
      socket.destroy();
    });
  });

  test("carries HTTP/2 of the host's client", async () => {
    await withRuntime({}, async (rt) => {
      await rt.spawn(`
        import http2 from "node:http2";
        http2.createServer((request, response) => response.end("over " + request.httpVersion)).listen(3000);`);
      await rt.waitForListener({ port: 3000 });
      const client = connectHttp2("http://machine", { createConnection: () => rt.connect(3000) });
      const request = client.request({ ":path": "/" });
      assert.equal(await text(request), "over 2.0");
      client.close();
      await once(client, "close");
    });
  });

  test("a connection that nobody takes is an error that says what there is", async () => {
    await withRuntime({}, async (rt) => {
      const alone = await errorOf(rt.connect(3000));
      assert.equal(alone.code, "ECONNREFUSED");
      assert.match(alone.message, /nothing listens on port 3000 .* Nothing listens/);
      await serve(rt, "8080", "");
      const server = await serve(rt, '"/tmp/other"', "");
      const refused = await errorOf(rt.connect(3000));
      assert.equal(refused.code, "ECONNREFUSED");
      assert.ok("port" in refused && refused.port === 3000);
      assert.match(
        refused.message,
        /port 3000 of the machine\. What listens: port 8080 of .*\/tmp\/other/,
      );
      const missing = await errorOf(rt.connect("/tmp/none"));
      assert.equal(missing.code, "ENOENT");
      assert.match(missing.message, /nothing listens on \/tmp\/none/);
      await stop(server);
      assert.equal((await errorOf(rt.connect("/tmp/other"))).code, "ECONNREFUSED");
    });
  });

  test("a guest that is killed resets, and its port is free at once", async () => {
    await withRuntime({}, async (rt) => {
      for (let round = 0; round < 5; round++) {
        const server = await serve(rt, "3000", `socket.write("hi");`, "{ pauseOnConnect: true }");
        const socket = rt.connect(3000);
        await once(socket, "data");
        socket.write("unread");
        // It has arrived: nothing waits on the way.
        await rt.getResourceSnapshot();
        const ended = new Promise<string>((resolve) => {
          socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
          socket.once("end", () => resolve("end"));
        });
        await stop(server);
        assert.equal(await ended, "ECONNRESET");
        assert.equal(rt.findListener({ port: 3000 }), null);
      }
    });
  });

  test("the guest sees an end, or a reset", async () => {
    await withRuntime({}, async (rt) => {
      const body = `
        const id = await new Promise((resolve) => socket.once("data", resolve));
        socket.removeAllListeners("error");
        socket.once("error", (error) => console.log(id + " " + error.code));
        socket.once("end", () => console.log(id + " end"));
        socket.write("ready");
        socket.resume();`;
      const server = await rt.spawn(`
        import net from "node:net";
        net.createServer(async (socket) => { ${body} }).listen(3000);
      `);
      await rt.waitForListener({ port: 3000 });
      const open = async (id: string) => {
        const socket = rt.connect(3000);
        socket.write(id);
        await once(socket, "data");
        return socket;
      };
      (await open("destroyed")).destroy();
      while (!server.captured.stdout.includes("destroyed end")) await turn();
      (await open("reset")).resetAndDestroy();
      while (!server.captured.stdout.includes("reset ECONNRESET")) await turn();
    });
  });

  test("a signal destroys the socket with its reason", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", "");
      const controller = new AbortController();
      const socket = rt.connect(3000, { signal: controller.signal });
      await once(socket, "connect");
      const reason = new Error("enough");
      const failed = once(socket, "error");
      controller.abort(reason);
      assert.equal((await failed)[0], reason);
      assert.throws(() => rt.connect(3000, { signal: controller.signal }), reason);
    });
  });

  test("timeouts, as those of sockets", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", `socket.on("data", () => socket.write("x"));`);
      const socket = rt.connect(3000);
      await once(socket, "connect");
      socket.setTimeout(20, () => socket.destroy());
      await Promise.all([once(socket, "timeout"), once(socket, "close")]);
    });
  });

  test("listeners run in the asynchronous context of the caller", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", `socket.end("x");`);
      const storage = new AsyncLocalStorage<string>();
      const seen = await new Promise((resolve) => {
        storage.run("mine", () => {
          rt.connect(3000).once("data", () => resolve(storage.getStore()));
        });
      });
      assert.equal(seen, "mine");
    });
  });

  test("arguments are looked at first", async () => {
    await withRuntime({}, async (rt) => {
      const wrong: [() => unknown, string][] = [
        [() => rt.connect(0), "ERR_OUT_OF_RANGE"],
        [() => rt.connect(65_536), "ERR_OUT_OF_RANGE"],
        [() => rt.connect("relative"), "ERR_INVALID_ARG_VALUE"],
        [() => rt.connect(undefined as unknown as number), "ERR_INVALID_ARG_TYPE"],
        [() => rt.connect(1, { half: true } as object), "ERR_INVALID_ARG_VALUE"],
        [() => rt.findListener({}), "ERR_INVALID_ARG_VALUE"],
        [() => rt.findListener({ port: "80" } as object), "ERR_INVALID_ARG_TYPE"],
      ];
      for (const [call, code] of wrong) assert.throws(call, { code });
      await assert.rejects(rt.waitForListener({}), { code: "ERR_INVALID_ARG_VALUE" });
      await assert.rejects(rt.waitForListener({ port: 1 }, { timeoutMs: 0 }), {
        code: "ERR_OUT_OF_RANGE",
      });
      await assert.rejects(rt.exposePort(0), { code: "ERR_OUT_OF_RANGE" });
      await assert.rejects(rt.exposePort(1, { hostPort: -1 }), { code: "ERR_OUT_OF_RANGE" });
    });
  });

  test("a runtime that is disposed of takes its connections along", async () => {
    const rt = ownedByTest(await NodeRuntime.create());
    await serve(rt, "3000", "");
    const socket = rt.connect(3000);
    await once(socket, "connect");
    const failed = errorOf(socket);
    await rt.dispose();
    assert.equal((await failed).code, "ERR_VM_DISPOSED");
    assert.throws(() => rt.connect(3000), { code: "ERR_VM_DISPOSED" });
    assert.throws(() => rt.findListener({ port: 3000 }), { code: "ERR_VM_DISPOSED" });
    await assert.rejects(rt.waitForListener({ port: 3000 }), { code: "ERR_VM_DISPOSED" });
    await assert.rejects(rt.exposePort(3000), { code: "ERR_VM_DISPOSED" });
  });

  test("the limit of connections holds for those of the host too", async () => {
    const limits = { resources: { maxConnections: 3 } };
    await withRuntime({ limits }, async (rt) => {
      await serve(rt, "3000", "");
      const sockets = [1, 2, 3].map(() => rt.connect(3000));
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      const error = await errorOf(rt.connect(3000));
      assert.equal(error.code, "ENOBUFS");
      assert.equal("limit" in error && error.limit, "limits.resources.maxConnections");
      for (const socket of sockets) socket.destroy();
      while ((await rt.getResourceSnapshot()).sockets > 1) await turn();
      await once(rt.connect(3000), "connect");
    });
  });

  const manyTimeout = 300_000;
  test("ten thousand connections leave nothing behind", { timeout: manyTimeout }, async () => {
    // The guest closes its ends in its own time: those of one round may be there when the next has begun.
    const limits = { resources: { maxOpenFds: 1024, maxSockets: 1024, maxConnections: 1024 } };
    await withRuntime({ limits }, async (rt) => {
      const server = await serve(rt, "3000", `socket.pipe(socket);`);
      const before = await rt.getResourceSnapshot();
      const echo = async (id: number) => {
        const socket = rt.connect(3000);
        socket.end(`connection ${id}`);
        const got = await within(30_000, text(socket), async () => {
          const { readyState, bytesRead, bytesWritten } = socket;
          const own = { id, readyState, bytesRead, bytesWritten };
          return { ...own, server: server.exitCode, ...(await rt.getResourceSnapshot()) };
        });
        assert.equal(got, `connection ${id}`);
      };
      for (let round = 0; round < 100; round++) {
        await Promise.all(Array.from({ length: 100 }, (_, at) => echo(round * 100 + at)));
      }
      const settled = async () => {
        for (;;) {
          const now = await rt.getResourceSnapshot();
          const same = now.sockets === before.sockets && now.fds === before.fds;
          if (same && now.bufferedBytes === 0) return;
          await turn();
        }
      };
      await within(60_000, settled(), () => rt.getResourceSnapshot());
    });
  });
});

describe("listeners", () => {
  test("are found by port, address, path and process", async () => {
    await withRuntime({}, async (rt) => {
      assert.equal(rt.findListener({ port: 3000 }), null);
      const server = await serve(rt, '3000, "127.0.0.1"', "");
      const processId = server.pid;
      const found = { processId, host: "127.0.0.1", port: 3000 };
      assert.deepEqual(rt.findListener({ port: 3000 }), found);
      assert.deepEqual(rt.findListener({ port: 3000, host: "localhost" }), found);
      assert.deepEqual(rt.findListener({ processId }), found);
      assert.equal(rt.findListener({ port: 3000, host: "::1" }), null);
      assert.equal(rt.findListener({ port: 3001 }), null);
      const everywhere = await serve(rt, '3001, "0.0.0.0"', "");
      assert.equal(rt.findListener({ port: 3001, host: "127.0.0.1" })?.host, "0.0.0.0");
      await stop(everywhere);
      const local = await serve(rt, '"relative.sock"', "");
      const path = "/workspace/relative.sock";
      assert.deepEqual(rt.findListener({ path }), { processId: local.pid, path });
      await stop(server);
      assert.equal(rt.findListener({ port: 3000 }), null);
      assert.equal((await rt.getResourceSnapshot()).listeners, 0);
    });
  });

  test("a port that the machine chose", async () => {
    await withRuntime({}, async (rt) => {
      const server = await rt.spawn(`
        import net from "node:net";
        const server = net.createServer((socket) => socket.end("chosen")).listen(0, () => {
          console.log(server.address().port);
        });
      `);
      const { port = 0, processId } = await rt.waitForListener({ processId: server.pid });
      assert.equal(processId, server.pid);
      assert.ok(port >= 1024, String(port));
      assert.equal(await text(rt.connect(port)), "chosen");
      while (server.captured.stdout === "") await turn();
      assert.equal(Number(server.captured.stdout), port);
    });
  });

  test("are waited for, by many at a time", async () => {
    await withRuntime({}, async (rt) => {
      const waiting = [
        rt.waitForListener({ port: 3000 }),
        rt.waitForListener({ port: 3000, host: "127.0.0.1" }),
        rt.waitForListener({ path: "/tmp/s" }),
      ];
      await serve(rt, "3000", "");
      const server = await serve(rt, '"/tmp/s"', "");
      const [first, second, third] = await Promise.all(waiting);
      assert.deepEqual(first, second);
      assert.deepEqual(third, { processId: server.pid, path: "/tmp/s" });
      // One that is there is there at once.
      assert.deepEqual(await rt.waitForListener({ port: 3000 }), first);
    });
  });

  test("one that does not come is told as what comes instead", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "8080", "");
      const started = performance.now();
      const error = await rt.waitForListener({ port: 3000 }, { timeoutMs: 50 }).then(
        () => assert.fail("nothing listens there"),
        (error: unknown) => error,
      );
      assert.ok(performance.now() - started < 9000, "the default is longer");
      assert.ok(error instanceof VmError);
      assert.equal(error.code, "ERR_TIMEOUT");
      assert.match(error.message, /port 3000 after 50 ms\. What listens: port 8080/);
    });
  });

  test("one that only looks whether its place is free is not what is waited for", async () => {
    await withRuntime({}, async (rt) => {
      const places = [{ port: 3000 }, { path: "/tmp/s" }];
      const waiting = places.map((place) => rt.waitForListener(place));
      const server = await rt.spawn(`
        import net from "node:net";
        const listen = (place) => new Promise((resolve) => {
          const server = net.createServer((socket) => socket.end("it")).listen(place, () => resolve(server));
        });
        for (let i = 0; i < 20; i++) {
          for (const place of [{ port: 3000, host: "0.0.0.0" }, { path: "/tmp/s" }]) {
            const server = await listen(place);
            await new Promise((resolve) => server.close(resolve));
          }
        }
        await listen({ port: 3000, host: "127.0.0.1" });
        await listen({ path: "/tmp/s" });
      `);
      const processId = server.pid;
      assert.deepEqual(await Promise.all(waiting), [
        { processId, host: "127.0.0.1", port: 3000 },
        { processId, path: "/tmp/s" },
      ]);
      assert.equal(await text(rt.connect(3000)), "it");
      assert.equal(await text(rt.connect("/tmp/s")), "it");
    });
  });

  test("one whose program never waits for connections is found, and told of", async () => {
    await withRuntime({}, async (rt) => {
      const server = await rt.spawn(`
        import net from "node:net";
        net.createServer().listen(3000, "127.0.0.1", () => { for (;;); });
      `);
      while (rt.findListener({ port: 3000 }) === null) await turn();
      await assert.rejects(rt.waitForListener({ port: 3000 }, { timeoutMs: 50 }), {
        code: "ERR_TIMEOUT",
        message: `Process ${server.pid} listens on port 3000, but has not waited for connections after 50 ms`,
      });
    });
  });

  test("waiting ends by a signal, and by the end of the runtime", async () => {
    const rt = ownedByTest(await NodeRuntime.create());
    const controller = new AbortController();
    const aborted = rt.waitForListener({ port: 3000 }, { signal: controller.signal });
    const disposed = rt.waitForListener({ port: 3000 });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    await assert.rejects(rt.waitForListener({ port: 1 }, { signal: controller.signal }), reason);
    const gone = assert.rejects(disposed, { code: "ERR_VM_DISPOSED" });
    await rt.dispose();
    await gone;
  });

  test("those of a machine that crashed are gone", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", "");
      const socket = rt.connect(3000);
      await once(socket, "connect");
      const failed = errorOf(socket);
      const { vmProcessIds } = await import("./support/vm-process.ts");
      for (const pid of vmProcessIds()) process.kill(pid, "SIGKILL");
      assert.equal((await failed).code, "ERR_VM_CRASHED");
      assert.equal(rt.findListener({ port: 3000 }), null);
      const server = await serve(rt, "3000", "");
      assert.equal(rt.findListener({ port: 3000 })?.processId, server.pid);
    });
  });

  test("a guest that listens and stops all the time harms itself only", async () => {
    await withRuntime({}, async (rt) => {
      const churn = await rt.spawn(`
        import net from "node:net";
        const again = () => {
          const server = net.createServer().listen(4000, () => server.close(again));
        };
        again();
      `);
      for (let round = 0; round < 20; round++) {
        const { stdout } = await rt.execCommand("echo", ["still"]);
        assert.equal(stdout, "still\n");
      }
      await serve(rt, "3000", `socket.end("here");`);
      assert.equal(await text(rt.connect(3000)), "here");
      await stop(churn);
      assert.equal(rt.findListener({ port: 4000 }), null);
    });
  });
});

describe("ports of the host", () => {
  const call = async (port: number, message: string) => {
    const socket = connectHost({ port, host: "127.0.0.1" });
    socket.end(message);
    return await text(socket);
  };

  test("lead to a guest, each half by itself", async () => {
    await withRuntime({}, async (rt) => {
      const body = `
        let all = "";
        socket.on("data", (data) => { all += data; });
        socket.on("end", () => socket.end(all.toUpperCase()));`;
      await serve(rt, "3000", body, "{ allowHalfOpen: true }");
      const exposed = await rt.exposePort(3000);
      assert.equal(exposed.url, `http://127.0.0.1:${exposed.port}`);
      assert.equal(await call(exposed.port, "hello"), "HELLO");
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, at) => call(exposed.port, `call ${at}`)),
      );
      assert.deepEqual(
        all,
        Array.from({ length: 20 }, (_, at) => `CALL ${at}`),
      );
      await exposed.close();
      await exposed.close();
      await assert.rejects(call(exposed.port, "closed"), { code: "ECONNREFUSED" });
    });
  });

  test("are there before the guest listens, and reset who comes too early", async () => {
    await withRuntime({}, async (rt) => {
      const exposed = await rt.exposePort(3000);
      await assert.rejects(call(exposed.port, "early"), { code: "ECONNRESET" });
      await serve(rt, "3000", `socket.end("now");`);
      assert.equal(await call(exposed.port, ""), "now");
    });
  });

  test("that are taken are refused by Node.js's own error", async () => {
    await withRuntime({}, async (rt) => {
      const { port } = await rt.exposePort(3000);
      await assert.rejects(rt.exposePort(3000, { hostPort: port }), { code: "EADDRINUSE" });
    });
  });

  test("close with their connections, and with the runtime", async () => {
    const rt = ownedByTest(await NodeRuntime.create());
    await serve(rt, "3000", `socket.write("open");`);
    const exposed = await rt.exposePort(3000);
    const socket = connectHost({ port: exposed.port, host: "127.0.0.1" });
    await once(socket, "data");
    const closed = once(socket, "close");
    socket.on("error", () => {});
    await rt.dispose();
    await closed;
    await assert.rejects(call(exposed.port, ""), { code: "ECONNREFUSED" });
  });

  test("one that is opened while the runtime ends is not left open", async () => {
    const rt = ownedByTest(await NodeRuntime.create());
    const hostPort = await freePort();
    const opening = rt.exposePort(3000, { hostPort });
    const refused = assert.rejects(opening, { code: "ERR_VM_DISPOSED" });
    await rt.dispose();
    await refused;
    await assert.rejects(call(hostPort, ""), { code: "ECONNREFUSED" });
  });

  test("carry much in both directions", async () => {
    await withRuntime({}, async (rt) => {
      await serve(rt, "3000", `socket.pipe(socket);`, "{ allowHalfOpen: true }");
      await using exposed = await rt.exposePort(3000);
      const socket = connectHost({ port: exposed.port, host: "127.0.0.1" });
      const block = Buffer.alloc(1 << 20, "secure exec ");
      for (let at = 0; at < 16; at++) socket.write(block);
      socket.end();
      let length = 0;
      for await (const chunk of socket) length += chunk.length;
      assert.equal(length, 16 << 20);
    });
  });
});

// Ports that a machine shares with the loopback of the host, and everything near them that it does not share.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createRequire } from "node:module";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { setImmediate as turn } from "node:timers/promises";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { freePort } from "./support/ports.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { vmProcessIds } from "./support/vm-process.ts";

const { ExemptPorts } = createRequire(import.meta.url)("../lib/net/exempt-ports.cjs");

/** A server of the host's, and how many have come. */
async function listen(handler: (socket: Socket) => void, host = "127.0.0.1", port = 0) {
  const visitors: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    visitors.push(socket);
    socket.on("error", () => {});
    handler(socket);
  });
  await once(server.listen(port, host), "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  const close = () => {
    for (const socket of visitors) socket.destroy();
    server.close();
  };
  return { port: address.port, visitors, close };
}

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  let all = "";
  for await (const chunk of stream) all += String(chunk);
  return all;
}

async function printed(rt: NodeRuntime, code: string): Promise<string> {
  const { stdout, stderr, exitCode } = await rt.exec(code, { timeout: 20_000 });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

describe("a port of the host that a machine shares", () => {
  test("is reached by every API, each half by itself", async () => {
    const echo = await listen((socket) => {
      let all = "";
      socket.on("data", (data) => {
        all += data;
      });
      socket.on("end", () => socket.end(all.toUpperCase()));
    });
    const web = createHttpServer((request, response) => {
      response.setHeader("X-From", String(request.socket.remoteAddress));
      response.end(`host ${request.url}`);
    });
    await once(web.listen(0, "127.0.0.1"), "listening");
    const address = web.address();
    assert(address && typeof address === "object");
    const ports = [echo.port, address.port];
    try {
      await withRuntime({ loopbackExemptPorts: ports }, async (rt) => {
        const code = `
          import net from "node:net";
          import { execFileSync } from "node:child_process";
          import { once } from "node:events";
          const text = async (stream) => { let all = ""; for await (const chunk of stream) all += chunk; return all; };
          for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"]) {
            const socket = net.connect({ port: ${echo.port}, host, allowHalfOpen: true });
            socket.write("half ");
            // What is ended before is forgotten where Node.js tries several addresses.
            await once(socket, "connect");
            socket.end("open");
            console.log(host, await text(socket), socket.remotePort === undefined);
          }
          const response = await fetch("http://127.0.0.1:${address.port}/fetch");
          console.log(await response.text(), response.headers.get("x-from"));
          console.log(String(execFileSync("curl", ["-s", "http://localhost:${address.port}/curl"])));
          const sent = Buffer.alloc(3_000_000, "0123456789");
          const large = net.connect({ port: ${echo.port}, host: "127.0.0.1", allowHalfOpen: true });
          large.end(sent);
          console.log((await text(large)) === String(sent));`;
        assert.deepEqual((await printed(rt, code)).trim().split("\n"), [
          "127.0.0.1 HALF OPEN true",
          "localhost HALF OPEN true",
          "0.0.0.0 HALF OPEN true",
          "::ffff:127.0.0.1 HALF OPEN true",
          "host /fetch 127.0.0.1",
          "host /curl",
          "true",
        ]);
        // The host hears of the guest's end by and by.
        while ((await rt.getResourceSnapshot()).sockets > 0) await turn();
        const { fds, bufferedBytes } = await rt.getResourceSnapshot();
        assert.deepEqual([fds, bufferedBytes], [0, 0]);
      });
    } finally {
      echo.close();
      web.close();
    }
  });

  test("refuses, resets and ends as the host's server does", async () => {
    const unused = await freePort();
    const resets = await listen((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const ends = await listen((socket) => socket.end("bye"));
    const ports = [unused, resets.port, ends.port];
    try {
      await withRuntime({ loopbackExemptPorts: ports }, async (rt) => {
        const code = `
          import net from "node:net";
          import { once } from "node:events";
          const [refused] = await once(net.connect(${unused}, "127.0.0.1"), "error");
          console.log(refused.code, refused.syscall);
          const reset = net.connect(${resets.port}, "127.0.0.1");
          reset.write("x");
          console.log((await once(reset, "error"))[0].code);
          const ended = net.connect(${ends.port}, "127.0.0.1");
          const [data] = await once(ended, "data");
          await once(ended, "close");
          console.log(String(data));
          // Who gives up before there is an answer hurts nobody.
          for (let round = 0; round < 20; round++) {
            for (let at = 0; at < 100; at++) net.connect(${ends.port}, "127.0.0.1").destroy();
            await new Promise((next) => setImmediate(next));
          }`;
        assert.equal(await printed(rt, code), "ECONNREFUSED connect\nECONNRESET\nbye\n");
        while ((await rt.getResourceSnapshot()).sockets > 0) await turn();
      });
    } finally {
      resets.close();
      ends.close();
    }
  });

  test("is the machine's own while a guest listens on it", async () => {
    const host = await listen((socket) => socket.end("host"));
    try {
      const warnings: string[] = [];
      const onWarning = ({ message }: Error) => warnings.push(message);
      process.on("warning", onWarning);
      await withRuntime({ loopbackExemptPorts: [host.port] }, async (rt) => {
        const ask = `
          const text = async (stream) => { let all = ""; for await (const chunk of stream) all += chunk; return all; };
          console.log(await text(net.connect(${host.port}, "127.0.0.1")));`;
        const code = `
          import net from "node:net";
          import { once } from "node:events";
          ${ask}
          const server = net.createServer((socket) => socket.end("guest")).listen(${host.port}, "127.0.0.1");
          await once(server, "listening");
          { ${ask} }
          server.close();
          await once(server, "close");
          { ${ask} }`;
        assert.equal(await printed(rt, code), "host\nguest\nhost\n");
        // The host's own connections are to guests, never back to the host.
        const [error] = await once(rt.connect(host.port), "error");
        assert.equal(error.code, "ECONNREFUSED");
        assert.equal(host.visitors.length, 2);
      });
      process.off("warning", onWarning);
      assert.ok(warnings.every((each) => each.includes("is not published")));
    } finally {
      host.close();
    }
  });

  test("is given again to a machine whose process was replaced", async () => {
    const host = await listen((socket) => socket.end("host"));
    try {
      await withRuntime({ loopbackExemptPorts: [host.port] }, async (rt) => {
        const code = `
          import net from "node:net";
          import { once } from "node:events";
          console.log(String((await once(net.connect(${host.port}, "127.0.0.1"), "data"))[0]));`;
        assert.equal(await printed(rt, code), "host\n");
        for (const pid of vmProcessIds()) process.kill(pid, "SIGKILL");
        await rt.exec("1").catch(() => {});
        assert.equal(await printed(rt, code), "host\n");
      });
    } finally {
      host.close();
    }
  });
});

describe("what is near a shared port stays out of reach", () => {
  test("other ports, other addresses, other protocols, names", async () => {
    const shared = await listen((socket) => socket.end("shared"));
    const everywhere = await listen((socket) => socket.end("everywhere"), "0.0.0.0");
    const six = await listen((socket) => socket.end("six"), "::1").catch(() => undefined);
    const datagrams = createSocket("udp4");
    let heard = 0;
    datagrams.on("message", () => heard++).bind(shared.port, "127.0.0.1");
    await once(datagrams, "listening");
    const own = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4")
      .map(({ address }) => address);
    const loopbackExemptPorts = [shared.port, ...(six ? [six.port] : [])];
    try {
      await withRuntime({ loopbackExemptPorts }, async (rt) => {
        const hosts = await rt.readFile("/etc/hosts", "utf8");
        await rt.writeFile("/etc/hosts", `${hosts}192.0.2.1 mine.test\n127.0.0.2 other.test\n`);
        const code = `
          import dgram from "node:dgram";
          import net from "node:net";
          import { once } from "node:events";
          const by = async (port, host) => {
            const [error] = await once(net.connect({ port, host, autoSelectFamily: false }), "error");
            return error.code;
          };
          const shared = ${shared.port};
          console.log("port", await by(${everywhere.port}, "127.0.0.1"));
          for (const host of ["127.0.0.2", "127.255.255.254", "::1"]) console.log(host, await by(shared, host));
          for (const host of ${JSON.stringify(own)}) console.log("own", await by(shared, host));
          console.log("name", await by(shared, "example.com"), await by(shared, "host.docker.internal"));
          ${six ? `console.log("six", await by(${six.port}, "::1"), await by(${six.port}, "127.0.0.1"));` : ""}
          // A name is what it resolves to.
          console.log("hosts", await by(shared, "mine.test"), await by(shared, "other.test"));
          const socket = dgram.createSocket("udp4");
          const error = await new Promise((done) => socket.send("x", shared, "127.0.0.1", done));
          console.log("datagram", error);
          socket.close();`;
        const lines = (await printed(rt, code)).trim().split("\n");
        assert.deepEqual(lines, [
          "port ECONNREFUSED",
          "127.0.0.2 ECONNREFUSED",
          "127.255.255.254 ECONNREFUSED",
          "::1 ECONNREFUSED",
          ...own.map(() => "own EACCES"),
          "name EACCES EACCES",
          ...(six ? ["six ECONNREFUSED ECONNREFUSED"] : []),
          "hosts EACCES ECONNREFUSED",
          "datagram null",
        ]);
        assert.equal(shared.visitors.length + everywhere.visitors.length, 0);
        assert.equal(six?.visitors.length ?? 0, 0);
        assert.equal(heard, 0);
      });
    } finally {
      for (const each of [shared, everywhere, six]) each?.close();
      datagrams.close();
    }
  });

  test("ports that another machine has published are shared only where they are named", async () => {
    await withRuntime({}, async (publisher) => {
      await publisher.spawn(`
        import net from "node:net";
        net.createServer((socket) => socket.end("published")).listen(3000);`);
      await publisher.waitForListener({ port: 3000 });
      await using exposed = await publisher.exposePort(3000);
      const code = `
        import net from "node:net";
        import { once } from "node:events";
        const socket = net.connect(${exposed.port}, "127.0.0.1");
        console.log(await Promise.race([once(socket, "data").then(String), once(socket, "error").then(([e]) => e.code)])
          .catch(({ code }) => code));`;
      const without = [{}, { loopbackExemptPorts: [] }, { loopbackExemptPorts: [3000] }];
      for (const options of without) {
        await withRuntime(options, async (rt) => {
          assert.equal(await printed(rt, code), "ECONNREFUSED\n");
        });
      }
      await withRuntime({ loopbackExemptPorts: [exposed.port] }, async (rt) => {
        assert.equal(await printed(rt, code), "published\n");
      });
    });
  });

  test("as many as there may be connections, and no more", async () => {
    const host = await listen((socket) => socket.resume().on("end", () => socket.end()));
    const limits = { resources: { maxConnections: 10 } };
    try {
      await withRuntime({ loopbackExemptPorts: [host.port], limits }, async (rt) => {
        const code = `
          import net from "node:net";
          const outcomes = {};
          const count = (name) => (outcomes[name] = (outcomes[name] ?? 0) + 1);
          await Promise.all(Array.from({ length: 30 }, () => new Promise((done) => {
            net.connect(${host.port}, "127.0.0.1")
              .on("connect", () => done(count("connected")))
              .on("error", ({ code }) => done(count(code)));
          })));
          console.log(JSON.stringify(outcomes));
          process.exit();`;
        assert.equal(await printed(rt, code), '{"ENOBUFS":20,"connected":10}\n');
        // The host's own server may be told of them later than the guest.
        while (host.visitors.length < 10) await turn();
        assert.equal(host.visitors.length, 10);
        while ((await rt.getResourceSnapshot()).sockets > 0) await turn();
      });
    } finally {
      host.close();
    }
  });

  test("options are looked at first", async () => {
    const wrong: [unknown, string][] = [
      ["3000", "ERR_INVALID_ARG_TYPE"],
      [[0], "ERR_OUT_OF_RANGE"],
      [[65_536], "ERR_OUT_OF_RANGE"],
      [["80"], "ERR_INVALID_ARG_TYPE"],
      [[80.5], "ERR_OUT_OF_RANGE"],
      [Array.from({ length: 1025 }, (_, at) => at + 1), "ERR_INVALID_ARG_VALUE"],
    ];
    for (const [ports, code] of wrong) {
      const options = { loopbackExemptPorts: ports as number[] };
      await assert.rejects(
        NodeRuntime.create(options),
        { code },
        JSON.stringify(ports).slice(0, 50),
      );
    }
  });
});

describe("a shared port that a guest listens on", () => {
  test("is published on 127.0.0.1 of the host, and goes with its listener", async () => {
    const port = await freePort();
    const own = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4");
    const rt = ownedByTest(await NodeRuntime.create({ loopbackExemptPorts: [port] }));
    const serve = async (name: string) => {
      const server = await rt.spawn(`
        import net from "node:net";
        net.createServer((socket) => socket.end("${name}")).listen(${port});`);
      await rt.waitForListener({ port });
      return server;
    };
    const ask = async () => await text(connect(port, "127.0.0.1"));
    await assert.rejects(ask(), { code: "ECONNREFUSED" });
    for (const name of ["first", "second"]) {
      const server = await serve(name);
      assert.equal(await ask(), name);
      for (const { address } of own) {
        const [error] = await once(connect(port, address), "error");
        assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
      }
      server.kill("SIGKILL");
      await server.wait();
      while (
        await ask().then(
          () => true,
          ({ code }) => code !== "ECONNREFUSED",
        )
      )
        await turn();
    }
    await serve("third");
    assert.equal(await ask(), "third");
    await rt.dispose();
    await assert.rejects(ask(), { code: "ECONNREFUSED" });
  });

  test("others that it listens on are not", async () => {
    const [port, other] = [await freePort(), await freePort()];
    await withRuntime({ loopbackExemptPorts: [port] }, async (rt) => {
      await rt.spawn(`
        import net from "node:net";
        for (const port of [${port}, ${other}]) net.createServer((socket) => socket.end("x")).listen(port);`);
      await rt.waitForListener({ port });
      await rt.waitForListener({ port: other });
      await assert.rejects(text(connect(other, "127.0.0.1")), { code: "ECONNREFUSED" });
      assert.equal(await text(connect(port, "127.0.0.1")), "x");
    });
  });

  test("that the host has already is a warning", async () => {
    const host = await listen((socket) => socket.end("host"));
    try {
      await withRuntime({ loopbackExemptPorts: [host.port] }, async (rt) => {
        const warned = once(process, "warning");
        await rt.spawn(`
          import net from "node:net";
          net.createServer((socket) => socket.end("guest")).listen(${host.port});`);
        const [warning] = await warned;
        assert.equal(warning.code, "SECURE_EXEC_PORT_NOT_PUBLISHED");
        assert.match(warning.message, new RegExp(`Port ${host.port} .*EADDRINUSE`));
        assert.equal(await text(connect(host.port, "127.0.0.1")), "host");
      });
    } finally {
      host.close();
    }
  });

  test("that the host has already is told once, however often guests listen on it", async () => {
    const host = await listen((socket) => socket.end("host"));
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on("warning", onWarning);
    try {
      await withRuntime({ loopbackExemptPorts: [host.port] }, async (rt) => {
        for (let round = 0; round < 3; round++) {
          const server = await rt.spawn(`
            import net from "node:net";
            net.createServer(() => {}).listen(${host.port});`);
          await rt.waitForListener({ port: host.port });
          server.kill("SIGKILL");
          await server.wait();
          while (rt.findListener({ port: host.port })) await turn();
        }
      });
      await turn();
      assert.equal(warnings.length, 1, warnings.join("\n"));
    } finally {
      process.off("warning", onWarning);
      host.close();
    }
  });

  test("that come and go without end are published and withdrawn a few at a time", async () => {
    const ports: number[] = [];
    while (ports.length < 20) ports.push(await freePort());
    let listening = ports;
    let look = () => {};
    let looks = 0;
    const closes: (() => void)[] = [];
    const machine = {
      disposed: false,
      onOutbound: () => {},
      onListeners: (callback: () => void) => {
        look = callback;
      },
      atDisposal: (close: () => void) => {
        closes.push(close);
        return () => {};
      },
      listeners: () => {
        looks += 1;
        return listening.map((port) => ({ port }));
      },
    };
    const refuse = () => {
      throw new Error("nobody");
    };
    new ExemptPorts(machine, ports, refuse, 1);
    for (let round = 0; round < 1000; round++) {
      listening = round % 2 === 0 ? [] : ports;
      look();
    }
    assert.ok(looks <= 8, `${looks} looks in one turn`);
    for (const port of ports) {
      const isPublished = () =>
        text(connect(port, "127.0.0.1")).then(
          () => true,
          ({ code }) => code === "ECONNRESET",
        );
      while (!(await isPublished())) await turn();
    }
    for (const close of closes) close();
  });

  test("two machines meet by the host", async () => {
    const port = await freePort();
    await withRuntime({ loopbackExemptPorts: [port] }, async (one) => {
      await one.spawn(`
        import net from "node:net";
        net.createServer((socket) => socket.end("from one to the other")).listen(${port});`);
      await one.waitForListener({ port });
      await withRuntime({ loopbackExemptPorts: [port] }, async (two) => {
        const code = `
          import net from "node:net";
          import { once } from "node:events";
          console.log(String((await once(net.connect(${port}, "127.0.0.1"), "data"))[0]));`;
        assert.equal(await printed(two, code), "from one to the other\n");
      });
    });
  });
});

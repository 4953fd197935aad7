// Connections of TCP within the machine: guests' servers and clients, as on host Node.js over its loopback.

import assert from "node:assert/strict";
import { assertIdle, assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const head = `
  import net from "node:net";
  import { once } from "node:events";
  const show = (...values) => console.log(...values);
  const listen = async (server, ...where) => {
    server.listen(...where);
    await once(server, "listening");
    return server.address().port;
  };
  const read = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
`;

const programs: Record<string, string> = {
  "an echo": `
    const server = net.createServer((peer) => peer.pipe(peer));
    const port = await listen(server, 0, "127.0.0.1");
    show(server.address().address, server.address().family, port === server.address().port);
    const client = net.connect(port, "127.0.0.1");
    client.end("hello");
    show(String(await read(client)), client.bytesRead, client.bytesWritten);
    show(client.remoteAddress, client.remoteFamily, client.remotePort === port);
    server.close(() => show("closed"));`,
  "five megabytes both ways": `
    const bytes = Buffer.alloc(5_000_000, "0123456789abcdef");
    const server = net.createServer({ allowHalfOpen: true }, async (peer) => peer.end(await read(peer)));
    const port = await listen(server, 0, "127.0.0.1");
    const client = net.connect(port, "127.0.0.1");
    client.end(bytes);
    show((await read(client)).equals(bytes));
    server.close();`,
  "a half that stays open": `
    const server = net.createServer({ allowHalfOpen: true }, (peer) => {
      peer.on("end", () => { show("end", peer.writable); peer.end("after"); });
      peer.resume();
    });
    const client = net.connect(await listen(server, 0, "127.0.0.1"), "127.0.0.1");
    client.end();
    show(String(await read(client)));
    server.close();`,
  "a reset": `
    const server = net.createServer((peer) => peer.once("data", () => peer.resetAndDestroy()));
    const client = net.connect(await listen(server, 0, "127.0.0.1"), "127.0.0.1");
    client.write("x");
    client.resume();
    const [error] = await once(client, "error").catch((error) => [error]);
    show(error.code, error.syscall);
    server.close();`,
  nobody: `
    const [error] = await once(net.connect(1, "127.0.0.1"), "close").catch((error) => [error]);
    show(error.code, error.syscall, error.address, error.port, error.message);`,
  "a read by the descriptor of a connection": `
    const { readSync, unlinkSync } = process.getBuiltinModule("fs");
    const attempt = (handle) => {
      try { return readSync(handle.fd, Buffer.alloc(4)); } catch (error) { return error.code; }
    };
    const path = process.getBuiltinModule("os").tmpdir() + "/descriptor-" + process.pid;
    for (const where of [{ port: 0, host: "127.0.0.1" }, { path }]) {
      const server = net.createServer({ pauseOnConnect: true });
      server.listen(where);
      await once(server, "listening");
      const client = net.connect(where.path ? where : server.address());
      const [[peer]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
      show(attempt(client._handle), attempt(peer._handle), attempt(server._handle));
      client.destroy();
      peer.destroy();
      server.close();
    }`,
  "a connection that is a program's standard input": `
    const { spawn } = process.getBuiltinModule("child_process");
    const server = net.createServer({ pauseOnConnect: true });
    const port = await listen(server, 0, "127.0.0.1");
    const client = net.connect(port, "127.0.0.1");
    const [peer] = await once(server, "connection");
    const text = "const fs = require('fs'); fs.writeSync(1, 'ready '); fs.writeSync(1, fs.readFileSync(0))";
    const child = spawn(process.execPath, ["-e", text], { stdio: [peer, "pipe", "inherit"] });
    const [ready] = await once(child.stdout, "data");
    client.end("came later");
    show(String(ready) + String(await read(child.stdout)));
    peer.destroy();
    server.close();`,
  "a port that is in use": `
    const first = net.createServer();
    const port = await listen(first, 0, "127.0.0.1");
    const second = net.createServer();
    second.listen(port, "127.0.0.1");
    const [error] = await once(second, "error");
    show(error.code, error.syscall, error.port === port);
    first.close();
    await once(first, "close");
    show(await listen(second, port, "127.0.0.1") === port);
    second.close();`,
  "an address that the machine does not have": `
    const server = net.createServer().listen(0, "192.0.2.1");
    const [error] = await once(server, "error");
    show(error.code, error.syscall, error.address);`,
  "both families": `
    const server = net.createServer((peer) => peer.end(peer.remoteAddress + " " + peer.remoteFamily));
    const port = await listen(server, 0);
    show(server.address().address, server.address().family);
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) show(String(await read(net.connect(port, host))));
    server.close();`,
  "IPv6 alone": `
    const server = net.createServer((peer) => peer.end());
    const port = await listen(server, { port: 0, host: "::", ipv6Only: true });
    const [error] = await once(net.connect(port, "127.0.0.1"), "error");
    show(error.code);
    await read(net.connect(port, "::1"));
    server.close();`,
  "ports that share connections": `
    const first = net.createServer();
    const port = await listen(first, { port: 0, host: "127.0.0.1", reusePort: true });
    const second = net.createServer();
    show(await listen(second, { port, host: "127.0.0.1", reusePort: true }) === port);
    first.close(); second.close();`,
  "options before and behind the connection": `
    const server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 }, (peer) => {
      peer.setNoDelay(false).setKeepAlive(true, 1000).setTimeout(0);
      peer.end();
    });
    const port = await listen(server, 0, "127.0.0.1");
    const client = net.connect({ port, host: "127.0.0.1", noDelay: true, keepAlive: true });
    client.setKeepAlive(true).resume();
    await once(client, "connect");
    client.setTypeOfService(16);
    show(client.getTypeOfService());
    await once(client, "close");
    server.close();`,
  "a local address and port": `
    const server = net.createServer((peer) => peer.end(peer.remoteAddress));
    const port = await listen(server, 0, "127.0.0.1");
    const client = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
    show(String(await read(client)));
    server.close();`,
  "a timeout": `
    const server = net.createServer(() => {});
    const client = net.connect({ port: await listen(server, 0, "127.0.0.1"), host: "127.0.0.1", timeout: 30 });
    await once(client, "timeout");
    show("timeout", client.destroyed);
    server.close(); client.destroy();`,
  "connections that wait, and a limit of them": `
    const server = net.createServer((peer) => peer.on("error", () => {}).resume());
    server.maxConnections = 2;
    let drops = 0;
    server.on("drop", ({ localPort }) => { drops += 1; show("drop", typeof localPort); });
    const port = await listen(server, 0, "127.0.0.1");
    const clients = [];
    for (let at = 0; at < 3; at += 1) {
      const client = net.connect(port, "127.0.0.1").on("error", () => {});
      await once(client, "connect");
      clients.push(client);
    }
    if (drops === 0) await once(server, "drop");
    server.getConnections((error, count) => {
      show(error, count);
      for (const client of clients) client.destroy();
      server.close();
    });`,
  "back-pressure": `
    const server = net.createServer({ pauseOnConnect: true });
    const client = net.connect(await listen(server, 0, "127.0.0.1"), "127.0.0.1");
    const [[stopped]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    while (client.write(chunk) || written < 100) written += 1;
    show(client.writableNeedDrain);
    stopped.resume();
    await once(client, "drain");
    show("drained", client.writableLength);
    client.end(); server.close();`,
  "a block list": `
    const blockList = new net.BlockList();
    blockList.addAddress("127.0.0.3");
    const server = net.createServer({ blockList }, (peer) => peer.end("in"));
    server.on("drop", () => show("dropped"));
    const port = await listen(server, 0, "127.0.0.1");
    show(String(await read(net.connect(port, "127.0.0.1"))));
    const refused = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.3" }).on("error", () => {});
    show(String(await read(refused).catch(() => "")));
    server.close();`,
  "an abort": `
    const controller = new AbortController();
    const server = net.createServer();
    server.listen({ port: 0, host: "127.0.0.1", signal: controller.signal }, () => controller.abort());
    await once(server, "close");
    show(server.listening);`,
  unref: `
    const server = net.createServer((peer) => peer.unref());
    const client = net.connect(await listen(server, 0, "127.0.0.1"), "127.0.0.1");
    await Promise.all([once(server, "connection"), once(client, "connect")]);
    server.unref();
    client.unref();
    show("end");`,
};

describe("node:net does as on host Node.js:", () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(head + program);
    });
  }
});

/** What a program prints in a machine of its own, which holds nothing of it afterwards. */
async function printed(code: string): Promise<string> {
  return await withRuntime({}, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(code);
    assert.equal(stderr, "");
    await assertIdle(runtime);
    return stdout;
  });
}

const foreign = [
  "192.0.2.1",
  "10.0.0.1",
  "169.254.169.254",
  "8.8.8.8",
  "2001:db8::1",
  "::ffff:8.8.8.8",
];

test("a connection to what is not the machine's own fails with EACCES", async () => {
  const stdout = await printed(`
    import net from "node:net";
    import { once } from "node:events";
    for (const host of ${JSON.stringify(foreign)}) {
      const [error] = await once(net.connect(80, host), "error");
      console.log(error.code, error.syscall, error.address === host);
    }`);
  assert.equal(stdout, "EACCES connect true\n".repeat(foreign.length));
});

test("processes hand each other connections and servers", async () => {
  const stdout = await printed(`
    import net from "node:net";
    import { fork } from "node:child_process";
    import { once } from "node:events";
    import { writeFileSync } from "node:fs";
    writeFileSync("/workspace/child.cjs", \`
      process.on("message", (what, handle) => {
        if (what === "connection") handle.end("child " + handle.remoteAddress);
        else handle.on("connection", (peer) => { peer.end("server of the child"); handle.close(); });
      });\`);
    const child = fork("/workspace/child.cjs");
    const ask = async (port) => {
      const chunks = [];
      for await (const chunk of net.connect(port, "127.0.0.1")) chunks.push(chunk);
      console.log(String(Buffer.concat(chunks)));
    };
    const own = net.createServer({ pauseOnConnect: true }, (peer) => child.send("connection", peer));
    await once(own.listen(0, "127.0.0.1"), "listening");
    await ask(own.address().port);
    own.close();
    const given = net.createServer();
    await once(given.listen(0, "127.0.0.1"), "listening");
    const { port } = given.address();
    child.send("server", given, () => given.close());
    await once(given, "close");
    await ask(port);
    child.disconnect();
    await once(child, "exit");`);
  assert.equal(stdout, "child 127.0.0.1\nserver of the child\n");
});

describe("workers of node:cluster share a port", () => {
  const program = `
    const cluster = require("node:cluster");
    const net = require("node:net");
    const { once } = require("node:events");
    if (cluster.isPrimary) primary();
    else net.createServer((peer) => peer.end(String(cluster.worker.id))).listen(8123, "127.0.0.1");

    async function primary() {
      const workers = [cluster.fork(), cluster.fork()];
      await Promise.all(workers.map((worker) => once(worker, "listening")));
      const answers = [];
      for (let at = 0; at < 8; at += 1) {
        const [answer] = await once(net.connect(8123, "127.0.0.1"), "data");
        answers.push(Number(answer));
      }
      for (const worker of workers) worker.disconnect();
      await Promise.all(workers.map((worker) => once(worker, "exit")));
      console.log(answers.sort().join(" "));
    }`;
  for (const [policy, wanted] of [
    ["rr", /^1 1 1 1 2 2 2 2\n$/],
    ["none", /^[12]( [12]){7}\n$/],
  ] as const) {
    test(policy, async () => {
      await withRuntime({}, async (runtime) => {
        const env = { NODE_CLUSTER_SCHED_POLICY: policy };
        await runtime.writeFile("/workspace/shared.cjs", program);
        const { stdout, stderr } = await runtime.execCommand("node", ["shared.cjs"], { env });
        assert.equal(stderr, "");
        assert.match(stdout, wanted);
        await assertIdle(runtime);
      });
    });
  }
});

test("the port of a killed process is free at once", async () => {
  const stdout = await printed(`
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    for (let round = 0; round < 5; round += 1) {
      const code = 'require("net").createServer().listen(8099, "127.0.0.1", () => console.log("up"))';
      const child = spawn("node", ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    console.log("done");`);
  assert.equal(stdout, "done\n");
});

test("connections that come and go leave nothing", { timeout: 120_000 }, async () => {
  const stdout = await printed(`
    import net from "node:net";
    import { once } from "node:events";
    const server = net.createServer((peer) => peer.resume().on("error", () => {}));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address();
    for (let at = 0; at < 1000; at += 1) {
      const client = net.connect(port, "127.0.0.1");
      await once(client, "connect");
      if (at % 2 === 0) client.end(); else client.resetAndDestroy();
      client.resume();
      await once(client, "close");
    }
    server.close();
    await once(server, "close");
    console.log("done");`);
  assert.equal(stdout, "done\n");
});

// Sockets within the machine, as node:net has them: the same programs on host Node.js.

import { test } from "node:test";
import { assertSameAsHost } from "./support/guest.ts";

test("names in the abstract namespace", async () => {
  await assertSameAsHost(`
    import net from "node:net";
    import { once } from "node:events";
    const name = "\\0secure-exec-test-" + process.pid;
    const server = net.createServer((socket) => socket.end("hello"));
    server.listen(name);
    await once(server, "listening");
    console.log(server.address().startsWith("\\0secure"));
    const socket = net.connect(name);
    const [data] = await once(socket.setEncoding("utf8"), "data");
    console.log(data);
    await once(socket, "close");
    const second = net.createServer().listen(name);
    console.log((await once(second, "error"))[0].code);
    server.close();
    await once(server, "close");
    console.log((await once(net.connect(name), "error"))[0].code);
    second.listen(name);
    await once(second, "listening");
    second.close();
    for (const bad of ["a\\0b", "x".repeat(200)]) {
      const [error] = await once(net.connect(bad), "error").catch((error) => [error]);
      console.log(error.code);
    }
  `);
});

test("one connection in each turn of the loop", async () => {
  await assertSameAsHost(`
    import net from "node:net";
    const seen = [];
    let count = 0;
    const server = net.createServer((socket) => {
      const number = ++count;
      socket.on("error", () => {});
      seen.push("connection " + number);
      process.nextTick(() => seen.push("tick " + number));
      setImmediate(() => {
        seen.push("immediate " + number);
        if (number === 5) {
          console.log(seen.join(", "));
          process.exit();
        }
      });
    });
    server.listen("order.sock", () => {
      for (let at = 0; at < 5; at++) net.connect("order.sock").on("error", () => {});
    });
  `);
});

test("a socket that is destroyed while it connects", async () => {
  await assertSameAsHost(`
    import net from "node:net";
    import { once } from "node:events";
    const server = net.createServer((socket) => socket.on("error", () => {}).resume());
    server.listen("early.sock");
    await once(server, "listening");
    const events = [];
    const socket = net.connect("early.sock");
    for (const name of ["connect", "ready", "end", "error", "close"]) {
      socket.on(name, () => events.push(name));
    }
    socket.destroy();
    await once(socket, "close");
    console.log(events.join(), socket.connecting, socket.destroyed);
    const writer = net.connect("early.sock");
    writer.write("before it is connected");
    console.log(writer.connecting, writer.pending, writer.writableLength);
    await once(writer, "connect");
    writer.end("and behind");
    await once(writer, "close");
    console.log(writer.bytesWritten);
    server.close();
    await once(server, "close");
    console.log("closed");
  `);
});

test("processes hand each other servers and connections with a path", async () => {
  const child = `
    process.on("message", (what, handle) => {
      if (what === "connection") handle.end("a connection of the parent");
      else handle.on("connection", (peer) => { peer.end("a server of the parent"); handle.close(); });
    });`;
  const code = `
    import net from "node:net";
    import { fork } from "node:child_process";
    import { once } from "node:events";
    const child = fork("child.cjs");
    const ask = async (path) => {
      const chunks = [];
      for await (const chunk of net.connect(path)) chunks.push(chunk);
      console.log(String(Buffer.concat(chunks)));
    };
    const own = net.createServer({ pauseOnConnect: true }, (peer) => child.send("connection", peer));
    await once(own.listen("handed.sock"), "listening");
    await ask("handed.sock");
    own.close();
    // A path would go with the server of the parent.
    const name = "\\0handed-" + process.pid;
    const given = net.createServer();
    await once(given.listen(name), "listening");
    child.send("server", given, () => given.close());
    await once(given, "close");
    await ask(name);
    child.disconnect();
    await once(child, "exit");`;
  await assertSameAsHost(code, { "child.cjs": child });
});

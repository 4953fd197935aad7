// The host and the servers of its guests: requests, connections, published ports. Beside each the same from the host to a
// server in a Node.js process of its own, over the host's loopback.

import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { spawn } from "node:child_process";
import { pinnedNode } from "../scripts/lib/paths.mjs";
import { percentileRows, sampleInTurn } from "./table.mjs";

const mebibyte = 2 ** 20;
const port = 3000;

/** A server of HTTP with a short answer, one that sends without end and one that takes everything, in turn. */
const servers = `
  import http from "node:http";
  import net from "node:net";
  const ports = [];
  const listening = (server) => new Promise((resolve) => {
    const at = globalThis.first === 0 ? 0 : globalThis.first + ports.length;
    server.listen(at, "127.0.0.1", () => resolve(ports.push(server.address().port)));
  });
  await listening(http.createServer((_, response) => response.end("hello")));
  const block = Buffer.alloc(65536, "x");
  await listening(net.createServer((socket) => {
    const more = () => { while (socket.writable && socket.write(block)); };
    socket.on("error", () => {}).on("drain", more);
    more();
  }));
  await listening(net.createServer((socket) => socket.on("error", () => {}).resume()));
  console.log(JSON.stringify(ports));
`;

/** The same servers in a process of the host's. */
async function onHost() {
  const child = spawn(pinnedNode, ["--input-type=module", "-e", `globalThis.first = 0;${servers}`]);
  const [line] = await once(child.stdout, "data");
  return { ports: JSON.parse(String(line)), stop: () => child.kill() };
}

/** Mebibytes a second that come over a connection. */
async function received(socket, bytes) {
  await once(socket, "data");
  const start = performance.now();
  let length = 0;
  await new Promise((resolve) => {
    socket.on("data", (chunk) => {
      length += chunk.length;
      if (length >= bytes) resolve();
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.destroy();
  return length / mebibyte / seconds;
}

/** Mebibytes a second that go over one. */
async function sent(socket, bytes) {
  const block = Buffer.alloc(65536, "x");
  if (socket.connecting) await once(socket, "connect");
  const start = performance.now();
  for (let length = 0; length < bytes; length += block.length) {
    if (!socket.write(block)) await once(socket, "drain");
  }
  const seconds = (performance.now() - start) / 1000;
  socket.destroy();
  return bytes / mebibyte / seconds;
}

/** One request with a connection of its own, as `rt.fetch` makes it. */
function get(to) {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: to, agent: false }, (response) => {
      response.resume().on("end", resolve);
    })
      .on("error", reject)
      .end();
  });
}

export async function net({ NodeRuntime, scale }) {
  const count = Math.ceil(500 * scale);
  const bytes = 512 * mebibyte * scale;
  const host = await onHost();
  const runtime = await NodeRuntime.create();
  try {
    await runtime.spawn(`globalThis.first = ${port};${servers}`, { timeout: 300_000 });
    await runtime.waitForListener({ port: port + 2 });
    const exposed = [];
    for (const at of [port, port + 1, port + 2]) exposed.push(await runtime.exposePort(at));
    const [http, source, sink] = host.ports;
    const speed = (name, value, other) => ({
      name,
      unit: "MiB/s",
      value,
      against: { "host loopback": other },
    });
    const [fetched, through, onHostTimes] = await sampleInTurn(count, [
      () => runtime.fetch(port),
      () => get(exposed[0].port),
      () => get(http),
    ]);
    const own = (to) => connect({ port: to, host: "127.0.0.1" });
    return [
      ...percentileRows("fetch", fetched, { "host loopback": onHostTimes }, [0.5, 0.95, 0.99]),
      ...percentileRows("a request through exposePort", through, { "host loopback": onHostTimes }),
      speed(
        "connect, from the guest",
        await received(runtime.connect(port + 1), bytes),
        await received(own(source), bytes),
      ),
      speed(
        "connect, to the guest",
        await sent(runtime.connect(port + 2), bytes),
        await sent(own(sink), bytes),
      ),
      speed(
        "exposePort, from the guest",
        await received(own(exposed[1].port), bytes),
        await received(own(source), bytes),
      ),
      speed(
        "exposePort, to the guest",
        await sent(own(exposed[2].port), bytes),
        await sent(own(sink), bytes),
      ),
    ];
  } finally {
    host.stop();
    await runtime.dispose();
  }
}

// A program that serves, one that asks, or both in one process: the same in a machine and on host Node.js.
//   serve                       prints the ports of its servers
//   ask <ports> <milliseconds>  measures against them and prints what it found
//   both <milliseconds>         does both
//   hold <count>                opens connections to itself, prints a line and waits

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";

const folder = new URL(".", import.meta.url);
const [key, cert] = ["server-key.pem", "server-cert.pem"].map((name) =>
  readFileSync(new URL(name, folder)),
);
const block = Buffer.alloc(65_536, "x");
const mebibyte = 2 ** 20;

/** Sends without end as far as it is read. */
function pour(socket) {
  const more = () => {
    while (socket.writable && socket.write(block));
  };
  socket.on("error", () => {}).on("drain", more);
  more();
}

const servers = {
  http: () => http.createServer((_, response) => response.end("hello world")),
  echo: () =>
    net.createServer({ noDelay: true }, (socket) => socket.on("error", () => {}).pipe(socket)),
  source: () => net.createServer(pour),
  idle: () => net.createServer((socket) => socket.on("error", () => {})),
  http2: () => http2.createServer((_, response) => response.end("hello world")),
  tls: () => tls.createServer({ key, cert }, (socket) => socket.on("error", () => {}).end()),
  tlsSource: () => tls.createServer({ key, cert }, pour),
};

async function serve() {
  const ports = {};
  for (const [name, make] of Object.entries(servers)) {
    const server = make().listen(0, "127.0.0.1", 2000);
    await once(server, "listening");
    ports[name] = server.address().port;
  }
  return ports;
}

/** How often a second `work` was done by so many at a time. */
async function rate(milliseconds, lanes, work) {
  await work();
  const start = performance.now();
  const end = start + milliseconds;
  let count = 0;
  const lane = async () => {
    while (performance.now() < end) {
      await work();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return count / ((performance.now() - start) / 1000);
}

function get(port, agent) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, agent };
    http.get(options, (response) => response.resume().on("end", resolve)).on("error", reject);
  });
}

async function requests(port, milliseconds, connections) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const result = await rate(milliseconds, connections, () => get(port, agent));
  agent.destroy();
  return result;
}

/** Microseconds of a byte there and back. A machine's clock is too coarse for one of them. */
async function echo(port, milliseconds) {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const byte = Buffer.from("x");
  const send = () =>
    new Promise((resolve) => {
      socket.once("data", resolve);
      socket.write(byte);
    });
  const often = await rate(milliseconds, 1, send);
  socket.destroy();
  return 1e6 / often;
}

/** Mebibytes a second that come. */
async function received(socket, milliseconds) {
  await once(socket, "data");
  const start = performance.now();
  let length = 0;
  await new Promise((resolve) => {
    socket.on("data", (chunk) => {
      length += chunk.length;
      if (performance.now() - start > milliseconds) resolve();
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.destroy();
  return length / mebibyte / seconds;
}

/** Streams a second over one session of HTTP/2, 64 at a time. */
async function streams(port, milliseconds) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const ask = () =>
    new Promise((resolve, reject) => {
      session.request({ ":path": "/" }).resume().on("end", resolve).on("error", reject).end();
    });
  const result = await rate(milliseconds, 64, ask);
  session.destroy();
  return result;
}

function handshake(port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.on("error", reject).on("close", resolve).resume();
  });
}

async function ask(ports, milliseconds) {
  const own = (port) => net.connect(port, "127.0.0.1");
  const secured = tls.connect({
    port: ports.tlsSource,
    host: "127.0.0.1",
    rejectUnauthorized: false,
  });
  secured.pause();
  const results = {
    streams: await streams(ports.http2, milliseconds),
    one: await requests(ports.http, milliseconds, 1),
    many: await requests(ports.http, milliseconds, 64),
    echo: await echo(ports.echo, milliseconds),
    throughput: await received(own(ports.source), milliseconds),
    handshakes: await rate(milliseconds, 4, () => handshake(ports.tls)),
    bulk: await received(secured.resume(), milliseconds),
  };
  return results;
}

async function hold(count) {
  const { idle } = await serve();
  const open = Array.from({ length: count }, () => net.connect(idle, "127.0.0.1"));
  await Promise.all(open.map((socket) => once(socket, "connect")));
  console.log("open");
  setInterval(() => open.length, 1e6);
}

const [role, ...rest] = process.argv.slice(2);
if (role === "serve") console.log(JSON.stringify(await serve()));
else if (role === "hold") await hold(Number(rest[0]));
else {
  const ports = role === "both" ? await serve() : JSON.parse(rest.shift());
  console.log(JSON.stringify(await ask(ports, Number(rest[0]))));
  process.exit();
}

// nc(1) of a machine (OpenBSD's): connections, listeners and datagrams between standard input and output.

import * as dgram from "node:dgram";
import * as net from "node:net";
import { OUTSIDE } from "../curl/outside.mjs";

const USAGE =
  "usage: nc [-46klNnUuvz] [-p source_port] [-s source] [-w timeout] [destination] [port]\n";

/** Ends with a message. */
function fail(message) {
  process.stderr.write(`nc: ${message}\n`);
  process.exit(1);
}

function usage() {
  process.stderr.write(USAGE);
  process.exit(1);
}

function parse(words) {
  const asked = { rest: [] };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === "--") {
      asked.rest.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      asked.rest.push(word);
      continue;
    }
    for (let letter = 1; letter < word.length; letter += 1) {
      const flag = word[letter];
      if ("psw".includes(flag)) {
        asked[flag] = word.slice(letter + 1) || words[(at += 1)];
        if (asked[flag] === undefined) usage();
        break;
      }
      if (flag === "h") {
        process.stdout.write(USAGE);
        process.exit(0);
      }
      if (!"46klNnUuvz".includes(flag)) {
        process.stderr.write(`nc: invalid option -- '${flag}'\n`);
        usage();
      }
      asked[flag] = true;
    }
  }
  return asked;
}

function reason(error) {
  if (error.code === "EACCES") return `Permission denied${OUTSIDE}`;
  const known = {
    ECONNREFUSED: "Connection refused",
    EADDRINUSE: "Address already in use",
    ECONNRESET: "Connection reset by peer",
    ENOENT: "No such file or directory",
  };
  return known[error.code] ?? error.message;
}

function ports(text) {
  const [, first, last = first] =
    text?.match(/^(\d+)(?:-(\d+))?$/) ?? fail(`port number invalid: ${text}`);
  if (Number(last) > 65_535 || Number(first) < 1) fail(`port number too large: ${text}`);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
}

/** Joins a connection with standard input and output until it ends. */
function join(asked, socket) {
  return new Promise((resolve) => {
    if (asked.w) socket.setTimeout(Number(asked.w) * 1000, () => socket.destroy());
    process.stdin.on("data", (piece) => {
      if (!socket.write(piece)) {
        process.stdin.pause();
        socket.once("drain", () => process.stdin.resume());
      }
    });
    process.stdin.once("end", () => {
      if (asked.N) socket.end();
    });
    socket.pipe(process.stdout, { end: false });
    socket.once("error", (error) => process.stderr.write(`nc: ${reason(error)}\n`));
    socket.once("close", () => {
      process.stdin.removeAllListeners("data").pause();
      resolve();
    });
  });
}

function connect(asked, where) {
  return new Promise((resolve, reject) => {
    const family = asked[4] ? 4 : asked[6] ? 6 : 0;
    const local = {
      ...(asked.p && { localPort: Number(asked.p) }),
      ...(asked.s && { localAddress: asked.s }),
    };
    const socket = net.connect({ allowHalfOpen: true, family, ...local, ...where });
    if (asked.w)
      socket.setTimeout(Number(asked.w) * 1000, () =>
        socket.destroy(Object.assign(new Error("Operation timed out"), { code: "TIMEOUT" })),
      );
    socket.once("connect", () => resolve(socket.setTimeout(0)));
    socket.once("error", reject);
  });
}

async function client(asked, host, list) {
  let found = false;
  for (const port of list) {
    const shown = `${host} ${port} port [tcp/*]`;
    try {
      const socket = await connect(asked, { host, port });
      found = true;
      if (asked.v) process.stderr.write(`Connection to ${shown} succeeded!\n`);
      if (asked.z) socket.destroy();
      else
        await join(
          asked,
          socket.on("end", () => socket.end()),
        );
    } catch (error) {
      if (error.syscall === "getaddrinfo")
        fail(`getaddrinfo for host "${host}" port ${port}: Name or service not known`);
      if (asked.v || !asked.z)
        process.stderr.write(
          `nc: connect to ${host} port ${port} (tcp) failed: ${reason(error)}\n`,
        );
    }
  }
  if (!found) process.exitCode = 1;
}

async function serve(asked, where) {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.once("error", (error) => fail(reason(error)));
  server.listen(where);
  await new Promise((resolve) => server.once("listening", resolve));
  if (asked.v) {
    const shown = where.path ?? `${server.address().address} ${server.address().port}`;
    process.stderr.write(`Listening on ${shown}\n`);
  }
  do {
    const socket = await new Promise((resolve) => server.once("connection", resolve));
    if (!asked.k) server.close();
    if (asked.v && socket.remoteAddress)
      process.stderr.write(`Connection received on ${socket.remoteAddress} ${socket.remotePort}\n`);
    await join(
      asked,
      socket.on("end", () => socket.end()),
    );
  } while (asked.k);
}

function datagrams(asked, host, port) {
  const socket = dgram.createSocket(asked[6] || host?.includes(":") ? "udp6" : "udp4");
  let peer = asked.l ? undefined : { host, port };
  let timer;
  const touch = () => {
    clearTimeout(timer);
    if (asked.w) timer = setTimeout(() => socket.close(), Number(asked.w) * 1000);
  };
  socket.on("error", (error) => fail(reason(error)));
  socket.on("message", (bytes, from) => {
    peer ??= { host: from.address, port: from.port };
    process.stdout.write(bytes);
    touch();
  });
  socket.once("close", () => process.stdin.pause());
  process.stdin.on("data", (bytes) => {
    if (peer) socket.send(bytes, peer.port, peer.host);
    touch();
  });
  if (asked.l) socket.bind(port, host);
  touch();
}

async function main(words) {
  const asked = parse(words);
  const [first, second] = asked.rest;
  if (asked.U) {
    if (first === undefined) usage();
    if (asked.l) return await serve(asked, { path: first });
    const socket = await connect(asked, { path: first }).catch((error) =>
      fail(`${first}: ${reason(error)}`),
    );
    return await join(
      asked,
      socket.on("end", () => socket.end()),
    );
  }
  const host = second === undefined && asked.l ? asked.s : first;
  const text = second ?? (asked.l ? (first ?? asked.p) : undefined);
  if (text === undefined) usage();
  const list = ports(text);
  if (asked.u) return datagrams(asked, host, list[0]);
  if (asked.l)
    return await serve(asked, { port: list[0], host: host ?? (asked[6] ? "::" : "0.0.0.0") });
  await client(asked, host, list);
}

process.stdout.on("error", () => process.exit(1));
await main(process.argv.slice(1));

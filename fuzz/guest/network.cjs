"use strict";
// What Node.js's library does with the machine's network, and with a database, each for the natives that it calls.

const dgram = require("node:dgram");
const dns = require("node:dns");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const tls = require("node:tls");

const quiet = () => {};

/** Waits for whoever listens and gives the port. */
function listening(server, then) {
  server.on("error", quiet).unref();
  server.listen(0, "127.0.0.1", () => then(server.address().port));
}

const streams = [
  () =>
    listening(
      net.createServer((socket) => socket.on("error", quiet).pipe(socket)),
      (port) => {
        const socket = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.1" });
        socket.on("error", quiet).setNoDelay(true).setKeepAlive(true, 1000).setTimeout(50);
        socket.write("a");
        socket.write(Buffer.alloc(100_000));
        socket.cork();
        socket.write("b", "latin1");
        socket.write("c", "ucs2");
        socket.uncork();
        socket.once("data", () => socket.end("d"));
      },
    ),
  () =>
    listening(net.createServer({ pauseOnConnect: true }), (port) =>
      net
        .connect(port)
        .on("error", quiet)
        .on("connect", function reset() {
          this.resetAndDestroy();
        }),
    ),
  () => net.connect(1, "127.0.0.1").on("error", quiet),
  () => net.connect(80, "192.0.2.1").on("error", quiet),
  () =>
    net
      .createServer()
      .on("error", quiet)
      .listen({ port: 0, host: "::", ipv6Only: true })
      .unref()
      .close(),
];

const datagrams = [
  () => {
    const socket = dgram.createSocket({ type: "udp4", reuseAddr: true });
    socket.on("error", quiet).unref();
    socket.bind(0, "127.0.0.1", () => {
      socket.setBroadcast(true);
      socket.setTTL(4);
      socket.setMulticastTTL(4);
      socket.setMulticastLoopback(true);
      socket.addMembership("224.0.0.9");
      socket.dropMembership("224.0.0.9");
      socket.setRecvBufferSize(socket.getRecvBufferSize());
      socket.send(["a", Buffer.from("b")], socket.address().port, "127.0.0.1");
      socket.once("message", () => socket.close());
    });
  },
  () => {
    const socket = dgram.createSocket("udp6");
    socket.on("error", quiet).connect(9, "::1", () => socket.send("x", () => socket.disconnect()));
    socket.unref();
  },
];

const names = [
  () => dns.lookup("localhost", { all: true }, quiet),
  () => dns.lookupService("127.0.0.1", 80, quiet),
  () => {
    const resolver = new dns.Resolver({ timeout: 20, tries: 1 });
    resolver.setServers(["127.0.0.1:53", "[::1]:53"]);
    resolver.setLocalAddress("127.0.0.1");
    resolver.resolve4("a.example", quiet);
    resolver.resolveAny("a.example", quiet);
    resolver.reverse("127.0.0.1", quiet);
    resolver.cancel();
  },
];

const requests = [
  () =>
    listening(
      http.createServer((request, response) => {
        response.setHeader("trailer", "t").writeEarlyHints({ link: "</a>; rel=preload" });
        request.on("data", quiet).on("end", () => {
          response.addTrailers({ t: "1" });
          response.end("x".repeat(1000));
        });
      }),
      (port) => {
        const options = { port, method: "POST", headers: { expect: "100-continue" } };
        http
          .request(options, (response) => response.resume())
          .on("error", quiet)
          .end("body");
        net.connect(port).on("error", quiet).end("GET / HTTP/1.1\r\nhost: a\r\nx");
        fetch(`http://127.0.0.1:${port}/`, { method: "PUT", body: "b" }).then(
          (it) => it.text(),
          quiet,
        );
      },
    ),
];

const secured = [
  () => {
    const secret = { psk: Buffer.alloc(16, 1), identity: "me" };
    const common = { ciphers: "PSK", maxVersion: "TLSv1.2", checkServerIdentity: quiet };
    const server = tls.createServer({ ...common, pskCallback: () => secret.psk }, (socket) =>
      socket.on("error", quiet).end("x"),
    );
    server.on("tlsClientError", quiet);
    listening(server, (port) =>
      tls
        .connect({ ...common, port, pskCallback: () => secret })
        .on("error", quiet)
        .end("a"),
    );
  },
  () => {
    const [key, cert] = ["key", "cert"].map((part) => fs.readFileSync(`/fuzz/server-${part}.pem`));
    const given = { key, cert, ALPNProtocols: ["a"], ticketKeys: Buffer.alloc(48, 1) };
    const server = tls.createServer({ ...given, SNICallback: (_name, then) => then(null) });
    server.on("secureConnection", (socket) => {
      socket.on("error", quiet).renegotiate({}, quiet);
      socket.end("x");
    });
    server.on("tlsClientError", quiet).on("resumeSession", (_id, then) => then(null, null));
    listening(server, (port) => {
      const options = { port, rejectUnauthorized: false, ALPNProtocols: ["a"], servername: "a" };
      const socket = tls.connect(options).on("error", quiet);
      socket.on("session", (session) => tls.connect({ ...options, session }).on("error", quiet));
      socket.on("secureConnect", () => {
        socket.exportKeyingMaterial(16, "label", Buffer.from("c"));
        for (const of of ["getPeerCertificate", "getCipher", "getFinished", "getSharedSigalgs"])
          socket[of](true);
        socket.end("a");
      });
    });
  },
  () => [
    tls.rootCertificates.length,
    tls.getCiphers(),
    tls.createSecureContext({ ecdhCurve: "auto" }),
  ],
];

const databases = [
  () => {
    const { backup, constants, DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync("/tmp/fuzz.db", { timeout: 10 });
    db.function("twice", { deterministic: true }, (value) => value * 2);
    db.aggregate("sums", { start: 0, step: (sum, value) => sum + value, inverse: (sum) => sum });
    db.setAuthorizer?.(() => constants.SQLITE_OK);
    db.exec("create table if not exists t (a integer primary key, b)");
    const session = db.createSession();
    const insert = db.prepare("insert into t (b) values (?)");
    for (const value of [1, "x", 2n, null, Buffer.from("y")]) insert.run(value);
    const select = db.prepare("select *, twice(a) from t where a > $a");
    select.setReadBigInts(true);
    select.setAllowBareNamedParameters(true);
    select.setReturnArrays(true);
    for (const row of select.iterate({ a: 1 })) void row;
    db.prepare("select sums(a) over (order by a rows 1 preceding) from t").all();
    const changes = session.changeset();
    new DatabaseSync(":memory:").applyChangeset(changes, { onConflict: () => 0 });
    session.close();
    backup(db, "/tmp/fuzz-copy.db").catch(quiet);
  },
];

module.exports = [...streams, ...datagrams, ...names, ...requests, ...secured, ...databases];

// TLS within the machine: guests' servers and clients, as on host Node.js.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { assertIdle, assertSameAsHost, type Files, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const names = [
  "ca-cert.pem",
  "server-cert.pem",
  "server-key.pem",
  "other-cert.pem",
  "other-key.pem",
  "client-cert.pem",
  "client-key.pem",
  "client.pfx",
];
const files: Files = Object.fromEntries(
  names.map((name) => [name, readFileSync(new URL(`fixtures/tls/${name}`, import.meta.url))]),
);

const head = `
  import tls from "node:tls";
  import https from "node:https";
  import net from "node:net";
  import { once } from "node:events";
  import { readFileSync } from "node:fs";
  const pem = (name) => readFileSync(name + ".pem");
  const show = (...values) => console.log(...values);
  const identity = { key: pem("server-key"), cert: pem("server-cert") };
  const other = { key: pem("other-key"), cert: pem("other-cert") };
  const trusting = { host: "127.0.0.1", servername: "localhost", ca: pem("ca-cert") };
  const listen = async (server) => {
    server.listen(0, "127.0.0.1");
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
    const server = tls.createServer(identity, (peer) => peer.pipe(peer));
    const client = tls.connect({ ...trusting, port: await listen(server) });
    await once(client, "secureConnect");
    show(client.authorized, client.encrypted, client.getProtocol(), client.getCipher().name);
    client.end("hello");
    show(String(await read(client)), client.bytesRead, client.bytesWritten);
    server.close();`,
  "an echo that is read only when every buffer on its way is full": `
    const server = tls.createServer(identity, (peer) => peer.pipe(peer));
    const client = tls.connect({ ...trusting, port: await listen(server) });
    await once(client, "secureConnect");
    const bytes = Buffer.alloc(4_000_000, "0123456789abcdef");
    client.end(bytes);
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    show((await read(client)).equals(bytes));
    server.close();`,
  "five megabytes both ways": `
    const bytes = Buffer.alloc(5_000_000, "0123456789abcdef");
    const server = tls.createServer({ ...identity, allowHalfOpen: true }, async (peer) => peer.end(await read(peer)));
    const client = tls.connect({ ...trusting, port: await listen(server) });
    client.end(bytes);
    show((await read(client)).equals(bytes));
    server.close();`,
  "https, with one connection for several requests": `
    const server = https.createServer(identity, (request, response) => {
      response.setHeader("x-path", request.url);
      response.end("hello " + request.headers.host.split(":")[0]);
    });
    const agent = new https.Agent({ keepAlive: true, ...trusting });
    const port = await listen(server);
    let sockets = new Set();
    for (const path of ["/a", "/b"]) {
      const request = https.get({ ...trusting, port, path, agent });
      const [response] = await once(request, "response");
      sockets.add(response.socket.localPort);
      show(response.statusCode, response.headers["x-path"], String(await read(response)));
    }
    show(sockets.size);
    agent.destroy(); server.close();`,
  "a certificate that nobody trusts": `
    const server = tls.createServer(identity, (peer) => peer.end()).on("tlsClientError", () => {});
    const port = await listen(server);
    const [error] = await once(tls.connect({ host: "127.0.0.1", servername: "localhost", port }), "error");
    show(error.code);
    const loose = tls.connect({ host: "127.0.0.1", servername: "localhost", port, rejectUnauthorized: false });
    await once(loose, "secureConnect");
    show(loose.authorized, loose.authorizationError);
    loose.destroy(); server.close();`,
  "a certificate of another name": `
    const server = tls.createServer(other, (peer) => peer.end());
    const client = tls.connect({ ...trusting, port: await listen(server) });
    const [error] = await once(client, "error");
    show(error.code, error.host, error.message);
    server.close();`,
  "names and their contexts": `
    const server = tls.createServer({
      ...identity,
      SNICallback: (name, done) => setImmediate(done, null, name === "other.example" ? tls.createSecureContext(other) : undefined),
    }, (peer) => peer.end(String(peer.servername)));
    const port = await listen(server);
    for (const servername of ["localhost", "other.example"]) {
      const client = tls.connect({ ...trusting, servername, port });
      await once(client, "secureConnect");
      show(client.getPeerCertificate().subject.CN, String(await read(client)));
    }
    server.addContext("*.wild.example", other);
    server.close();`,
  "protocols of applications": `
    const server = tls.createServer({ ...identity, ALPNProtocols: ["b", "a"] }, (peer) => peer.end(String(peer.alpnProtocol)));
    server.on("tlsClientError", (error) => show(error.code));
    const port = await listen(server);
    for (const ALPNProtocols of [["a", "b"], ["a"], undefined, ["c"]]) {
      const client = tls.connect({ ...trusting, port, ALPNProtocols }).on("error", (error) => show(error.code));
      show(String(await read(client).catch(() => "")), client.alpnProtocol);
    }
    server.close();`,
  "a choice of the protocol": `
    const server = tls.createServer({ ...identity, ALPNCallback: ({ servername, protocols }) => {
      show(servername, protocols.join());
      return protocols.at(-1);
    } }, (peer) => peer.end());
    const client = tls.connect({ ...trusting, port: await listen(server), ALPNProtocols: ["x", "y"] });
    await once(client, "secureConnect");
    show(client.alpnProtocol);
    client.resume(); server.close();`,
  "clients with certificates": `
    const server = tls.createServer({ ...identity, ca: pem("ca-cert"), requestCert: true, rejectUnauthorized: false }, (peer) => {
      peer.end(JSON.stringify([peer.authorized, peer.authorizationError ?? null, peer.getPeerCertificate().subject ?? null]));
    });
    const port = await listen(server);
    for (const own of [{}, { key: pem("client-key"), cert: pem("client-cert") }, { pfx: readFileSync("client.pfx"), passphrase: "secret" }]) {
      show(String(await read(tls.connect({ ...trusting, ...own, port }))));
    }
    server.close();`,
  "what a certificate says": `
    const server = tls.createServer(identity, (peer) => peer.end());
    const client = tls.connect({ ...trusting, port: await listen(server) });
    await once(client, "secureConnect");
    const certificate = client.getPeerCertificate(true);
    show(certificate);
    show(certificate.issuerCertificate.issuerCertificate === certificate.issuerCertificate);
    show(client.getPeerX509Certificate().subject, client.getCertificate(), client.getX509Certificate());
    client.resume(); server.close();`,
  "sessions by ticket": `
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
      const server = tls.createServer({ ...identity, maxVersion }, (peer) => peer.end("x"));
      const port = await listen(server);
      const first = tls.connect({ ...trusting, port });
      const session = once(first, "session");
      first.resume();
      const [ticket] = await session;
      show(first.isSessionReused(), first.getTLSTicket() !== undefined);
      await once(first, "close");
      const second = tls.connect({ ...trusting, port, session: ticket });
      await once(second, "secureConnect");
      show(second.getProtocol(), second.isSessionReused(), second.authorized);
      second.resume();
      await once(second, "close");
      server.close();
    }`,
  "sessions in a store of the server's": `
    const { constants } = await import("node:crypto");
    const store = new Map();
    const server = tls.createServer({ ...identity, maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET }, (peer) => peer.end("x"));
    server.on("newSession", (id, session, done) => { store.set(id.toString("hex"), session); setImmediate(done); });
    server.on("resumeSession", (id, done) => setImmediate(() => { show("resume", store.size); done(null, store.get(id.toString("hex"))); }));
    const port = await listen(server);
    const first = tls.connect({ ...trusting, port });
    first.resume();
    await once(first, "secureConnect");
    const session = first.getSession();
    await once(first, "close");
    const second = tls.connect({ ...trusting, port, session });
    await once(second, "secureConnect");
    show(second.isSessionReused());
    second.resume();
    server.close();`,
  "keys that both know": `
    const psk = Buffer.from("d731ef57be09e5204f0b205b60627028", "hex");
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
      const server = tls.createServer({ ciphers: "PSK+HIGH:TLS_AES_128_GCM_SHA256", maxVersion, pskIdentityHint: "hint", pskCallback: (socket, identity) => identity === "me" ? psk : undefined }, (peer) => peer.end("secret"));
      server.on("tlsClientError", (error) => show(error.code));
      const port = await listen(server);
      for (const identity of ["me", "you"]) {
        const client = tls.connect({ host: "127.0.0.1", port, ciphers: "PSK+HIGH:TLS_AES_128_GCM_SHA256", maxVersion, checkServerIdentity: () => {}, pskCallback: (hint) => { show(hint); return { psk, identity }; } });
        client.on("error", (error) => show(error.code));
        show(String(await read(client).catch(() => "")));
      }
      server.close();
    }`,
  "the state of a certificate": `
    const server = tls.createServer({ ...identity, ...{ ca: pem("ca-cert") } }, (peer) => peer.end());
    server.on("OCSPRequest", (certificate, issuer, done) => {
      show(certificate.length > 100, issuer?.length > 100);
      setImmediate(done, null, Buffer.from("a response"));
    });
    const client = tls.connect({ ...trusting, port: await listen(server), requestOCSP: true });
    const [response] = await once(client, "OCSPResponse");
    show(String(response));
    client.resume(); server.close();`,
  "secrets for a log": `
    const server = tls.createServer(identity, (peer) => peer.end());
    const client = tls.connect({ ...trusting, port: await listen(server) });
    const lines = [];
    client.on("keylog", (line) => lines.push(String(line).split(" ")[0], String(line).endsWith("\\n")));
    client.resume();
    await once(client, "close");
    show(lines.join(" "));
    server.close();`,
  "material for other keys": `
    let server, exported;
    server = tls.createServer(identity, (peer) => { exported = peer.exportKeyingMaterial(32, "label", Buffer.from("c")); peer.end("x"); });
    const client = tls.connect({ ...trusting, port: await listen(server) });
    await once(client, "secureConnect");
    const own = client.exportKeyingMaterial(32, "label", Buffer.from("c"));
    show(client.getEphemeralKeyInfo(), client.getSharedSigalgs().length);
    await read(client);
    show(own.equals(exported));
    server.close();`,
  "a renegotiation": `
    const server = tls.createServer({ ...identity, maxVersion: "TLSv1.2" }, (peer) => peer.pipe(peer));
    const client = tls.connect({ ...trusting, port: await listen(server) });
    await once(client, "secureConnect");
    await new Promise((resolve) => client.renegotiate({}, (error) => { show(error); resolve(); }));
    client.end("behind it");
    show(String(await read(client)));
    server.close();`,
  "a socket that becomes secure, as with STARTTLS": `
    const server = net.createServer((peer) => peer.once("data", () => {
      peer.write("go");
      const secure = new tls.TLSSocket(peer, { isServer: true, ...identity });
      secure.pipe(secure);
    }));
    const socket = net.connect(await listen(server), "127.0.0.1");
    socket.write("starttls");
    await once(socket, "data");
    const client = tls.connect({ ...trusting, socket });
    await once(client, "secureConnect");
    client.end("inside");
    show(String(await read(client)));
    server.close();`,
  "TLS within TLS": `
    const inner = tls.createServer(identity, (peer) => peer.end("innermost"));
    const innerPort = await listen(inner);
    const outer = tls.createServer(identity, (peer) => { const to = net.connect(innerPort, "127.0.0.1"); peer.pipe(to).pipe(peer); });
    const tunnel = tls.connect({ ...trusting, port: await listen(outer) });
    await once(tunnel, "secureConnect");
    const client = tls.connect({ ...trusting, socket: tunnel });
    show(String(await read(client)));
    inner.close(); outer.close();`,
  "over a stream of JavaScript": `
    const { duplexPair } = await import("node:stream");
    const [left, right] = duplexPair();
    const server = new tls.TLSSocket(right, { isServer: true, ...identity });
    server.end("through pipes");
    const client = tls.connect({ ...trusting, socket: left });
    show(String(await read(client)));`,
  "garbage in the place of a handshake": `
    const server = tls.createServer(identity, () => show("never"));
    server.on("tlsClientError", (error) => show(error.code, error.reason, error.library));
    const port = await listen(server);
    const client = net.connect(port, "127.0.0.1").on("error", () => {});
    client.end("GET / HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n");
    await read(client.resume()).catch(() => {});
    const plain = net.createServer((peer) => peer.end(Buffer.from("no\\0\\0\\x10 TLS at all....."))).on("error", () => {});
    const [error] = await once(tls.connect({ ...trusting, port: await listen(plain) }), "error");
    show(error.code, error.message.split(":").slice(2, 5).join(":"));
    server.close(); plain.close();`,
  "versions that do not meet": `
    const server = tls.createServer({ ...identity, minVersion: "TLSv1.3" }, () => {});
    server.on("tlsClientError", (error) => show(error.code));
    const [error] = await once(tls.connect({ ...trusting, port: await listen(server), maxVersion: "TLSv1.2" }), "error");
    show(error.code);
    server.close();`,
  "settings that are wrong": `
    const wrong = [
      { ciphers: "nonsense" }, { key: "nonsense" }, { cert: "nonsense" }, { sigalgs: "nonsense" }, { ecdhCurve: "nonsense" },
      { secureProtocol: "SSLv3_method" }, { secureProtocol: "nonsense" }, { crl: "nonsense" }, { pfx: "nonsense" },
      { ...identity, key: pem("other-key") }, { ticketKeys: Buffer.alloc(3) }, { minVersion: "nonsense" },
    ];
    for (const options of wrong) {
      try { tls.createSecureContext(options); show("taken"); } catch (error) { show(error.name, error.code, error.message); }
    }`,
  "what is trusted": `
    show(tls.rootCertificates.length, tls.getCACertificates("bundled") === tls.rootCertificates);
    show(tls.getCACertificates().length, tls.getCACertificates("extra"), Object.isFrozen(tls.getCACertificates()));
    tls.setDefaultCACertificates([String(pem("ca-cert"))]);
    show(tls.getCACertificates().join() === String(pem("ca-cert")));
    const server = tls.createServer(identity, (peer) => peer.end("by default"));
    const client = tls.connect({ host: "127.0.0.1", servername: "localhost", port: await listen(server) });
    show(String(await read(client)));
    server.close();
    show(tls.getCiphers().join(), process.features.tls, process.features.tls_alpn);`,
};

describe("node:tls and node:https do as on host Node.js:", () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(head + program, files);
    });
  }
});

/** What a program prints in a machine of its own, which holds nothing of it afterwards. */
async function printed(code: string): Promise<string> {
  const placed = Object.entries(files).map(([name, data]) => [`/workspace/${name}`, data]);
  return await withRuntime({ files: Object.fromEntries(placed) }, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(head + code);
    assert.equal(stderr, "");
    await assertIdle(runtime);
    return stdout;
  });
}

test("a file of more certificates is read when a process starts with it", async () => {
  await withRuntime({}, async (runtime) => {
    await runtime.writeFile("/workspace/more.pem", files["ca-cert.pem"] ?? "");
    const env = { NODE_EXTRA_CA_CERTS: "/workspace/more.pem" };
    const program = "console.log(require('tls').getCACertificates('extra').length)";
    const found = await runtime.execCommand("node", ["-e", program], { env });
    assert.deepEqual([found.stdout, found.stderr], ["1\n", ""]);
    const missing = await runtime.execCommand("node", ["-e", program], {
      env: { NODE_EXTRA_CA_CERTS: "/workspace/missing.pem" },
    });
    assert.equal(missing.stdout, "0\n");
    assert.match(missing.stderr, /Warning: Ignoring extra certs from `\/workspace\/missing.pem`/);
  });
});

test("a connection destroyed in the middle of any callback of its own harms nobody", async () => {
  const stdout = await printed(`
    const server = tls.createServer({ ...identity, maxVersion: "TLSv1.2" }, (peer) => peer.on("error", () => {}).end("x"));
    server.on("tlsClientError", () => {});
    const port = await listen(server);
    const callbacks = ["onhandshakestart", "onhandshakedone", "onkeylog", "onnewsession", "onerror", "onread"];
    for (const callback of callbacks) {
      const client = tls.connect({ ...trusting, port }).on("error", () => {}).on("keylog", () => {}).on("session", () => {});
      const handle = client._handle;
      const original = handle[callback];
      const fired = new Promise((resolve) => {
        handle[callback] = function (...args) {
          handle.destroySSL();
          handle.destroySSL();
          resolve();
          return original?.apply(this, args);
        };
      });
      client.resume();
      const closed = new Promise((resolve) => client.on("close", resolve));
      const served = new Promise((resolve) => server.once("secureConnection", resolve));
      await Promise.race([closed, fired, served]);
      await new Promise(setImmediate);
      client.destroy();
      await closed;
    }
    server.close();
    await once(server, "close");
    show("done");`);
  assert.equal(stdout, "done\n");
});

test("peers that break off, flood or send garbage at any point harm only themselves", async () => {
  const stdout = await printed(`
    const server = tls.createServer(identity, (peer) => peer.on("error", () => {}).pipe(peer));
    server.on("tlsClientError", () => {});
    const port = await listen(server);
    const relay = (spoil) => new Promise((resolve) => {
      const proxy = net.createServer((near) => {
        const far = net.connect(port, "127.0.0.1");
        let seen = 0;
        near.on("data", (chunk) => { seen += 1; far.write(spoil(chunk, seen)); });
        far.pipe(near);
        for (const end of [near, far]) end.on("error", () => {}).on("close", () => { near.destroy(); far.destroy(); });
      }).listen(0, "127.0.0.1", () => {
        const client = tls.connect({ ...trusting, port: proxy.address().port }).on("error", () => {});
        client.on("secureConnect", () => client.write("x".repeat(100_000)));
        client.resume();
        client.setTimeout(500, () => client.destroy());
        client.on("close", () => proxy.close(resolve));
      });
    });
    for (let at = 0; at < 60; at += 7) {
      await relay((chunk) => { const copy = Buffer.from(chunk); copy[at % copy.length] ^= 0xff; return copy; });
    }
    await relay((chunk, seen) => seen < 3 ? chunk : Buffer.alloc(100_000, 0x17));
    await relay(() => Buffer.alloc(300_000, 0x16));
    const honest = tls.connect({ ...trusting, port });
    honest.end("still here");
    show(String(await read(honest)));
    server.close();`);
  assert.equal(stdout, "still here\n");
});

test("a program that waits with its answer is not flooded meanwhile", async () => {
  const stdout = await printed(`
    let answer;
    const turns = async (count) => { for (let at = 0; at < count; at += 1) await new Promise(setImmediate); };
    const server = tls.createServer({ ...identity, SNICallback: (name, done) => { answer = done; } }, () => {});
    server.on("tlsClientError", () => {});
    const port = await listen(server);
    let flood;
    const proxy = net.createServer((near) => {
      flood = net.connect(port, "127.0.0.1").on("error", () => {});
      near.on("error", () => {}).once("data", (hello) => flood.write(hello));
    });
    const client = tls.connect({ ...trusting, port: await listen(proxy) }).on("error", () => {});
    while (!answer) await turns(1);
    for (let at = 0; at < 64; at += 1) flood.write(Buffer.alloc(65_536));
    await turns(500);
    show(flood.bytesWritten - flood.writableLength < 2_000_000, flood.writableNeedDrain);
    answer(null);
    await new Promise((resolve) => flood.on("close", resolve));
    client.destroy(); proxy.close(); server.close();`);
  assert.equal(stdout, "true true\n");
});

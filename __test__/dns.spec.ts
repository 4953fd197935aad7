// Names: what the machine knows itself, and resolvers whose servers are within it. Answers are compared with what c-ares
// makes of them on host Node.js.

import assert from "node:assert/strict";
import { assertIdle, assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** A server that answers as `mode` says, and `ask` to show what a resolver makes of that. */
const server = `
  import dgram from "node:dgram";
  import dns from "node:dns";
  import net from "node:net";
  import { once } from "node:events";
  const show = (...values) => console.log(...values);
  const u16 = (...numbers) => Buffer.from(numbers.flatMap((number) => [number >> 8, number & 255]));
  const string = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
  const name = (text) => Buffer.concat([...text.split(".").filter(Boolean).map(string), Buffer.from([0])]);
  const record = (owner, type, ttl, data, kind = 1) =>
    Buffer.concat([name(owner), u16(type, kind, 0, ttl, data.length), data]);
  const records = {
    A: (owner) => record(owner, 1, 300, Buffer.from([1, 2, 3, 4])),
    AAAA: (owner) => record(owner, 28, 100, Buffer.from("20010db8000000000000000000000001", "hex")),
    CNAME: (owner) => record(owner, 5, 60, name("t.x")),
    MX: (owner) => record(owner, 15, 1, Buffer.concat([u16(10), name("m.x")])),
    NS: (owner) => record(owner, 2, 1, name("ns.x")),
    TXT: (owner) => record(owner, 16, 1, Buffer.concat([string("a\\xe9b=\\x00"), string(""), string("c")])),
    SRV: (owner) => record(owner, 33, 1, Buffer.concat([u16(1, 2, 3), name("s.x")])),
    PTR: (owner) => record(owner, 12, 1, name("p.x")),
    NAPTR: (owner) =>
      record(owner, 35, 1, Buffer.concat([u16(1, 2), string("s"), string("E2U"), string("!x!"), name("r.x")])),
    CAA: (owner) => record(owner, 257, 1, Buffer.concat([Buffer.from([128]), string("issue"), Buffer.from("ca.x; a=b")])),
    TLSA: (owner) => record(owner, 52, 1, Buffer.from([3, 1, 1, 9, 8, 7])),
    SOA: (owner) => record(owner, 6, 1, Buffer.concat([name("n.x"), name("h.x"),
      Buffer.from("ffffffff0000000a0000000b0000000cfffffffe", "hex")])),
    unknown: (owner) => record(owner, 999, 1, Buffer.from([1])),
    chaos: (owner) => record(owner, 1, 1, Buffer.from([1, 2, 3, 4]), 3),
    other: () => record("zz.y", 1, 5, Buffer.from([9, 9, 9, 9])),
    root: (owner) => record(owner, 2, 1, name("")),
    odd: (owner) => record(owner, 2, 1, Buffer.concat([string('a.b\\\\c "@$;()\\x01\\xe9'), name("x")])),
    pointer: (owner) => record(owner, 2, 1, Buffer.concat([string("sub"), Buffer.from([0xc0, 12])])),
    short: (owner) => record(owner, 1, 1, Buffer.from([1, 2])),
    empty: (owner) => record(owner, 16, 1, Buffer.alloc(0)),
    beyond: (owner) => record(owner, 2, 1, Buffer.from([0xc0, 0xff])),
    itself: (owner) => record(owner, 2, 1, Buffer.from([0xc0, 12 + name(owner).length + 4 + name(owner).length + 10])),
    cut: (owner) => record(owner, 1, 1, Buffer.from([1, 2, 3, 4])).subarray(0, -1),
  };
  let mode = {};
  let count = 0;
  /** What the server answers to a question. */
  const answer = (question, { kinds = [], code = 0, truncated, mode: how } = mode) => {
    let end = 12;
    let owner = "";
    while (question[end]) {
      owner += (owner ? "." : "") + question.toString("latin1", end + 1, end + 1 + question[end]);
      end += question[end] + 1;
    }
    const head = Buffer.from(question.subarray(0, 12));
    head[2] |= truncated ? 0x82 : 0x80;
    head[3] = code;
    head.writeUInt16BE(how === "lies" ? 9999 : kinds.length, 6);
    const asked = Buffer.from(question.subarray(12, end + 5));
    if (how === "another name") asked[1] ^= 1;
    if (how === "another number") head[0] ^= 1;
    if (how === "no question") return Buffer.concat([head.fill(0, 4, 6), ...kinds.map((kind) => records[kind](owner))]);
    return Buffer.concat([head, asked, ...kinds.map((kind) => records[kind](owner)), Buffer.from(how === "more" ? "xx" : "")]);
  };
  const socket = dgram.createSocket("udp4");
  socket.on("message", (question, peer) => {
    count += 1;
    if (mode.mode !== "mute") socket.send(answer(question), peer.port, peer.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const resolver = new dns.promises.Resolver({ timeout: 300, tries: 2 });
  resolver.setServers(["127.0.0.1:" + port]);
  const ask = async (method, wanted, what = "q.z", options = undefined) => {
    mode = wanted;
    count = 0;
    const result = await resolver[method](what, options).catch((error) => [error.code, error.errno, error.syscall, error.hostname]);
    show(method, JSON.stringify(wanted), what, count, JSON.stringify(result, (key, value) =>
      value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value));
  };
`;

const programs: Record<string, string> = {
  "answers of every kind": `
    const methods = ["resolve4", "resolve6", "resolveCname", "resolveMx", "resolveNs", "resolveTxt", "resolveSrv",
      "resolvePtr", "resolveNaptr", "resolveCaa", "resolveTlsa", "resolveSoa", "resolveAny"];
    const kinds = ["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SRV", "PTR", "NAPTR", "CAA", "TLSA", "SOA", "unknown", "chaos", "other"];
    for (const method of methods) {
      await ask(method, { kinds: [] });
      for (const kind of kinds) await ask(method, { kinds: [kind] });
      await ask(method, { kinds: ["CNAME", "A", "A"] });
    }
    await ask("resolve4", { kinds: ["CNAME", "A", "A", "other"] }, "q.z", { ttl: true });
    await ask("resolve6", { kinds: ["CNAME", "AAAA"] }, "q.z", { ttl: true });
    await ask("resolveAny", { kinds: ["A", "AAAA", "MX", "NS", "TXT", "SRV", "PTR", "NAPTR", "SOA", "TLSA", "CAA", "unknown"] });
    await ask("resolveAny", { kinds: ["CNAME", "A", "AAAA"] });
    await ask("resolveTlsa", { kinds: ["A", "TLSA", "A", "TLSA"] });
    await ask("resolveTxt", { kinds: ["TXT", "TXT"] });
    for (const kind of ["root", "odd", "pointer"]) await ask("resolveNs", { kinds: [kind] });
    for (const name of ["10.1.2.3", "::5"]) for (const wanted of [["PTR"], ["PTR", "PTR"], ["CNAME", "PTR"], ["A"], []]) {
      await ask("reverse", { kinds: wanted }, name);
    }
    await ask("reverse", { code: 3 }, "10.1.2.3");
    socket.close();`,
  "what servers refuse, and what is no answer": `
    for (const code of [1, 2, 3, 4, 5, 6, 9, 11]) await ask("resolve4", { code });
    await ask("resolve4", { code: 3, kinds: ["A"] });
    await ask("resolve4", { code: 6, kinds: ["A"] });
    await ask("resolveMx", { code: 6 });
    await ask("resolve4", { mode: "more", kinds: ["A"] });
    for (const kind of ["short", "empty", "beyond", "itself", "cut"]) await ask("resolveNs", { kinds: [kind] });
    for (const how of ["another name", "another number", "no question", "lies", "mute"]) {
      await ask("resolve4", { mode: how, kinds: ["A"] });
    }
    socket.close();`,
  "names that are asked for, and that are not": `
    const long = "x".repeat(63);
    for (const name of ["a..b", ".a", "a.", ".", long + ".com", long + "x.com", (long + ".").repeat(3) + "x".repeat(61),
      (long + ".").repeat(4), "\\u00e4.com", "foo bar.com", "foo.onion", "FOO.ONION.", "onion", "\\\\", "a\\\\.b.c", "1.2.3.4",
      "_sip._tcp.x", "a*b", "UPPER.Case", "a@b"]) {
      await ask("resolve4", { kinds: ["A"] }, name);
    }
    for (const name of ["nope", "1.2.3", ""]) {
      try { resolver.reverse(name).catch((error) => show(error.code)); } catch (error) { show(error.code, error.errno, error.message); }
    }
    socket.close();`,
  "names that no host has": `
    for (const name of ["*".repeat(64), "a..b", ".a", "bad name", "a@b", "x".repeat(300), "\\u00e9".repeat(60)]) {
      const error = await dns.promises.lookup(name).catch((error) => error);
      show(name, error.code, error.errno, error.syscall, error.hostname, error.message);
    }
    socket.close();`,
  "an answer that needs a connection": `
    mode = { kinds: ["A"], truncated: true };
    const streams = net.createServer((peer) => {
      let got = Buffer.alloc(0);
      peer.on("data", (bytes) => {
        got = Buffer.concat([got, bytes]);
        if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
        const whole = answer(got.subarray(2), { kinds: Array(2000).fill("A") });
        const length = u16(whole.length);
        for (const part of [length.subarray(0, 1), length.subarray(1), whole.subarray(0, 5), whole.subarray(5)]) peer.write(part);
      });
      peer.on("end", () => peer.end());
      peer.on("error", () => {});
    });
    streams.listen(port, "127.0.0.1");
    await once(streams, "listening");
    const found = await resolver.resolve4("big.z");
    show(found.length, new Set(found).size, count);
    streams.close();
    socket.close();`,
  "servers that do not answer": `
    const gone = dgram.createSocket("udp4").bind(0, "127.0.0.1");
    await once(gone, "listening");
    const silent = gone.address().port;
    const results = async (servers, options) => {
      const several = new dns.promises.Resolver({ timeout: 200, tries: 1, ...options });
      several.setServers(servers.map((one) => "127.0.0.1:" + one));
      mode = { kinds: ["A"] };
      return await several.resolve4("q.z").catch((error) => [error.code, error.syscall, error.hostname]);
    };
    show(await results([silent]), await results([silent, port]), await results([port, silent]));
    gone.close();
    await once(gone, "close");
    show(await results([silent]), await results([silent, port]), await results([silent], { tries: 5 }));
    socket.close();`,
  "settings of a resolver": `
    const other = new dns.Resolver();
    other.setServers(["127.0.0.1", "127.0.0.1:53", "[::1]:5353", "::1", "127.0.0.1:5353"]);
    show(other.getServers());
    for (const servers of [["1.2.3.4:x"], ["name"], [1]]) {
      try { other.setServers(servers); } catch (error) { show(error.code, error.message); }
    }
    for (const addresses of [["1.2.3.4", "5.6.7.8"], ["x"], ["::1", "::2"], ["::1", "x"], ["127.0.0.1", "::1"], ["::"]]) {
      try { show(other.setLocalAddress(...addresses)); } catch (error) { show(error.name, error.code, error.message); }
    }
    mode = { kinds: ["A"] };
    const from = once(socket, "message");
    resolver.setLocalAddress("127.0.0.5");
    show(await resolver.resolve4("q.z"), (await from)[1].address);
    resolver.setLocalAddress("192.0.2.1");
    show(await resolver.resolve4("q.z").catch((error) => error.code));
    resolver.setLocalAddress("0.0.0.0");
    const pending = resolver.resolve4("q.z");
    try { resolver.setServers(["127.0.0.1"]); } catch (error) { show(error.code, error.message.split("[")[0]); }
    show(await pending);
    mode = { mode: "mute" };
    const waiting = Promise.allSettled(["a.z", "b.z", "c.z"].map((name) => resolver.resolve4(name)));
    await once(socket, "message");
    resolver.cancel();
    show((await waiting).map(({ reason }) => [reason.code, reason.syscall, reason.hostname, reason.message]));
    resolver.setServers(["127.0.0.1"]);
    socket.close();`,
};

describe("node:dns does as on host Node.js:", () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, { timeout: 60_000 }, async () => {
      await assertSameAsHost(server + program);
    });
  }
});

/** What a program prints in a machine of its own, which holds nothing of it afterwards. */
async function printed(code: string, files: Record<string, string> = {}): Promise<string> {
  return await withRuntime({ files }, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(code);
    assert.equal(stderr, "");
    await assertIdle(runtime);
    return stdout;
  });
}

const lookups = `
  import dns from "node:dns";
  const told = (error) => [error.code, error.errno, error.syscall, error.hostname].join(" ");
  const lookup = async (name, options) => {
    const found = await dns.promises.lookup(name, { all: true, ...options }).catch(told);
    console.log(name, Array.isArray(found) ? found.map(({ address }) => address).join(" ") : found);
  };
`;

test("names of the machine are looked up in its own files", async () => {
  const hosts =
    "127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.0.0.2 Two.Example two # and no more\n127.0.0.9 mine\n";
  const stdout = await printed(
    `${lookups}
    import os from "node:os";
    for (const name of ["localhost", "LOCALHOST", "app.localhost", "localhost.", "two", "two.example", "mine", "127.1", "0x7f000001"]) {
      await lookup(name);
    }
    await lookup("localhost", { family: 4 });
    await lookup("localhost", { family: 6 });
    await lookup("localhost", { order: "ipv4first" });
    await lookup("two", { family: 6 });
    await lookup("two", { family: 6, hints: dns.V4MAPPED });
    await lookup("localhost", { family: 6, hints: dns.V4MAPPED | dns.ALL });
    console.log((await dns.promises.lookup(os.hostname())).address);
    dns.lookup("mine", (error, address, family) => console.log(error, address, family));
    for (const [address, port] of [["127.0.0.1", 80], ["::1", 22], ["10.0.0.2", 53], ["127.0.0.8", 1], ["8.8.8.8", 443]]) {
      const found = await dns.promises.lookupService(address, port).catch(({ code, errno }) => [code, errno, address].join(" "));
      console.log(typeof found === "string" ? found : found.hostname + " " + found.service);
    }
    console.log(await dns.promises.reverse("::1"), await dns.promises.reverse("10.0.0.2"));`,
    { "/etc/hosts": hosts },
  );
  assert.equal(
    stdout,
    `localhost ::1 127.0.0.1
LOCALHOST ::1 127.0.0.1
app.localhost ::1 127.0.0.1
localhost. ::1 127.0.0.1
two 10.0.0.2
two.example 10.0.0.2
mine 127.0.0.9
127.1 127.0.0.1
0x7f000001 127.0.0.1
localhost 127.0.0.1
localhost ::1
localhost 127.0.0.1 ::1
two ENOTFOUND -3008 getaddrinfo two
two ::ffff:10.0.0.2
localhost ::1 ::ffff:127.0.0.1
::1
null 127.0.0.9 4
localhost http
localhost ssh
Two.Example domain
ENOTFOUND -3008 127.0.0.8
ENOTFOUND -3008 8.8.8.8
[ 'ip6-localhost' ] [ 'two' ]
`,
  );
});

test("everything else is EACCES at once, by every way", async () => {
  const stdout = await printed(`${lookups}
    import http from "node:net";
    import { once } from "node:events";
    const start = performance.now();
    for (const name of ["example.com", "localhost.example.com", "notlocalhost", "metadata.google.internal"]) {
      await dns.promises.lookup(name).catch((error) => console.log(told(error).slice(0, 60), error.message.slice(0, 40)));
    }
    dns.lookup("example.com", (error) => console.log("callback", told(error)));
    for (const method of ["resolve4", "resolveAny", "resolveTxt"]) {
      await dns.promises[method]("example.com").catch((error) => console.log(told(error), error.message));
    }
    await dns.promises.reverse("8.8.8.8").catch((error) => console.log(told(error)));
    const resolver = new dns.promises.Resolver();
    console.log(resolver.getServers());
    for (const servers of [[], ["8.8.8.8"], ["10.0.0.1:53", "[2001:db8::1]:53", "192.168.1.1"]]) {
      resolver.setServers(servers);
      await resolver.resolve4("example.com").catch((error) => console.log(told(error)));
    }
    const [error] = await once(http.connect(80, "example.com"), "error");
    console.log(told(error));
    console.log(performance.now() - start < 5000);`);
  assert.equal(
    stdout,
    `EACCES -13 getaddrinfo example.com getaddrinfo EACCES example.com
EACCES -13 getaddrinfo localhost.example.com getaddrinfo EACCES localhost.example.com
EACCES -13 getaddrinfo notlocalhost getaddrinfo EACCES notlocalhost
EACCES -13 getaddrinfo metadata.google.internal getaddrinfo EACCES metadata.google.inter
callback EACCES -13 getaddrinfo example.com
EACCES -13 queryA example.com queryA EACCES example.com
EACCES -13 queryAny example.com queryAny EACCES example.com
EACCES -13 queryTxt example.com queryTxt EACCES example.com
EACCES -13 getHostByAddr 8.8.8.8
[ '127.0.0.1' ]
EACCES -13 queryA example.com
EACCES -13 queryA example.com
EACCES -13 queryA example.com
EACCES -13 getaddrinfo example.com
true
`,
  );
});

test("a server of the machine is found where resolv.conf says, behind others that are not its own", async () => {
  const files = {
    "/etc/resolv.conf": "# servers\nnameserver 8.8.8.8\nnameserver 127.0.0.3\noptions timeout:1\n",
  };
  const stdout = await printed(
    `${server}
    mode = { kinds: ["A"] };
    const own = dgram.createSocket("udp4").bind(53, "127.0.0.3");
    await once(own, "listening");
    own.on("message", (question, peer) => own.send(answer(question), peer.port, peer.address));
    show(dns.getServers(), await dns.promises.resolve4("q.z"));
    own.close();
    socket.close();`,
    files,
  );
  assert.equal(stdout, "[ '8.8.8.8', '127.0.0.3' ] [ '1.2.3.4' ]\n");
});

test("tries without number end with the last", async () => {
  // A port that no socket of the resolver itself gets: 300 of them would now and then ask themselves.
  const stdout = await printed(`${server}
    socket.close();
    for (const options of [{ tries: 300 }, { tries: 300, timeout: 2 ** 31 - 1 }, { tries: 3, maxTimeout: 2 ** 32 - 1 }]) {
      const stubborn = new dns.promises.Resolver(options);
      stubborn.setServers(["127.0.0.1:9"]);
      show(await stubborn.resolve4("q.z").catch((error) => error.code));
    }`);
  assert.equal(stdout, "ECONNREFUSED\n".repeat(3));
});

test("many queries share a socket, and too many are ENOMEM", { timeout: 120_000 }, async () => {
  const stdout = await printed(`${server}
    mode = { kinds: ["A"] };
    socket.setRecvBufferSize(200_000);
    const patient = new dns.promises.Resolver({ timeout: 10_000, tries: 3 });
    patient.setServers(["127.0.0.1:" + port]);
    for (let round = 0; round < 20; round += 1) {
      const all = await Promise.all(Array.from({ length: 100 }, (_, at) => patient.resolve4("n" + at + ".z")));
      if (all.some(([address]) => address !== "1.2.3.4")) show("wrong");
    }
    mode = { mode: "mute" };
    const waiting = Promise.allSettled(Array.from({ length: 10_500 }, () => patient.resolve4("q.z")));
    setImmediate(() => patient.cancel());
    const codes = {};
    for (const { reason } of await waiting) codes[reason.code] = (codes[reason.code] ?? 0) + 1;
    show(codes.ECANCELLED, codes.ENOMEM);
    mode = { kinds: ["A"] };
    show(await patient.resolve4("q.z"));
    socket.close();`);
  assert.equal(stdout, "10000 500\n[ '1.2.3.4' ]\n");
});

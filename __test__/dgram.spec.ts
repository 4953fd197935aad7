// Datagrams within the machine: sockets of node:dgram, as on host Node.js over its loopback.

import assert from "node:assert/strict";
import { assertIdle, assertSameAsHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const head = `
  import dgram from "node:dgram";
  import { once } from "node:events";
  const show = (...values) => console.log(...values);
  const bound = async (type, ...where) => {
    const socket = dgram.createSocket(type);
    socket.bind(...where);
    await once(socket, "listening");
    return socket;
  };
  const failure = (call) => {
    try { return call(); } catch (error) { return [error.name, error.code, error.syscall, error.message].join(" "); }
  };
  const sent = (socket, ...what) => new Promise((resolve) => {
    socket.send(...what, (error, size) => resolve(error ? error.message : size));
  });
`;

const programs: Record<string, string> = {
  "a message and its answer": `
    const server = await bound("udp4", 0, "127.0.0.1");
    const { address, family, port } = server.address();
    show(address, family);
    server.on("message", (message, peer) => server.send("re: " + message, peer.port, peer.address));
    const client = dgram.createSocket("udp4");
    show(await Promise.all([once(client, "message"), sent(client, "hello", port)]).then(([[message, peer], size]) =>
      [String(message), peer.address, peer.family, peer.size, peer.port === port, size]));
    client.close();
    server.close(() => show("closed"));`,
  "IPv6 and both": `
    const six = await bound("udp6", 0, "::1");
    show(six.address().address, six.address().family);
    const both = await bound("udp6", 0);
    show(both.address().address);
    const only = dgram.createSocket({ type: "udp6", ipv6Only: true });
    only.bind(0);
    await once(only, "listening");
    const v4 = dgram.createSocket("udp4");
    v4.send("to both", both.address().port, "127.0.0.1");
    const [message, peer] = await once(both, "message");
    show(String(message), peer.address, peer.family);
    six.send("from six", both.address().port, "::1");
    const [second, from] = await once(both, "message");
    show(String(second), from.address, from.port === six.address().port);
    for (const socket of [six, both, only, v4]) socket.close();`,
  "sizes from nothing to too much": `
    const receiver = await bound("udp4", 0, "127.0.0.1");
    const { port } = receiver.address();
    const sender = dgram.createSocket("udp4");
    receiver.setRecvBufferSize(200_000);
    for (const size of [0, 1, 1500, 65_507]) {
      const got = once(receiver, "message");
      show(await sent(sender, Buffer.alloc(size, "x"), port, "127.0.0.1"));
      const [message] = await got;
      show(message.length, message.every((byte) => byte === 120));
    }
    for (const size of [65_508, 66_001, 70_000, 1_000_000]) show((await sent(sender, Buffer.alloc(size), port)).replace(port, ""));
    const got = once(receiver, "message");
    show(await sent(sender, ["a", Buffer.from("bc"), new Uint8Array([100])], port));
    show(String((await got)[0]));
    sender.close();
    receiver.close();`,
  "a peer": `
    const server = await bound("udp4", 0, "127.0.0.1");
    const { port } = server.address();
    const client = dgram.createSocket("udp4");
    show(failure(() => client.remoteAddress()));
    client.connect(port, "127.0.0.1");
    await once(client, "connect");
    show(client.remoteAddress().port === port, client.remoteAddress().address, client.address().address);
    const got = once(server, "message");
    show(await sent(client, "to the peer"));
    show(String((await got)[0]));
    show(failure(() => client.send("x", port, "127.0.0.1")));
    show(failure(() => client.connect(port)));
    client.disconnect();
    show(failure(() => client.disconnect()));
    show(client.address().address);
    client.close();
    server.close();`,
  "a peer that is not there": `
    const gone = await bound("udp4", 0, "127.0.0.1");
    const { port } = gone.address();
    gone.close();
    await once(gone, "close");
    const client = dgram.createSocket("udp4");
    client.connect(port, "127.0.0.1");
    await once(client, "connect");
    client.send("anybody?");
    const [error] = await once(client, "error");
    show(error.code, error.syscall, error.message);
    client.close();`,
  "addresses in use, and shared": `
    const first = await bound({ type: "udp4", reuseAddr: true }, 0, "127.0.0.1");
    const { port } = first.address();
    const second = await bound({ type: "udp4", reuseAddr: true }, port, "127.0.0.1");
    show(second.address().port === port);
    const third = dgram.createSocket("udp4");
    third.bind(port, "127.0.0.1");
    const [error] = await once(third, "error");
    show(error.code, error.syscall, error.address, error.port === port);
    first.close();
    second.close();
    const shared = await Promise.all([1, 2, 3].map(() => bound({ type: "udp4", reusePort: true }, 0, "127.0.0.1")));
    const fourth = await bound({ type: "udp4", reusePort: true }, shared[0].address().port, "127.0.0.1");
    show(fourth.address().port === shared[0].address().port);
    for (const socket of [...shared, fourth]) socket.close();
    const away = dgram.createSocket("udp4").bind(0, "192.0.2.1");
    show((await once(away, "error"))[0].code);`,
  options: `
    const socket = await bound("udp4", 0, "127.0.0.1");
    const six = await bound("udp6", 0, "::1");
    for (const [name, ...values] of [
      ["setTTL", 1, 255, 0, 256, "x"], ["setMulticastTTL", 0, 255, 256, -1], ["setBroadcast", true, false],
      ["setMulticastLoopback", true, false, 7], ["setMulticastInterface", "0.0.0.0", "127.0.0.1", "224.0.0.1", "x", "", 7],
      ["addMembership", "224.0.0.99", "224.0.0.99", "127.0.0.1", "x", "256.1.1.1"], ["dropMembership", "224.0.0.99", "224.0.0.98"],
      ["setRecvBufferSize", 5000, 0, -1], ["setSendBufferSize", 5000, 2 ** 31],
    ]) for (const value of values) for (const each of [socket, six]) {
      // A group of one family on a socket of the other differs between systems.
      if (each === six && /Membership|Interface/.test(name)) continue;
      show(name, value, failure(() => each[name](value)));
    }
    show(socket.getRecvBufferSize(), socket.getSendBufferSize(), six.getSendBufferSize());
    show(failure(() => six.addMembership("ff02::99", "::%lo")), failure(() => six.dropMembership("ff02::99", "::%lo")));
    show(socket.getSendQueueSize(), socket.getSendQueueCount());
    socket.close();
    six.close();
    for (const name of ["setTTL", "setBroadcast", "getRecvBufferSize", "address", "ref", "send"]) {
      show(name, failure(() => socket[name](1) === socket));
    }`,
  "groups on the loopback": `
    const members = await Promise.all([1, 2].map(async () => {
      const member = await bound({ type: "udp4", reuseAddr: true }, 0, "224.0.0.77");
      member.addMembership("224.0.0.77", "127.0.0.1");
      return member;
    }));
    const { port } = members[0].address();
    const late = await bound({ type: "udp4", reuseAddr: true }, port, "224.0.0.77");
    late.addMembership("224.0.0.77", "127.0.0.1");
    const sender = await bound("udp4", 0, "127.0.0.1");
    sender.setMulticastInterface("127.0.0.1");
    const got = Promise.all([once(members[0], "message"), once(late, "message")]);
    sender.send("to all", port, "224.0.0.77");
    show((await got).map(([message, peer]) => [String(message), peer.address]));
    for (const socket of [...members, late, sender]) socket.close();`,
  "groups for some senders": `
    const socket = await bound("udp4", 0, "127.0.0.1");
    for (const [name, ...values] of [
      ["addSourceSpecificMembership", "127.0.0.2", "232.1.1.1", "127.0.0.1"],
      ["addSourceSpecificMembership", "127.0.0.2", "232.1.1.1", "127.0.0.1"],
      ["addSourceSpecificMembership", "127.0.0.3", "232.1.1.1", "127.0.0.1"],
      ["addSourceSpecificMembership", "127.0.0.2", "127.0.0.1", "127.0.0.1"],
      ["addSourceSpecificMembership", "x", "232.1.1.1", "127.0.0.1"],
      ["addSourceSpecificMembership", "127.0.0.2", "232.1.1.1", "x"],
      ["addSourceSpecificMembership", "127.0.0.2", 1],
      ["dropSourceSpecificMembership", "127.0.0.4", "232.1.1.1", "127.0.0.1"],
      ["dropSourceSpecificMembership", "127.0.0.2", "232.1.1.1", "127.0.0.1"],
      ["dropSourceSpecificMembership", "127.0.0.3", "232.1.1.1", "127.0.0.1"],
      ["dropSourceSpecificMembership", "127.0.0.3", "232.1.1.1", "127.0.0.1"],
    ]) show(name, ...values, failure(() => socket[name](...values)));
    socket.close();
    const member = await bound({ type: "udp4", reuseAddr: true }, 0, "232.1.1.2");
    member.addSourceSpecificMembership("127.0.0.2", "232.1.1.2", "127.0.0.1");
    for (const from of ["127.0.0.3", "127.0.0.2"]) {
      const sender = await bound("udp4", 0, from);
      sender.setMulticastInterface("127.0.0.1");
      const got = from === "127.0.0.2" && once(member, "message");
      await sent(sender, from, member.address().port, "232.1.1.2");
      if (got) show(String((await got)[0]));
      sender.close();
    }
    member.close();`,
  "what is queued is told in order": `
    const receiver = await bound("udp4", 0, "127.0.0.1");
    const sender = dgram.createSocket("udp4");
    const order = [];
    receiver.on("message", (message) => order.push(String(message)));
    for (let index = 0; index < 20; index += 1) sender.send(String(index), receiver.address().port, "127.0.0.1");
    while (order.length < 20) await once(receiver, "message");
    show(order.join(" "));
    sender.close();
    receiver.close();`,
  "closing and references": `
    const socket = await bound("udp4", 0);
    show(socket.unref() === socket, socket.ref() === socket);
    socket.on("close", () => show("event"));
    socket.close(() => show("callback"));
    show(failure(() => socket.close()));
    show(failure(() => socket.address()));
    const controller = new AbortController();
    const other = dgram.createSocket({ type: "udp4", signal: controller.signal });
    other.on("close", () => show("aborted"));
    controller.abort();
    const idle = await bound("udp4", 0);
    idle.unref();`,
  "names that are looked up": `
    const server = await bound("udp4", 0, "localhost");
    show(server.address().address);
    const client = dgram.createSocket({ type: "udp4", lookup: (name, family, done) => { show(name, family); done(null, "127.0.0.1", 4); } });
    client.send("x", server.address().port, "any.name");
    show(String((await once(server, "message"))[0]));
    client.close();
    server.close();`,
};

describe("node:dgram does as on host Node.js:", () => {
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(head + program);
    });
  }
});

/** What a program prints in a machine of its own, which holds nothing of it afterwards. */
async function printed(code: string): Promise<string> {
  return await withRuntime({}, async (runtime) => {
    const { stdout, stderr } = await runtime.exec(head + code);
    assert.equal(stderr, "");
    await assertIdle(runtime);
    return stdout;
  });
}

test("a datagram to what is not the machine's own fails with EACCES", async () => {
  const stdout = await printed(`
    const four = dgram.createSocket("udp4");
    const six = dgram.createSocket("udp6");
    for (const [socket, host] of [[four, "192.0.2.1"], [four, "8.8.8.8"], [four, "10.0.0.1"], [six, "2001:db8::1"], [six, "::ffff:8.8.8.8"]]) {
      show(await sent(socket, "x", 53, host));
    }
    show(await sent(four, "x", 53, "example.com"));
    four.connect(53, "8.8.8.8", (error) => { show(error.code, error.syscall); four.close(); six.close(); });
  `);
  assert.equal(
    stdout,
    `send EACCES 192.0.2.1:53
send EACCES 8.8.8.8:53
send EACCES 10.0.0.1:53
send EACCES 2001:db8::1:53
send EACCES ::ffff:8.8.8.8:53
getaddrinfo EACCES example.com
EACCES connect
`,
  );
});

test("processes of a machine send to each other, and hand over sockets", async () => {
  const stdout = await printed(`
    import { fork } from "node:child_process";
    import { writeFileSync } from "node:fs";
    writeFileSync("/workspace/child.cjs", \`
      process.on("message", (what, socket) => {
        socket.on("message", (message, peer) => {
          socket.send("child: " + message, peer.port, peer.address, () => socket.close());
        });
        process.send("ready");
        process.disconnect();
      });\`);
    const child = fork("/workspace/child.cjs");
    const given = await bound("udp4", 0, "127.0.0.1");
    const { port } = given.address();
    child.send("socket", given);
    await once(child, "message");
    given.close();
    const client = dgram.createSocket("udp4");
    client.send("hello", port, "127.0.0.1");
    show(String((await once(client, "message"))[0]));
    client.close();
    await once(child, "exit");`);
  assert.equal(stdout, "child: hello\n");
});

test("who does not receive loses what comes, and nobody else is held up", async () => {
  const stdout = await printed(`
    const deaf = await bound({ type: "udp4", recvBufferSize: 10_000 }, 0, "127.0.0.1");
    deaf.on("message", () => {});
    const sender = dgram.createSocket("udp4");
    let refused = 0;
    for (let index = 0; index < 20_000; index += 1) {
      sender.send(Buffer.alloc(1000), deaf.address().port, "127.0.0.1", (error) => { if (error) refused += 1; });
    }
    const heard = await bound("udp4", 0, "127.0.0.1");
    sender.send("heard", heard.address().port, "127.0.0.1");
    show(String((await once(heard, "message"))[0]), refused);
    for (const socket of [deaf, sender, heard]) socket.close();`);
  assert.equal(stdout, "heard 0\n");
});

test("sockets that come and go leave nothing", { timeout: 120_000 }, async () => {
  const stdout = await printed(`
    for (let round = 0; round < 20; round += 1) {
      const sockets = await Promise.all(Array.from({ length: 100 }, () => bound("udp4", 0, "127.0.0.1")));
      for (const socket of sockets) socket.close();
      await Promise.all(sockets.map((socket) => once(socket, "close")));
    }
    show("done");`);
  assert.equal(stdout, "done\n");
});

// wget, nc, ss, netstat and ping of the machine.

import assert from "node:assert/strict";
import { HttpClients } from "./support/http-clients.ts";
import { after, before, describe, test } from "./support/suite.ts";

let clients: HttpClients;
let isComparable = false;
before(async () => {
  clients = await HttpClients.start();
  isComparable = (await clients.onHost("wget --version")).stdout.startsWith("GNU Wget 1.21.");
});
after(() => clients.close());

describe("wget does as the host's:", () => {
  for (const words of [
    "-q -O - $B/echo",
    "-qO- $B/echo",
    "-q $B/dir/name.txt",
    "-q $B/",
    "-q -P . $B/name.txt",
    "-qO- --header 'X-A: 1' -U me $B/echo",
    "-qO- --post-data a=1 $B/echo",
    "-qO- --post-file two $B/echo",
    "-qO- --method PUT --body-data x $B/echo",
    "-q '$B/status?code=404'",
    "-qO- --content-on-error '$B/status?code=500'",
    "-q -O o '$B/moved?code=302'",
    "-q --spider $B/x",
    "-q --spider '$B/status?code=404'",
    "-q http://127.0.0.1:1/",
    "-q -T 1 -t 1 $B/never",
    "-q --max-redirect 2 $B/loop",
    "-q -S -O /dev/null $B/x",
    "--none",
    "-q",
  ]) {
    test(words, async (context) => {
      if (!isComparable) return void context.skip("the host's wget is not 1.21");
      const line = `wget ${words}`;
      const [host, guest] = await Promise.all([clients.onHost(line), clients.inGuest(line)]);
      assert.deepEqual(guest, host);
    });
  }
});

test("wget tells what it does, and what lies outside in words", async () => {
  const saved = await clients.inGuest("wget $B/name.txt");
  assert.equal(saved.status, 0);
  assert.equal(saved.files["name.txt"], "hello /name.txt\n");
  assert.match(saved.stderr, /awaiting response\.\.\. 200 OK\n[\s\S]*‘name.txt’ saved \[16\/16\]/);
  const outside = await clients.inGuest("wget http://example.com/");
  assert.equal(outside.status, 4);
  assert.match(
    outside.stderr,
    /unable to resolve host address ‘example.com’ \(this machine has no network/,
  );
});

async function shell(script: string): Promise<string> {
  const { stdout, stderr } = await clients.inGuest(script);
  return stdout + stderr;
}

test("nc carries bytes both ways, over TCP, paths and datagrams", async () => {
  const request = String.raw`printf 'GET /x HTTP/1.0\r\n\r\n'`;
  const echoed = await shell(`${request} | nc 127.0.0.1 ${port()}`);
  assert.match(echoed, /^HTTP\/1.1 200 OK\r\n[\s\S]*hello \/x\n$/);
  const served = await shell(`
    nc -l 9101 > got & server=$!
    until nc -z 127.0.0.1 9101 2>/dev/null; do :; done
    wait $server; cat got
    nc -lkU s > path & keeps=$!
    until [ -S s ]; do :; done
    echo over a path | nc -NU s; kill $keeps; cat path
    nc -l -u -w 1 9102 > datagram & server=$!
    until ss -ulnH | grep -q :9102; do :; done
    echo a datagram | nc -u -w 1 127.0.0.1 9102; wait $server; cat datagram`);
  assert.equal(served, "over a path\na datagram\n");
});

test("nc tells who is there", async () => {
  assert.match(
    await shell(`nc -zv 127.0.0.1 ${port()}`),
    /^Connection to 127.0.0.1 \d+ port .* succeeded!\n$/,
  );
  const refused = await clients.inGuest("nc -zv 127.0.0.1 1");
  assert.equal(refused.status, 1);
  assert.equal(
    refused.stderr,
    "nc: connect to 127.0.0.1 port 1 (tcp) failed: Connection refused\n",
  );
  const outside = await clients.inGuest("nc -zv 192.0.2.1 80");
  assert.match(
    outside.stderr,
    /failed: Permission denied \(this machine has no network beyond itself\)/,
  );
  assert.equal((await clients.inGuest("nc -Q")).status, 1);
});

test("ss and netstat list sockets of the machine", async () => {
  const listed = async (command: string, args: string[]) => {
    const { stdout, stderr } = await clients.runtime.execCommand(command, args);
    return stdout + stderr;
  };
  const own = `127\\.0\\.0\\.1:${port()}`;
  assert.match(
    await listed("ss", ["-tlnH"]),
    new RegExp(`^tcp +LISTEN +0 +\\d+ +${own} +0\\.0\\.0\\.0:\\*$`, "m"),
  );
  assert.match(
    await listed("netstat", ["-tln"]),
    new RegExp(`^tcp +0 +\\d+ ${own} +0\\.0\\.0\\.0:\\* +LISTEN`, "m"),
  );
  assert.match(await listed("ss", ["--none"]), /^ss: invalid option/);
  const { stdout } = await clients.runtime.exec(`
    import net from "node:net";
    import { execFileSync } from "node:child_process";
    const server = net.createServer().listen(0, "::1", () => {
      console.log(execFileSync("ss", ["-tlnH", "-6"], { encoding: "utf8" }).includes("[::1]:" + server.address().port));
      server.close();
    });`);
  assert.equal(stdout, "true\n");
});

test("ping says what there is instead", async () => {
  const { status, stderr } = await clients.inGuest("ping localhost");
  assert.equal(status, 2);
  assert.match(stderr, /no raw sockets/);
});

function port(): string {
  return clients.guestBase.split(":").pop() ?? "";
}

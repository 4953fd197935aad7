// curl of the machine beside the host's own.

import assert from "node:assert/strict";
import { HttpClients } from "./support/http-clients.ts";
import { after, before, describe, test } from "./support/suite.ts";

let clients: HttpClients;
let isComparable = false;
before(async () => {
  clients = await HttpClients.start();
  // Its messages and the order of its lines differ from version to version.
  const { stdout } = await clients.onHost("curl --version");
  isComparable = stdout.startsWith("curl 7.88.");
});
after(() => clients.close());

/** `$B` is the server's address; f.txt and two are files, o and jar may be made. */
const same = [
  "-s $B/echo",
  "-sS $B/echo -H 'X-A: 1' -H 'Accept:' -H 'X-Empty;' -A me",
  "-s -d a=1 -d b=2 $B/echo",
  "-s -d @two $B/echo",
  "-s --data-binary @two $B/echo",
  "-s --data-raw @two $B/echo",
  "-s --data-urlencode 'q=a b&c' --data-urlencode '=x y' --data-urlencode n@two $B/echo",
  "-s -G -d a=1 --data-urlencode 'q=a b' '$B/echo?z=0'",
  `-s --json '{"a":1}' $B/echo`,
  "-s -X PUT -d x $B/echo",
  "-s -X DELETE $B/echo",
  "-s -T f.txt $B/up/",
  "-s -F a=1 -F f=@f.txt -F 'g=@f.txt;type=text/x;filename=n.bin' -F 'h=<two' $B/echo",
  "-s -F a=@f.txt --form-string x=@y $B/echo",
  "-s -u user:pass $B/echo",
  "-s -e http://from/ -b 'a=1; b=2' $B/echo",
  "-s -I $B/x",
  "-s -i $B/x",
  "-s -i '$B/status?code=404'",
  "-s -f '$B/status?code=404'",
  "-sS -f '$B/status?code=500'",
  "-sS --fail-with-body '$B/status?code=500'",
  "-s -f -o o '$B/status?code=404'",
  "-s -o o $B/x",
  "-s -O $B/dir/o",
  "-sS -O $B/",
  "-s '$B/moved?code=302'",
  "-s -L '$B/moved?code=302'",
  "-s -L -d x=1 '$B/moved?code=302'",
  "-s -L -d x=1 '$B/moved?code=307'",
  "-s -L -X POST -d x=1 '$B/moved?code=302'",
  "-s -L -i '$B/moved?code=301'",
  "-sS -L --max-redirs 3 $B/loop",
  "-s -L -c jar $B/cookies",
  "-s -L -b '' $B/cookies",
  "-s --compressed $B/gzip",
  "-s -w '%{http_code} %{size_download} %{content_type} %{num_redirects}\\n' -o /dev/null $B/x",
  "-s -w '%{url_effective} %{method} %{scheme}\\n%header{connection}%%\\t.' -o /dev/null $B/x",
  "-s -w '%{redirect_url}\\n' -o /dev/null '$B/moved?code=302'",
  "-sS -m 0.3 $B/never",
  "-sS $B/cut",
  "-sS $B/nothing",
  "-sS http://127.0.0.1:1/",
  "-s -w '%{http_code}' http://127.0.0.1:1/",
  "-sS none://x/",
  "-sS",
  "--none",
  "-sS -o",
  "-s $B/a $B/b",
  "-s -o o $B/a $B/b",
  "-s -D - $B/x",
  "-s -r 0-1 $B/echo",
  "-s $B/none",
  "-s -d '' $B/echo",
  "-s -H 'Content-Type: text/plain' -d x $B/echo",
  "-s -H 'Host: other' $B/echo",
  "-s '$B/echo#part'",
];

describe("curl does as the host's:", () => {
  for (const words of same) {
    test(words, async (context) => {
      if (!isComparable) return void context.skip("the host's curl is not 7.88");
      const line = `curl ${words}`;
      const [host, guest] = await Promise.all([clients.onHost(line), clients.inGuest(line)]);
      assert.deepEqual(guest, host);
    });
  }
});

test("a name at which nobody listens is refused at each of its addresses", async () => {
  const curl = await clients.inGuest("curl -sS http://localhost:1/");
  assert.equal(curl.status, 7);
  assert.match(
    curl.stderr,
    /^curl: \(7\) Failed to connect to localhost port 1 after N ms: Couldn't connect to server\n$/,
  );
  const wget = await clients.inGuest("wget -O- http://localhost:1/");
  assert.equal(wget.status, 4);
  assert.match(
    wget.stderr,
    /\nConnecting to localhost\|::1\|:1\.\.\. failed: Connection refused\.\nConnecting to localhost\|127\.0\.0\.1\|:1\.\.\. failed: Connection refused\.\n$/,
  );
});

test("what lies outside is refused in words, with curl's own statuses", async () => {
  for (const [words, status, message] of [
    [
      "-sS http://example.com/",
      6,
      "curl: (6) Could not resolve host: example.com (this machine has no network beyond itself)\n",
    ],
    ["-s http://example.com/", 6, ""],
    [
      "-sS http://192.0.2.1/",
      7,
      /^curl: \(7\) Failed to connect to 192\.0\.2\.1 port 80 after N ms: Couldn't connect to server \(this/,
    ],
    ["-x http://p/ http://q/", 2, /^curl: option --proxy: is not supported in this machine\n/],
  ] as const) {
    const guest = await clients.inGuest(`curl ${words}`);
    assert.equal(guest.status, status, words);
    if (typeof message === "string") assert.equal(guest.stderr, message);
    else assert.match(guest.stderr, message);
  }
});

test("uploads from a pipe, retries, sockets of the file system and large bodies", async () => {
  const { stdout } = await clients.inGuest(`
    echo piped | curl -s -T - $B/echo | tail -1
    curl -s --retry 1 --retry-delay 1 -w '%{http_code}\\n' '$B/status?code=503'
    head -c 3000000 /dev/zero | curl -s --data-binary @- $B/echo | wc -c
    curl -s $B/echo | head -c 3; echo
    NODE_OPTIONS=--no-such-option curl -s $B/x`);
  const [piped, retried, ...rest] = stdout.split("\n");
  assert.equal(piped, "piped");
  assert.equal(retried, "status");
  assert.equal(rest.slice(0, 2).join(), "status,503");
  assert.ok(Number(rest[2]) > 3_000_000, stdout.slice(-200));
  assert.deepEqual(rest.slice(3), ["GET", "hello /x", ""]);
});

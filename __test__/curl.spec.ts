// curl of the machine beside the host's own: the same command line, each against the same server beside it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

const server = `
  import http from "node:http";
  import zlib from "node:zlib";
  const shown = (text) => String(text).replace(/-{24}\\w+/g, "BOUNDARY");
  const handlers = {
    "/echo": (request, response, body) => {
      const raw = request.rawHeaders;
      const lines = raw.flatMap((name, at) => (at % 2 ? [] : [name + ": " + raw[at + 1]]));
      response.end(request.method + " " + request.url + "\\n" + shown(lines.join("\\n")) + "\\n\\n" + shown(body));
    },
    "/status": (request, response, body, query) => response.writeHead(Number(query.get("code"))).end("status\\n"),
    "/moved": (request, response, body, query) =>
      response.writeHead(Number(query.get("code")), { Location: "/echo?after" }).end("moved"),
    "/loop": (request, response) => response.writeHead(302, { Location: "/loop" }).end(),
    "/cookies": (request, response) =>
      response.writeHead(302, { "Set-Cookie": "a=1; Path=/", Location: "/echo" }).end(),
    "/gzip": (request, response) => response.writeHead(200, { "Content-Encoding": "gzip" }).end(zlib.gzipSync("text\\n")),
    "/never": () => {},
    "/cut": (request, response) => {
      response.writeHead(200, { "Content-Length": "100" }).write("part", () => request.socket.destroy());
    },
    "/nothing": (request) => request.socket.destroy(),
    "/none": (request, response) => response.writeHead(204).end(),
  };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      response.sendDate = false;
      response.setHeader("Connection", "close");
      const handler = handlers[url.pathname];
      if (handler) handler(request, response, Buffer.concat(chunks), url.searchParams);
      else response.end("hello " + url.pathname + "\\n");
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

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

type End = { stdout: string; stderr: string; status: number | null; files: Record<string, string> };

/** Without what differs from run to run, and from version to version. */
function comparable({ stdout, stderr, status, files }: End, base: string): End {
  const plain = (text: string) =>
    text
      .replaceAll(base, "BASE")
      .replaceAll(base.slice("http://".length), "HOST")
      .replace(/curl\/[\d.]+/g, "curl/X")
      .replace(/after \d+ (ms|milliseconds)/g, "after N $1")
      .replace(/^#.*\n/gm, "");
  const kept = Object.entries(files).map(([name, text]) => [name, plain(text)]);
  return { stdout: plain(stdout), stderr: plain(stderr), status, files: Object.fromEntries(kept) };
}

const inputs: Record<string, string> = { "f.txt": "file data\n", two: "l1\nl2\n" };
const outputs = ["o", "jar"];

let runtime: NodeRuntime;
let guestBase: string;
let hostBase: string;
let hostVersion = "";
const ends: (() => unknown)[] = [];

before(async () => {
  runtime = await NodeRuntime.create();
  ends.push(() => runtime.dispose());
  const port = new Promise<string>((resolve) => {
    const onStdout = (chunk: Uint8Array) => resolve(Buffer.from(chunk).toString().trim());
    runtime.spawn(server, { onStdout }).catch(resolve);
  });
  guestBase = `http://127.0.0.1:${await port}`;
  const host = spawn(process.execPath, ["--input-type=module", "-e", server], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  ends.push(() => host.kill());
  const [line] = await once(host.stdout, "data");
  hostBase = `http://127.0.0.1:${String(line).trim()}`;
  hostVersion = (await onHost("--version").catch(() => ({ stdout: "" }))).stdout;
});
after(async () => {
  for (const end of ends) await end();
});

async function onHost(words: string): Promise<End> {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-curl-"));
  try {
    for (const [name, text] of Object.entries(inputs)) writeFileSync(join(folder, name), text);
    const command = `curl ${words.replaceAll("$B", hostBase)}`;
    const [stdout, stderr, status] = await new Promise<[string, string, number]>((resolve) => {
      const options = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } };
      execFile("sh", ["-c", command], options, (error, out, err) => {
        resolve([out, err, error ? Number(error.code) : 0]);
      });
    });
    const made = readdirSync(folder).filter((name) => outputs.includes(name));
    const files = made.map((name) => [name, readFileSync(join(folder, name), "utf8")]);
    return { stdout, stderr, status, files: Object.fromEntries(files) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inGuest(words: string): Promise<End> {
  const folder = "/workspace/curl";
  await runtime.remove(folder, { recursive: true, force: true });
  await runtime.mkdir(folder);
  for (const [name, text] of Object.entries(inputs))
    await runtime.writeFile(`${folder}/${name}`, text);
  const command = `curl ${words.replaceAll("$B", guestBase)}`;
  const { stdout, stderr, exitCode } = await runtime.execCommand("sh", ["-c", command], {
    cwd: folder,
  });
  const files: Record<string, string> = {};
  for (const name of outputs) {
    if (await runtime.exists(`${folder}/${name}`))
      files[name] = await runtime.readFile(`${folder}/${name}`, "utf8");
  }
  return { stdout, stderr, status: exitCode, files };
}

describe("curl does as the host's:", () => {
  for (const words of same) {
    test(words, async (context) => {
      // Its messages and the order of its lines differ from version to version.
      if (!hostVersion.startsWith("curl 7.88."))
        return void context.skip("the host's curl is not 7.88");
      const [host, guest] = await Promise.all([onHost(words), inGuest(words)]);
      assert.deepEqual(comparable(guest, guestBase), comparable(host, hostBase));
    });
  }
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
      /^curl: \(7\) Failed to connect to 192\.0\.2\.1 port 80 after \d+ ms: Couldn't connect to server \(this/,
    ],
    ["-x http://p/ http://q/", 2, /^curl: option --proxy: is not supported in this machine\n/],
  ] as const) {
    const guest = await inGuest(words);
    assert.equal(guest.status, status, words);
    if (typeof message === "string") assert.equal(guest.stderr, message);
    else assert.match(guest.stderr, message);
  }
});

test("uploads from a pipe, retries, sockets of the file system and large bodies", async () => {
  const { stdout } = await runtime.execCommand("sh", [
    "-c",
    `
    echo piped | curl -s -T - ${guestBase}/echo | tail -1
    curl -s --retry 1 --retry-delay 1 -w '%{http_code}\\n' '${guestBase}/status?code=503'
    head -c 3000000 /dev/zero | curl -s --data-binary @- ${guestBase}/echo | wc -c
    curl -s ${guestBase}/echo | head -c 3; echo
    NODE_OPTIONS=--no-such-option curl -s ${guestBase}/x`,
  ]);
  const [piped, retried, ...rest] = stdout.split("\n");
  assert.equal(piped, "piped");
  assert.equal(retried, "status");
  assert.equal(rest.slice(0, 2).join(), "status,503");
  assert.ok(Number(rest[2]) > 3_000_000, stdout.slice(-200));
  assert.deepEqual(rest.slice(3), ["GET", "hello /x", ""]);
});

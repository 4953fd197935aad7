// The same command line for a command of the machine and the host's own, each against the same server beside it.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";

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

export type End = {
  stdout: string;
  stderr: string;
  status: number | null;
  /** Those that the command made, by name. */
  files: Record<string, string>;
};

/** Files that are there before each command. */
const inputs: Record<string, string> = { "f.txt": "file data\n", two: "l1\nl2\n" };

/** Files that commands may make. */
const outputs = ["o", "jar", "index.html", "name.txt"];

/** A machine and the host, each with the server. In command lines `$B` is its address. */
export class HttpClients {
  #runtime: NodeRuntime;
  #guestBase: string;
  #hostBase: string;
  #end: () => void;

  private constructor(runtime: NodeRuntime, guestPort: string, hostPort: string, end: () => void) {
    this.#runtime = runtime;
    this.#guestBase = `http://127.0.0.1:${guestPort}`;
    this.#hostBase = `http://127.0.0.1:${hostPort}`;
    this.#end = end;
  }

  static async start(): Promise<HttpClients> {
    const runtime = await NodeRuntime.create();
    const guestPort = new Promise<string>((resolve) => {
      const onStdout = (chunk: Uint8Array) => resolve(Buffer.from(chunk).toString().trim());
      runtime.spawn(server, { onStdout }).catch(resolve);
    });
    const host = spawn(process.execPath, ["--input-type=module", "-e", server], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(host.stdout, "data");
    return new HttpClients(runtime, await guestPort, String(line).trim(), () => host.kill());
  }

  get runtime(): NodeRuntime {
    return this.#runtime;
  }

  get guestBase(): string {
    return this.#guestBase;
  }

  async close(): Promise<void> {
    this.#end();
    await this.#runtime.dispose();
  }

  async onHost(line: string): Promise<End> {
    const folder = mkdtempSync(join(tmpdir(), "secure-exec-http-"));
    try {
      for (const [name, text] of Object.entries(inputs)) writeFileSync(join(folder, name), text);
      const command = line.replaceAll("$B", this.#hostBase);
      const [stdout, stderr, status] = await new Promise<[string, string, number]>((resolve) => {
        const options = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } };
        execFile("sh", ["-c", command], options, (error, out, err) => {
          resolve([out, err, error ? Number(error.code) : 0]);
        });
      });
      const made = readdirSync(folder).filter((name) => outputs.includes(name));
      const files = made.map((name) => [name, readFileSync(join(folder, name), "utf8")]);
      return comparable(
        { stdout, stderr, status, files: Object.fromEntries(files) },
        this.#hostBase,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async inGuest(line: string): Promise<End> {
    const runtime = this.#runtime;
    const folder = "/workspace/http";
    await runtime.remove(folder, { recursive: true, force: true });
    await runtime.mkdir(folder);
    for (const [name, text] of Object.entries(inputs)) {
      await runtime.writeFile(`${folder}/${name}`, text);
    }
    const command = line.replaceAll("$B", this.#guestBase);
    const ended = await runtime.execCommand("sh", ["-c", command], { cwd: folder });
    const files: Record<string, string> = {};
    for (const name of outputs) {
      const path = `${folder}/${name}`;
      if (await runtime.exists(path)) files[name] = await runtime.readFile(path, "utf8");
    }
    const { stdout, stderr, exitCode: status } = ended;
    return comparable({ stdout, stderr, status, files }, this.#guestBase);
  }
}

/** Without what differs from run to run, and from version to version. */
function comparable({ stdout, stderr, status, files }: End, base: string): End {
  const plain = (text: string) =>
    text
      .replaceAll(base, "BASE")
      .replaceAll(base.slice("http://".length), "HOST")
      .replace(/(curl|Wget)\/[\d.]+/g, "$1/X")
      .replace(/after \d+ (ms|milliseconds)/g, "after N $1")
      .replace(/^#.*\n/gm, "");
  const kept = Object.entries(files).map(([name, text]) => [name, plain(text)]);
  return { stdout: plain(stdout), stderr: plain(stderr), status, files: Object.fromEntries(kept) };
}

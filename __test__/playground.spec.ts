// The playground's files as the server hands them out, and the terminals that it opens. `npm test -- site` opens it in a browser.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSandboxServer, type SandboxServer } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const { playground } = require("../lib/server/playground.cjs");
const { Link } = require("../lib/remote/link.cjs");

const token = "0123456789abcdef0123";
const decoder = new TextDecoder();

let folder: string;
let server: SandboxServer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "secure-exec-playground-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>here</title>");
  writeFileSync(join(folder, "main.js"), "export {};");
  writeFileSync(join(folder, "secret.key"), "not for everybody");
  server = await createSandboxServer({ port: 0, tokens: [token], handlers: [playground(folder)] });
});

after(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string, options: RequestInit = {}) =>
  fetch(new URL(path, server.url), { redirect: "manual", ...options });

describe("files of the playground", () => {
  test("are for everybody, with a policy that lets only its own scripts run", async () => {
    const answer = await get("/playground/");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(await answer.text(), /here/);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'; script-src 'self'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
    const script = await get("/playground/main.js");
    assert.equal(script.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.equal((await get("/v1/sandboxes")).status, 401);
  });

  test("are at their address with a slash, and only read", async () => {
    const moved = await get("/playground");
    assert.equal(moved.status, 308);
    assert.equal(moved.headers.get("location"), "/playground/");
    assert.equal((await get("/playground/", { method: "POST" })).status, 405);
    const head = await get("/playground/main.js", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  });

  for (const path of ["secret.key", "..%2fpackage.json", "constructor", "index.html/"]) {
    test(`nothing else is there: ${path}`, async () => {
      assert.equal((await get(`/playground/${path}`)).status, 404);
    });
  }

  test("have no script and no style in the page, and name nothing of elsewhere", () => {
    const page = readFileSync(join(root, "examples/playground/src/index.html"), "utf8");
    assert.doesNotMatch(
      page,
      /<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:|https?:/,
    );
    assert.doesNotMatch(
      readFileSync(join(root, "examples/playground/src/main.css"), "utf8"),
      /url\(|https?:/,
    );
  });

  test("the command line says what to do where they are not", () => {
    assert.equal(playground(join(folder, "nowhere")), undefined);
    const copy = mkdtempSync(join(tmpdir(), "secure-exec-playground-"));
    try {
      const program = `
        const Module = require("node:module");
        const file = require.resolve(${JSON.stringify(join(root, "lib/server/playground.cjs"))});
        require.cache[file] = Object.assign(new Module(file), { exports: { playground: () => undefined }, loaded: true });
        require(${JSON.stringify(join(root, "lib/cli/serve.cjs"))})
          .serve([], { playground: true, noAuth: true, allowedOrigins: [] })
          .catch((error) => console.log(error.constructor.name, error.message));
      `;
      const { stdout } = spawnSync(process.execPath, ["-e", program], {
        cwd: copy,
        encoding: "utf8",
      });
      assert.match(stdout, /^CommandError --playground: .*npm run playground/);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

describe("terminals of clients", () => {
  type Ask = { id: number; answer: Promise<{ result: { pid: number } }> };
  type Client = {
    open(): Promise<void>;
    close(): void;
    ask(call: object): Ask;
    forget(request: Ask): void;
  };
  let address: URL;
  let link: Client;

  const connect = async (): Promise<Client> => {
    const client: Client = new Link(address, { token, tls: {}, reconnectSeconds: 5 });
    await client.open();
    return client;
  };

  before(async () => {
    const answer = await get("/v1/sandboxes", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: "{}",
    });
    const { sandboxId } = (await answer.json()) as { sandboxId: string };
    address = new URL(`/v1/sandboxes/${sandboxId}`, server.url);
    link = await connect();
  });

  after(() => link?.close());

  /** Opens a terminal, whose output is looked for texts. */
  function open(client: Client, params: object = {}) {
    let screen = "";
    const looks = new Set<() => void>();
    const end = Promise.withResolvers<{ event: string; exitCode?: number }>();
    const request = client.ask({
      method: "terminal.open",
      params: { cols: 91, rows: 17, ...params },
      goesOn: true,
      listener: {
        output: (_channel: string, data: Uint8Array) => {
          screen += decoder.decode(data, { stream: true });
          for (const look of looks) look();
        },
        event: end.resolve,
        lost: end.reject,
      },
    });
    const shows = (wanted: RegExp) =>
      new Promise<string>((resolve) => {
        const look = () => {
          if (!wanted.test(screen)) return;
          looks.delete(look);
          resolve(screen);
        };
        looks.add(look);
        look();
      });
    const call = (method: string, more: object = {}, body?: Buffer) =>
      client.ask({ method, params: { terminal: request.id, ...more }, body }).answer;
    const type = (text: string) => call("terminal.write", {}, Buffer.from(text));
    return { request, end: end.promise, shows, call, type };
  }

  test("show what a program writes, and take what is typed, in a window of the size", async () => {
    const { request, shows, type, call, end } = open(link);
    assert.ok((await request.answer).result.pid > 0);
    await type("stty size\n");
    await shows(/17 91/);
    await call("terminal.resize", { cols: 120, rows: 40 });
    await type("stty size\n");
    await shows(/40 120/);
    await type("exit 7\n");
    const { event, exitCode } = await end;
    assert.deepEqual({ event, exitCode }, { event: "exit", exitCode: 7 });
  });

  test("are refused with the option that is wrong", async () => {
    for (const [params, message] of [
      [{ cols: 0 }, /cols/],
      [{ nope: 1 }, /nope/],
      [{ signal: {} }, /signal/],
    ] as const) {
      await assert.rejects(open(link, params).request.answer, message);
    }
    const other = { method: "terminal.write", params: { terminal: 4_000_000 } };
    await assert.rejects(link.ask(other).answer, /terminal/);
    const { request, call } = open(link);
    await request.answer;
    await assert.rejects(call("terminal.resize", { cols: "x", rows: 1 }), /cols/);
    await assert.rejects(call("terminal.kill", { signal: "SIGNOPE" }), /SIGNOPE/);
    await call("terminal.kill", { signal: "SIGKILL" });
  });

  test("end with their client, and with the request", async () => {
    const leaver = await connect();
    const left = open(leaver, { command: "sleep", args: ["1234"] });
    const forgotten = open(link, { command: "sleep", args: ["5678"] });
    // Nobody is told of the end of what was let go.
    left.end.catch(() => {});
    forgotten.end.catch(() => {});
    await Promise.all([left.request.answer, forgotten.request.answer]);
    const sleeps = "ps -e -o args | grep -c '^sleep [15]'";
    const watch = (until: string) => {
      const line = `until [ "$(${sleeps})" = ${until} ]; do sleep 0.02; done; echo seen-${until}`;
      return open(link, { command: "sh", args: ["-c", line] }).shows(new RegExp(`seen-${until}`));
    };
    await watch("2");
    leaver.close();
    await watch("1");
    link.forget(forgotten.request);
    await watch("0");
  });

  test("hold up a program that writes without a pause, and what is typed without end is refused", async () => {
    const flood = await connect();
    let heard = 0;
    const loud = flood.ask({
      method: "terminal.open",
      params: { command: "sh", args: ["-c", "yes"] },
      goesOn: true,
      // Never taken.
      listener: {
        output: (_: string, data: Uint8Array) => {
          heard += data.length;
          return new Promise(() => {});
        },
      },
    });
    await loud.answer;
    const deaf = open(flood, {
      command: "sh",
      args: ["-c", "stty raw -echo; echo ready; sleep 1000"],
    });
    deaf.end.catch(() => {});
    await deaf.shows(/ready/);
    const piece = Buffer.alloc(4 * 1024 * 1024, "x");
    const writes = Array.from({ length: 12 }, () => deaf.call("terminal.write", {}, piece));
    await assert.rejects(Promise.race(writes), { code: "ERR_RESOURCE_LIMIT" });
    for (const write of writes) write.catch(() => {});
    assert.ok(heard > 0 && heard < 2 * 1024 * 1024, `${heard} bytes came`);
    flood.close();
    const { request, shows } = open(link, { command: "echo", args: ["still here"] });
    await request.answer;
    await shows(/still here/);
  });
});

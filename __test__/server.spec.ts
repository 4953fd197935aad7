// Servers of sandboxes: who may come in, what they may ask for, and how they end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { createSandboxServer, Sandbox, VmError } from "../index.js";
import { ask, connectTo, metric, other, Raw, token, withServer } from "./support/server.ts";
import { describe, test } from "./support/suite.ts";

const tls = (name: string) => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url));
const unknownId = "00000000-0000-4000-8000-000000000000";

describe("the API of HTTP", () => {
  test("makes, tells of, uses and ends sandboxes", async () => {
    await withServer({}, async (server) => {
      const files = { "/app/a": "x", "/app/b": { base64: "AP8=", mode: 0o600 } };
      const options = { env: { A: "1" }, cwd: "/tmp", files };
      const made = await ask(server, "/v1/sandboxes", { method: "POST", body: { options } });
      const { sandboxId } = made.json;
      const at = `/v1/sandboxes/${sandboxId}`;
      assert.deepEqual([made.status, made.headers.get("location")], [201, at]);
      assert.equal((await ask(server, at)).json.sandboxId, sandboxId);
      assert.equal((await ask(server, "/v1/sandboxes")).json.sandboxes.length, 1);

      const run = async (body: object) =>
        (await ask(server, `${at}/exec/run`, { method: "POST", body })).json;
      const command = "pwd; echo $A; cat; wc -c < /app/b; exit 3";
      const stdout = "/tmp\n1\ninput2\n";
      assert.deepEqual(await run({ command, stdin: "input" }), { exitCode: 3, stdout, stderr: "" });
      const late = await run({ command: "sleep 100", timeout: 0.05 });
      assert.deepEqual([late.exitCode, late.stderr], [-1, "Process timed out"]);

      const file = `${at}/files?path=/tmp/new%20file`;
      const bytes = new Uint8Array([0, 255, 10]);
      assert.equal((await ask(server, file, { method: "PUT", body: bytes })).status, 204);
      const read = await fetch(server.url + file, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.deepEqual(new Uint8Array(await read.arrayBuffer()), bytes);
      const files2 = async (name: string, body: object) =>
        (await ask(server, `${at}/files/${name}`, { method: "POST", body })).json.value;
      assert.equal((await files2("stat", { path: "/tmp/new file" })).size, 3);
      await files2("rename", { from: "/tmp/new file", to: "/tmp/moved" });
      await files2("mkdir", { path: "/tmp/a/b", options: { recursive: true } });
      assert.deepEqual(await files2("readDir", { path: "/tmp" }), ["a", "moved"]);
      const more = `${file.replace("new%20file", "moved")}&append=true`;
      assert.equal((await ask(server, more, { method: "PUT", body: bytes })).status, 204);
      await files2("chmod", { path: "/tmp/moved", mode: 0o755 });
      await files2("symlink", { target: "../moved", path: "/tmp/a/link" });
      await files2("cp", { from: "/tmp/a/link", to: "/tmp/a/b/second" });
      const { size, mode } = await files2("stat", { path: "/tmp/moved" });
      assert.deepEqual([size, mode & 0o777], [6, 0o755]);
      const archived = await ask(server, `${at}/files/archive?path=/tmp/a`);
      assert.equal(archived.headers.get("content-type"), "application/x-tar");
      const names = archived.text.match(/(?<=^|\0)\.\/[^\0]*(?=\0)/g);
      assert.deepEqual(names?.sort(), ["./", "./b/", "./b/second", "./link"]);
      assert.equal((await ask(server, `${at}/files/archive?path=/none`)).status, 404);
      const encoded = { method: "PUT", body: bytes, headers: { "content-encoding": "gzip" } };
      const refused = await ask(server, file, encoded);
      assert.deepEqual([refused.status, refused.json.error.code], [400, "ERR_INVALID_ARG_VALUE"]);
      const wrong = { method: "POST", body: { path: "/tmp/moved", mod: 1 } };
      assert.match((await ask(server, `${at}/files/chmod`, wrong)).json.error.message, /body\.mod/);
      const removal = `${at}/files?path=/tmp/a&recursive=true`;
      assert.equal((await ask(server, removal, { method: "DELETE" })).status, 204);
      assert.equal(await files2("exists", { path: "/tmp/a" }), false);

      assert.equal((await ask(server, at, { method: "DELETE" })).status, 204);
      assert.equal((await ask(server, at)).status, 404);
      assert.equal(server.sandboxes, 0);
    });
  });

  test("does once what has the same key", async () => {
    await withServer({}, async (server) => {
      const again = { method: "POST", headers: { "idempotency-key": "k" } };
      const made = await Promise.all([1, 2].map(() => ask(server, "/v1/sandboxes", again)));
      assert.equal(made[0]?.json.sandboxId, made[1]?.json.sandboxId);
      assert.equal(server.sandboxes, 1);
      const run = `/v1/sandboxes/${made[0]?.json.sandboxId}/exec/run`;
      const body = { command: "echo x >> /tmp/x; wc -l < /tmp/x" };
      const ran = await Promise.all([1, 2].map(() => ask(server, run, { ...again, body })));
      assert.deepEqual(
        ran.map(({ json }) => json.stdout),
        ["1\n", "1\n"],
      );
      assert.equal((await ask(server, run, { method: "POST", body })).json.stdout, "2\n");
    });
  });

  test("kills a command when whoever waits for it hangs up", async () => {
    await withServer({}, async (server) => {
      await using sandbox = await connectTo(server);
      const controller = new AbortController();
      const started = await sandbox.exec.start("while [[ ! -e /tmp/up ]]; do sleep 0.01; done");
      const running = ask(server, `/v1/sandboxes/${sandbox.sandboxId}/exec/run`, {
        method: "POST",
        body: { command: "touch /tmp/up; sleep 1000" },
        signal: controller.signal,
      });
      await started.done;
      controller.abort();
      await assert.rejects(running);
      const gone = "while pgrep sleep > /dev/null; do sleep 0.01; done";
      assert.equal((await sandbox.exec.run(gone)).exitCode, 0);
    });
  });

  test("says what is wrong with a request", async () => {
    await withServer({}, async (server) => {
      const post = (path: string, body?: unknown, headers = {}) =>
        ask(server, path, { method: "POST", headers, ...(body !== undefined && { body }) });
      const unknown = await ask(server, `/v1/sandboxes/${unknownId}`);
      assert.deepEqual([unknown.status, unknown.json.error.code], [404, "ERR_SANDBOX_NOT_FOUND"]);
      assert.match(
        unknown.json.error.message,
        /has ended, or the server has started anew.*Make one/,
      );
      const wrong = [
        [await post("/v1/sandboxes", { options: { colour: 1 } }), 400, /options\.colour/],
        [await post("/v1/sandboxes", { colour: 1 }), 400, /body\.colour/],
        [await post("/v1/sandboxes", { options: { cwd: "x" } }), 400, /options\.cwd/],
        [await post("/v1/sandboxes", new TextEncoder().encode("{")), 400, /JSON/],
        [await post("/v1/sandboxes", {}, { "content-type": "text/plain" }), 400, /content-type/],
        [await ask(server, "/v1/sandboxes", { method: "PATCH" }), 405, /POST, not PATCH/],
        [await ask(server, "/v1/other"), 404, /nothing at "\/v1\/other"/],
        [await ask(server, "/"), 404, /nothing at "\/"/],
      ] as const;
      for (const [{ status, json }, expected, message] of wrong) {
        assert.equal(status, expected);
        assert.match(json.error.message, message);
      }
    });
  });
});

describe("who may come in", () => {
  test("shows a token, and sees nothing of what others have", async () => {
    const tokens = [
      { token, name: "first" },
      { token: other, name: "second" },
    ];
    await withServer({ tokens }, async (server) => {
      const headers = { authorization: "" };
      for (const authorization of [
        "",
        "Bearer",
        "Bearer wrong",
        `Basic ${token}`,
        `Bearer ${token}x`,
      ]) {
        const { status, json } = await ask(server, "/v1/sandboxes", { headers: { authorization } });
        assert.deepEqual([status, json.error.code], [401, "ERR_UNAUTHORIZED"]);
      }
      assert.equal((await ask(server, "/metrics", { headers })).status, 401);
      assert.equal((await ask(server, "/healthz", { headers })).status, 200);
      assert.equal((await ask(server, "/readyz", { headers })).status, 200);
      await assert.rejects(Sandbox.connect(server.url), { code: "ERR_UNAUTHORIZED" });
      assert.equal(await metric(server, 'rejected_total{reason="auth"}'), 7);

      await using sandbox = await connectTo(server);
      const { sandboxId } = sandbox;
      const theirs = { authorization: `Bearer ${other}` };
      const answers = [sandboxId, unknownId].map(async (id) => {
        const { status, text } = await ask(server, `/v1/sandboxes/${id}`, { headers: theirs });
        return [status, text.replaceAll(id, "ID")];
      });
      const [known, unknown] = await Promise.all(answers);
      assert.deepEqual(known, unknown);
      assert.deepEqual((await ask(server, "/v1/sandboxes", { headers: theirs })).json, {
        sandboxes: [],
      });
      for (const method of ["DELETE", "GET"]) {
        const { status } = await ask(server, `/v1/sandboxes/${sandboxId}`, {
          method,
          headers: theirs,
        });
        assert.equal(status, 404);
      }
      const attached = Sandbox.connect(server.url, { token: other, sandboxId });
      await assert.rejects(attached, { code: "ERR_SANDBOX_NOT_FOUND" });
      assert.equal((await sandbox.exec.run("echo here")).stdout, "here\n");
    });
  });

  test("is a page that shows its token as a subprotocol", async () => {
    await withServer({}, async (server) => {
      await using sandbox = await connectTo(server);
      const address = `${server.url.replace("http", "ws")}/v1/sandboxes/${sandbox.sandboxId}/connect`;
      const url = `${address}?client=a-page-with-a-name`;
      const bearer = (text: string) =>
        `secure-exec.bearer.${Buffer.from(text).toString("base64url")}`;
      const page = new Raw(url, ["secure-exec.v1", bearer(token)]);
      const hello = await page.next((message) => message.hello);
      assert.deepEqual(
        [hello.sandboxId, page.socket.protocol],
        [sandbox.sandboxId, "secure-exec.v1"],
      );
      page.socket.close();
      for (const [address, protocols] of [
        [url, ["secure-exec.v1", bearer("wrong")]],
        [url, [bearer(token)]],
        [url.replace("a-page-with-a-name", "short"), ["secure-exec.v1", bearer(token)]],
      ] as const) {
        const refused = new Raw(address, [...protocols]);
        const [, response] = await once(refused.socket, "unexpected-response");
        assert([400, 401].includes(response.statusCode), String(response.statusCode));
        response.destroy();
      }
    });
  });

  test("is no page of another site", async () => {
    const allowedOrigins = ["https://example.org"];
    await withServer({ noAuth: true, allowedOrigins }, async (server) => {
      const from = async (headers: Record<string, string>) =>
        await new Promise<number>((resolve, reject) => {
          const asked = request(`${server.url}/v1/sandboxes`, { headers }, (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          asked.once("error", reject).end();
        });
      const host = new URL(server.url).host;
      assert.equal(await from({}), 200);
      assert.equal(await from({ host, origin: server.url }), 200);
      assert.equal(await from({ host, origin: "https://example.org" }), 200);
      assert.equal(await from({ host, origin: "https://example.com" }), 403);
      assert.equal(await from({ host, origin: "null" }), 403);
      // A name of somebody's that leads to this machine.
      assert.equal(await from({ host: "example.com", origin: "http://example.com" }), 403);
    });
  });

  test("is somebody, unless the server says otherwise", async () => {
    const wrong = [
      [{}, /options\.tokens/],
      [{ tokens: [] }, /options\.tokens/],
      [{ tokens: ["short"] }, /16 to 4096/],
      [{ tokens: [token, token] }, /two of the same token/],
      [{ noAuth: true, tokens: [token] }, /contradicts/],
      [{ noAuth: true, host: "0.0.0.0" }, /only this machine reaches/],
      [{ tokens: [token], colour: 1 }, /options\.colour/],
      [{ tokens: [{ token, allow: ["mounts"] }] }, /must be one of/],
    ] as const;
    for (const [options, message] of wrong) {
      // @ts-expect-error They are wrong.
      await assert.rejects(createSandboxServer(options), (error: Error) => {
        assert.match(error.message, message);
        assert(!error.message.includes("short"), error.message);
        return true;
      });
    }
  });

  test("comes by TLS where the server has a certificate", async () => {
    const secure = { cert: tls("server-cert"), key: tls("server-key") };
    await withServer({ tls: secure }, async (server) => {
      assert.match(server.url, /^https:/);
      await using sandbox = await connectTo(server, { tls: { ca: tls("ca-cert") } });
      assert.equal((await sandbox.exec.run("echo safe")).stdout, "safe\n");
      await assert.rejects(connectTo(server), { code: "ERR_CONNECTION_LOST" });
      await assert.rejects(connectTo(server, { tls: { ca: tls("other-cert") } }), VmError);
    });
  });
});

describe("what clients may ask for", () => {
  const limits = { resources: { maxFilesystemBytes: 8 * 2 ** 20, maxFileBytes: 8 * 2 ** 20 } };

  test("is nothing that reaches the host", async () => {
    await withServer({}, async (server) => {
      const names = ["mounts", "nodeModules", "tools", "bindings", "filesystem", "commandsDir"];
      const more = ["v8Runtime", "wasmCommandDirs", "loopbackExemptPorts", "isolation", "onTrace"];
      for (const name of [...names, ...more, "requireIsolation", "onLimitWarning", "onToolError"]) {
        const message = new RegExp(`options\\.${name}".*cannot be given to a server`);
        await assert.rejects(connectTo(server, { [name]: [] }), {
          code: "ERR_INVALID_ARG_VALUE",
          message,
        });
        const { status, json } = await ask(server, "/v1/sandboxes", {
          method: "POST",
          body: { options: { [name]: [] } },
        });
        assert.equal(status, 400);
        assert.match(json.error.message, message);
      }
      const timing = { jsRuntime: { highResolutionTime: true } };
      await assert.rejects(
        connectTo(server, timing),
        /options\.jsRuntime" is not taken by this server/,
      );
      assert.equal(server.sandboxes, 0);
    });
    await withServer({ tokens: [{ token, allow: ["jsRuntime"] }] }, async (server) => {
      await using sandbox = await connectTo(server, { jsRuntime: { highResolutionTime: true } });
      assert.match(sandbox.sandboxId, /-/);
    });
  });

  test("is no more than its token has", async () => {
    await withServer({ tokens: [{ token, limits }] }, async (server) => {
      const fill = "head -c 9000000 /dev/zero > /tmp/a";
      const of = (bytes: number) => ({
        limits: { resources: { maxFilesystemBytes: bytes, maxFileBytes: bytes } },
      });
      await using usual = await connectTo(server);
      assert.notEqual((await usual.exec.run(fill)).exitCode, 0);
      await using less = await connectTo(server, of(4 * 2 ** 20));
      assert.notEqual((await less.exec.run("head -c 5000000 /dev/zero > /tmp/a")).exitCode, 0);
      const tooMuch = {
        code: "ERR_OUT_OF_RANGE",
        message: /options\.limits\.resources\.max.*the most/,
      };
      await assert.rejects(connectTo(server, of(16 * 2 ** 20)), tooMuch);
      const memory = { limits: { resources: { maxMemoryBytes: 2 ** 40 } } };
      await assert.rejects(connectTo(server, memory), tooMuch);
    });
  });

  test("is a number of sandboxes", async () => {
    const tokens = [{ token, maxSandboxes: 2 }, { token: other }];
    await withServer({ tokens, maxSandboxes: 3 }, async (server) => {
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => connectTo(server)));
      const made = results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      assert.equal(made.length, 2);
      await assert.rejects(connectTo(server), {
        code: "ERR_TOO_MANY_SANDBOXES",
        message: /This token has 2/,
      });
      await Sandbox.connect(server.url, { token: other });
      const full = Sandbox.connect(server.url, { token: other });
      await assert.rejects(full, { code: "ERR_TOO_MANY_SANDBOXES", message: /server is full/ });
      await made[0]?.kill();
      await connectTo(server);
      const { status, headers } = await ask(server, "/v1/sandboxes", { method: "POST" });
      assert.deepEqual([status, headers.get("retry-after")], [429, "1"]);
    });
  });

  test("is as many bytes as a body may have", async () => {
    await withServer({ maxBodyBytes: 100_000 }, async (server) => {
      await using sandbox = await connectTo(server);
      const { exec, files, sandboxId } = sandbox;
      await files.writeFile("/tmp/a", Buffer.alloc(100_000));
      await assert.rejects(files.writeFile("/tmp/a", Buffer.alloc(100_001)), {
        code: "ERR_BODY_TOO_LARGE",
      });
      await assert.rejects(exec.run("cat", { stdin: Buffer.alloc(200_000) }), {
        code: "ERR_BODY_TOO_LARGE",
      });
      assert.equal((await files.stat("/tmp/a")).size, 100_000);
      const path = `/v1/sandboxes/${sandboxId}/files?path=/tmp/b`;
      const body = Buffer.alloc(100_001);
      assert.equal((await ask(server, path, { method: "PUT", body })).status, 413);
      // One that does not say how long it is.
      const asked = request(server.url + path, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}` },
      });
      const answered = once(asked, "response");
      asked.on("error", () => {});
      asked.write(body);
      const [response] = await answered;
      assert.equal(response.statusCode, 413);
      asked.destroy();
      assert.equal(await files.exists("/tmp/b"), false);
      // What was refused is not counted any more.
      for (let n = 0; n < 5; n += 1) await files.writeFile("/tmp/a", Buffer.alloc(100_000));
    });
  });
});

describe("a server's sandboxes", () => {
  test("end when nobody uses them, or have lived for long enough", async () => {
    const ended = Promise.withResolvers<void>();
    const onLog = (message: string) => message === "sandbox ended" && ended.resolve();
    await withServer({ idleSeconds: 1, onLog }, async (server) => {
      const idle = await connectTo(server);
      const busy = await connectTo(server);
      const session = await busy.exec.start("sleep 2; echo done");
      idle.close();
      busy.close();
      await ended.promise;
      const { sandboxId } = idle;
      await assert.rejects(connectTo(server, { sandboxId }), { code: "ERR_SANDBOX_NOT_FOUND" });
      await using again = await connectTo(server, { sandboxId: busy.sandboxId });
      const attached = await again.exec.attach(session.sessionId);
      assert.equal(await attached.done, 0);
      assert.equal(await metric(server, 'sandboxes_ended_total{why="idle"}'), 1);
    });
    await withServer({ lifetimeSeconds: 1 }, async (server) => {
      const { exec } = await connectTo(server);
      assert.notEqual((await exec.run("sleep 1000").catch(() => ({ exitCode: 137 }))).exitCode, 0);
      await assert.rejects(exec.run("true"), { code: "ERR_VM_DISPOSED" });
    });
  });

  test("are counted", async () => {
    await withServer({}, async (server) => {
      await using sandbox = await connectTo(server);
      await sandbox.exec.run("echo hello");
      const session = await sandbox.exec.start("sleep 1000");
      assert.equal(await metric(server, "sandboxes"), 1);
      assert.equal(await metric(server, "connections"), 1);
      assert.equal(await metric(server, "sessions_running"), 1);
      assert.equal(await metric(server, 'request_duration_seconds_count{method="exec.run"}'), 1);
      assert(await metric(server, "sent_bytes_total"));
      await session.kill();
      await session.done;
      assert.equal(await metric(server, "sessions_running"), 0);
      const { text } = await ask(server, "/metrics");
      for (const line of text.trim().split("\n")) {
        assert.match(
          line,
          /^(?:# (?:HELP|TYPE) secure_exec_\w+ .+|secure_exec_\w+(?:\{[^}]*\})? [\d.e+-]+)$/,
        );
      }
    });
  });

  test("go on until they are done when the server drains", async () => {
    await withServer({ drainSeconds: 600 }, async (server) => {
      const sandbox = await connectTo(server);
      const running = sandbox.exec.run("read; echo done", { onStdout: () => {} });
      const session = await sandbox.exec.start("read -r x; echo $x");
      const drained = server.drain();
      assert.equal((await ask(server, "/readyz")).status, 503);
      assert.equal((await ask(server, "/healthz")).status, 200);
      await assert.rejects(connectTo(server), { code: "ERR_SERVER_DRAINING" });
      assert.equal((await running).stdout, "done\n");
      session.sendStdin("x\n");
      assert.equal(await session.done, 0);
      assert.equal(server.sandboxes, 1);
      sandbox.close();
      await drained;
      assert.equal(server.sandboxes, 0);
      await assert.rejects(connectTo(server), { code: "ERR_CONNECTION_LOST" });
    });
    await withServer({ drainSeconds: 0 }, async (server) => {
      const { exec } = await connectTo(server, { reconnectSeconds: 0 });
      const session = await exec.start("sleep 1000");
      await server.drain();
      assert.notEqual(await session.done.catch(() => 137), 0);
    });
  });

  test("do not wait for whoever sends slowly", { timeout: 60_000 }, async () => {
    await withServer({}, async (server) => {
      const slow = connect(server.port, "127.0.0.1");
      let answer = "";
      slow.setEncoding("latin1").on("data", (text: string) => {
        answer += text;
      });
      slow.write("GET /healthz HTTP/1.1\r\nHost: x\r\n");
      const timer = setInterval(() => slow.write("X-A: b\r\n"), 500);
      slow.on("error", () => {});
      await once(slow, "close");
      clearInterval(timer);
      assert.match(answer, /^HTTP\/1\.1 408 /);
    });
  });
});

// The runtime of kubernetes-sigs/agent-sandbox: what its Python client sends, and what it reads of the answers.

import assert from "node:assert/strict";
import { createSandboxServer } from "../index.js";
import { token } from "./support/server.ts";
import { describe, test } from "./support/suite.ts";

async function withRuntime(work: (ask: Ask) => Promise<void>) {
  const options = { port: 0, agentSandboxPort: 0, tokens: [token], maxBodyBytes: 1_000_000 };
  await using server = await createSandboxServer(options);
  await work(async (path, init) => {
    const response = await fetch(`${server.agentSandboxUrl}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return [response.status, isJson ? JSON.parse(text) : text];
  });
}

type Ask = (path: string, init?: RequestInit) => Promise<[number, unknown]>;

const execute = (ask: Ask, body: object) =>
  ask("/execute", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

function upload(ask: Ask, name: string, data: string, field = "file") {
  const form = new FormData();
  form.set(field, new File([data], name));
  return ask("/upload", { method: "POST", body: form });
}

describe("the runtime of agent-sandbox", () => {
  test("says that it is there", async () => {
    await withRuntime(async (ask) => {
      const message = "Sandbox Runtime is active.";
      assert.deepEqual(await ask("/"), [200, { status: "ok", message }]);
      assert.deepEqual(await ask("/nothing"), [404, { detail: "Not Found" }]);
      assert.equal((await ask("/execute"))[0], 404);
    });
  });

  test("runs the words of a line", async () => {
    await withRuntime(async (ask) => {
      const lines = [
        ["pwd", "/app\n", "", 0],
        [`echo 'a $HOME'  "b \\" \\$c" d\\ e ''`, 'a $HOME b " \\$c d e \n', "", 0],
        ["sh -c 'echo out; echo err >&2; exit 3'", "out\n", "err\n", 3],
        ["sh -c 'kill -9 $$'", "", "", -9],
        ["nothing-there", "", "nothing-there: command not found\n", 127],
        ["echo 'open", "", /Failed to execute command: .*quotation/, 1],
        ["  ", "", /Failed to execute command: /, 1],
      ] as const;
      for (const [command, stdout, stderr, exitCode] of lines) {
        const [status, answer] = await execute(ask, { command });
        const result = answer as { stdout: string; stderr: string; exit_code: number };
        assert.deepEqual(
          [status, result.stdout, result.exit_code],
          [200, stdout, exitCode],
          command,
        );
        if (typeof stderr === "string") assert.equal(result.stderr, stderr);
        else assert.match(result.stderr, stderr);
      }
      assert.equal((await execute(ask, {}))[0], 422);
      assert.equal((await execute(ask, { command: 5 }))[0], 422);
    });
  });

  test("takes files and gives them, below its folder", async () => {
    await withRuntime(async (ask) => {
      const message = "File 'data/in put.txt' uploaded successfully.";
      assert.deepEqual(await upload(ask, "data/in put.txt", "hello"), [200, { message }]);
      assert.deepEqual(await ask("/download/data%2Fin%20put.txt"), [200, "hello"]);
      assert.deepEqual((await execute(ask, { command: "cat 'data/in put.txt'" }))[1], {
        stdout: "hello",
        stderr: "",
        exit_code: 0,
      });
      const [status, entries] = await ask("/list/data");
      const [entry] = entries as { name: string; size: number; type: string; mod_time: number }[];
      assert.equal(status, 200);
      assert(Math.abs((entry?.mod_time ?? 0) - Date.now() / 1000) < 100);
      assert.deepEqual(
        { ...entry, mod_time: 0 },
        { name: "in put.txt", size: 5, type: "file", mod_time: 0 },
      );
      const known = { path: "data/in put.txt", exists: true };
      assert.deepEqual(await ask("/exists/data%2Fin%20put.txt"), [200, known]);
      assert.deepEqual(await ask("/exists/no"), [200, { path: "no", exists: false }]);
      assert.equal((await ask("/download/no"))[0], 404);
      assert.equal((await ask("/download/data"))[0], 404);
      assert.equal((await ask("/list/no"))[0], 404);
    });
  });

  test("refuses at once what no program takes, and forms that have no files", async () => {
    const options = { port: 0, agentSandboxPort: 0, tokens: [token] };
    await using server = await createSandboxServer(options);
    const send = async (path: string, type: string, body: string) => {
      const headers = { "content-type": type };
      return await fetch(`${server.agentSandboxUrl}${path}`, { method: "POST", headers, body });
    };
    const command = "echo ".padEnd(5 << 20, "a ");
    const told = await send("/execute", "application/json", JSON.stringify({ command }));
    const stderr = "Failed to execute command: it is too long";
    assert.deepEqual(await told.json(), { stdout: "", stderr, exit_code: 1 });
    const form = await send(
      "/upload",
      "application/x-www-form-urlencoded",
      "file=x&".repeat(1 << 20),
    );
    assert.equal(form.status, 422);
  });

  test("gives nothing else, whatever it is sent", async () => {
    await withRuntime(async (ask) => {
      for (const path of ["..%2Fetc%2Fpasswd", "a%2F..%2F..%2Fetc", "%00", "%ff", "..%2Fapp2"]) {
        for (const name of ["download", "list", "exists"]) {
          assert.deepEqual(
            await ask(`/${name}/${path}`),
            [403, { message: "Access denied" }],
            path,
          );
        }
      }
      assert.equal((await upload(ask, "../../etc/x", "x"))[0], 403);
      assert.equal((await upload(ask, "x", "x", "other"))[0], 422);
      assert.equal((await ask("/upload", { method: "POST", body: "garbage" }))[0], 422);
      assert.equal((await upload(ask, "large", "x".repeat(2_000_000)))[0], 413);
      const headers = { origin: "https://example.com" };
      assert.equal((await ask("/", { headers }))[0], 403);
      assert.equal((await ask("/"))[0], 200);
    });
  });
});

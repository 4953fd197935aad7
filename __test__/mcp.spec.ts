// `secure-exec mcp` and createMcpServer, driven by the SDK's own client.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { createMcpServer } from "secure-exec/ai";
import { cli, run } from "./support/cli.ts";
import { withRuntime } from "./support/guest.ts";
import {
  type Answer,
  type CallOptions,
  Client,
  InMemoryTransport,
  StdioClientTransport,
  type Transport,
} from "./support/mcp-client.mjs";
import { root } from "./support/releases.ts";
import { describe, test } from "./support/suite.ts";
import { ended } from "./support/vm-process.ts";

type Call = (name: string, input: object, options?: CallOptions) => Promise<Answer>;

async function connected<T>(
  transport: Transport,
  work: (call: Call, client: Client) => Promise<T>,
) {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  const call: Call = async (name, input, options) =>
    await client.callTool({ name, arguments: input }, undefined, options);
  try {
    return await work(call, client);
  } finally {
    await client.close();
  }
}

/** The command line's server. */
function withServer<T>(flags: string[], work: (call: Call, client: Client) => Promise<T>) {
  const args = [cli, "mcp", ...flags];
  return connected(new StdioClientTransport({ command: process.execPath, args }), work);
}

const text = ({ content }: Answer) => content[0]?.text;

/** A call that its client has cancelled when it is under way. */
async function cancelled(call: Call, name: string, input: object) {
  const stop = new AbortController();
  const onprogress = () => stop.abort("enough");
  await assert.rejects(call(name, input, { signal: stop.signal, onprogress }), /enough/);
}

describe("secure-exec mcp", () => {
  test("has tools with schemas, and says what it is", async () => {
    await withServer([], async (_, client) => {
      const { tools } = await client.listTools();
      const names = tools.map(({ name }) => name);
      assert.deepEqual(names, ["run", "shell", "read_file", "write_file", "list_files"]);
      for (const { description, inputSchema } of tools) {
        assert((description ?? "").length > 20);
        assert.equal(inputSchema.type, "object");
      }
      assert.equal(client.getServerVersion()?.name, "secure-exec");
      assert.match(client.getInstructions() ?? "", /sandbox/);
    });
  });

  test("runs code, keeps the shell's state, and has files", async () => {
    await withServer([], async (call) => {
      const code = `const six: number = 6; console.log(six * 7); console.error("note");`;
      const ran = await call("run", { code });
      assert.deepEqual([text(ran), ran.isError], ["42\n[stderr]\nnote\n", false]);
      const failed = await call("run", { code: `throw new Error("no")` });
      assert.equal(failed.isError, true);
      assert.match(text(failed) ?? "", /Error: no[\s\S]*\[exit status 1\]$/);
      assert.doesNotMatch(text(failed) ?? "", /node:internal/);
      await call("shell", { command: "mkdir -p a/b && cd a/b && X=kept" });
      assert.equal(
        text(await call("shell", { command: 'echo "$X $PWD"' })),
        "kept /workspace/a/b\n",
      );
      assert.match(text(await call("shell", { command: "false" })) ?? "", /\[exit status 1\]/);
      assert.match(text(await call("shell", { command: "exit 3" })) ?? "", /the shell has ended/);
      assert.equal(text(await call("shell", { command: 'echo "$X $PWD"' })), " /workspace\n");
      await call("write_file", { path: "new/in.txt", content: "hello" });
      assert.equal(text(await call("read_file", { path: "/workspace/new/in.txt" })), "hello");
      assert.equal(text(await call("list_files", {})), "a/\nnew/");
      assert.equal(text(await call("list_files", { path: "new" })), "in.txt (5 bytes)");
      await call("write_file", { path: "p.png", content: "AAEC", encoding: "base64" });
      const { content } = await call("read_file", { path: "p.png" });
      assert.deepEqual(content[1], { type: "image", data: "AAEC", mimeType: "image/png" });
    });
  });

  test("bounds answers, and reads long files in parts", async () => {
    await withServer(["--max-chars", "1000"], async (call) => {
      const long = await call("run", { code: `console.log("begin" + "x".repeat(3e6) + "end")` });
      assert((text(long) ?? "").length <= 1000);
      assert.match(text(long) ?? "", /^begin[\s\S]*not all shown/);
      const both = `console.error("y".repeat(9000) + "end"); console.log("short"); process.exit(2)`;
      const answer = text(await call("run", { code: both })) ?? "";
      assert(answer.length <= 1000);
      assert.match(answer, /^short\n\[stderr\]\ny+[\s\S]*y+end\n\[exit status 2\]$/);
      await call("write_file", { path: "long", content: `${"z".repeat(1500)}.` });
      assert.match(
        text(await call("read_file", { path: "long" })) ?? "",
        /\[characters 0 to 900 of 1501\]$/,
      );
      assert.match(text(await call("read_file", { path: "long", offset: 900 })) ?? "", /^z+\.\n\[/);
      const many = await call("shell", {
        command: "mkdir m; cd m; for i in $(seq 2000); do : > name$i; done",
      });
      assert.equal(many.isError, false);
      assert((text(await call("list_files", { path: "/workspace/m" })) ?? "").length <= 1000);
    });
  });

  test("times bound what runs, and the shell survives", async () => {
    await withServer(["--timeout", "3s"], async (call) => {
      await call("shell", { command: "X=1" });
      for (const [name, input] of [
        ["run", { code: "for (;;);", timeoutMs: 300 }],
        ["shell", { command: "while :; do :; done", timeoutMs: 300 }],
        ["run", { code: "await new Promise((r) => setTimeout(r, 1e6))", timeoutMs: 1e6 }],
      ] as const) {
        const answer = await call(name, input);
        assert.deepEqual([text(answer), answer.isError], ["[killed: it took too long]", true]);
      }
      assert.equal(text(await call("shell", { command: "echo $X" })), "1\n");
    });
  });

  test("limits are told", async () => {
    await withServer(["--disk", "2m", "--heap", "32m"], async (call) => {
      const write = `import fs from "node:fs"; fs.writeFileSync("big", Buffer.alloc(5e6))`;
      const full = await call("run", { code: write });
      assert.match(text(full) ?? "", /limit reached: limits\.resources\.max\w+ is 2/);
      const heap = await call("run", {
        code: "const all = []; for (;;) all.push(new Array(1e5).fill(all.length));",
      });
      assert.equal(heap.isError, true);
      assert.match(text(heap) ?? "", /limit reached: limits\.jsRuntime\.v8HeapLimitMb is 32/);
      assert.equal(text(await call("run", { code: "console.log(1)" })), "1\n");
    });
  });

  test("a machine that has ended is told, and so is a shell that has ended with it", async () => {
    const transport = new StdioClientTransport({ command: process.execPath, args: [cli, "mcp"] });
    await connected(transport, async (call) => {
      await call("shell", { command: "X=1; echo 1 > file" });
      const started = Promise.withResolvers<void>();
      const code = `console.log("on"); setInterval(() => {}, 1000)`;
      const waiting = call("run", { code }, { onprogress: () => started.resolve() });
      await started.promise;
      for (const pid of await childrenOf(transport.pid ?? 0)) process.kill(pid, "SIGKILL");
      const answer = await waiting;
      assert.equal(answer.isError, true);
      assert.match(text(answer) ?? "", /the machine has ended, and its files are lost/);
      const next = text(await call("shell", { command: 'echo "$X" $(ls)' }));
      const note = "[this is a new shell: directory and variables are as at first]\n";
      assert.equal(next, `${note}\n`);
      await call("shell", { command: "(kill -9 $$) & wait" });
      assert.match(
        text(await call("shell", { command: "echo 1" })) ?? "",
        /^(\[this is .*\n)?1\n$/,
      );
    });
  });

  test("a machine that begins anew has the files that it was given, with links and empty folders", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-mcp-"));
    try {
      await mkdir(join(folder, "empty/below"), { recursive: true });
      await writeFile(join(folder, "file"), "of the host");
      await symlink("file", join(folder, "link"));
      const args = [cli, "mcp", "--copy", folder, "--file", `${folder}:/data`];
      const transport = new StdioClientTransport({ command: process.execPath, args });
      await connected(transport, async (call, client) => {
        const line = "cd /workspace; cat link /data/link; find . /data | sort; rm -r *";
        const first = text(await call("shell", { command: line }));
        assert.match(first ?? "", /^of the hostof the host\./);
        const [pid] = await childrenOf(transport.pid ?? 0);
        assert(pid);
        process.kill(pid, "SIGKILL");
        await ended(pid);
        // The server may not have heard of it: the call that tells it is lost.
        await call("run", { code: "" });
        const { resources } = await client.listResources();
        assert.deepEqual(
          resources.map(({ name }) => name),
          ["file", "link"],
        );
        const note = "[this is a new shell: directory and variables are as at first]\n";
        const again = text(await call("shell", { command: line }));
        assert.equal(again?.replace(note, ""), first);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("files are resources", async () => {
    await withServer([], async (call, client) => {
      const command = `mkdir -p a/empty 'b c'; echo one > a/one.txt; printf '\\211PNG' > p.png
        echo 1 > 'b c/ü#?.json'; ln -s one.txt a/link; ln -s / root; ln -s nowhere a/gone; mkfifo pipe
        printf '\\0\\1' > binary; : > .empty`;
      assert.equal((await call("shell", { command })).isError, false);
      const { resources, nextCursor } = await client.listResources();
      assert.equal(nextCursor, undefined);
      assert.deepEqual(
        resources.map(({ name, uri, size, mimeType }) => [name, uri, size, mimeType]),
        [
          [".empty", "sandbox:///workspace/.empty", 0, undefined],
          ["a/link", "sandbox:///workspace/a/link", 4, undefined],
          ["a/one.txt", "sandbox:///workspace/a/one.txt", 4, "text/plain"],
          ["b c/ü#?.json", "sandbox:///workspace/b%20c/%C3%BC%23%3F.json", 2, "application/json"],
          ["binary", "sandbox:///workspace/binary", 2, undefined],
          ["p.png", "sandbox:///workspace/p.png", 4, "image/png"],
        ],
      );
      const contents = [];
      for (const { uri } of resources) {
        const [content] = (await client.readResource({ uri })).contents;
        assert.equal(content?.uri, uri);
        contents.push(content?.text ?? content?.blob);
      }
      assert.deepEqual(contents, ["", "one\n", "one\n", "1\n", "AAE=", "iVBORw=="]);
      const { resourceTemplates } = await client.listResourceTemplates();
      assert.equal(resourceTemplates[0]?.uriTemplate, "sandbox://{+path}");
      const read = async (uri: string) => (await client.readResource({ uri })).contents[0]?.text;
      assert.equal(await read("sandbox:///workspace/a/../a/"), "empty/\ngone\nlink\none.txt");
      assert.match((await read("sandbox:///etc/passwd")) ?? "", /root/);
      await call("shell", { command: "head -c 5000000 /dev/zero > large" });
      for (const [uri, code] of [
        ["sandbox:///workspace/nope", -32002],
        ["sandbox:///workspace/a/gone", -32002],
        ["sandbox:///workspace/p.png/x", -32002],
        ["sandbox:///workspace/large", -32602],
        ["sandbox:///workspace/pipe", -32602],
        ["sandbox:///dev/zero", -32602],
        ["sandbox:///a%00b", -32602],
        ["sandbox:///%ff", -32602],
        ["sandbox://host/etc/passwd", -32602],
        ["file:///etc/passwd", -32602],
        ["sandbox:etc", -32602],
        ["", -32602],
      ] as const) {
        await assert.rejects(client.readResource({ uri }), { code }, uri);
      }
      await assert.rejects(client.listResources({ cursor: "x" }), { code: -32602 });
    });
  });

  test("many resources come in pages", async () => {
    await withServer([], async (call, client) => {
      const command =
        "for d in {1..30}; do mkdir -p $d/sub; for f in {1..10}; do : > $d/$f; : > $d/sub/$f; done; done; mkdir -p z/{1..2500}; mkdir -p $(printf 'y/%.0s' {1..2020}); : > $(printf 'y/%.0s' {1..2020})last";
      assert.equal((await call("shell", { command })).isError, false);
      const names: string[] = [];
      let pages = 0;
      for (let cursor: string | undefined; ; pages += 1) {
        const page = await client.listResources(cursor === undefined ? {} : { cursor });
        assert(page.resources.length <= 100);
        names.push(...page.resources.map(({ name }) => name));
        cursor = page.nextCursor;
        if (cursor === undefined) break;
      }
      assert.equal(names.length, 601);
      assert.equal(new Set(names).size, 601);
      assert(pages >= 6 && pages < 20, String(pages));
    });
  });

  test("more programs than fit wait for their turn, which is not their time", async () => {
    await withServer(["--timeout", "15s"], async (call) => {
      const code = `console.log(1)`;
      const calls = Array.from({ length: 300 }, () => call("run", { code }, { timeout: 300_000 }));
      const stop = new AbortController();
      const { signal } = stop;
      const waiting = call("run", { code: "for (;;);" }, { signal, timeout: 300_000 });
      stop.abort("enough");
      await assert.rejects(waiting, /enough/);
      const answers = await Promise.all(calls);
      assert.deepEqual(new Set(answers.map(text)), new Set(["1\n"]));
    });
  });

  test("a client that cancels ends the program, and one that asks hears of output meanwhile", async () => {
    await withServer([], async (call) => {
      await call("shell", { command: "X=1" });
      await cancelled(call, "run", { code: `console.log("on"); setInterval(() => {}, 1000)` });
      await cancelled(call, "shell", { command: "echo on; while :; do :; done" });
      // A client does not wait until what it has cancelled is gone.
      const code = `import { readdirSync, readFileSync } from "node:fs";
        const names = () => readdirSync("/proc")
          .filter((name) => /^\\d+$/.test(name))
          .map((pid) => { try { return readFileSync(\`/proc/\${pid}/comm\`, "utf8").trim(); } catch { return ""; } });
        while (names().join() !== "init,bash,node") await new Promise(setImmediate);
        console.log("alone");`;
      // The shell is free again, and nothing but it and what asks is there.
      assert.equal(text(await call("shell", { command: "echo $X" })), "1\n");
      assert.equal(text(await call("run", { code })), "alone\n");
      // The SDK's client drops what comes together with the answer: the line waits until all was heard.
      const heard: string[] = [];
      const both = Promise.withResolvers<void>();
      const onprogress = ({ message = "" }: { message?: string }) => {
        heard.push(message);
        if (heard.join("").length === 2) both.resolve();
      };
      const command = "printf a; printf b >&2; until [ -e go ]; do :; done";
      const answer = call("shell", { command }, { onprogress });
      await both.promise;
      await call("write_file", { path: "go", content: "" });
      assert.equal(text(await answer), "a\n[stderr]\nb\n");
      assert.equal(heard.sort().join(""), "ab");
    });
  });

  test("calls run beside each other", async () => {
    await withServer([], async (call) => {
      const wait = `import fs from "node:fs"; fs.writeFileSync("one", ""); while (!fs.existsSync("two")) await new Promise((r) => setTimeout(r, 5)); console.log("both")`;
      const answers = await Promise.all([
        call("run", { code: wait }),
        call("run", {
          code: wait.replaceAll("one", "x").replaceAll("two", "one").replace('"x"', '"two"'),
        }),
        call("shell", { command: "echo a; cd /tmp" }),
        call("shell", { command: "pwd" }),
      ]);
      assert.deepEqual(answers.map(text), ["both\n", "both\n", "a\n", "/tmp\n"]);
    });
  });

  test("input that is wrong is an answer that says what, and an unknown tool an error", async () => {
    await withServer([], async (call) => {
      for (const [name, input, message] of [
        ["run", {}, /"code" is a required property/],
        ["run", { code: 1 }, /\/code: /],
        ["run", { code: "1", extra: 1 }, /extra/],
        ["shell", { command: "" }, /\/command: /],
        ["run", { code: "1", timeoutMs: -1 }, /\/timeoutMs: /],
        ["read_file", { path: "nope" }, /ENOENT.*\/workspace\/nope/],
        ["read_file", { path: "/" }, /EISDIR/],
        ["read_file", { path: "a\0b" }, /without null bytes/],
        ["write_file", { path: "/proc/x", content: "" }, /E[A-Z]+/],
        ["list_files", { path: "/nope" }, /ENOENT/],
      ] as const) {
        const answer = await call(name, input);
        assert.equal(answer.isError, true, name);
        assert.match(text(answer) ?? "", message, name);
      }
      await assert.rejects(call("__proto__", {}), /There is no tool/);
      assert.equal(text(await call("run", { code: "console.log(1)" })), "1\n");
    });
  });

  test("flags give it files, folders and limits", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-mcp-"));
    try {
      await writeFile(join(folder, "in.txt"), "of the host");
      const flags = [
        "--mount",
        `${folder}:/data:rw`,
        "--file",
        `${join(folder, "in.txt")}:copied.txt`,
      ];
      await withServer([...flags, "--env", "A=1", "--cwd", "/data"], async (call) => {
        const command = 'cat in.txt /workspace/copied.txt; echo "$A" > out.txt';
        assert.equal(text(await call("shell", { command })), "of the hostof the host\n");
        assert.equal(text(await call("list_files", {})), "in.txt (11 bytes)\nout.txt (2 bytes)");
      });
      assert.equal(await readFile(join(folder, "out.txt"), "utf8"), "1\n");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    for (const [flags, message] of [
      [["--tty"], "--tty belongs to run and exec and shell, not to mcp"],
      [["--max-chars", "10"], "--max-chars is at least 200"],
      [["x"], "mcp takes no operands"],
      [["--mount", "/nowhere:/x"], "--mount takes a folder, which /nowhere is not"],
    ] as const) {
      const { stderr, exitCode } = await run(["mcp", ...flags]);
      assert.deepEqual([stderr.split("\n")[0], exitCode], [`secure-exec: ${message}`, 64]);
    }
  });

  for (const [what, end] of [
    ["the end of its input", (child: ReturnType<typeof spawn>) => child.stdin?.end()],
    ["SIGTERM", (child: ReturnType<typeof spawn>) => child.kill("SIGTERM")],
    [
      "a client that sends no protocol and goes",
      (child: ReturnType<typeof spawn>) => child.stdin?.end("nonsense\n{}\n\0"),
    ],
  ] as const) {
    test(`${what} ends it, and leaves nothing running`, async () => {
      const child = spawn(process.execPath, [cli, "mcp"], { stdio: ["pipe", "pipe", "pipe"] });
      const exited = once(child, "exit");
      const send = (message: object) =>
        child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
      const clientInfo = { name: "test", version: "1" };
      send({
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo },
      });
      await once(child.stdout, "data");
      send({ method: "notifications/initialized" });
      const meta = { _meta: { progressToken: 1 } };
      send({
        id: 2,
        method: "tools/call",
        params: { ...meta, name: "run", arguments: { code: `console.log("on"); for (;;);` } },
      });
      assert.match(String((await once(child.stdout, "data"))[0]), /"message":"on/);
      const children = await childrenOf(child.pid ?? 0);
      assert(children.length > 0);
      end(child);
      assert.deepEqual(await exited, [0, null]);
      await Promise.all(children.map(ended));
    });
  }
});

describe("clients that mean harm", () => {
  /** A server that has greeted its client. */
  async function greeted(flags: string[] = []) {
    const child = spawn(process.execPath, [cli, "mcp", ...flags], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => {});
    const send = (message: object) =>
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
    send({ id: 1, method: "initialize", params });
    await once(child.stdout, "data");
    send({ method: "notifications/initialized" });
    const children = await childrenOf(child.pid ?? 0);
    const gone = async () => {
      const [exit] = await Promise.all([once(child, "exit"), ...children.map(ended)]);
      return exit;
    };
    return { child, send, ended: gone() };
  }

  test("a line without an end ends the server", async () => {
    const { child, ended } = await greeted();
    const piece = "x".repeat(2 ** 20);
    while (child.exitCode === null && child.stdin.writable) {
      await new Promise((resolve) => child.stdin.write(piece, resolve));
    }
    assert.deepEqual(await ended, [0, null]);
  });

  test("a client that never reads cannot keep the server", async () => {
    const { child, send, ended } = await greeted(["--timeout", "20s"]);
    child.stdout.pause();
    const code = `for (;;) console.log("x".repeat(1e5))`;
    for (let id = 2; id < 40; id += 1) {
      const params = { name: "run", arguments: { code }, _meta: { progressToken: id } };
      send({ id, method: "tools/call", params });
    }
    await once(child.stdout, "readable");
    child.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  });
});

describe("without the SDK", () => {
  test("the command says how to get it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-mcp-"));
    try {
      for (const name of ["package.json", "binding.cjs", "lib"]) {
        await cp(join(root, name), join(folder, name), { recursive: true });
      }
      const child = spawn(process.execPath, [join(folder, "lib/cli/main.cjs"), "mcp"], {
        cwd: folder,
      });
      const [stderr, [exitCode]] = await Promise.all([readText(child.stderr), once(child, "exit")]);
      assert.match(stderr, /is not installed: npm install @modelcontextprotocol\/sdk\n$/);
      assert.equal(exitCode, 1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("createMcpServer", () => {
  test("serves a machine that is the caller's, and ends its own shell only", async () => {
    await withRuntime({}, async (runtime) => {
      const server = createMcpServer(runtime, { maxChars: 300, cwd: "/tmp" });
      const [client, other] = InMemoryTransport.createLinkedPair();
      await server.connect(other);
      await connected(client, async (call) => {
        assert.equal(text(await call("shell", { command: "pwd" })), "/tmp\n");
        assert.equal((await runtime.processes()).length, 1);
      });
      await server.close();
      assert.equal((await runtime.processes()).length, 0);
      assert.equal((await runtime.exec("console.log(1)")).stdout, "1\n");
    });
  });

  test("a machine that has been disposed of is told", async () => {
    await withRuntime({}, async (runtime) => {
      const server = createMcpServer(runtime);
      const [client, other] = InMemoryTransport.createLinkedPair();
      await server.connect(other);
      await connected(client, async (call) => {
        await runtime.dispose();
        const answer = await call("run", { code: "1" });
        assert.equal(answer.isError, true);
        assert.match(text(answer) ?? "", /disposed/);
      });
    });
  });

  test("refuses what is wrong by name", () => {
    const code = "ERR_INVALID_ARG_TYPE";
    assert.throws(() => createMcpServer({} as never), { code, message: /runtime/ });
    const runtime = { exec() {}, shell() {} } as never;
    assert.throws(() => createMcpServer(runtime, { maxChars: "1" as never }), {
      code,
      message: /options\.maxChars/,
    });
    assert.throws(() => createMcpServer(runtime, { maxChars: 1 }), { code: "ERR_OUT_OF_RANGE" });
  });
});

test("a resource that has grown while it is read is too long all the same", async () => {
  const { Resources } = createRequire(import.meta.url)("../lib/mcp/resources.cjs");
  const growing = {
    stat: async () => ({ isFile: true, isDirectory: false, size: 10 }),
    readFile: async () => new Uint8Array(5 * 1024 * 1024),
  };
  const { ErrorCode, McpError } = createRequire(import.meta.url)(
    "@modelcontextprotocol/sdk/types.js",
  );
  const resources = new Resources(growing, "/workspace", { ErrorCode, McpError });
  await assert.rejects(resources.read("sandbox:///workspace/log"), /has 5242880 bytes/);
});

/** Processes that a process has started, and those have. */
async function childrenOf(parent: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    const status = /^\d+$/.test(name)
      ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => "")
      : "";
    const ppid = Number(status.slice(status.lastIndexOf(")") + 2).split(" ")[1]);
    if (ppid === parent) found.push(Number(name), ...(await childrenOf(Number(name))));
  }
  return found;
}

// What becomes of a client's work when its connection breaks, its process ends, or the server's does.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RemoteSandbox, SandboxServer } from "../index.js";
import { cli } from "./support/cli.ts";
import { ask, connectTo, metric, Network, token, withServer } from "./support/server.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { ended } from "./support/vm-process.ts";

const decoder = new TextDecoder();

/** A sandbox by way of a network that can be cut. */
async function withNetwork(
  work: (sandbox: RemoteSandbox, network: Network, server: SandboxServer) => Promise<void>,
) {
  await withServer({}, async (server) => {
    await using network = await Network.to(() => server.port);
    await using sandbox = await connectTo(network);
    await work(sandbox, network, server);
    assert.equal(server.sandboxes, 1);
  });
}

describe("a connection that breaks", () => {
  test("loses no output, and nothing of it comes twice", async () => {
    await withNetwork(async ({ exec }, network) => {
      const line =
        "for ((n = 0; n < 4000; n += 1)); do echo out $n; echo err $n >&2; done; echo x >> /tmp/x";
      const heard = { onStdout: "", onStderr: "" };
      let pieces = 0;
      const hear = (channel: keyof typeof heard) => (data: Uint8Array) => {
        heard[channel] += decoder.decode(data);
        pieces += 1;
        if (pieces % 3 === 0 && network.connections < 15) network.cut();
      };
      const callbacks = { onStdout: hear("onStdout"), onStderr: hear("onStderr") };
      const { stdout, stderr } = await exec.run(line, callbacks);
      const expected = (name: string) =>
        Array.from({ length: 4000 }, (_, n) => `${name} ${n}\n`).join("");
      assert.deepEqual([stdout, stderr], [expected("out"), expected("err")]);
      assert.deepEqual([heard.onStdout, heard.onStderr], [stdout, stderr]);
      const session = await exec.start(
        "head -c 3000000 /dev/zero | tr '\\0' x; read -r; cat /tmp/x",
        {
          onStdout: (data) => {
            heard.onStdout += decoder.decode(data);
            network.cut();
          },
        },
      );
      heard.onStdout = "";
      await session.sendStdin("go\n");
      assert.equal(await session.done, 0);
      assert(network.connections >= 10, String(network.connections));
      // It was run once. What came while the client was away may be more than is kept.
      assert(heard.onStdout.endsWith("x\n"));
      assert.equal((await exec.run("wc -l < /tmp/x")).stdout, "1\n");
    });
  });

  test("has nothing done twice, or not at all", async () => {
    await withNetwork(async ({ exec, files }, network) => {
      const shell = await exec.shell();
      const session = await exec.start("cat > /tmp/input");
      for (let count = 0; count < 40; count += 1) {
        const calls = [
          exec.run("echo run >> /tmp/runs"),
          shell.run("echo line >> /tmp/lines; count=$((count + 1))"),
          session.sendStdin(`${count}\n`),
          files.writeFile(`/tmp/file-${count}`, "x".repeat(count)),
        ];
        network.cut();
        await Promise.all(calls);
      }
      session.closeStdin();
      assert.equal(await session.done, 0);
      assert.equal((await shell.run("echo $count")).stdout, "40\n");
      assert.equal((await exec.run("cat /tmp/runs /tmp/lines | wc -l")).stdout, "80\n");
      const input = Array.from({ length: 40 }, (_, count) => `${count}\n`).join("");
      assert.equal(await files.readFile("/tmp/input", "utf8"), input);
      assert.equal(
        (await files.readDir("/tmp")).filter((name) => name.startsWith("file")).length,
        40,
      );
      assert(network.connections > 30, String(network.connections));
    });
  });

  test("has a large file go on where it was", async () => {
    await withNetwork(async ({ files, sandboxId }, network, server) => {
      const data = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef!");
      let sent = 0;
      network.onSent = (bytes) => {
        sent += bytes;
        if (sent > network.connections * 1024 * 1024) network.cut();
      };
      await files.writeFile("/tmp/large", data);
      network.onSent = undefined;
      assert(network.connections > 5, String(network.connections));
      // What had not come by a cut was sent again, and nothing else.
      assert(sent < 2.5 * data.length, String(sent));
      const direct = await connectTo(server, { sandboxId });
      assert.deepEqual(Buffer.from(await direct.files.readFile("/tmp/large")), data);
      direct.close();
    });
  });

  test("has directories come and go whole", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-reconnect-"));
    try {
      const large = Buffer.alloc(3_000_000, "0123456789abcdef!");
      await writeFile(join(folder, "large"), large);
      for (let n = 0; n < 50; n += 1) await writeFile(join(folder, `${n}`), `${n}`);
      await withNetwork(async ({ exec, files }, network) => {
        let sent = 0;
        network.onSent = (bytes) => {
          sent += bytes;
          if (sent > network.connections * 300_000) network.cut();
        };
        const done = await files.upload(folder, "/workspace/x");
        assert.equal(done.files, 51);
        network.onSent = undefined;
        assert(network.connections > 5, String(network.connections));
        const sum = createHash("sha256").update(large).digest("hex");
        assert.equal((await exec.run("sha256sum < x/large")).stdout, `${sum}  -\n`);
        assert.equal((await exec.run("cd x; cat {0..49} | wc -c")).stdout, "90\n");
        const before = network.connections;
        const pieces: Uint8Array[] = [];
        for await (const piece of await files.download("/workspace/x")) {
          pieces.push(piece);
          if (pieces.length % 5 === 0) network.cut();
        }
        assert(network.connections > before + 5);
        await files.writeFile("/tmp/archive", Buffer.concat(pieces));
        const line =
          "mkdir /tmp/y; cd /tmp/y; tar xf ../archive; sha256sum < large; cat {0..49} | wc -c";
        assert.equal((await exec.run(line)).stdout, `${sum}  -\n90\n`);
        const watcher = files.watch("/workspace/x");
        await watcher.ready;
        for (let n = 0; n < 5; n += 1) {
          await files.rename("/workspace/x/0", "/workspace/x/new");
          network.cut();
          const seen = [];
          for (let k = 0; k < 2; k += 1) seen.push((await watcher.next()).value?.filename);
          assert.deepEqual(seen.sort(), ["0", "new"]);
          await files.rename("/workspace/x/new", "/workspace/x/0");
          await watcher.next();
          await watcher.next();
        }
        await watcher.return?.();
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("lets the command go on, and tells what is not kept", async () => {
    await withNetwork(async ({ exec, sandboxId }, network, server) => {
      const line = "echo first; read -r; head -c 3000000 /dev/zero; echo last; exit 3";
      const heard: Uint8Array[] = [];
      const [lost, ready] = [[] as number[], Promise.withResolvers<void>()];
      const session = await exec.start(line, {
        onStdout: (data) => {
          heard.push(data);
          ready.resolve();
        },
        onGap: (bytes) => lost.push(bytes),
      });
      await ready.promise;
      network.isDown = true;
      network.cut();
      await noneConnected(server);
      // By another way.
      const direct = await connectTo(server, { sandboxId });
      const again = await direct.exec.attach(session.sessionId);
      await again.sendStdin("go\n");
      assert.equal(await again.done, 3);
      direct.close();
      network.isDown = false;
      assert.equal(await session.done, 3);
      const text = Buffer.concat(heard).toString();
      assert(text.startsWith("first\n") && text.endsWith("last\n"));
      assert.deepEqual(lost, [3_000_005 - 2 ** 20]);
      assert.equal(text.length + (lost[0] ?? 0), 3_000_011);
    });
  });

  test("is told where nobody hears of it, and does not keep results from being whole", async () => {
    await withNetwork(async ({ exec }, network, server) => {
      const ready = Promise.withResolvers<void>();
      const line =
        "echo first; while [[ ! -e /tmp/go ]]; do sleep 0.01; done; head -c 3000000 /dev/zero; touch /tmp/ended";
      const running = exec.run(line, { onStdout: () => ready.resolve() });
      await ready.promise;
      network.isDown = true;
      network.cut();
      await noneConnected(server);
      const [{ sandboxId }] = (await ask(server, "/v1/sandboxes")).json.sandboxes;
      const direct = await connectTo(server, { sandboxId });
      await direct.exec.run("touch /tmp/go; while [[ ! -e /tmp/ended ]]; do sleep 0.01; done");
      direct.close();
      const warned = once(process, "warning");
      network.isDown = false;
      assert.equal((await running).stdout.length, 3_000_006);
      const [{ code, name }] = await warned;
      assert.deepEqual([name, code], ["SecureExecWarning", "ERR_OUTPUT_LOST"]);
    });
  });

  test("may be the first", async () => {
    await withServer({}, async (server) => {
      await using network = await Network.to(() => server.port);
      // The request that makes the sandbox, and the one that opens the WebSocket.
      network.cutAtFirst = 2;
      await using sandbox = await connectTo(network);
      assert.equal((await sandbox.exec.run("echo there")).stdout, "there\n");
      assert.equal(server.sandboxes, 1);
      network.cutAtFirst = 100;
      await assert.rejects(connectTo(network), { code: "ERR_CONNECTION_LOST" });
      network.cutAtFirst = 0;
    });
  });

  test("is given up after some time, and tried again by the next call", async () => {
    await withServer({}, async (server) => {
      await using network = await Network.to(() => server.port);
      await using sandbox = await connectTo(network, { reconnectSeconds: 1 });
      const { exec } = sandbox;
      const session = await exec.start("sleep 1000");
      network.isDown = true;
      network.cut();
      const lost = { code: "ERR_CONNECTION_LOST" };
      await Promise.all([
        assert.rejects(exec.run("true"), lost),
        assert.rejects(session.done, lost),
      ]);
      network.isDown = false;
      assert.equal((await exec.run("echo back")).stdout, "back\n");
      const attached = await exec.attach(session.sessionId);
      await attached.kill();
      assert.equal(await attached.done, 137);
    });
  });

  test("is a client's own", async () => {
    await withNetwork(async (sandbox, _network, server) => {
      const { exec, sandboxId } = sandbox;
      const running = exec.run("sleep 1000");
      const session = await exec.start("sleep 1000; exit 5");
      sandbox.close();
      const closed = { code: "ERR_CONNECTION_CLOSED" };
      await assert.rejects(running, closed);
      await assert.rejects(exec.run("true"), closed);
      await using again = await connectTo(server, { sandboxId });
      const [info] = await again.exec.list();
      assert.deepEqual([info?.sessionID, info?.running], [session.sessionId, true]);
    });
  });
});

/** Settles when the server has noticed that nobody is connected. */
async function noneConnected(server: SandboxServer) {
  while ((await metric(server, "connections")) > 0) {}
}

describe("a process that ends", () => {
  test("leaves sessions to others, if it was the client", async () => {
    await withServer({}, async (server) => {
      await using sandbox = await connectTo(server);
      const { exec, sandboxId } = sandbox;
      const index = new URL("../index.js", import.meta.url).href;
      const program = `import { Sandbox } from ${JSON.stringify(index)};
        const { exec } = await Sandbox.connect(${JSON.stringify(server.url)}, ${JSON.stringify({ token, sandboxId })});
        const line = "echo begun; while [[ ! -e /tmp/go ]]; do sleep 0.01; done; echo ended; exit 4";
        await exec.start(line, { sessionId: "left", onStdout: () => process.kill(process.pid, "SIGKILL") });`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: "ignore",
      });
      const [, signal] = await once(child, "exit");
      assert.equal(signal, "SIGKILL");
      const heard: string[] = [];
      const session = await exec.attach("left", {
        onStdout: (data) => heard.push(decoder.decode(data)),
      });
      await exec.run("touch /tmp/go");
      assert.equal(await session.done, 4);
      assert.equal(heard.join(""), "begun\nended\n");
    });
  });

  test("has calls say so, if it was the server, and leaves no machine behind", async () => {
    const first = await serve();
    await using network = await Network.to(() => port);
    let { port } = first;
    const sandbox = await connectTo(network);
    const { stdout } = await sandbox.exec.run("echo finished");
    const running = sandbox.exec.run("sleep 1000");
    const session = await sandbox.exec.start("sleep 1000");
    const machines = await childrenOf(first.child.pid);
    assert(machines.length > 0);
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    const second = await serve();
    port = second.port;
    const gone = { code: "ERR_SANDBOX_NOT_FOUND", message: /Make one with/ };
    await Promise.all([assert.rejects(running, gone), assert.rejects(session.done, gone)]);
    await assert.rejects(sandbox.exec.run("true"), gone);
    await sandbox.kill();
    assert.equal(stdout, "finished\n");
    await Promise.all(machines.map(ended));
    second.child.kill("SIGTERM");
    const [code] = await once(second.child, "exit");
    assert.equal(code, 0);
  });
});

/** A server of the command line. */
async function serve() {
  const child = spawn(process.execPath, [cli, "serve", "--port", "0"], {
    env: { PATH: process.env.PATH, SECURE_EXEC_TOKEN: token },
    stdio: ["ignore", "ignore", "pipe"],
  });
  ownedByTest({
    dispose: async () => {
      child.kill("SIGKILL");
    },
  });
  let text = "";
  for await (const part of child.stderr) {
    text += part;
    const [, port] = /listening url=http:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? [];
    if (port !== undefined) {
      assert(!text.includes(token));
      return { child, port: Number(port) };
    }
  }
  throw new Error(text);
}

/** The processes that a process has started, from whichever of its threads. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const texts = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8"));
  return (await Promise.all(texts)).flatMap((text) => text.split(" ").filter(Boolean).map(Number));
}

// Memory of the VM process, and of the host, after many calls of each kind.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { NodeRuntime, type ResidentRunner } from "secure-exec";
import { assertFlat, type Budget, ownMemory, counts, hostHeapBytes } from "./support/memory.ts";
import { after, before, describe, test } from "./support/suite.ts";
import { assemble } from "./support/wasm-module.ts";

let runtime: NodeRuntime;
const imports: string[] = [];
let resident: ResidentRunner;
/** Sockets of the servers. */
let listening: number;
let vmMemory: (perIteration: number) => Budget;

before(async () => {
  const echo = {
    description: "Gives its input back.",
    inputSchema: {},
    handler: (input: unknown) => input,
  };
  const files: Record<string, string | Uint8Array> = {
    "/tmp/program.wasm": assemble({ functions: [{ body: [] }] }),
  };
  const names = Array.from({ length: 50 }, (_, index) => `m${index}`);
  for (const name of names) {
    const [kind, end] = name.endsWith("5") ? ["exports.a =", "cjs"] : ["export const a =", "mjs"];
    files[`/tmp/modules/${name}.${end}`] = `${kind} "${"x".repeat(1000)}";`;
    imports.push(`await import("/tmp/modules/${name}.${end}");`);
  }
  runtime = await NodeRuntime.create({ tools: { echo }, files });
  vmMemory = await ownMemory(runtime);
  await runtime.execCommand("chmod", ["+x", "/tmp/program.wasm"]);
  resident = await runtime.createResidentRunner();
  await runtime.spawn(servers);
  await runtime.waitForListener({ port: 3001 });
  listening = (await runtime.getResourceSnapshot()).sockets;
});
after(() => runtime.dispose());

const large = "x".repeat(50_000);

/** Sends everything back, and answers requests of HTTP. */
const servers = `
  import { createServer } from "node:net";
  import http from "node:http";
  createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).pipe(socket)).listen(3000);
  http.createServer((request, response) => request.pipe(response)).listen(3001);`;

async function echoed(socket: Duplex) {
  socket.end(large);
  let length = 0;
  for await (const chunk of socket) length += chunk.length;
  assert.equal(length, large.length);
  await untilClosed();
}

/** The guest closes its end of a connection when it comes to it. */
async function untilClosed() {
  while ((await runtime.getResourceSnapshot()).sockets > listening);
}

/** Ends with connections and listeners of its own that it has not closed. */
const openHandles = `
  import { rmSync, watchFile } from "node:fs";
  import { connect, createServer } from "node:net";
  import { constants } from "node:os";
  const { SIGKILL, SIGSTOP, ...signals } = constants.signals;
  for (const signal of Object.keys(signals)) process.on(signal, () => {});
  for (let i = 0; i < 50; i++) watchFile("/tmp/none" + i, () => {});
  rmSync("/tmp/socket", { force: true });
  let connections = 0;
  const server = createServer(() => ++connections === 60 && process.exit(7));
  server.listen("/tmp/socket", () => {
    for (let i = 0; i < 60; i++) connect("/tmp/socket");
  });`;

/** Ends while nobody reads what it has written to a connection. */
const pendingWrites = `
  import { rmSync } from "node:fs";
  import { connect, createServer } from "node:net";
  rmSync("/tmp/socket", { force: true });
  createServer({ pauseOnConnect: true }, () => process.exit(7)).listen("/tmp/socket", () => {
    const socket = connect("/tmp/socket");
    for (let i = 0; i < 10; i++) socket.write("x".repeat(100_000));
    socket.end();
  });`;

/** Calls of the host, each with some data: what one call keeps, a thousand keep a thousand times. */
const calls: Record<string, { iterations: number; perCall: number; call: () => Promise<unknown> }> =
  {
    "exec of code": { iterations: 40, perCall: 20_000, call: () => runtime.exec(`//${large}`) },
    "exec with an environment": {
      iterations: 40,
      perCall: 20_000,
      call: () => runtime.exec("1", { env: { LARGE: large } }),
    },
    "exec with input and output": {
      iterations: 40,
      perCall: 20_000,
      call: () => runtime.exec("process.stdin.pipe(process.stdout)", { stdin: large }),
    },
    "exec of many modules": {
      iterations: 15,
      perCall: 40_000,
      call: async () => assert.equal((await runtime.exec(imports.join(""))).exitCode, 0),
    },
    "exec that fails": {
      iterations: 40,
      perCall: 20_000,
      call: () => runtime.exec(`throw new Error("${large}")`),
    },
    "exec that is killed": {
      iterations: 15,
      perCall: 50_000,
      call: async () => {
        const running = await runtime.spawn(`/*${large}*/ console.log(1); for (;;);`, {
          onStdout: () => running.kill("SIGKILL"),
        });
        await running.wait();
      },
    },
    "exec that ends with handles open": {
      iterations: 15,
      perCall: 40_000,
      call: async () => assert.equal((await runtime.exec(openHandles)).exitCode, 7),
    },
    "exec that ends with writes under way": {
      iterations: 15,
      perCall: 20_000,
      call: async () => assert.equal((await runtime.exec(pendingWrites)).exitCode, 7),
    },
    "run with a value": {
      iterations: 40,
      perCall: 20_000,
      call: () => runtime.run(`__return("${large}")`),
    },
    "sh of a script": {
      iterations: 100,
      perCall: 5000,
      call: () => runtime.execCommand("sh", ["-c", `true | cat; : ${large}`]),
    },
    "program of WebAssembly": {
      iterations: 100,
      perCall: 5000,
      call: () => runtime.execCommand("/tmp/program.wasm"),
    },
    "spawned program": {
      iterations: 20,
      perCall: 40_000,
      call: async () => {
        const running = await runtime.spawn("process.stdin.resume()", { env: { LARGE: large } });
        await running.writeStdin(large);
        running.closeStdin();
        await running.wait();
      },
    },
    terminal: {
      iterations: 30,
      perCall: 10_000,
      call: async () => {
        const terminal = await runtime.openShell({ env: { LARGE: large } });
        await terminal.write("exit\n");
        await terminal.wait();
        await terminal.dispose();
      },
    },
    "call of a tool": {
      iterations: 30,
      perCall: 10_000,
      call: () => runtime.execCommand("echo", ["--json", JSON.stringify({ text: large })]),
    },
    "snippet of a resident runner": {
      iterations: 40,
      perCall: 10_000,
      call: () => resident.exec("console.log(1)"),
    },
    "connection to a guest": {
      // The garbage of the server's takes some hundreds to have its size.
      iterations: 250,
      perCall: 5000,
      call: () => echoed(runtime.connect(3000)),
    },
    "connection that is destroyed": {
      iterations: 100,
      perCall: 5000,
      call: async () => {
        const socket = runtime.connect(3000);
        socket.write(large);
        await once(socket, "data");
        socket.resetAndDestroy();
        await once(socket, "close");
        await untilClosed();
      },
    },
    fetch: {
      iterations: 60,
      perCall: 10_000,
      call: async () => {
        const { bytes } = await runtime.fetch(3001, { method: "POST", body: large });
        assert.equal(bytes.length, large.length);
        await untilClosed();
      },
    },
    "published port": {
      iterations: 40,
      perCall: 10_000,
      call: async () => {
        await using exposed = await runtime.exposePort(3000);
        await echoed(connect({ port: exposed.port, host: "127.0.0.1" }));
      },
    },
    "listener that does not come": {
      iterations: 40,
      perCall: 2000,
      call: () =>
        assert.rejects(runtime.waitForListener({ port: 9 }, { timeoutMs: 1 }), {
          code: "ERR_TIMEOUT",
        }),
    },
    files: {
      iterations: 200,
      perCall: 2000,
      call: async () => {
        await runtime.writeFile("/tmp/large", large);
        assert.equal((await runtime.readFile("/tmp/large")).length, large.length);
        await runtime.remove("/tmp/large");
      },
    },
  };

describe("calls of the host", () => {
  for (const [name, { iterations, perCall, call }] of Object.entries(calls)) {
    test(`${name}: nothing is kept`, { timeout: 120_000 }, async () => {
      await call();
      const before = await counts(runtime);
      const host = { name: "heap of the host", read: hostHeapBytes, perIteration: 1000 };
      await assertFlat(iterations, [vmMemory(perCall), host], async () => {
        for (let done = 0; done < iterations; done++) await call();
      });
      assert.deepEqual(await counts(runtime), before);
    });
  }
});

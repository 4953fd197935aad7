// `createKernel()`: a machine that is made first and given its runtimes then.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import {
  createKernel,
  createNodeRuntime,
  createWasmVmRuntime,
  type Kernel,
  KernelError,
  type KernelOptions,
  type KernelRuntime,
} from "secure-exec";
import { describe, ownedByTest, test } from "./support/suite.ts";
import { assemble, op } from "./support/wasm-module.ts";

async function kernelWith(
  options: KernelOptions = {},
  ...runtimes: KernelRuntime[]
): Promise<Kernel> {
  const kernel = ownedByTest(createKernel(options));
  for (const runtime of runtimes) await kernel.mount(runtime);
  return kernel;
}

const withNode = async (options: KernelOptions = {}) =>
  await kernelWith(options, createNodeRuntime());

/** What a promise rejects with, which must be a kernel's error. */
async function errorOf(promise: Promise<unknown>): Promise<KernelError> {
  const error = await promise.then(
    () => assert.fail("no error"),
    (reason: unknown) => reason,
  );
  assert(error instanceof KernelError, String(error));
  return error;
}

describe("exec", () => {
  test("is sh -c, with the Node runtime alone", async () => {
    const kernel = await withNode();
    const result = await kernel.exec("node -e \"console.log('hello')\"");
    assert.equal(result.stdout, "hello\n");
    const line = "echo a | tr a b > /tmp/x && cat /tmp/x; echo $((1 + 2)) >&2; exit 3";
    const { stdout, stderr, exitCode } = await kernel.exec(line);
    assert.deepEqual([stdout, stderr, exitCode], ["b\n", "3\n", 3]);
    assert.equal((await kernel.exec("no-such-command")).exitCode, 127);
  });

  test("has environment, working directory, input and callbacks", async () => {
    const kernel = await withNode({ env: { A: "kernel", B: "kernel" }, cwd: "/srv/app" });
    const { stdout } = await kernel.exec("echo $A $B; pwd; cat", {
      env: { B: "call" },
      stdin: "input",
    });
    assert.equal(stdout, "kernel call\n/srv/app\ninput");
    assert.equal((await kernel.exec("pwd", { cwd: "/tmp" })).stdout, "/tmp\n");
    const chunks: string[] = [];
    const show = (channel: string) => (chunk: Uint8Array) =>
      void chunks.push(channel + Buffer.from(chunk));
    await kernel.exec("echo out; echo err >&2", { onStdout: show("1"), onStderr: show("2") });
    assert.deepEqual(chunks.sort(), ["1out\n", "2err\n"]);
    const { stdout: found } = await kernel.exec("ls /usr/bin/sh", {
      env: { PATH: "/nowhere:/usr/bin" },
    });
    assert.equal(found, "/usr/bin/sh\n");
  });

  test("a timeout is ETIMEDOUT, with what was written", async () => {
    const kernel = await withNode();
    const error = await errorOf(kernel.exec("echo before; while :; do :; done", { timeout: 300 }));
    assert.deepEqual([error.code, error.stdout], ["ETIMEDOUT", "before\n"]);
    assert.match(error.message, /^ETIMEDOUT: .* 300 ms$/);
    assert.equal((await kernel.exec("echo after")).stdout, "after\n");
  });
});

describe("spawn and openShell", () => {
  test("spawn starts a program without a shell", async () => {
    const kernel = await withNode();
    const child = await kernel.spawn("cat", ["-"]);
    assert(child.pid > 0);
    await child.writeStdin("fed");
    child.closeStdin();
    assert.equal(await child.wait(), 0);
    assert.equal(child.captured.stdout, "fed");
    const error = await errorOf(kernel.spawn("no-such-command"));
    assert.equal(error.code, "ENOENT");
  });

  test("openShell is a terminal", async () => {
    const kernel = await withNode();
    const shell = await kernel.openShell({ cols: 100, rows: 30 });
    let shown = "";
    shell.onData((chunk) => {
      shown += Buffer.from(chunk);
    });
    await shell.write("stty size; exit 5\n");
    assert.equal(await shell.wait(), 5);
    assert.match(shown, /30 100/);
  });
});

describe("files", () => {
  test("are the machine's, with errors by number", async () => {
    const kernel = await withNode();
    await kernel.mkdir("/data/deep", { recursive: true });
    await kernel.writeFile("/data/deep/a.txt", "text");
    assert.equal((await kernel.exec("cat /data/deep/a.txt")).stdout, "text");
    await kernel.exec("echo guest > /data/b.txt");
    assert.equal(await kernel.readTextFile("/data/b.txt"), "guest\n");
    assert.deepEqual(await kernel.readFile("/data/b.txt"), new Uint8Array(Buffer.from("guest\n")));
    assert.deepEqual(await kernel.readDir("/data"), ["b.txt", "deep"]);
    assert.equal((await kernel.readDirWithTypes("/data"))[1]?.isDirectory, true);
    await kernel.rename("/data/b.txt", "/data/c.txt");
    assert.deepEqual(
      [await kernel.exists("/data/b.txt"), (await kernel.stat("/data/c.txt")).size],
      [false, 6],
    );
    const failures = [
      ["ENOENT", "open", () => kernel.readFile("/missing")],
      ["EISDIR", "unlink", () => kernel.removeFile("/data/deep")],
      ["ENOTDIR", "rmdir", () => kernel.removeDir("/data/c.txt")],
      ["ENOTEMPTY", "rmdir", () => kernel.removeDir("/data/deep")],
      ["ENOENT", "unlink", () => kernel.removeFile("/missing")],
      ["ENOENT", "rmdir", () => kernel.removeDir("/missing")],
    ] as const;
    for (const [code, syscall, call] of failures) {
      const error = await errorOf(call());
      assert.deepEqual([error.code, error.syscall], [code, syscall]);
      assert.equal(error.errno, -constants.errno[code]);
    }
    await kernel.removeFile("/data/c.txt");
    await kernel.remove("/data", { recursive: true });
    assert.equal(await kernel.exists("/data"), false);
  });
});

describe("links to directories", () => {
  test("are no directories for removeFile and removeDir", async () => {
    const kernel = await withNode();
    await kernel.exec(
      "mkdir /workspace/d && touch /workspace/d/f && ln -s d /workspace/l && ln -s none /workspace/n",
    );
    assert.equal((await errorOf(kernel.removeDir("/workspace/l"))).code, "ENOTDIR");
    assert.equal((await errorOf(kernel.removeFile("/workspace/d"))).code, "EISDIR");
    assert.equal((await errorOf(kernel.removeFile("/workspace/l/"))).code, "EISDIR");
    await kernel.removeFile("/workspace/l");
    await kernel.removeFile("/workspace/n");
    assert.deepEqual(await kernel.readDir("/workspace"), ["d"]);
    assert.deepEqual(await kernel.readDir("/workspace/d"), ["f"]);
  });
});

describe("runtimes", () => {
  test("without one nothing runs", async () => {
    const error = await errorOf((await kernelWith()).exec("true"));
    assert.equal(error.code, "ENOEXEC");
    assert.match(error.message, /createNodeRuntime/);
  });

  test("commands alone come without node", async () => {
    const kernel = await kernelWith({}, createWasmVmRuntime());
    const { stdout, exitCode } = await kernel.exec("echo a | tr a b; node -e 1");
    assert.deepEqual([stdout, exitCode], ["b\n", 127]);
  });

  test("memoryLimit bounds each program", async () => {
    const kernel = await kernelWith({}, createNodeRuntime({ memoryLimit: 32 }));
    const code = "const all = []; for (;;) all.push(new Array(1e5).fill(0.5))";
    const error = await errorOf(kernel.exec(`node -e "${code}"`));
    assert.deepEqual(
      [error.code, error.limit, error.bound],
      ["ENOMEM", "limits.jsRuntime.v8HeapLimitMb", 32],
    );
    assert.match(error.message, /\. createKernel\(\{ limits \}\) sets it$/);
    assert.equal((await kernel.exec("echo on")).stdout, "on\n");
  });

  test("bindings are functions that programs call", async () => {
    const bindings = { math: { add: (a: number, b: number) => a + b } };
    const kernel = await kernelWith({}, createNodeRuntime({ bindings }));
    await kernel.writeFile(
      "/workspace/main.mjs",
      "console.log(await callBinding('math.add', { args: [2, 40] }))",
    );
    assert.equal((await kernel.exec("node main.mjs")).stdout, "{ value: 42 }\n");
    assert.match((await kernel.exec("math.add --json '{\"args\":[1,2]}'")).stdout, /"value":3/);
  });

  test("commandDirs have commands before the machine's own", async () => {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-commands-"));
    try {
      await writeFile(
        join(folder, "true.wasm"),
        assemble({ functions: [{ body: op.unreachable }] }),
      );
      const kernel = await kernelWith({}, createWasmVmRuntime({ commandDirs: [folder] }));
      const { exitCode } = await kernel.exec("/usr/bin/true");
      // An instruction that is a trap: the machine's own would have ended well.
      assert.notEqual(exitCode, 0);
      assert.equal((await kernel.exec("echo a | cat")).stdout, "a\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("loopbackExemptPorts and permissions of a Node runtime are the kernel's", async () => {
    const server = createServer((_, response) => response.end("the host")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const permissions = { env: ({ key }: { key?: string }) => key !== "SECRET" };
      const runtime = createNodeRuntime({ loopbackExemptPorts: [port], permissions });
      const kernel = await kernelWith({ env: { SECRET: "1", OPEN: "2" } }, runtime);
      const { stdout } = await kernel.exec(
        `curl -s http://127.0.0.1:${port}/; echo " $SECRET$OPEN$MORE"`,
        {
          env: { MORE: "3" },
        },
      );
      assert.equal(stdout, "the host 23\n");
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test("are mounted once, and before the first use", async () => {
    const kernel = await withNode();
    assert.equal((await errorOf(kernel.mount(createNodeRuntime()))).code, "EEXIST");
    await kernel.exec("true");
    assert.equal((await errorOf(kernel.mount(createWasmVmRuntime()))).code, "EBUSY");
    // @ts-expect-error: that is the point
    await assert.rejects(kernel.mount({}), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /createNodeRuntime\(\)/,
    });
  });
});

describe("limits and ends", () => {
  test("maxProcesses is the machine's", async () => {
    const kernel = await withNode({ maxProcesses: 2 });
    const { stderr } = await kernel.exec("sleep 9 & sleep 9 & sleep 9; kill %1");
    assert.match(stderr, /maxProcesses|unavailable|EAGAIN/i);
    assert.throws(
      () => createKernel({ maxProcesses: 2, limits: { resources: { maxProcesses: 3 } } }),
      {
        code: "ERR_INVALID_ARG_VALUE",
      },
    );
  });

  test("wrong options are told before anything starts", () => {
    const wrong: [object, RegExp][] = [
      [{ maxProcesses: 0 }, /options\.maxProcesses/],
      [{ cwd: "relative" }, /options\.cwd/],
      [{ limits: { resources: { maxPipe: 1 } } }, /maxPipe.*Did you mean maxPipes/],
      [{ limits: 3 }, /options\.limits/],
      [{ enviroment: {} }, /options\.enviroment/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => createKernel(options), { message });
    }
  });

  test("dispose ends everything, and is final", async () => {
    const kernel = await withNode();
    await kernel.exec("true");
    const running = kernel.exec("cat", { stdin: undefined }).catch(() => {});
    await kernel.dispose();
    await running;
    await kernel.dispose();
    const error = await errorOf(kernel.exec("true"));
    assert.deepEqual(
      [error.code, error.message],
      ["ESHUTDOWN", "ESHUTDOWN: the kernel has been disposed"],
    );
    assert.equal((await errorOf(kernel.readFile("/x"))).code, "ESHUTDOWN");
    assert.equal((await errorOf(kernel.mount(createNodeRuntime()))).code, "ESHUTDOWN");
  });

  test("await using disposes", async () => {
    const kernel = createKernel();
    {
      await using own = kernel;
      await own.mount(createNodeRuntime());
      assert.equal((await own.exec("echo 1")).stdout, "1\n");
    }
    assert.equal((await errorOf(kernel.exec("true"))).code, "ESHUTDOWN");
  });

  test("a KernelError can be made", () => {
    const error = new KernelError("EIO", "broken");
    assert.deepEqual(
      [error.name, error.code, error.message],
      ["KernelError", "EIO", "EIO: broken"],
    );
  });
});

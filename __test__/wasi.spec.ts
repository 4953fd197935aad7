// `node:wasi`: what it does is what the pinned Node.js does, over the machine's files and descriptors.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assertSameAsHost, inGuest, onHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** A WASI object over a memory of two pages, without a program. */
const prelude = `
  import fs from "node:fs";
  import { spawnSync } from "node:child_process";
  import { WASI } from "node:wasi";
  process.removeAllListeners("warning");
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 4 });
  const view = () => new DataView(memory.buffer);
  function start(options = {}) {
    const wasi = new WASI({ version: "preview1", ...options });
    wasi.initialize({ exports: { memory } });
    return wasi.wasiImport;
  }
  function text(at, string) {
    new Uint8Array(memory.buffer).set(Buffer.from(string), at);
    return [at, Buffer.byteLength(string)];
  }
  function vector(at, pointer, length) {
    view().setUint32(at, pointer, true);
    view().setUint32(at + 4, length, true);
    return [at, 1];
  }
`;

test("every import returns and writes what it does on the host", async () => {
  const code = readFileSync(
    fileURLToPath(new URL("fixtures/wasi/cases.mjs", import.meta.url)),
    "utf8",
  );
  const [host, guest] = await Promise.all([onHost(code), inGuest(code)]);
  const [expected, actual] = [host.stdout.split("\n"), guest.stdout.split("\n")];
  assert.ok(expected.length > 350, host.stderr);
  for (const [index, line] of expected.entries()) assert.equal(actual[index], line, guest.stderr);
  assert.equal(actual.length, expected.length);
});

describe("standard streams are the process's:", () => {
  const programs: Record<string, string> = {
    "output goes where the program's goes": `
      const wasi = start();
      text(100, "out\\n");
      console.log(wasi.fd_write(1, ...vector(0, 100, 4), 8), view().getUint32(8, true));
    `,
    "a file stands for one of them": `
      fs.writeFileSync("in", "from a file");
      const stdin = fs.openSync("in", "r");
      const stdout = fs.openSync("out", "w");
      const wasi = start({ stdin, stdout });
      console.log(wasi.fd_read(0, ...vector(0, 100, 64), 8), view().getUint32(8, true));
      console.log(wasi.fd_write(1, ...vector(0, 100, view().getUint32(8, true)), 8));
      console.log(fs.readFileSync("out", "utf8"));
      console.log(wasi.fd_close(0), wasi.fd_close(0));
      try { fs.fstatSync(stdin); } catch (error) { console.log(error.code); }
    `,
    "a closed one stays closed": `
      const wasi = start();
      console.log("before");
      fs.writeSync(2, String(wasi.fd_close(1)));
      fs.writeSync(2, String(wasi.fd_write(1, ...vector(0, 100, 4), 8)));
    `,
  };
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => void (await assertSameAsHost(prelude + program)));
  }
});

test("reading and waiting block the thread until there is something", async () => {
  // The child reads its input by way of WASI, which its parent writes when the child has said that it is there.
  const child = `${prelude}
    const wasi = start();
    fs.writeSync(1, "ready\\n");
    view().setBigUint64(200, 7n, true);
    view().setUint8(208, 1);
    view().setUint32(216, 0, true);
    const polled = wasi.poll_oneoff(200, 300, 1, 400);
    const told = [polled, view().getUint32(400, true), view().getBigUint64(300, true), view().getUint8(310)];
    const read = wasi.fd_read(0, ...vector(0, 100, 64), 8);
    const got = Buffer.from(memory.buffer, 100, view().getUint32(8, true)).toString();
    fs.writeSync(1, JSON.stringify([told.map(String), read, got]) + "\\n");
    console.log(wasi.poll_oneoff(200, 300, 1, 400), view().getUint16(308, true), view().getUint16(324, true));
    console.log(wasi.fd_read(0, ...vector(0, 100, 64), 8), view().getUint32(8, true));
  `;
  const code = `
    import { spawn } from "node:child_process";
    const child = spawn(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(child)}], { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (piece) => {
      said += piece;
      if (said === "ready\\n") child.stdin.end("some input");
    });
    child.on("close", (code) => console.log(said, code));
  `;
  const { stdout } = await assertSameAsHost(code);
  assert.match(stdout, /some input/);
});

describe("the end of a program:", () => {
  const exits = (code: number, options = "") => `
    const wasi = new WASI({ version: "preview1"${options} });
    const bytes = Buffer.from("0061736d0100000001080260017f00600000022401167761736"
      + "95f736e617073686f745f70726576696577310970726f635f65786974000003020101050301000107130206"
      + "6d656d6f72790200065f737461727400010a080106" + "0041${(code & 0x7f).toString(16).padStart(2, "0")}10000b", "hex");
    const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject());
    process.on("exit", (code) => console.log("exit", code));
    console.log("before");
    console.log("returned", wasi.start(instance));
  `;
  const programs: Record<string, string> = {
    "proc_exit returns from start": exits(3),
    "proc_exit ends the process where it is asked to": exits(5, ", returnOnExit: false"),
    "a signal that is raised ends it": `
      console.log("before");
      start().proc_raise(15);
      console.log("not after");
    `,
    "a signal that is caught is handled later": `
      process.on("SIGUSR1", () => console.log("caught"));
      console.log(start().proc_raise(10));
    `,
  };
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => void (await assertSameAsHost(prelude + program)));
  }
});

test("a worker that waits is terminated, and a process that waits is killed", async () => {
  await withRuntime({}, async (runtime) => {
    const waits = `${prelude.replace(/import .*child_process.*\n/, "")}
      const wasi = start();
      view().setUint32(216, 1, true);
      view().setBigUint64(224, 2n ** 62n, true);
    `;
    const worker = `
      import { Worker } from "node:worker_threads";
      const code = ${JSON.stringify(`${waits}
        const { parentPort } = await import("node:worker_threads");
        parentPort.postMessage("waits");
        wasi.poll_oneoff(200, 300, 1, 400);
        parentPort.postMessage("never");
      `)};
      const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(code)));
      worker.on("message", (message) => {
        console.log(message);
        worker.terminate();
      });
      worker.on("exit", (code) => console.log("exit", code));
    `;
    const { stdout, stderr } = await runtime.exec(worker, { timeout: 20_000 });
    assert.equal(stdout, "waits\nexit 1\n", stderr);
    let hear = () => {};
    const heard = new Promise<void>((resolve) => {
      hear = resolve;
    });
    const code = `${waits}
      console.log("waits");
      wasi.poll_oneoff(200, 300, 1, 400);
    `;
    const process = await runtime.spawn(code, { onStdout: () => hear() });
    await heard;
    await process.kill();
    assert.notEqual(await process.wait(), 0);
  });
});

test("a socket among the streams accepts, receives and sends", async () => {
  const code = `${prelude}
    import net from "node:net";
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const wasi = start({ stdin: server._handle.fd });
    const client = net.connect(server.address().port, "127.0.0.1");
    await new Promise((resolve) => client.on("connect", () => client.write("hello", resolve)));
    console.log(wasi.sock_accept(0, 0, 500));
    const fd = view().getUint32(500, true);
    console.log(wasi.sock_recv(fd, ...vector(0, 100, 64), 0, 8, 12), view().getUint32(8, true));
    console.log(Buffer.from(memory.buffer, 100, 5).toString());
    text(100, "answer");
    console.log(wasi.sock_send(fd, ...vector(0, 100, 6), 0, 8), wasi.sock_shutdown(fd, 2));
    client.setEncoding("utf8").on("data", (data) => console.log(data));
    await new Promise((resolve) => client.on("end", resolve));
    console.log(wasi.fd_close(fd), wasi.sock_recv(fd, ...vector(0, 100, 64), 0, 8, 12));
    console.log(wasi.sock_accept(1, 0, 500) !== 0);
    server.close();
  `;
  const { stdout, stderr } = await inGuest(code);
  assert.equal(stdout, "0\n0 5\nhello\n0 0\nanswer\n0 8\ntrue\n", stderr);
});

test("hostile pointers, lengths and counts are refused or taken, and nothing else happens", async () => {
  const code = `${prelude}
    fs.mkdirSync("box");
    const numbers = [0, 1, 3, 4, 7, 8, 48, 64, 1000, 65535, 65536, 131064, 131071, 131072, 131073, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1];
    const longs = [0n, 1n, 1n << 31n, 1n << 32n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n, -1n];
    let seed = 7;
    const pick = (list) => list[(seed = (seed * 48271) % 2147483647) % list.length];
    const waits = { poll_oneoff: true, proc_exit: true, proc_raise: true, sock_accept: true };
    const nothing = () => fs.openSync("/dev/null", "r+");
    const stdio = () => ({ stdin: nothing(), stdout: nothing(), stderr: nothing() });
    const fresh = () => start({ ...stdio(), preopens: { "/": "box", ".": "box" }, args: ["a"], env: { A: "1" } });
    let wasi = fresh();
    const counts = {};
    const shapes = {
      fd_advise: "ilLi", fd_allocate: "ill", fd_fdstat_set_rights: "ill", fd_filestat_set_size: "il",
      fd_filestat_set_times: "illi", fd_pread: "iiili", fd_pwrite: "iiili", fd_readdir: "iiili", fd_seek: "ilii",
      path_filestat_set_times: "iiiilli", path_open: "iiiiillii", clock_time_get: "ili",
    };
    const lengths = {
      args_get: 2, args_sizes_get: 2, clock_res_get: 2, environ_get: 2, environ_sizes_get: 2, fd_close: 1, fd_datasync: 1,
      fd_fdstat_get: 2, fd_fdstat_set_flags: 2, fd_filestat_get: 2, fd_prestat_get: 2, fd_prestat_dir_name: 3, fd_read: 4,
      fd_renumber: 2, fd_sync: 1, fd_tell: 2, fd_write: 4, path_create_directory: 3, path_filestat_get: 5, path_link: 7,
      path_readlink: 6, path_remove_directory: 3, path_rename: 6, path_symlink: 5, path_unlink_file: 3, random_get: 2,
      sched_yield: 0, sock_recv: 6, sock_send: 5, sock_shutdown: 2,
    };
    const names = Object.keys(wasi).filter((name) => !waits[name]);
    for (let round = 0; round < 20_000; round += 1) {
      if (round % 1000 === 0) wasi = fresh();
      const name = pick(names);
      const shape = shapes[name] ?? "i".repeat(lengths[name]);
      // Standard streams would block or print.
      const args = [...shape.toLowerCase()].map((kind, at) => (kind === "l" ? pick(longs) : at === 0 && name.startsWith("fd_") ? 3 + pick(numbers) % 4 : pick(numbers)));
      const result = wasi[name](...args);
      counts[result] = (counts[result] ?? 0) + 1;
    }
    console.log(Object.keys(counts).every((result) => Number(result) >= 0 && Number(result) <= 76), counts[61] > 1000, counts[0] > 100);
  `;
  const { stdout, stderr, exitCode } = await inGuest(code);
  assert.deepEqual([stdout, exitCode], ["true true true\n", 0], stderr);
});

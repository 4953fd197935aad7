// Memory of the VM process after many objects of each kind that a program makes and lets go.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { assertFlat, type Budget, counts, ownMemory } from "./support/memory.ts";
import { after, before, describe, test } from "./support/suite.ts";
import { assemble, op } from "./support/wasm-module.ts";

let runtime: NodeRuntime;
let vmMemory: (perIteration: number) => Budget;

before(async () => {
  runtime = await NodeRuntime.create();
  vmMemory = await ownMemory(runtime);
});
after(() => runtime.dispose());

/** Objects inside one program: what `once` makes, it lets go. `setup` runs before the first. */
type Kind = {
  iterations: number;
  once: string;
  setup?: string;
  /** Bytes that the heap, and the process, may keep of one. */
  heap?: number;
  memory?: number;
};

const file = "/tmp/program.cjs";
const copy = "/tmp/copy";

const bytes = JSON.stringify([...assemble({ functions: [{ body: op.i32(1), results: [0x7f] }] })]);

const kinds: Record<string, Kind> = {
  worker: {
    iterations: 12,
    heap: 2000,
    setup: "const { Worker } = require('node:worker_threads');",
    once: "await new Promise((resolve) => new Worker('1', { eval: true }).on('exit', resolve));",
    memory: 60_000,
  },
  "message port": {
    iterations: 1000,
    once: `const { port1, port2 } = new MessageChannel();
      const got = new Promise((resolve) => { port2.onmessage = resolve; });
      port1.postMessage({ text: 'x'.repeat(1000) });
      await got;
      port1.close();`,
  },
  "session of the inspector": {
    iterations: 60,
    setup: "const { Session } = require('node:inspector');",
    once: `const session = new Session();
      session.connect();
      for (const domain of ['Runtime', 'Debugger', 'Profiler']) session.post(domain + '.enable');
      session.post('Profiler.start');
      session.post('Runtime.evaluate', { expression: '({})', timeout: 10_000 });
      session.post('Profiler.stop');
      session.disconnect();`,
  },
  "broadcast channel": {
    iterations: 500,
    once: "const channel = new BroadcastChannel('name'); channel.postMessage(1); channel.close();",
  },
  pipe: {
    iterations: 40,
    // As in Node.js: what it compiles late, and lists that grow.
    heap: 1500,
    memory: 5000,
    setup: "const { spawn } = require('node:child_process');",
    once: `const child = spawn('cat');
      child.stdout.resume();
      child.stdin.end('x'.repeat(10_000));
      await new Promise((resolve) => child.on('close', resolve));`,
  },
  "socket for datagrams": {
    iterations: 300,
    setup: "const dgram = require('node:dgram'); const { once } = require('node:events');",
    once: `const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const got = once(socket, 'message');
      socket.send('x'.repeat(1000), socket.address().port, '127.0.0.1');
      await got;
      socket.close();
      await once(socket, 'close');`,
  },
  "resolver and its queries": {
    iterations: 300,
    setup: `const dgram = require('node:dgram');
      const dns = require('node:dns').promises;
      const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1];
      const server = dgram.createSocket('udp4').unref();
      server.on('message', (question, { port, address }) => {
        if (question[13] === 115) return;
        const answer = Buffer.concat([question, Buffer.from(record)]);
        answer[7] = 1;
        server.send(answer, port, address);
      });
      const bound = new Promise((resolve) => server.bind(0, '127.0.0.1', resolve));`,
    once: `await bound;
      const resolver = new dns.Resolver();
      resolver.setServers(['127.0.0.1:' + server.address().port]);
      await Promise.all([resolver.resolve4('a.z'), resolver.resolveTxt('b.z'), dns.lookup('localhost')]);
      const silent = resolver.resolve4('silent.z').catch(() => {});
      resolver.cancel();
      await silent;`,
  },
  "child process, synchronous": {
    iterations: 30,
    heap: 500,
    memory: 5000,
    setup: "const { execFileSync } = require('node:child_process');",
    once: "execFileSync('true');",
  },
  timer: {
    iterations: 10_000,
    once: `clearTimeout(setTimeout(() => {}, 1e6));
      clearImmediate(setImmediate(() => {}));
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve));`,
  },
  "abort signal": {
    iterations: 2000,
    once: `const controller = new AbortController();
      const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(1)]);
      signal.addEventListener('abort', () => {});
      if (i % 2) controller.abort();
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 2));`,
  },
  "watcher of files": {
    iterations: 300,
    setup: "const fs = require('node:fs');",
    once: `const watcher = fs.watch('/tmp', () => {});
      watcher.close();
      await new Promise((resolve) => watcher.on('close', resolve));
      fs.watchFile('/tmp', () => {});
      fs.unwatchFile('/tmp');`,
  },
  "stream of a file": {
    iterations: 200,
    // A compressor has some 268 kB in five pieces, which threads of the pool take and the program's gives back: that
    // lies about between other things, at another place each time.
    memory: 5000,
    setup: `const fs = require('node:fs');
      const { pipeline } = require('node:stream/promises');
      const { createGzip } = require('node:zlib');`,
    once: `await pipeline(fs.createReadStream('/etc/passwd'), createGzip(), fs.createWriteStream('${copy}'));
      const file = await fs.promises.open('${copy}');
      await file.readFile();
      await file.close();`,
  },
  "session of HTTP/2 and its streams": {
    iterations: 200,
    // Sessions take tables and frames of many sizes, which the allocator lays out anew each time.
    memory: 5000,
    setup: `const http2 = require('node:http2');
      const { once } = require('node:events');
      const server = http2.createServer((request, response) => response.end('x'.repeat(1000)));
      const bound = new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      server.unref();`,
    once: `await bound;
      const client = http2.connect('http://127.0.0.1:' + server.address().port);
      const answers = Array.from({ length: 5 }, async (_, at) => {
        const request = client.request({ ':path': '/' + at });
        if (at === 4) request.on('error', () => {}).close(8);
        request.resume();
        await once(request, 'close');
      });
      client.ping(() => {});
      await Promise.all(answers);
      if (i % 2) client.close(); else client.destroy();
      await once(client, 'close');`,
  },
  "HTTP request": {
    iterations: 400,
    setup: `const http = require('node:http');
      const server = http.createServer((request, response) => request.pipe(response)).listen(0);
      const { port } = server.address();`,
    once: `const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false });
      request.end('x'.repeat(10_000));
      const response = await new Promise((resolve) => request.on('response', resolve));
      await new Promise((resolve) => response.resume().on('close', resolve));`,
  },
  "HTTP parser": {
    iterations: 5000,
    setup: "const { HTTPParser } = require('node:_http_common');",
    once: `const parser = new HTTPParser();
      parser.initialize(HTTPParser.REQUEST, {});
      parser.execute(Buffer.from('GET / HTTP/1.1\\r\\nA: ' + 'b'.repeat(1000)));
      if (i % 2) parser.close();`,
  },
  "web stream": {
    iterations: 300,
    once: `const stream = new Blob(['x'.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip'));
      for await (const _ of stream) {}`,
  },
  hash: {
    iterations: 2000,
    setup: "const crypto = require('node:crypto');",
    once: "crypto.createHmac('sha256', 'key').update(crypto.randomBytes(100)).digest('hex');",
  },
  database: {
    iterations: 300,
    setup: "const { DatabaseSync } = require('node:sqlite'); const fs = require('node:fs');",
    // Every second one is left to the collector, with all that belongs to it.
    once: `const db = new DatabaseSync(i % 4 < 2 ? ':memory:' : '/tmp/leaks.db');
      db.exec('create table if not exists t(a); delete from t; insert into t values (1), (2)');
      db.function('f', (a) => a + 1);
      db.aggregate('s', { start: 0, step: (sum, a) => sum + a });
      db.setAuthorizer(() => 0);
      const session = db.createSession();
      const rows = db.prepare('select f(a) x from t').iterate();
      if (rows.next().value.x + db.createTagStore().get\`select s(a) x from t\`.x + db.limits.attach !== 15) throw new Error('a wrong sum');
      session.changeset();
      if (i % 4 > 1) rows.return();
      if (i % 2) db.close();
      fs.rmSync('/tmp/leaks.db', { force: true });
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve));`,
  },
  wasi: {
    iterations: 200,
    setup: "const { WASI } = require('node:wasi'); const fs = require('node:fs');",
    // Those who do not close what they open leave it to the collector, with their directories.
    once: `const memory = new WebAssembly.Memory({ initial: 1 });
      const wasi = new WASI({ version: 'preview1', args: ['x'.repeat(1000)], preopens: { '/': '/tmp' } });
      wasi.initialize({ exports: { memory } });
      new Uint8Array(memory.buffer).set(Buffer.from('wasi-leaks'), 100);
      const opened = wasi.wasiImport.path_open(3, 0, 100, 10, 1, 66n, 0n, 0, 200);
      if (opened !== 0) throw new Error('not opened: ' + opened);
      if (i % 2 && wasi.wasiImport.fd_close(4) !== 0) throw new Error('not closed');
      fs.rmSync('/tmp/wasi-leaks');
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve));`,
  },
  "CommonJS module": {
    iterations: 500,
    setup: "const Module = require('node:module');",
    once: `const module = new Module('/tmp/m' + i + '.js');
      module._compile('exports.text = ' + JSON.stringify('x'.repeat(1000 + i)), module.id);
      if (module.exports.text.length !== 1000 + i) throw new Error('not compiled');`,
  },
  "ES module": {
    iterations: 300,
    // Every module has a name of its own.
    heap: 200,
    setup: "const vm = require('node:vm');",
    once: `const text = 'export const text = ' + JSON.stringify('x'.repeat(3000 + i)) + '; globalThis.f = () => text;';
      const context = i % 10 === 0 ? vm.createContext({}) : undefined;
      const other = new vm.SyntheticModule(['a'], function () { this.setExport('a', other); }, { context });
      const module = new vm.SourceTextModule('import { a } from "other"; export { a };' + text, { context });
      if (context) context.other = other;
      await module.link(() => other);
      await module.evaluate();
      if (module.namespace.text.length !== 3000 + i || module.namespace.a !== other) throw new Error('not evaluated');`,
  },
  script: {
    iterations: 500,
    setup: "const vm = require('node:vm');",
    once: `new vm.Script('"' + 'y'.repeat(1000 + i) + '".length').runInThisContext();
      new vm.Script('while (true) break', { importModuleDynamically: async () => {} }).runInThisContext({ timeout: 1000 });`,
  },
  context: {
    iterations: 40,
    setup: "const vm = require('node:vm');",
    once: "vm.runInContext('globalThis.kept = new Array(1000).fill(1)', vm.createContext({}));",
  },
  "WebAssembly instance": {
    iterations: 300,
    setup: `const bytes = Uint8Array.from(${bytes});`,
    once: `const module = i % 10 === 0 ? new WebAssembly.Module(bytes) : (globalThis.compiled ??= new WebAssembly.Module(bytes));
      if (new WebAssembly.Instance(module).exports._start() !== 1) throw new Error('not run');
      new WebAssembly.Memory({ initial: 1, maximum: 2 });`,
  },
  buffer: {
    iterations: 1000,
    once: "Buffer.alloc(100_000, 1); structuredClone({ data: new Uint8Array(10_000) });",
  },
  "environment variable": {
    iterations: 2000,
    once: "process.env['NAME' + (i % 10)] = 'x'.repeat(1000 + i); delete process.env['NAME' + (i % 10)];",
  },
};

/** A program that makes `iterations` objects for each byte of its input and tells what it holds then. */
const program = ({ setup = "", once, iterations }: Kind) => `
  ${setup}
  process.stdin.on('data', async () => {
    for (let i = 0; i < ${iterations}; i++) {
      ${once}
    }
    // Twice: what is finalized in the first goes in the second.
    for (let turn = 0; turn < 2; turn++) {
      await new Promise(setImmediate);
      gc();
    }
    const { heapUsed, external } = process.memoryUsage();
    console.log(heapUsed + external);
  });`;

/** Runs a program step by step: each gives what it prints. */
async function stepwise(code: string) {
  let answer = (_text: string) => {};
  let errors = "";
  await runtime.writeFile(file, code);
  const flags = ["--expose-gc", "--experimental-vm-modules", "--no-warnings"];
  const running = await runtime.spawnCommand("node", [...flags, file], {
    onStdout: (chunk) => answer(Buffer.from(chunk).toString()),
    onStderr: (chunk) => {
      errors += Buffer.from(chunk).toString();
    },
  });
  const ended = running.wait();
  const step = async () => {
    const answered = new Promise<string>((resolve) => {
      answer = resolve;
    });
    await running.writeStdin("x");
    const failed = ended.then((code) => assert.fail(`the program ended: ${code} ${errors}`));
    return await Promise.race([answered, failed]);
  };
  const end = async () => {
    running.kill("SIGKILL");
    await ended;
    for (const path of [file, copy]) if (await runtime.exists(path)) await runtime.remove(path);
  };
  return { step, end };
}

describe("inside a program", () => {
  for (const [name, kind] of Object.entries(kinds)) {
    test(`${name}: nothing is kept`, { timeout: 120_000 }, async () => {
      const { iterations, heap = 100, memory = 1000 } = kind;
      const before = await counts(runtime);
      const { step, end } = await stepwise(program(kind));
      try {
        let used = 0;
        const own = { name: "heap of the program", read: () => used, perIteration: heap };
        await assertFlat(iterations, [own, vmMemory(memory)], async () => {
          used = Number(await step());
        });
      } finally {
        await end();
      }
      assert.deepEqual(await counts(runtime), before);
    });
  }
});

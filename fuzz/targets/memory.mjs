// Memory that is refused at any point: whatever asks for it, the outcome has a name and the files stay.

import { loadApi } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";

const mebibyte = 1 << 20;

/** Programs that take memory in one of the places where a VM process takes it, until there is none. */
const programs = {
  watches: `import fs from "node:fs"; for (;;) fs.watch("/tmp", () => {});`,
  messages: `import { MessageChannel } from "node:worker_threads"; const { port1 } = new MessageChannel(); for (;;) port1.postMessage(new Uint8Array(SIZE));`,
  keys: `import c from "node:crypto"; const kept = []; for (;;) kept.push(c.createHash("sha512"), c.createSecretKey(Buffer.alloc(SIZE)));`,
  buffers: `const kept = []; for (;;) kept.push(Buffer.alloc(SIZE, 1));`,
  promises: `const kept = []; for (;;) kept.push(Promise.reject(SIZE));`,
  json: `const text = "[".repeat(SIZE * 100); try { JSON.parse(text); } catch {} console.log(JSON.stringify("x".repeat(SIZE * 1000)).length);`,
  strings: `let text = "x".repeat(SIZE); for (;;) { text += text; Buffer.from(text); }`,
  intl: `const kept = []; for (;;) kept.push(new Intl.DateTimeFormat("de"), new Intl.Segmenter("en"));`,
  contexts: `import vm from "node:vm"; const kept = []; for (;;) kept.push(vm.createContext({ a: new Array(SIZE) }));`,
  workers: `import { Worker } from "node:worker_threads"; for (let i = 0; i < 20; i += 1) new Worker("const kept = []; for (;;) kept.push(new Array(SIZE).fill(1.5))", { eval: true }).on("error", () => {});`,
  compression: `import zlib from "node:zlib"; const kept = []; for (;;) { const z = zlib.createBrotliCompress(); z.write(Buffer.alloc(SIZE)); kept.push(z); }`,
  files: `import fs from "node:fs"; for (let i = 0; ; i += 1) fs.writeFileSync("/tmp/" + i, Buffer.alloc(SIZE));`,
  modules: `const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0); const kept = []; for (;;) kept.push(new WebAssembly.Module(bytes), new WebAssembly.Memory({ initial: 1 }));`,
  output: `for (let i = 0; i < 2000; i += 1) process.stdout.write("x".repeat(SIZE));`,
  regexps: `const kept = []; for (let i = 0; ; i += 1) kept.push(new RegExp("(a|" + "b".repeat(SIZE % 5000) + i + ")").exec("a"));`,
  inspect: `import util from "node:util"; const big = Array.from({ length: SIZE }, (_, i) => ({ i })); for (;;) util.inspect([big, big, big], { maxArrayLength: null, depth: 9 });`,
};

const lines = [
  "seq 99999999 | sort",
  "seq 9999999 | tac",
  "yes | head -c 300000000 | awk '{ a[NR] = $0 }'",
  "sh -c 'x=x; while :; do x=$x$x; done'",
];

const sizes = [1, 100, 5000, 65_536, 1_000_000];

export default {
  name: "memory",
  about:
    "programs that take all memory, in VMs of any size: the outcome is the program's own or names a limit",
  longest: 12,
  shrinkFor: 180,
  async run(input) {
    const { NodeRuntime } = await loadApi();
    const memory = 64 + 4 * input.below(60);
    const limits = { resources: { maxMemoryBytes: memory * mebibyte } };
    if (input.onceIn(2)) limits.jsRuntime = { v8HeapLimitMb: 16 + input.below(memory - 24) };
    const runtime = await NodeRuntime.create({ limits, files: { "/workspace/kept": "kept" } });
    try {
      for (let count = 1 + input.below(2); count > 0; count -= 1)
        await greedy(input, runtime, memory);
      const kept = await runtime.readFile("/workspace/kept", "utf8").catch((error) => error.code);
      if (kept !== "kept") throw new Broken("the files are lost", kept);
      const next = await runtime
        .execCommand("node", ["-p", "1"], { timeout: 20_000 })
        .catch((error) => error);
      if (next.stdout !== "1\n")
        throw new Broken("the next program", next.stack ?? JSON.stringify(next));
    } finally {
      await runtime.dispose();
    }
  },
};

async function greedy(input, runtime, memory) {
  const size = String(input.pick(sizes));
  const name = input.pick([...Object.keys(programs), "shell"]);
  const line = name === "shell" ? input.pick(lines) : undefined;
  const start = line
    ? runtime.execCommand("sh", ["-c", line], { timeout: 6000 })
    : runtime.exec(programs[name].replaceAll("SIZE", size), { timeout: 6000 });
  const outcome = await start.catch((error) => error);
  input.note(
    `${name} ${line ?? size} in ${memory} MiB: ${outcome.code ?? outcome.exitCode} ${outcome.limit ?? ""}`,
  );
  if (!outcome.code || (outcome.code === "ERR_RESOURCE_LIMIT" && outcome.limit)) return;
  // Where V8 itself has ended the process the error says which limit it was.
  if (outcome.code === "ERR_VM_CRASHED" && outcome.limit) return;
  const how = `${outcome.code}, ${outcome.why}: ${outcome.stderr}`;
  throw new Broken(`${name} ends without the name of a limit`, how);
}

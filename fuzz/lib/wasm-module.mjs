// Modules of WebAssembly that call every import of the machine with whatever an input says.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/lib/paths.mjs";

/** Where the imports are defined, one a line: `"name" => path, (argument: type, ...);`. */
const sources = {
  wasi_snapshot_preview1: "crates/wasm/src/wasi/mod.rs",
  secure_exec: "crates/wasm/src/ext/mod.rs",
};

const i32 = 0x7f;
const i64 = 0x7e;

/** Imports that end the program or replace it are called once in a while only. */
const ending = /^(proc_exit|proc_exec|proc_raise)$/;
const waiting = /^(poll_oneoff|sig_wait|proc_wait|fd_read|sock_accept)$/;

/** @returns {{module: string, name: string, types: number[]}[]} */
export function imports() {
  return Object.entries(sources).flatMap(([module, path]) => {
    const lines = readFileSync(join(root, path), "utf8").matchAll(
      /"(\w+)" => [\w:]+,\s*\(([^)]*)\)/g,
    );
    return [...lines].map(([, name, list]) => {
      const types = [...list.matchAll(/: (\w+)/g)].map(([, type]) => (/64/.test(type) ? i64 : i32));
      return { module, name, types };
    });
  });
}

/** Pages of memory, and where its end is. */
const pages = 2;
const end = pages * 65_536;

/** Mostly places of texts and of numbers in memory, small numbers and descriptors; now and then the edges. */
const usual = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 64, 100, 256, 512, 1000, 1024, 1120, 1220, 1320, 1420, 2048,
  4096,
];
const odd = [
  -1,
  end - 1,
  end - 4,
  end - 8,
  end,
  end + 1,
  2 ** 31 - 1,
  -(2 ** 31),
  -2,
  -8,
  -100,
  65_535,
  65_536,
  131_069,
];
const long = [
  0n,
  1n,
  4096n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  -1n,
  -(2n ** 63n),
];

/** Lengths and addresses in memory; beyond it only now and then, since that ends the program. */
const words = [0, 1, 2, 3, 4, 8, 16, 100, 512, 1024, 1224, 2000];
const oddWords = [65_536, end - 8, end, 0x7fffffff, 0xffffffff];
const texts = [
  "/tmp/a",
  "/proc/self/status",
  "..",
  "a\0b",
  "/",
  "\xff\xfe",
  `/tmp/${"x".repeat(80)}`,
  "/dev/ptmx",
  "a",
  "/bin/true",
];

/** A module with a `_start` that makes calls until the input is used up. */
export function moduleOf(input, all) {
  const body = [0];
  const called = [];
  const memory = memoryOf(input);
  while (!input.isSpent) {
    const index = input.below(all.length);
    const { name, types } = all[index];
    if (ending.test(name) && !input.onceIn(40)) continue;
    if (waiting.test(name) && !input.onceIn(6)) continue;
    const values = types.map((type) => argument(input, type));
    called.push(`${name}(${values.join(", ")})`);
    for (const [at, value] of values.entries()) {
      body.push(types[at] === i64 ? 0x42 : 0x41, ...signed(BigInt(value)));
    }
    // Every import gives back a number, which is dropped.
    body.push(0x10, ...unsigned(index));
    if (name !== "proc_exit") body.push(0x1a);
  }
  body.push(0x0b);
  return { bytes: assemble(all, body, memory), called };
}

function argument(input, type) {
  if (type === i64) return input.pick(long);
  return input.onceIn(200) ? input.pick(odd) : input.pick(usual);
}

/** Numbers that may be lengths and addresses of lists, and texts behind them. */
function memoryOf(input) {
  const memory = Buffer.alloc(2048);
  for (let at = 0; at < 1024; at += 4) memory.writeUInt32LE(words[(at / 4) % words.length], at);
  for (let count = input.below(24); count > 0; count -= 1) {
    memory.writeUInt32LE(
      input.onceIn(16) ? input.pick(oddWords) : input.pick(words),
      input.below(64) * 4,
    );
  }
  for (const [at, text] of texts.entries()) memory.write(text, 1024 + at * 100, 99, "latin1");
  return memory;
}

function assemble(all, body, memory) {
  const types = [[0x60, 0, 0], ...all.map((one) => signature(one))];
  const imported = all.map(({ module, name }, at) => [
    ...text(module),
    ...text(name),
    0,
    ...unsigned(at + 1),
  ]);
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list(imported)),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(
      7,
      list([
        [...text("memory"), 2, 0],
        [...text("_start"), 0, ...unsigned(all.length)],
      ]),
    ),
    ...section(10, [1, ...unsigned(body.length), ...body]),
    ...section(11, [1, 0, 0x41, 0, 0x0b, ...unsigned(memory.length), ...memory]),
  ]);
}

function signature({ name, types }) {
  const results = name === "proc_exit" ? [] : [i32];
  return [0x60, ...list(types.map((type) => [type])), ...list(results.map((type) => [type]))];
}

const section = (id, bytes) => [id, ...unsigned(bytes.length), ...bytes];
const list = (items) => [...unsigned(items.length), ...items.flat()];
const text = (name) => [...unsigned(name.length), ...Buffer.from(name)];

/** LEB128. */
function unsigned(number) {
  const bytes = [];
  let left = number;
  do {
    bytes.push((left & 127) | (left > 127 ? 128 : 0));
    left >>>= 7;
  } while (left > 0);
  return bytes;
}

function signed(number) {
  const bytes = [];
  for (let left = number; ; ) {
    const low = Number(left & 127n);
    left >>= 7n;
    const isLast = (left === 0n && low < 64) || (left === -1n && low >= 64);
    bytes.push(isLast ? low : low | 128);
    if (isLast) return bytes;
  }
}

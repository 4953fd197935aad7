"use strict";
// Calls the functions of `node:wasi` with hostile numbers, on a memory that grows and may be shared.
//
//   node --expose-internals --expose-gc wasi.cjs <input in hexadecimal digits>

const fs = require("node:fs");
const { WASI } = require("node:wasi");
const { finish, inputOf, show } = require("./guard.cjs");

const input = inputOf(process.argv[2]);

/** The arguments behind each name: a number of 32 bits (`i`) or of 64 (`l`). What ends the program is left out. */
const shapes = require("./preview1-calls.json");

const numbers = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  16,
  24,
  48,
  64,
  100,
  512,
  1000,
  4096,
  4352,
  4608,
  4864,
  5120,
  5376,
  5632,
  65_535,
  65_536,
  131_064,
  131_071,
  131_072,
  131_073,
  196_608,
  2 ** 31,
  2 ** 32 - 8,
  2 ** 32 - 1,
  -1,
  1.5,
];
const longs = [
  0n,
  1n,
  2n,
  66n,
  1n << 14n,
  (1n << 30n) - 1n,
  1n << 32n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
  -1n,
];
const names = [
  "a",
  "up",
  "up/x",
  "..",
  "../x",
  "loop",
  "b",
  "d/e",
  ".",
  "/",
  "x".repeat(200),
  "a\0",
  "ä",
  "./a/../b",
];

fs.mkdirSync("/tmp/box", { recursive: true });
for (const [target, name] of [
  ["../", "up"],
  ["loop", "loop"],
]) {
  fs.rmSync(`/tmp/box/${name}`, { force: true, recursive: true });
  fs.symlinkSync(target, `/tmp/box/${name}`);
}
fs.rmSync("/tmp/box/a", { force: true, recursive: true });
fs.writeFileSync("/tmp/box/a", "text");

const memory = new WebAssembly.Memory({ initial: 2, maximum: 4, shared: input.onceIn(3) });

/** Records for the calls to find, and names from 4096 on. */
function fill() {
  const view = new DataView(memory.buffer);
  for (let at = 0; at < 4096; at += 4)
    view.setUint32(at, input.isSpent ? 0 : input.pick(numbers) >>> 0, true);
  names.forEach((name, at) => {
    new Uint8Array(memory.buffer).set(Buffer.from(name), 4096 + at * 256);
  });
}

function start() {
  const nothing = () => fs.openSync("/dev/null", "r+");
  const stdio = { stdin: nothing(), stdout: nothing(), stderr: nothing() };
  const wasi = new WASI({
    version: "preview1",
    args: ["a", "b"],
    env: { A: "1" },
    preopens: { "/": "/tmp/box", rel: "/tmp/box" },
    ...stdio,
  });
  wasi.initialize({ exports: { memory } });
  return wasi.wasiImport;
}

/** A call that waits has a clock that is up, and nothing else. */
function atOnce() {
  new Uint8Array(memory.buffer, 0, 48).fill(0);
  return [0, 1024, 1, 2048];
}

let wasi = start();
fill();
while (!input.isSpent) {
  if (input.onceIn(64)) wasi = start();
  if (input.onceIn(32)) fill();
  if (input.onceIn(128) && memory.buffer.byteLength < 4 * 65_536) memory.grow(1);
  const name = input.pick(Object.keys(shapes));
  const hostile = () =>
    [...shapes[name]].map((kind, at) => {
      if (kind === "l") return input.pick(longs);
      return at === 0 && !input.onceIn(8) ? 3 + input.below(5) : input.pick(numbers);
    });
  const args = name === "poll_oneoff" ? atOnce() : hostile();
  show(name, args);
  show("  returned", [wasi[name](...args)]);
}
finish();

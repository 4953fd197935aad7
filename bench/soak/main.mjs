// A server that lends every user a machine, under load for minutes: what users do, and one request in a hundred that
// means harm. Prints what the server and its VM processes use, and fails where their memory does not stay where it is.
//
//   npm run soak [-- --seconds 300 --users 50 --clients 8 --seed 1]

import { fork } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { load } from "./load.mjs";
import { lineOf, quietest } from "./sample.mjs";
import { judge } from "./verdict.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    users: { type: "string", default: "50" },
    clients: { type: "string", default: "8" },
    seed: { type: "string", default: "1" },
  },
});
const settings = Object.fromEntries(
  Object.entries(values).map(([name, text]) => [name, positive(name, text)]),
);

/** Milliseconds that one line of the table stands for, and between two looks at the server within it. */
const slot = 10_000;
const look = 250;

const server = fork(join(import.meta.dirname, "server.mjs"), {
  stdio: "inherit",
  execArgv: ["--expose-gc"],
});
const base = await new Promise((resolve, reject) => {
  server.once("message", ({ port }) => resolve(`http://127.0.0.1:${port}`));
  server.once("exit", (code, signal) => reject(new Error(`the server ended: ${code ?? signal}`)));
});

const ask = async (path, init) => (await fetch(base + path, init)).json();
const running = load({ ask, ...settings });
const rows = [];
process.stdout.write(
  `${settings.seconds} s, ${settings.users} users, ${settings.clients} clients, seed ${settings.seed}\n`,
);
process.stdout.write(`${lineOf()}\n`);
const end = performance.now() + settings.seconds * 1000;
while (performance.now() < end) {
  const looks = [];
  // What would be left of the last one is no line of its own: few looks see no quiet moment.
  const next = performance.now() + slot;
  const until = end - next < slot ? end : next;
  while (performance.now() < until) {
    looks.push(await ask("/stats"));
    await new Promise((resolve) => setTimeout(resolve, look));
  }
  const seconds = settings.seconds - (end - performance.now()) / 1000;
  // Garbage is no growth: what the host holds is looked at behind a collection.
  const { host, held, files } = await ask("/stats/collected");
  const own = { host, held, files };
  const row = { seconds: Math.round(seconds), ...quietest(looks), ...own, ...running.latencies() };
  rows.push(row);
  process.stdout.write(`${lineOf(row)}\n`);
}
await running.stop();
const left = await ask("/stop", { method: "POST" });
server.disconnect();
const { problems, lines } = judge({
  rows,
  left,
  failures: running.failures,
  seconds: settings.seconds,
});
process.stdout.write(`\n${lines.join("\n")}\n`);
for (const problem of problems) process.stdout.write(`FAILED: ${problem}\n`);
if (problems.length === 0) process.stdout.write("passed\n");
process.exitCode = problems.length === 0 ? 0 : 1;

function positive(name, text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a whole number`);
  return number;
}

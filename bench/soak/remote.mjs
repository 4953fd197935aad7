// Clients of `secure-exec serve`, each with a sandbox of its own, on a network that breaks now and then. Every output is
// compared; fails if one is wrong, if memory of the server grows, or if something stays behind.
//
//   npm run soak:server [-- --seconds 300 --clients 50 --cut 0.05]

import { parseArgs } from "node:util";
import { Sandbox } from "../../index.js";
import { cuttable } from "./cuttable.mjs";
import { metric, serve, token, usageOf } from "./served.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    clients: { type: "string", default: "50" },
    /** The part of the connections that break each second. */
    cut: { type: "string", default: "0.05" },
  },
});
const [seconds, clients, part] = [values.seconds, values.clients, values.cut].map(Number);

const server = await serve({ maxSandboxes: clients });
const network = await cuttable(server.port);
const end = performance.now() + seconds * 1000;
const took = {};
const wrong = [];
let cuts = 0;

const numbers = Array.from({ length: 500 }, (_, n) => `${n}\n`).join("");

async function timed(name, work) {
  const begun = performance.now();
  await work();
  took[name] ??= [];
  took[name].push(performance.now() - begun);
}

function same(name, found, expected) {
  if (found !== expected) wrong.push(`${name}: ${JSON.stringify(String(found).slice(-60))}`);
}

async function client(index) {
  await using sandbox = await Sandbox.connect(network.url, { token });
  const { exec, files } = sandbox;
  const shell = await exec.shell();
  for (let round = 1; performance.now() < end; round += 1) {
    await timed("run", async () => {
      const { stdout } = await exec.run("for ((n = 0; n < 500; n += 1)); do echo $n; done");
      same("run", stdout, numbers);
    });
    await timed("line", async () => {
      const { stdout } = await shell.run("round=$((round + 1)); echo $round");
      same("line", stdout, `${round}\n`);
    });
    await timed("session", async () => {
      let text = "";
      const decoder = new TextDecoder();
      const session = await exec.start("cat", {
        onStdout: (data) => {
          text += decoder.decode(data, { stream: true });
        },
      });
      await session.sendStdin(numbers);
      session.closeStdin();
      same("session", await session.done, 0);
      same("session", text, numbers);
    });
    await timed("file", async () => {
      await files.writeFile("/tmp/file", `${index} ${round} ${numbers}`);
      same("file", await files.readFile("/tmp/file", "utf8"), `${index} ${round} ${numbers}`);
    });
  }
  await shell.close();
}

const cutting = setInterval(() => {
  cuts += 1;
  network.cut(part / 2);
}, 1000);
const rows = [];
/** What is held at the quietest moment of a line, MB: garbage is no growth. */
let held = Number.POSITIVE_INFINITY;
const looking = setInterval(async () => {
  const bytes = await metric(server.url, "process_held_bytes").catch(
    () => Number.POSITIVE_INFINITY,
  );
  held = Math.min(held, bytes / 2 ** 20);
}, 250);
const watching = setInterval(() => {
  const s = Math.round(seconds - (end - performance.now()) / 1000);
  const row = { s, held, ...usageOf(server.pid) };
  held = Number.POSITIVE_INFINITY;
  rows.push(row);
  process.stdout.write(
    `${row.s} s: server ${row.rss.toFixed(0)} MB, its objects ${row.held.toFixed(1)} MB, ${row.fds} descriptors, ${row.machines} machines of ${row.machinesMb.toFixed(0)} MB\n`,
  );
}, 10_000);

const results = await Promise.allSettled(
  Array.from({ length: clients }, (_, index) => client(index)),
);
clearInterval(cutting);
clearInterval(watching);
clearInterval(looking);
for (const { reason } of results) if (reason) wrong.push(String(reason?.stack ?? reason));
for (const [name, times] of Object.entries(took)) {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor((times.length - 1) * share)].toFixed(1);
  process.stdout.write(
    `${name}: ${times.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms\n`,
  );
}
const left = await metric(server.url, "sandboxes");
if (left !== 0) wrong.push(`${left} sandboxes are left`);
const [early, late] = [rows[Math.floor(rows.length / 2)], rows.at(-1)];
if (late && late.held > early.held * 1.1 + 8) {
  wrong.push(`objects of the server grew from ${early.held} to ${late.held} MB`);
}
wrong.push(...server.failures);
network.close();
const [code] = await server.end("SIGTERM");
if (code !== 0) wrong.push(`the server ended with ${code}`);
process.stdout.write(`${cuts} times connections were cut\n`);
for (const text of wrong.slice(0, 20)) process.stdout.write(`FAILED: ${text}\n`);
if (wrong.length === 0) process.stdout.write("passed\n");
process.exitCode = wrong.length === 0 ? 0 : 1;

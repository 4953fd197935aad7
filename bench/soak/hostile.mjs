// VM processes that were taken over, each way for half a minute, on a host that serves another machine: what that one
// notices, what the host's memory does, what is left.
//
//   npm run soak:hostile [-- --seconds 30 --mode tool-calls --mode pong]

import { parseArgs } from "node:util";
import { hostileHost, hostilePeer } from "../../__test__/support/hostile-peer.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    mode: { type: "string", multiple: true },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError("--seconds takes a number");

/** What the other machine may notice, and what the host may grow by in MiB. */
const mostTimes = 5;
const mostGrowth = 64;

const { peer, modes } = await hostilePeer();
const columns = ["mode", "exec p50", "p99", "blocked", "grown", "settled", "pending", "tools"];
const widths = [24, 10, 10, 10, 9, 9, 9, 7];
const row = (cells) => cells.map((cell, at) => String(cell).padEnd(widths[at])).join("");
const ms = (value) => `${value.toFixed(1)} ms`;

process.stdout.write(`${row(columns)}\n`);
const problems = [];
let calm;
const lines = await hostileHost(peer, seconds * 1000, values.mode ?? modes, (line) => {
  if (line.end) return;
  const { mode, p50, p99, blocked, grown, settled, pending, most } = line;
  calm ??= line;
  const cells = [mode, ms(p50), ms(p99), ms(blocked), `${grown.toFixed(0)} MiB`];
  process.stdout.write(`${row([...cells, settled ?? "", pending ?? "", most ?? ""])}\n`);
  if (mode === "calm") return;
  const expect = (holds, what) => holds || problems.push(`${mode}: ${what}`);
  expect(p99 < mostTimes * calm.p99, `p99 of exec is ${ms(p99)}, ${ms(calm.p99)} when it is calm`);
  expect(grown < mostGrowth, `the host grew by ${grown.toFixed(0)} MiB`);
  expect(pending === 0, `${pending} promises stayed pending`);
  expect(most <= 4, `${most} handlers ran at a time`);
});
const { left, loose } = lines.at(-1);
if (left > 0) problems.push(`${left} processes are left`);
problems.push(...loose);
for (const problem of problems) process.stdout.write(`${problem}\n`);
process.stdout.write(problems.length === 0 ? "nothing was noticed\n" : "");
process.exitCode = problems.length === 0 ? 0 : 1;

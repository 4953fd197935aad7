// One run of every measurement, printed as one table: what the product takes, what the alternatives
// take on the same machine in the same run, and the ratio. `--quick` repeats less, `--json` prints
// the numbers for a machine, a word selects the groups whose name contains it.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { NodeRuntime } from "secure-exec";
import { commands } from "./commands.mjs";
import { cpu } from "./cpu.mjs";
import { drivers } from "./drivers.mjs";
import { files } from "./files.mjs";
import { filesystem } from "./filesystem.mjs";
import { memory } from "./memory.mjs";
import { mounts } from "./mounts.mjs";
import { net } from "./net.mjs";
import { network } from "./network.mjs";
import { output } from "./output.mjs";
import { loadPeer } from "./peer.mjs";
import { python } from "./python.mjs";
import { snapshots } from "./snapshots.mjs";
import { startup } from "./startup.mjs";
import { printTable } from "./table.mjs";
import { tools } from "./tools.mjs";
import { typescript } from "./typescript.mjs";

const groups = {
  startup,
  drivers,
  output,
  files,
  filesystem,
  mounts,
  snapshots,
  python,
  commands,
  tools,
  net,
  network,
  typescript,
  cpu,
  memory,
};

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, json: { type: "boolean" } },
});

const peer = await loadPeer();
const rows = [];
for (const [name, group] of Object.entries(groups)) {
  if (filters.length > 0 && !filters.some((filter) => name.includes(filter))) continue;
  process.stderr.write(`measuring ${name} ...\n`);
  rows.push(...(await group({ NodeRuntime, peer, scale: options.quick ? 0.1 : 1 })));
}

if (options.json) {
  process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
} else {
  const [{ model }] = cpus();
  process.stdout.write(`${model}, ${cpus().length} CPUs, Node.js ${process.version}\n\n`);
  if (!peer)
    process.stdout.write("peer: not installed (SECURE_EXEC_BENCH_PEER names its folder)\n\n");
  printTable(rows);
}

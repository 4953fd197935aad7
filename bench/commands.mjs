// WebAssembly commands: from the call to the exit status, and what goes through a pipe between two of them.

import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { runInNode } from "./host.mjs";
import { percentile, sample } from "./table.mjs";

/** A module whose start does nothing: the least that a command can be. */
const nothing = Buffer.from(
  "AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKBAECAAs=",
  "base64",
);
const pipedBytes = 256 * 1024 * 1024;
const pipeline = `head -c ${pipedBytes} /dev/zero | cat | wc -c`;

const folder = "/tmp/secure-exec-bench";

/** Name, text, and the share of the usual number of repetitions. */
const scripts = [
  ["true", "true", 1],
  ["ls / | wc -l", "ls / | wc -l", 1],
  ["ls of 100 files | wc -l", `ls ${folder} | wc -l`, 1],
  ["pipeline of 10 commands", `seq 1000${" | cat".repeat(8)} | wc -l`, 0.25],
  ["1,000 commands started and awaited", "for i in $(seq 1000); do env true; done", 0.02],
];

const megabytes = 100;
const moved = `${megabytes} * 1024 * 1024`;

/** Name, unit, and a program whose function `measure` gives the median of some repetitions. */
const nodePrograms = [
  [
    "execFileSync of node, p50",
    "ms",
    `
      import { execFileSync } from "node:child_process";
      async function measure(count) {
        const times = [];
        for (let i = 0; i < count; i++) {
          const start = process.hrtime.bigint();
          execFileSync("node", ["-e", "1"]);
          times.push(Number(process.hrtime.bigint() - start) / 1e6);
        }
        return times.sort((a, b) => a - b)[count >> 1];
      }
    `,
  ],
  [
    `${megabytes} MiB from a command to node`,
    "MB/s",
    `
      import { spawn } from "node:child_process";
      async function measure() {
        const start = process.hrtime.bigint();
        const child = spawn("head", ["-c", String(${moved}), "/dev/zero"]);
        let length = 0;
        for await (const chunk of child.stdout) length += chunk.length;
        if (length !== ${moved}) throw new Error("lost bytes: " + length);
        return ${moved} / (Number(process.hrtime.bigint() - start) / 1e3);
      }
    `,
  ],
  [
    `${megabytes} MiB from node to a command`,
    "MB/s",
    `
      import { spawn } from "node:child_process";
      import { once } from "node:events";
      async function measure() {
        const start = process.hrtime.bigint();
        const child = spawn("wc", ["-c"]);
        const block = Buffer.alloc(1024 * 1024);
        for (let i = 0; i < ${megabytes}; i++) {
          if (!child.stdin.write(block)) await once(child.stdin, "drain");
        }
        child.stdin.end();
        let text = "";
        for await (const chunk of child.stdout) text += chunk;
        if (Number(text) !== ${moved}) throw new Error("lost bytes: " + text);
        return ${moved} / (Number(process.hrtime.bigint() - start) / 1e3);
      }
    `,
  ],
];

export async function commands({ NodeRuntime, scale }) {
  const count = Math.max(10, Math.round(200 * scale));
  const runtime = await NodeRuntime.create({
    files: { "/workspace/nothing": nothing },
    // The host's programs have them all, too.
    limits: { resources: { cpuCount: availableParallelism() } },
    jsRuntime: { highResolutionTime: true },
  });
  try {
    await runtime.exec(`import { chmodSync } from "node:fs"; chmodSync("nothing", 0o755);`);
    const least = await sample(count, () => succeed(runtime.execCommand("/workspace/nothing")));
    const rows = [
      {
        name: "trivial WebAssembly command, p50",
        unit: "ms",
        value: percentile(least, 0.5),
        against: { "/bin/true": percentile(await sample(count, () => onHost("true")), 0.5) },
      },
    ];
    const shell = (script) => succeed(runtime.execCommand("sh", ["-c", script]));
    if (!(await shell("true").then(Boolean, () => false))) return rows;
    await shell(`mkdir ${folder}; cd ${folder}; touch $(seq 100)`);
    await onHost("sh", ["-c", `mkdir -p ${folder}; cd ${folder}; touch $(seq 100)`]);
    for (const [name, script, share] of scripts) {
      const times = Math.max(3, Math.round(count * share));
      const own = await sample(times, () => shell(script));
      const host = await sample(times, () => onHost("sh", ["-c", script]));
      const against = { "/bin/sh": percentile(host, 0.5) };
      rows.push({ name: `sh: ${name}, p50`, unit: "ms", value: percentile(own, 0.5), against });
    }
    const own = await sample(3, () => shell(pipeline));
    const host = await sample(3, () => onHost("sh", ["-c", pipeline]));
    const rate = (times) => pipedBytes / 1e3 / percentile(times, 0.5);
    rows.push({
      name: "256 MiB through head | cat | wc",
      unit: "MB/s",
      value: rate(own),
      against: { "/bin/sh": rate(host) },
    });
    rows.push(...(await withNode(runtime, Math.max(5, Math.round(20 * scale)))));
    return rows;
  } finally {
    await onHost("rm", ["-rf", folder]);
    await runtime.dispose();
  }
}

/** What a Node.js program does with children: the same program in a guest and on the host. */
async function withNode(runtime, count) {
  const rows = [];
  for (const [name, unit, code] of nodePrograms) {
    const measured = `${code}; console.log(JSON.stringify(await measure(${count})));`;
    const { stdout, stderr, exitCode } = await runtime.exec(measured);
    if (exitCode !== 0) throw new Error(stderr);
    const against = { "node -e": JSON.parse(await runInNode(measured)) };
    rows.push({ name, unit, value: JSON.parse(stdout), against });
  }
  return rows;
}

async function succeed(command) {
  const { exitCode, stderr } = await command;
  if (exitCode !== 0) throw new Error(`exit status ${exitCode}: ${stderr}`);
  return true;
}

function onHost(command, args = []) {
  return new Promise((resolve, reject) => {
    execFile(command, args, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
}

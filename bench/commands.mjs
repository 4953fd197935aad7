// WebAssembly commands: from the call to the exit status, and what goes through a pipe between two of them.

import { execFile } from "node:child_process";
import { percentile, sample } from "./table.mjs";

/** A module whose start does nothing: the least that a command can be. */
const nothing = Buffer.from(
  "AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKBAECAAs=",
  "base64",
);
const pipedBytes = 256 * 1024 * 1024;
const pipeline = `head -c ${pipedBytes} /dev/zero | cat | wc -c`;

export async function commands({ NodeRuntime, scale }) {
  const count = Math.max(10, Math.round(200 * scale));
  const runtime = await NodeRuntime.create({ files: { "/workspace/nothing": nothing } });
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
    for (const script of ["true", "ls / | wc -l"]) {
      const own = await sample(count, () => shell(script));
      const host = await sample(count, () => onHost("sh", ["-c", script]));
      rows.push({
        name: `sh -c '${script}', p50`,
        unit: "ms",
        value: percentile(own, 0.5),
        against: { "/bin/sh": percentile(host, 0.5) },
      });
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
    return rows;
  } finally {
    await runtime.dispose();
  }
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

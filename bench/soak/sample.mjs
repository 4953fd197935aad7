// What the server and its VM processes use.

import { readdirSync, readFileSync } from "node:fs";

const mebibyte = 1024 * 1024;

/** Of this process and of its children, now. */
export function usage() {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(childStatus)
    .filter((status) => status !== undefined);
  const vms = children.filter(({ zombie }) => !zombie);
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    host: rss / mebibyte,
    held: (heapUsed + external) / mebibyte,
    vms: vms.reduce((sum, { anonymous }) => sum + anonymous, 0),
    count: vms.length,
    zombies: children.length - vms.length,
    fds: readdirSync("/proc/self/fd").length,
    threads: readdirSync("/proc/self/task").length,
  };
}

function childStatus(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
  const field = (name) => text.match(`\n${name}:\\s+(\\S+)`)?.[1];
  if (Number(field("PPid")) !== process.pid) return undefined;
  return { zombie: field("State") === "Z", anonymous: Number(field("RssAnon") ?? 0) / 1024 };
}

/** The least of each number: what is there while no guest is busy with much. */
export function quietest(looks) {
  const names = Object.keys(looks[0]);
  return Object.fromEntries(
    names.map((name) => [name, Math.min(...looks.map((each) => each[name]))]),
  );
}

const columns = {
  seconds: "s",
  host: "host MB",
  held: "held MB",
  vms: "VMs MB",
  files: "files MB",
  count: "VMs",
  zombies: "zombies",
  fds: "fds",
  threads: "threads",
  requests: "requests",
  p50: "p50 ms",
  p90: "p90 ms",
  p99: "p99 ms",
  max: "max ms",
};

/** A line of the table; without a row its head. */
export function lineOf(row = columns) {
  const cells = Object.keys(columns).map((name) => {
    const value = row[name];
    return typeof value === "number" ? value.toFixed(name.startsWith("p") ? 1 : 0) : (value ?? "");
  });
  return cells.map((cell) => cell.padStart(8)).join(" ");
}

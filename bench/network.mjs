// Servers and their clients, both within the machine, beside the same program on host Node.js: in one process, and in two.

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { privateBytesOfDescendants } from "./memory.mjs";
import { pinnedNode } from "../scripts/lib/paths.mjs";

const program = join(import.meta.dirname, "network-program.mjs");
const certificates = join(import.meta.dirname, "../__test__/fixtures/tls");
const files = { "network-program.mjs": program };
for (const name of ["server-key.pem", "server-cert.pem"]) files[name] = join(certificates, name);

/** What is measured, in the order of the table. */
const rows = [
  ["one", "requests over one connection", "1/s"],
  ["many", "requests over 64 connections", "1/s"],
  ["streams", "streams of HTTP/2, 64 at a time", "1/s"],
  ["echo", "a byte there and back", "us"],
  ["throughput", "bytes of TCP", "MiB/s"],
  ["handshakes", "handshakes of TLS", "1/s"],
  ["bulk", "bytes of TLS", "MiB/s"],
];

/** Runs the program with arguments: on the host, or in a machine. */
class Host {
  #folder = mkdtempSync(join(tmpdir(), "secure-exec-bench-"));
  #child;

  constructor() {
    for (const [name, path] of Object.entries(files)) cpSync(path, join(this.#folder, name));
  }

  start(...args) {
    const child = spawn(pinnedNode, [join(this.#folder, "network-program.mjs"), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    const said = lines();
    child.stdout.on("data", said.add);
    return { line: said.next, signal: (name) => child.kill(name) };
  }

  close() {
    this.#child?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

class Guest {
  #runtime;

  static async create(NodeRuntime) {
    const guest = new Guest();
    const placed = Object.entries(files).map(([name, path]) => [
      `/bench/${name}`,
      readFileSync(path),
    ]);
    const resources = {
      cpuCount: availableParallelism(),
      maxSockets: 4096,
      maxConnections: 4096,
      maxOpenFds: 4096,
    };
    const limits = { resources, jsRuntime: { cpuTimeLimitMs: Number.POSITIVE_INFINITY } };
    guest.#runtime = await NodeRuntime.create({ files: Object.fromEntries(placed), limits });
    return guest;
  }

  start(...args) {
    const said = lines();
    const options = {
      onStdout: (chunk) => said.add(Buffer.from(chunk)),
      onStderr: (chunk) => process.stderr.write(chunk),
    };
    const command = ["/bench/network-program.mjs", ...args];
    const child = this.#runtime.spawnCommand("node", command, options);
    return { line: said.next, signal: async (name) => (await child).kill(name) };
  }

  async close() {
    await this.#runtime.dispose();
  }
}

/** Takes pieces of output and gives lines, one for each call. */
function lines() {
  const events = new EventEmitter();
  let text = "";
  const add = (piece) => {
    text += piece;
    if (text.includes("\n")) events.emit("line");
  };
  const next = async () => {
    if (!text.includes("\n")) await once(events, "line");
    const end = text.indexOf("\n");
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
  return { add, next };
}

/** One process for both ends, or one for each. */
async function measured(place, isOne, milliseconds) {
  if (isOne) return JSON.parse(await place.start("both", String(milliseconds)).line());
  const server = place.start("serve");
  try {
    const ports = await server.line();
    return JSON.parse(await place.start("ask", ports, String(milliseconds)).line());
  } finally {
    await server.signal("SIGKILL");
  }
}

/** Private memory while a program of a fresh place holds so many connections. */
async function held(make, count) {
  const place = await make();
  try {
    await place.start("hold", String(count)).line();
    return privateBytesOfDescendants(process.pid);
  } finally {
    await place.close();
  }
}

/** KiB of private memory that an idle connection takes, both ends of it: the middle of some tries, as garbage comes and goes. */
async function idle(make, count) {
  const tries = [];
  for (let at = 0; at < 5; at += 1) tries.push((await held(make, count)) - (await held(make, 1)));
  return tries.sort((a, b) => a - b)[2] / count / 1024;
}

export async function network({ NodeRuntime, scale }) {
  const milliseconds = 1500 * scale;
  const host = new Host();
  const guest = await Guest.create(NodeRuntime);
  const table = [];
  try {
    for (const [isOne, where] of [
      [true, "one process"],
      [false, "two processes"],
    ]) {
      const own = await measured(guest, isOne, milliseconds);
      const other = await measured(host, isOne, milliseconds);
      for (const [key, name, unit] of rows) {
        const against = { "host Node.js": other[key] };
        table.push({ name: `${name}, ${where}`, unit, value: own[key], against });
      }
    }
    const count = 1000;
    table.push({
      name: "memory of an idle connection, of 1,000",
      unit: "KiB",
      value: await idle(() => Guest.create(NodeRuntime), count),
      against: { "host Node.js": await idle(() => new Host(), count) },
    });
    return table;
  } finally {
    host.close();
    await guest.close();
  }
}

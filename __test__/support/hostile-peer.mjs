// The hostile VM process of crates/protocol/examples, and hosts that it is let loose on.

import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { pinnedNode, root, targetDir } from "../../scripts/lib/paths.mjs";

const run = promisify(execFile);

/**
 * Builds it.
 * @returns {Promise<{peer: string, modes: string[]}>} Where it is, and the ways in which it does harm.
 */
export async function hostilePeer() {
  const target = ["-p", "secure-exec-protocol", "--example", "hostile_peer"];
  const env = { ...process.env, CARGO_TARGET_DIR: targetDir };
  await run("cargo", ["build", "--release", "--locked", ...target], { cwd: root, env });
  const peer = join(targetDir, "release", "examples", "hostile_peer");
  const { stdout } = await run(peer, ["--modes"]);
  return { peer, modes: stdout.trim().split(" ") };
}

/**
 * Runs a host through modes, for so many milliseconds each.
 * @param {(line: object) => void} [onLine] Hears of each mode when it is over.
 * @returns {Promise<object[]>} A line for the time before, for each mode, and for the end.
 */
export async function hostileHost(peer, milliseconds, modes, onLine) {
  const host = join(import.meta.dirname, "hostile-host.mjs");
  const child = spawn(pinnedNode, [host, peer, String(milliseconds), ...modes], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text);
    lines.push(line);
    onLine?.(line);
  }
  const code = await ended;
  if (code !== 0)
    throw new Error(`the host ended with status ${code}, after ${lines.length} modes`);
  return lines;
}

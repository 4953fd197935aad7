// The alternatives on the host: a Node.js process, a worker thread.

import { execFile } from "node:child_process";
import { Worker } from "node:worker_threads";
import { pinnedNode } from "../scripts/lib/paths.mjs";

/** Runs a program in a Node.js process of its own and returns what it printed. */
export function runInNode(code) {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    execFile(pinnedNode, ["--input-type=module", "-e", code], options, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
  });
}

/** Runs a program in a worker thread and returns what it printed. */
export function runInWorker(code) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, stdout: true });
    let output = "";
    worker.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    worker.once("error", reject);
    worker.once("exit", () => resolve(output));
  });
}

// The things a test file can run on: host Node.js, a guest binary for development, and in
// product.mjs the product. Each gives back the same outcome.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pinnedNode, root } from "../lib/paths.mjs";

/**
 * @typedef {object} Outcome
 * @property {number | null} exitCode
 * @property {string | undefined} signal
 * @property {boolean} timedOut
 * @property {string} stdout
 * @property {string} stderr
 * @property {number} ms
 */

const outputCap = 4 * 1024 * 1024;

/**
 * @typedef {object} Backend
 * @property {(name: string, flags: string[]) => string} describe
 * @property {(name: string, flags: string[], options: {timeoutMs: number, slot: number}) => Promise<Outcome>} run
 * @property {() => Promise<void>} close
 */

/** Where the suite is in the guest, and the folder where its tests may write. */
export const guestSuite = "/node/test";
export const guestTmp = "/tmp";

/** Runs a file on the reference Node.js, with a writable directory of its own. */
export function hostBackend(suite, binary = pinnedNode) {
  return {
    describe: (name, flags) =>
      `cd ${join(suite, "parallel")} && ${binary} ${[...flags, join(suite, name)].join(" ")}`,
    async run(name, flags, { timeoutMs, slot }) {
      const scratch = await mkdtemp(join(tmpdir(), "secure-exec-conformance-"));
      try {
        return await runProcess(binary, [...flags, join(suite, name)], {
          cwd: join(suite, "parallel"),
          env: {
            PATH: process.env.PATH,
            HOME: scratch,
            NODE_TEST_DIR: scratch,
            TEST_THREAD_ID: String(slot),
          },
          timeoutMs,
        });
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
    async close() {},
  };
}

/** Runs a file in a development binary that hosts one guest process. */
export function binaryBackend(suite, binary) {
  const path = resolve(binary);
  const args = (name, flags) => [
    "--mount",
    `${suite}:${guestSuite}`,
    "--cwd",
    `${guestSuite}/parallel`,
    "--env",
    `NODE_TEST_DIR=${guestTmp}`,
    ...flags,
    `${guestSuite}/${name}`,
  ];
  return {
    describe: (name, flags) => `${path} ${args(name, flags).join(" ")}`,
    run: (name, flags, { timeoutMs }) =>
      runProcess(path, args(name, flags), { cwd: root, env: process.env, timeoutMs }),
    async close() {},
  };
}

/** @returns {Promise<Outcome>} */
function runProcess(command, args, { cwd, env, timeoutMs }) {
  return new Promise((resolve) => {
    const start = performance.now();
    const output = { stdout: "", stderr: "" };
    let timedOut = false;
    // A group of its own, so that what the test started dies with it.
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const killGroup = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Already gone.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, timeoutMs);
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => {
        if (output[name].length < outputCap) output[name] += text;
      });
    }
    const finish = (exitCode, signal) => {
      clearTimeout(timer);
      killGroup();
      const ms = performance.now() - start;
      resolve({ exitCode, signal: signal ?? undefined, timedOut, ...output, ms });
    };
    child.once("error", (error) => {
      output.stderr += `cannot start ${command}: ${error.message}\n`;
      finish(null, undefined);
    });
    // A grandchild may hold the pipes open: wait a moment for the rest, not for ever.
    child.once("exit", (code, signal) => {
      const grace = setTimeout(() => finish(code, signal), 1000);
      child.once("close", () => {
        clearTimeout(grace);
        finish(code, signal);
      });
    });
  });
}

// Runs a program by host Node.js, in a copy of its project.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pinnedNode } from "../lib/paths.mjs";
import { answered, notYet, settled } from "./outcome.mjs";
import { pageInBrowser } from "./page-in-browser.mjs";
import { port } from "./programs.mjs";

/** How long a server may take until it listens. */
const patience = 120_000;

/**
 * @param {import("./programs.mjs").Program} program
 * @param {import("./project.mjs").Project} project
 */
export async function runOnHost(program, project) {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-compatibility-"));
  try {
    await cp(project.folder, folder, { recursive: true, verbatimSymlinks: true });
    if (program.before) await run(program.before, program, folder);
    if (program.requests) return await serve(program, folder);
    const ended = await run(program.args, program, folder);
    return { ...ended, ...(await filesOf(program.makes ?? [], folder)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function start(args, { env }, cwd) {
  const path = [dirname(pinnedNode), process.env.PATH].join(delimiter);
  const own = { PATH: path, HOME: cwd, TZ: "UTC", NO_COLOR: "1", PORT: String(port), ...env };
  return spawn(pinnedNode, args, { cwd, env: own, detached: true });
}

async function run(args, program, folder) {
  const child = start(args, program, folder);
  child.stdin.end();
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.resume();
  const [exitCode] = await once(child, "close");
  return { exitCode, stdout: settled(stdout, folder) };
}

async function serve(program, folder) {
  const child = start(program.args, program, folder);
  child.stdout.resume();
  child.stderr.resume();
  const ended = once(child, "exit");
  try {
    const ask = async (url, options) => {
      try {
        await listening(child);
        return await fetch(url, options);
      } catch (error) {
        if (notYet.includes(error.cause?.code)) return await ask(url, options);
        throw error;
      }
    };
    const answers = {};
    for (const request of program.requests ?? []) {
      const { path, method = "GET", body } = request;
      const headers = { accept: "*/*", "content-type": "application/json" };
      const url = `http://127.0.0.1:${port}${path}`;
      const response = await ask(url, { method, headers, body });
      const answer = { status: response.status, body: await response.text() };
      answers[`${method} ${path}`] = answered(request, answer, folder);
    }
    if (program.page) {
      const files = {
        read: (file) => readFile(join(folder, file), "utf8"),
        write: (file, text) => writeFile(join(folder, file), text),
      };
      answers.page = await pageInBrowser(program, `http://127.0.0.1:${port}`, files);
    }
    return answers;
  } finally {
    // What it has started, too.
    if (child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    await ended;
  }
}

/** Waits until somebody listens at the port. */
async function listening(child) {
  for (const until = performance.now() + patience; performance.now() < until; ) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isThere = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    await setTimeout(50);
  }
  throw new Error(`no server after ${patience} ms`);
}

/** Files, and those below folders, by their names. */
async function filesOf(names, folder) {
  const files = {};
  for (const name of names) {
    const path = join(folder, name);
    const below = (await stat(path)).isDirectory()
      ? (await readdir(path, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [path];
    for (const file of below.sort()) {
      files[relative(folder, file)] = settled(await readFile(file, "utf8"), folder);
    }
  }
  return files;
}

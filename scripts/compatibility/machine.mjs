// Runs a program in a machine that has its project mounted.

import { NodeRuntime } from "../../index.js";
import { answered, notYet, settled } from "./outcome.mjs";
import { pageInBrowser } from "./page-in-browser.mjs";
import { port } from "./programs.mjs";

const folder = "/app";
/** Compilers are large programs. */
const limits = {
  resources: {
    maxMemoryBytes: 4 * 2 ** 30,
    maxFilesystemBytes: 2 ** 30,
    maxInodeCount: 100_000,
    maxOpenFds: 4096,
    maxProcesses: 256,
  },
  jsRuntime: { v8HeapLimitMb: 2048, cpuTimeLimitMs: 600_000 },
};
/** How long a server may take until it listens, and anything until it ends. */
const patience = 300_000;

/**
 * @param {import("./programs.mjs").Program} program
 * @param {import("./project.mjs").Project} project
 * @param {string} [pictures] The folder for pictures of its page.
 */
export async function runInMachine(program, project, pictures) {
  const runtime = await NodeRuntime.create({
    cwd: folder,
    mounts: [{ guestPath: folder, hostPath: project.folder, overlay: true }],
    env: { TZ: "UTC", NO_COLOR: "1", PORT: String(port), HOME: folder, ...program.env },
    limits,
  });
  try {
    if (program.before) await run(runtime, program.before);
    if (program.requests) return await serve(runtime, program, pictures);
    const ended = await run(runtime, program.args);
    return { ...ended, ...(await filesOf(runtime, program.makes ?? [])) };
  } finally {
    await runtime.dispose();
  }
}

async function run(runtime, args) {
  const { exitCode, stdout, stderr } = await runtime.execCommand("node", args, {
    timeout: patience,
  });
  const said = { exitCode, stdout: settled(stdout, folder) };
  // Of a program that fails by itself the standard output tells why, of one that cannot run here the other.
  return exitCode > 2 || stdout === "" ? { ...said, ...(stderr && exitCode && { stderr }) } : said;
}

async function serve(runtime, program, pictures) {
  const server = await runtime.spawnCommand("node", program.args);
  const ask = async (request) => {
    try {
      await runtime.waitForListener({ port }, { timeoutMs: patience });
      return await runtime.fetch(port, request);
    } catch (error) {
      if (notYet.includes(error.code) && server.exitCode === null) return await ask(request);
      error.message += `\n${server.captured.stdout}\n${server.captured.stderr}`;
      throw error;
    }
  };
  const answers = {};
  for (const request of program.requests ?? []) {
    const { path, method = "GET", body } = request;
    const headers = { accept: "*/*", "content-type": "application/json" };
    const answer = await ask({ path, method, headers, body });
    answers[`${method} ${path}`] = answered(request, answer, folder);
  }
  if (program.page) {
    const files = {
      read: (file) => runtime.readFile(`${folder}/${file}`, "utf8"),
      write: (file, text) => runtime.writeFile(`${folder}/${file}`, text),
    };
    const exposed = await runtime.exposePort(port);
    answers.page = await pageInBrowser(program, exposed.url, files, pictures);
  }
  return answers;
}

/** Files, and those below folders, by their names. */
async function filesOf(runtime, names) {
  const files = {};
  const add = async (path) => {
    if ((await runtime.stat(path)).isDirectory) {
      for (const name of (await runtime.readDir(path)).sort()) await add(`${path}/${name}`);
    } else {
      files[path.slice(folder.length + 1)] = settled(await runtime.readFile(path, "utf8"), folder);
    }
  };
  for (const name of names) await add(`${folder}/${name}`);
  return files;
}

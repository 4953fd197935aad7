// Programs from npm, which the set-up has installed: run in a machine, and beside it on host Node.js.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { type Files, type Outcome, runNode } from "./guest.ts";

const fixtures = join(import.meta.dirname, "../fixtures/programs");

/** Where they are in the machine. */
export const guestFolder = "/programs";

const load = (name: string) =>
  import(pathToFileURL(join(import.meta.dirname, "../../scripts/lib", name)).href);

/** Where the set-up has put `node_modules`. */
export const { programsFolder, coverageFolder } = (await load("programs.mjs")) as {
  programsFolder: string;
  coverageFolder: string;
};

/** The Node.js whose library guests have. */
export const { pinnedNode } = (await load("paths.mjs")) as { pinnedNode: string };

/** Why they cannot be run, or false. */
export const notInstalled = [programsFolder, coverageFolder].every((folder) => existsSync(folder))
  ? false
  : "the programs from npm are not installed: npm run setup does it";

/** Files of packages that no program reads. */
const unread =
  /\.(map|md|markdown|ts|cts|mts|yml|txt)$|\/(test|tests|docs|examples|benchmarks?)\//i;

/** What is in a folder, for `files` of a machine. */
export function filesBelow(folder: string, target: string): Files {
  const files: Files = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[`${target}/${relative(folder, path)}`] = readFileSync(path);
  }
  return files;
}

/** The packages that are installed in a folder, for `files` of a machine. */
export function packagesOf(installed: string, target: string): Files {
  const all = Object.entries(filesBelow(join(installed, "node_modules"), "/node_modules"));
  const read = all.filter(([path]) => !unread.test(path));
  return Object.fromEntries(read.map(([path, data]) => [`${target}${path}`, data]));
}

/** The programs with what they need. */
export function programFiles(): Files {
  return { ...packagesOf(programsFolder, guestFolder), ...filesBelow(fixtures, guestFolder) };
}

/** The same on the host. */
export class HostPrograms {
  #folder = mkdtempSync(join(tmpdir(), "secure-exec-programs-"));
  #servers: ChildProcess[] = [];

  static async create(): Promise<HostPrograms> {
    const programs = new HostPrograms();
    for (const name of readdirSync(fixtures)) {
      await copyFile(join(fixtures, name), join(programs.#folder, name));
    }
    symlinkSync(join(programsFolder, "node_modules"), join(programs.#folder, "node_modules"));
    return programs;
  }

  /** Runs one to its end. */
  async run(name: string): Promise<Outcome> {
    return await runNode([join(this.#folder, name)], this.#folder);
  }

  /** Starts one that tells its port and then serves. */
  async serve(name: string): Promise<number> {
    const server = spawn(process.execPath, [join(this.#folder, name)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#servers.push(server);
    const [line] = await once(server.stdout, "data");
    return Number(line);
  }

  close(): void {
    for (const server of this.#servers) server.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

export type Request = {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
};

export type Answer = {
  status: number;
  statusText: string;
  rawHeaders: readonly (readonly [name: string, value: string])[];
  body: string;
};

/** What of an answer does not depend on when it was given. */
export function comparable({ status, statusText, rawHeaders, body }: Answer): Answer {
  return { status, statusText, rawHeaders: rawHeaders.filter(([name]) => name !== "Date"), body };
}

/** Asks a server of the host as `rt.fetch` asks one of a guest. */
export function askHost(port: number, { method = "GET", path, headers, body }: Request) {
  return new Promise<Answer>((resolve, reject) => {
    const all: OutgoingHttpHeaders = { ...headers };
    if (body !== undefined) all["content-length"] = Buffer.byteLength(body);
    const options = { host: "127.0.0.1", port, method, path, headers: all, agent: false };
    const sent = request(options, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece);
      const raw = response.rawHeaders;
      resolve({
        status: response.statusCode ?? 0,
        statusText: response.statusMessage ?? "",
        rawHeaders: raw.flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1] ?? ""] as const])),
        body: Buffer.concat(pieces).toString(),
      });
    });
    sent.on("error", reject).end(body);
  });
}

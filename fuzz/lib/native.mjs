// Targets that are written in Rust: `secure-exec-fuzz` runs them in a process of their own.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, targetDir } from "../../scripts/lib/paths.mjs";
import { run } from "../../scripts/lib/steps.mjs";

/** Without optimisation of the whole: arithmetic that overflows is a panic. */
const program = join(targetDir, "debug", "secure-exec-fuzz");

/** A run that takes longer has failed to end. */
const longestRun = 60_000;

let built;

/** Builds it once, when the first of its targets is run: minutes the first time. */
function build() {
  const args = ["build", "--locked", "--quiet", "-p", "secure-exec-fuzz"];
  built ??= run("cargo", args, { cwd: root });
  return built;
}

/** The targets with what they are about, from their sources: a list takes no compiler. */
export async function list() {
  const folder = join(root, "fuzz", "src", "targets");
  const order = await readFile(join(folder, "mod.rs"), "utf8");
  const names = [...order.matchAll(/(\w+)::TARGET/g)].map(([, module]) => module);
  return await Promise.all(
    names.map(async (module) => {
      const source = await readFile(join(folder, `${module}.rs`), "utf8");
      const [, name, about] = /name: "([^"]+)",\s*about: "([^"]+)"/.exec(source);
      return { name, about };
    }),
  );
}

/** Runs a target until something fails or it is enough. */
export async function fuzz(name, seed, { runs, seconds }) {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-fuzz-"));
  try {
    const progress = join(folder, "run");
    const until = runs ? ["--runs", `${runs}`] : ["--seconds", `${Math.ceil(seconds)}`];
    const options = ["--seed", `${seed}`, ...until, "--progress", progress];
    const time = runs ? runs * 1000 : seconds * 1000;
    const { report, death } = await call([name, ...options], time + longestRun);
    if (report) {
      const { failure } = report;
      if (failure) failure.input = fromHex(failure.input);
      return report;
    }
    const last = await readFile(progress);
    const number = Number(last.readBigUInt64LE(0));
    const { report: bytes } = await call([name, "--seed", `${seed}`, "--bytes-of", `${number}`]);
    const failure = { kind: death, message: death, notes: [], input: fromHex(bytes.input) };
    return { runs: number + 1, run: number, failure };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One run over given bytes. */
export async function attempt(name, bytes) {
  const { report, death } = await call([name, "--input", toHex(bytes)], longestRun);
  if (death) return { kind: death, message: death, notes: [] };
  return report.failure ?? undefined;
}

/** What the program reports, or how it died. */
async function call(args, timeout = longestRun) {
  await build();
  const options = { timeout, killSignal: "SIGKILL", maxBuffer: 64 << 20, cwd: root };
  return await new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error?.killed) return resolve({ death: "it does not end" });
      if (error?.signal) return resolve({ death: `${error.signal}: ${lastLine(stderr)}` });
      if (error && error.code !== 1) return reject(new Error(`${error.message}\n${stderr}`));
      resolve({ report: JSON.parse(stdout) });
    });
  });
}

function lastLine(text) {
  return text.trim().split("\n").at(-1);
}

export const toHex = (bytes) => Buffer.from(bytes).toString("hex");
export const fromHex = (digits) => new Uint8Array(Buffer.from(digits, "hex"));

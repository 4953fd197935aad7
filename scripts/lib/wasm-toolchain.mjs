// Finds a Rust toolchain that compiles for wasm32-wasip1: the one cargo uses if it has the target's
// standard library, else Debian's compiler, which builds the standard library from its sources.

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { capture, run, StepError } from "./steps.mjs";

export const target = "wasm32-wasip1";

const minimumRust = [1, 90];

/** A download that a firewall swallows must not hold the build up for long. */
const downloadTimeoutMs = 120_000;

/** The packages of Debian 12 (with its security updates); the linker's has its version in the name. */
const debianPackages = ["rustc-web", "rust-web-src", "wasi-libc"];
const debianRustc = "/usr/bin/rustc";
const debianSources = "/usr/lib/rustlib/src/rust/library";
const wasiLibc = "/usr/lib/wasm32-wasi";

/**
 * @typedef {object} Toolchain
 * @property {string} name What it is, with the compiler's version: a change means to compile again.
 * @property {string[]} args Further arguments of `cargo build`.
 * @property {Record<string, string>} env The environment of cargo.
 */

/**
 * Finds a toolchain, or installs one where the machine's package managers can.
 * @param {(text: string) => void} note
 * @returns {Promise<Toolchain>}
 */
export async function findWasmToolchain(note) {
  const found = (await installed()) ?? (await fromDebian());
  if (found) return found;
  note(`no toolchain for ${target} yet: asking rustup for the target`);
  await capture("rustup", ["target", "add", target], { timeout: downloadTimeoutMs });
  const added = await installed();
  if (added) return added;
  await installDebian(note);
  const debian = await fromDebian();
  if (debian) return debian;
  throw new StepError(`The commands need a Rust compiler for ${target}. ${hint()}`);
}

// Whoever provides it: rustup, a distribution's package, a compiler built by hand.
async function installed() {
  const libraries = await capture("rustc", ["--print", "target-libdir", "--target", target]);
  const files = libraries && (await readdir(libraries.trim()).catch(() => []));
  if (!files?.some((name) => /^libstd-.*\.rlib$/.test(name))) return undefined;
  const version = await capture("rustc", ["--version"]);
  return { name: version.trim(), args: [], env: {} };
}

async function fromDebian() {
  const version = await capture(debianRustc, ["--version"]);
  const [, major, minor] = version?.match(/^rustc (\d+)\.(\d+)/)?.map(Number) ?? [];
  const isRecent = major > minimumRust[0] || (major === minimumRust[0] && minor >= minimumRust[1]);
  const linker = await findLinker();
  const isComplete = existsSync(debianSources) && existsSync(join(wasiLibc, "libc.a"));
  if (!isRecent || !linker || !isComplete) return undefined;
  const flags = [
    "-Clink-self-contained=no",
    `-Clink-arg=-L${wasiLibc}`,
    "-Clink-arg=-lc",
    "--cfg=wasi_libc_2022",
  ];
  return {
    name: `Debian's ${version.trim()}`,
    args: ["-Zbuild-std=std,panic_abort"],
    env: {
      RUSTC: debianRustc,
      // Building the standard library is an unstable feature of cargo and compiler.
      RUSTC_BOOTSTRAP: "1",
      CARGO_TARGET_WASM32_WASIP1_LINKER: join(root, "scripts/lib/wasm-ld.sh"),
      WASM_LD: linker,
      WASI_CRT1: join(wasiLibc, "crt1-command.o"),
      CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS: flags.join(" "),
    },
  };
}

/** The newest `wasm-ld` of Debian's LLVM packages. */
async function findLinker() {
  const folders = await readdir("/usr/lib").catch(() => []);
  const versions = folders.map((name) => Number(name.match(/^llvm-(\d+)$/)?.[1])).filter(Boolean);
  const linkers = versions
    .sort((a, b) => b - a)
    .map((version) => `/usr/lib/llvm-${version}/bin/wasm-ld`);
  return linkers.find((path) => existsSync(path));
}

async function installDebian(note) {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  if ((await capture("apt-get", ["--version"])) === undefined) return;
  note(`installing ${debianPackages.join(", ")} and lld with apt-get`);
  await run("apt-get", ["update", "-q"], { env });
  const names = [...debianPackages, await newestLld()];
  await run("apt-get", ["install", "-qy", "--no-install-recommends", ...names], {
    env,
    hint: hint(),
  });
}

// The linker must understand the objects of the compiler's LLVM: take the newest.
async function newestLld() {
  const listed = (await capture("apt-cache", ["search", "--names-only", "^lld-[0-9]+$"])) ?? "";
  const versions = [...listed.matchAll(/^lld-(\d+) /gm)].map(([, version]) => Number(version));
  return versions.length > 0 ? `lld-${Math.max(...versions)}` : "lld";
}

function hint() {
  return (
    `With rustup: \`rustup target add ${target}\`. On Debian: ` +
    `\`sudo apt-get install ${debianPackages.join(" ")} lld-22\` (or the newest lld there is).`
  );
}

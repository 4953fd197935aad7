// What must be on the machine before anything can be built.

import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { capture, run, StepError } from "./steps.mjs";

const minimumRust = [1, 90];

/** @type {import("./steps.mjs").Step} */
export const checkPrerequisites = {
  name: "Check Node.js, Rust and a C++ compiler",
  async run(note) {
    checkNode();
    const rust = await findRust();
    const compiler = await findCompiler(note);
    note(`Node.js ${process.versions.node}, Rust ${rust}, ${compiler}`);
  },
};

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    throw new StepError(
      `Node.js 20 or later is needed, this is ${process.versions.node}. ` +
        "Install a current one from https://nodejs.org or your distribution.",
    );
  }
}

async function findRust() {
  // A rustup that was installed a moment ago is not on the PATH of this shell yet.
  const rustupBin = join(homedir(), ".cargo", "bin");
  if (!onPath("cargo") && isExecutable(join(rustupBin, "cargo"))) {
    process.env.PATH = `${process.env.PATH}${delimiter}${rustupBin}`;
  }
  const wanted = minimumRust.join(".");
  const output = await capture("cargo", ["--version"]);
  const version = output?.match(/^cargo (\d+)\.(\d+)\S*/);
  if (!version) {
    throw new StepError(
      `Rust ${wanted} or later is needed and no working cargo was found. ` +
        "Install it with rustup (https://rustup.rs) or from your distribution, then run this again.",
    );
  }
  const [, major, minor] = version.map(Number);
  if (major < minimumRust[0] || (major === minimumRust[0] && minor < minimumRust[1])) {
    throw new StepError(
      `Rust ${wanted} or later is needed, this is ${version[0].slice(6)}. ` +
        "Update it with `rustup update`, or install a newer one beside your distribution's with rustup.",
    );
  }
  return version[0].slice(6);
}

async function findCompiler(note) {
  const found = () => ["c++", "g++", "clang++"].find(onPath);
  if (found() && ["cc", "gcc", "clang"].some(onPath)) return found();
  if (process.platform === "linux" && process.getuid?.() === 0 && onPath("apt-get")) {
    note("no C/C++ compiler found: installing build-essential with apt-get");
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["update", "-q"], { env });
    await run("apt-get", ["install", "-qy", "--no-install-recommends", "build-essential"], { env });
    if (found()) return found();
  }
  throw new StepError(`A C and a C++ compiler are needed. ${compilerHint()}`);
}

function compilerHint() {
  if (process.platform === "darwin") return "Install them with `xcode-select --install`.";
  if (process.platform === "win32") return "Install the Visual Studio C++ build tools.";
  if (onPath("apt-get")) return "Install them with `sudo apt-get install build-essential`.";
  if (onPath("dnf")) return "Install them with `sudo dnf install gcc gcc-c++ make`.";
  if (onPath("apk")) return "Install them with `apk add build-base`.";
  if (onPath("pacman")) return "Install them with `sudo pacman -S base-devel`.";
  return "Install your distribution's package for gcc or clang.";
}

function onPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((dir) => isExecutable(join(dir, name)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

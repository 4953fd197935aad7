// What must be on the machine before anything can be built.

import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { capture, run, StepError } from "./steps.mjs";

const minimumRust = [1, 90];

/** @type {import("./steps.mjs").Step} */
export const checkPrerequisites = {
  name: "Check Node.js, Rust, a C++ compiler, make and perl",
  async run(note) {
    checkNode();
    const rust = await findRust();
    const compiler = await findCompiler(note);
    note(`Node.js ${process.versions.node}, Rust ${rust}, ${compiler}`);
  },
};

/** Programs that the shell's corpus cannot do without. */
const shells = ["dash", "bash", "timeout"];

/** Every program of the host that the tests compare the guest's with, and the package of Debian that brings it. */
export const hostTools = {
  dash: "dash",
  bash: "bash",
  timeout: "coreutils",
  time: "time",
  tar: "tar",
  gzip: "gzip",
  gunzip: "gzip",
  zcat: "gzip",
  zip: "zip",
  unzip: "unzip",
  grep: "grep",
  sed: "sed",
  gawk: "gawk",
  patch: "patch",
  rg: "ripgrep",
  find: "findutils",
  xargs: "findutils",
  diff: "diffutils",
  cmp: "diffutils",
  diff3: "diffutils",
  sdiff: "diffutils",
  file: "file",
  hostname: "hostname",
  killall: "psmisc",
  parallel: "parallel",
  pgrep: "procps",
  ps: "procps",
  clear: "ncurses-bin",
  tput: "ncurses-bin",
  curl: "curl",
  wget: "wget",
  sqlite3: "sqlite3",
  tree: "tree",
  script: "bsdutils",
  watch: "procps",
  setsid: "util-linux",
  bc: "bc",
  dc: "dc",
  column: "bsdextrautils",
  envsubst: "gettext-base",
  getent: "libc-bin",
  getopt: "util-linux",
  hexdump: "bsdextrautils",
  less: "less",
  more: "util-linux",
  locale: "libc-bin",
  rev: "util-linux",
  make: "make",
  ed: "ed",
  flock: "util-linux",
  iconv: "libc-bin",
  cal: "ncal",
  pv: "pv",
  yq: "yq",
  ts: "moreutils",
  uuencode: "sharutils",
  bzip2: "bzip2",
  xz: "xz-utils",
  zstd: "zstd",
  vim: "vim",
  stdbuf: "coreutils",
  strings: "binutils",
  ar: "binutils",
  cpio: "cpio",
  zipinfo: "unzip",
  funzip: "unzip",
  zipgrep: "unzip",
  xxd: "xxd",
  jq: "jq",
};

/** What opens pages of guests. Not every distribution has it as a package, so it is installed apart from the others. */
const browser = "chromium";

/** @type {import("./steps.mjs").Step} */
export const checkHostTools = {
  name: "Check the programs that the tests compare with",
  async run(note) {
    const missing = () => Object.keys(hostTools).filter((name) => !onPath(name));
    let absent = missing();
    if (absent.length > 0 && canInstall()) {
      note(`installing ${absent.join(", ")} with apt-get`);
      await tryInstall([...new Set(absent.map((name) => hostTools[name]))], note);
      absent = missing();
    }
    const needed = absent.filter((name) => shells.includes(name));
    if (needed.length > 0) {
      throw new StepError(
        `Missing: ${needed.join(", ")}. Install them with your package manager: ` +
          "the shell's corpus is compared with what they print.",
      );
    }
    if (!onPath(browser) && canInstall()) {
      note(`installing ${browser} with apt-get`);
      await tryInstall([browser], note);
    }
    if (!onPath(browser)) absent.push(browser);
    if (absent.length > 0) note(`not there, what needs them is skipped: ${absent.join(", ")}`);
  },
};

// Without a registry within reach the tests still run, but for the comparisons.
async function tryInstall(packages, note) {
  try {
    await installWithApt(packages);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    note(error.message);
  }
}

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

// OpenSSL is built from its sources, which takes make and perl with its standard modules.
async function findCompiler(note) {
  const missing = async () => {
    const compiler = ["c++", "g++", "clang++"].some(onPath) && ["cc", "gcc", "clang"].some(onPath);
    const perl = await capture("perl", [
      "-MFindBin",
      "-MIPC::Cmd",
      "-MTime::Piece",
      "-e",
      "print 1",
    ]);
    return [
      !compiler && "a C and a C++ compiler",
      !onPath("make") && "make",
      !perl && "perl",
    ].filter(Boolean);
  };
  let absent = await missing();
  if (absent.length > 0 && canInstall()) {
    note(`installing ${absent.join(", ")} with apt-get`);
    await installWithApt(["build-essential", "perl"]);
    absent = await missing();
  }
  if (absent.length > 0) throw new StepError(`Missing: ${absent.join(", ")}. ${installHint()}`);
  return ["c++", "g++", "clang++"].find(onPath);
}

/** Whether packages of the distribution can be installed. */
export function canInstall() {
  return process.platform === "linux" && process.getuid?.() === 0 && onPath("apt-get");
}

export async function installWithApt(packages) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-q"], { env });
  await run("apt-get", ["install", "-qy", "--no-install-recommends", ...packages], { env });
}

function installHint() {
  if (process.platform === "darwin") return "Install them with `xcode-select --install`.";
  if (process.platform === "win32") return "Install the Visual Studio C++ build tools and perl.";
  if (onPath("apt-get")) return "Install them with `sudo apt-get install build-essential perl`.";
  if (onPath("dnf")) return "Install them with `sudo dnf install gcc gcc-c++ make perl`.";
  if (onPath("apk")) return "Install them with `apk add build-base perl`.";
  if (onPath("pacman")) return "Install them with `sudo pacman -S base-devel perl`.";
  return "Install your distribution's packages for them.";
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

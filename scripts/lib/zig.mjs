// The C compiler for commands that are written in C: zig, which brings the C library of preview 1 along, so that nothing of
// the machine's decides what comes out. The registry of Python packages has it for every platform.

import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { findPython, packageFile } from "./python-packages.mjs";
import { run, StepError } from "./steps.mjs";

export const zigVersion = "0.15.2";

/** The wheels, by platform and processor as Node.js names them: the end of the name, and the sum. */
const wheels = {
  "linux-x64": [
    "manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64",
    "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130",
  ],
  "linux-arm64": [
    "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "edc0aa60ec964a4cf462d40f68d7de242ddf37fd9a80f2afaee6397059463230",
  ],
  "darwin-x64": [
    "macosx_12_0_x86_64",
    "47af4f85e3e59bd672126cc026d3a01b516cad24b9a9ea075abfe8532f4c6bc1",
  ],
  "darwin-arm64": [
    "macosx_12_0_arm64",
    "acae2a9ce67ed249ad68d42c21bc73b5f9d51a33ba5ea42f609f78683e8d9bb7",
  ],
  "win32-x64": ["win_amd64", "ca80dc9c70dbdfdd9ee51d000de3501a95d33d9782ab9ab9b56f700484ebcd83"],
};

/** Folders of the library that a program for preview 1 is compiled without. */
const unwanted =
  /^lib\/(docs|libcxx|libtsan|libc\/(darwin|freebsd|glibc|mingw|netbsd|include\/(?!wasm|generic)[^/]*))$/;

const folder = join(cache, "zig", zigVersion);
const unpacked = join(folder, "ziglang");

/** Its library: the C libraries and their licences are below. */
export const zigLibrary = join(unpacked, "lib");

/** Where zig keeps what it has compiled of the C library. */
export const zigEnv = {
  ZIG_GLOBAL_CACHE_DIR: join(folder, "cache"),
  ZIG_LOCAL_CACHE_DIR: join(folder, "cache"),
};

export const zig = join(unpacked, process.platform === "win32" ? "zig.exe" : "zig");

// Written last.
const stamp = join(unpacked, "from.sha256");

/** @type {import("./steps.mjs").Step} */
export const fetchZig = {
  name: `Fetch the C compiler of commands, zig ${zigVersion} (90 MB)`,
  async upToDate() {
    const found = await readFile(stamp, "utf8").catch(() => undefined);
    return found !== undefined && found === wheel()?.sha256 ? "up to date" : undefined;
  },
  async run(note) {
    const wanted = wheel();
    if (!wanted) throw new StepError(`There is no zig for ${process.platform}-${process.arch}.`);
    const path = join(folder, wanted.file);
    await packageFile(wanted, path, note);
    const python = await findPython(note, "to unpack the C compiler of commands.");
    const partial = join(folder, `${process.pid}.partial`);
    await run(python, ["-m", "zipfile", "-e", path, partial]);
    await prune(join(partial, "ziglang"), "lib");
    await chmod(join(partial, "ziglang", zig.slice(unpacked.length + 1)), 0o755);
    await writeFile(join(partial, "ziglang", "from.sha256"), wanted.sha256);
    await rm(unpacked, { recursive: true, force: true });
    // Somebody else's, who came first, is as good.
    await rename(join(partial, "ziglang"), unpacked).catch((error) => {
      if (!existsSync(stamp)) throw new StepError(error.message);
    });
    await rm(partial, { recursive: true, force: true });
    await rm(path);
    await mkdir(zigEnv.ZIG_GLOBAL_CACHE_DIR, { recursive: true });
    note(`its SHA-256 sum matches; unpacked into ${unpacked}`);
  },
};

async function prune(folder, path) {
  for (const entry of await readdir(join(folder, path), { withFileTypes: true })) {
    const inner = `${path}/${entry.name}`;
    if (unwanted.test(inner)) await rm(join(folder, inner), { recursive: true });
    else if (entry.isDirectory() && inner.split("/").length < 4) await prune(folder, inner);
  }
}

function wheel() {
  const [tags, sha256] = wheels[`${process.platform}-${process.arch}`] ?? [];
  if (!tags) return undefined;
  const file = `ziglang-${zigVersion}-py3-none-${tags}.whl`;
  return { name: "ziglang", file, sha256, of: "the C compiler of commands" };
}

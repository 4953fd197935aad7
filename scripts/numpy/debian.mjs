// Files of Debian's packages, for headers that no other registry has. They are unpacked, not installed: the system is as it was.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { StepError } from "../lib/steps.mjs";

const mirror = "https://deb.debian.org/debian";

/** The release is called by its name, which stays what it is when the release has become the stable one. */
const release = "forky";

/**
 * Unpacks the release's package.
 *
 * @param {string} name
 * @param {"all" | "amd64"} architecture
 * @param {string} folder What is made, and has the package's files afterwards.
 * @returns {Promise<string>} The package's version.
 */
export async function unpackDebian(name, architecture, folder) {
  const index = await get(`dists/${release}/main/binary-${architecture}/Packages.xz`);
  const found = field(await throughXz(index), name);
  const file = await get(found("Filename"));
  const sum = createHash("sha256").update(file).digest("hex");
  if (sum !== found("SHA256")) throw new StepError(`${name} of Debian has the sum ${sum}.`);
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    const archive = join(partial, "package.deb");
    await writeFile(archive, file);
    await unpack(archive, partial);
    await rm(archive);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return found("Version");
}

async function get(path) {
  const url = `${mirror}/${path}`;
  const response = await fetch(url).catch((error) => error);
  if (response.ok) return Buffer.from(await response.arrayBuffer());
  const why = response.status ?? response.cause?.message ?? response.message;
  throw new StepError(`${url} cannot be fetched: ${why}`);
}

/** The fields of a package, in the text of an index. */
function field(index, name) {
  const entry = `\n\n${index}`.split(`\n\nPackage: ${name}\n`)[1]?.split("\n\n")[0];
  if (entry === undefined) throw new StepError(`Debian's ${release} has no package ${name}.`);
  return (key) => new RegExp(`^${key}: (.*)$`, "m").exec(entry)?.[1];
}

async function throughXz(compressed) {
  const xz = spawn("xz", ["-dc"], { stdio: ["pipe", "pipe", "inherit"] });
  const chunks = [];
  xz.stdout.on("data", (chunk) => chunks.push(chunk));
  xz.stdin.end(compressed);
  await ended(xz, "xz");
  return Buffer.concat(chunks).toString("utf8");
}

/** `dpkg-deb` in two programs that every system with a C compiler has. */
async function unpack(archive, folder) {
  const ar = spawn("ar", ["p", archive, "data.tar.xz"], { stdio: ["ignore", "pipe", "inherit"] });
  const tar = spawn("tar", ["-xJ", "-C", folder], { stdio: ["pipe", "inherit", "inherit"] });
  await Promise.all([ended(ar, "ar"), ended(tar, "tar"), pipeline(ar.stdout, tar.stdin)]);
}

async function ended(child, name) {
  const [status] = await once(child, "close").catch((error) => [error.message]);
  if (status !== 0) throw new StepError(`${name} ended with ${status}.`);
}

// Files of Debian's packages, for headers that no other registry has. They are unpacked, not installed: the system is as it was.

import { createHash } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { capture, run, StepError } from "../lib/steps.mjs";

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
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    const found = field(await index(architecture, partial), name);
    const file = await get(found("Filename"));
    const sum = createHash("sha256").update(file).digest("hex");
    if (sum !== found("SHA256")) throw new StepError(`${name} of Debian has the sum ${sum}.`);
    await unpack(file, partial);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    return found("Version");
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function get(path) {
  const url = `${mirror}/${path}`;
  const response = await fetch(url).catch((error) => error);
  if (response.ok) return Buffer.from(await response.arrayBuffer());
  const why = response.status ?? response.cause?.message ?? response.message;
  throw new StepError(`${url} cannot be fetched: ${why}`);
}

/** The text of the release's index, which is in the folder meanwhile. */
async function index(architecture, folder) {
  const packed = join(folder, "Packages.xz");
  await writeFile(packed, await get(`dists/${release}/main/binary-${architecture}/Packages.xz`));
  const text = await capture("xz", ["-dc", packed]);
  if (text === undefined) throw new StepError("xz cannot unpack the index of Debian's packages.");
  await rm(packed);
  return text;
}

/** The fields of a package, in the text of an index. */
function field(text, name) {
  const entry = `\n\n${text}`.split(`\n\nPackage: ${name}\n`)[1]?.split("\n\n")[0];
  if (entry === undefined) throw new StepError(`Debian's ${release} has no package ${name}.`);
  return (key) => new RegExp(`^${key}: (.*)$`, "m").exec(entry)?.[1];
}

/** `dpkg-deb` in two programs that every system with a C compiler has. */
async function unpack(file, folder) {
  const [archive, data] = ["package.deb", "data.tar.xz"];
  await writeFile(join(folder, archive), file);
  await run("ar", ["x", archive, data], { cwd: folder });
  await run("tar", ["-xJf", data], { cwd: folder });
  for (const each of [archive, data]) await rm(join(folder, each));
}

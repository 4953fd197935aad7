// The V8 static library that the repository carries for linux x64, because the download that the
// crate would make needs a host that is not a package registry.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { cache, root, triple } from "./paths.mjs";
import { StepError } from "./steps.mjs";
import { excludeUnwinding } from "./unwinding.mjs";

const version = "152.2.0";
const library = `librusty_v8-${version}-x86_64-unknown-linux-gnu.a`;
const vendor = join(root, "vendor", "v8");

/** True on the platform for which the repository carries the library. */
export const isVendored = triple === "linux-x64-gnu";

/**
 * The unpacked library, as it is linked. Cargo knows it by its path: where something else is made of the same version, this
 * needs another folder.
 */
export const archive = join(cache, "v8", version, "librusty_v8.a");

// Written after the unpacked library was checked: hashing 166 MB at every start would cost more
// than the rest of an up-to-date set-up.
const stamp = `${archive}.verified`;

/** The environment that cargo needs to link V8. */
export const cargoEnv = isVendored
  ? { RUSTY_V8_ARCHIVE: process.env.RUSTY_V8_ARCHIVE ?? archive }
  : {};

/** @type {import("./steps.mjs").Step} */
export const unpackV8 = {
  name: "Unpack the V8 library",
  async upToDate() {
    if (!isVendored) return `not needed on ${triple}, the v8 crate downloads its own`;
    if (process.env.RUSTY_V8_ARCHIVE)
      return `RUSTY_V8_ARCHIVE is set to ${process.env.RUSTY_V8_ARCHIVE}`;
    const found = await readFile(stamp, "utf8").catch(() => undefined);
    return found !== undefined && found === (await stampOf(archive)) ? "up to date" : undefined;
  },
  async run(note) {
    const sums = parseSums(await readFile(join(vendor, "SHA256SUMS"), "utf8"));
    const packed = await readFile(join(vendor, `${library}.br`));
    check(`${library}.br`, createHash("sha256").update(packed).digest("hex"), sums);
    note(`decompressing ${megabytes(packed.length)} into ${archive}`);
    const unpacked = await promisify(brotliDecompress)(packed);
    check(library, createHash("sha256").update(unpacked).digest("hex"), sums);
    note("both SHA-256 sums match");
    note(`${excludeUnwinding(unpacked)} objects will be linked without tables for unwinding`);
    await mkdir(dirname(archive), { recursive: true });
    const partial = `${archive}.${process.pid}`;
    await writeFile(partial, unpacked);
    await rename(partial, archive);
    await rm(stamp, { force: true });
    await writeFile(stamp, await stampOf(archive));
  },
};

function check(name, sum, sums) {
  if (sums.get(name) !== sum) {
    throw new StepError(
      `vendor/v8: the SHA-256 sum of ${name} is ${sum}, but SHA256SUMS says ${sums.get(name)}. ` +
        "The clone is damaged: fetch it again (git checkout -- vendor/v8).",
    );
  }
}

function parseSums(text) {
  const lines = text.trim().split("\n");
  return new Map(lines.map((line) => line.split(/\s+/).reverse()));
}

async function stampOf(path) {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.size} ${found.mtimeMs}`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

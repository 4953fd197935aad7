// The C of llhttp, Node's HTTP parser: no crate has it, and the one registry that does carries it in the sources of a
// Python package. Downloaded once, checked, unpacked into the cache; `crates/node/build.rs` compiles it from there.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { cache } from "./paths.mjs";
import { packageFile } from "./python-packages.mjs";
import { StepError } from "./steps.mjs";
import { filesOfTar } from "./tar.mjs";

/** What is in the package; `crates/node/build/llhttp.rs` names it too. */
export const llhttpVersion = "9.4.2";

const carrier = {
  name: "aiohttp",
  file: "aiohttp-3.14.5.tar.gz",
  sha256: "5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178",
  of: "the sources of llhttp",
};

const folder = `${carrier.file.replace(/\.tar\.gz$/, "")}/vendor/llhttp`;

/** Names in the cache, and where the package has them. */
const files = {
  "llhttp.c": "build/c/llhttp.c",
  "llhttp.h": "build/llhttp.h",
  "api.c": "src/native/api.c",
  "http.c": "src/native/http.c",
  LICENSE: "LICENSE",
};

const target = join(cache, "llhttp", llhttpVersion);

/** Its licence, for those who get the binary. */
export const llhttpLicence = join(target, "LICENSE");

// Written last. The sum of the package is part of it, so that another package is another llhttp.
const stamp = join(target, "from.sha256");

/** @type {import("./steps.mjs").Step} */
export const fetchLlhttp = {
  name: `Fetch the sources of llhttp ${llhttpVersion}`,
  async upToDate() {
    const found = await readFile(stamp, "utf8").catch(() => undefined);
    return found === carrier.sha256 ? "up to date" : undefined;
  },
  async run(note) {
    const packed = await packageFile(carrier, join(cache, "llhttp", carrier.file), note);
    const unpacked = filesOfTar(gunzipSync(packed));
    await mkdir(target, { recursive: true });
    for (const [name, path] of Object.entries(files)) {
      const content = unpacked.get(`${folder}/${path}`);
      if (!content) throw new StepError(`${carrier.file} has no ${folder}/${path}`);
      await writeFile(join(target, name), content);
    }
    await writeFile(stamp, carrier.sha256);
    note(`its SHA-256 sum matches; unpacked into ${target}`);
  },
};

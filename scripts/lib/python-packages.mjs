// Files of Python packages: the one registry that has some sources and tools. By way of pip, which knows the index, the
// proxy and the certificates of this machine. `pip download` itself would run a package's build to learn of its dependencies.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "./paths.mjs";
import { canInstall, installWithApt } from "./prerequisites.mjs";
import { capture, run, StepError } from "./steps.mjs";

/**
 * @typedef {object} PackageFile
 * @property {string} name Of the package.
 * @property {string} file The name of the file in the registry.
 * @property {string} sha256 Its sum.
 * @property {string} of What it is wanted for, as messages say it.
 */

/**
 * The content of the file, which is downloaded to `path` unless it is there, and is what it was when it was chosen.
 *
 * @param {PackageFile} wanted
 * @param {string} path
 * @param {(text: string) => void} note
 */
export async function packageFile(wanted, path, note) {
  const content = await download(wanted, path, note);
  const sum = createHash("sha256").update(content).digest("hex");
  if (sum !== wanted.sha256) {
    await rm(path, { force: true });
    throw new StepError(
      `The SHA-256 sum of ${wanted.file} is ${sum}, not ${wanted.sha256}: it is not the package that it was.`,
    );
  }
  return content;
}

async function download(wanted, path, note) {
  const found = await readFile(path).catch(() => undefined);
  if (found) return found;
  await mkdir(dirname(path), { recursive: true });
  const manually = `Or put ${wanted.file} (a file of the Python package ${wanted.name}) at ${path} by hand.`;
  const python = await findPython(note, `to fetch ${wanted.of}. ${manually}`);
  const partial = `${path}.${process.pid}`;
  const script = join(root, "scripts", "lib", "fetch-package.py");
  await run(python, [script, wanted.name, wanted.file, partial], {
    hint: `${manually} Is a package index within reach? \`pip download six\` tells.`,
  });
  await rename(partial, path);
  return await readFile(path);
}

/**
 * A Python with pip, installed where that can be done.
 *
 * @param {(text: string) => void} note
 * @param {string} purpose the end of the message if there is none
 */
export async function findPython(note, purpose) {
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
    `Python 3 with pip is needed once, ${purpose} Python comes with your package manager.`,
  );
}

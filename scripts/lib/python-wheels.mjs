// Python packages with machine code, as WebAssembly for the Python of the machine, which the tests import: in C, and in Rust.
// Fetched once into the cache; none of them is shipped.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { packageFile } from "./python-packages.mjs";

const platform = "cp314-cp314-pyemscripten_2026_0_wasm32";

/** @type {{ name: string, version: string, sha256: string }[]} */
const wheels = [
  {
    name: "bitarray",
    version: "3.12.3",
    sha256: "841b1aad10f4291463bc16fa65066d29f3fed65a8ff115c8f7e93c26787103d5",
  },
  {
    name: "jiter",
    version: "0.19.0",
    sha256: "707b8194222a343c4a5e1574df95f5ade03e3f1cbdba77d8c89c6af0f40d92cd",
  },
  {
    name: "msgspec",
    version: "0.23.0",
    sha256: "1836f50ad87e7c56600b648a1b75c3bbcce62835cb1f489435fc5fee8d068831",
  },
];

/** The folder that has them, under the names that they have in their registry. */
export const wheelsFolder = join(cache, "python-wheels");

/** @type {import("./steps.mjs").Step} */
export const fetchWheels = {
  name: "Fetch the Python packages that the tests import in the machine",
  async upToDate() {
    return wheels.every((wheel) => existsSync(path(wheel))) ? "up to date" : undefined;
  },
  async run(note) {
    for (const wheel of wheels) {
      const of = `the Python package ${wheel.name}, which a test imports`;
      const wanted = { name: wheel.name, file: file(wheel), sha256: wheel.sha256, of };
      await packageFile(wanted, path(wheel), note);
      note(file(wheel));
    }
  },
};

function file({ name, version }) {
  return `${name}-${version}-${platform}.whl`;
}

function path(wheel) {
  return join(wheelsFolder, file(wheel));
}

// Commands that are written in C by others, and compiled here.

import { join } from "node:path";
import { compileJq, jqSources, jqVersion } from "./jq.mjs";
import { root } from "./paths.mjs";
import { zigLibrary, zigVersion } from "./zig.mjs";

/**
 * @typedef {object} CProgram
 * @property {string} name The name of the binary.
 * @property {Record<string, string>} commands Which commands it is.
 * @property {string} source What it is, with its version.
 * @property {(target: string) => Promise<void>} compile Makes the module.
 * @property {Part[]} parts Whose work is in it.
 */

/**
 * @typedef {object} Part
 * @property {string} name With its version.
 * @property {string} licence An expression of SPDX.
 * @property {string[]} texts Files with the licence.
 */

/** @type {CProgram[]} */
export const cPrograms = [
  {
    name: "jq",
    commands: { jq: "" },
    source: `jq ${jqVersion}`,
    compile: compileJq,
    parts: [
      {
        name: `jq ${jqVersion}, with David M. Gay's dtoa and IBM's decNumber`,
        licence: "MIT AND dtoa AND ICU AND BSD-2-Clause",
        texts: [join(jqSources, "COPYING")],
      },
      {
        name: "Oniguruma 6.9.8",
        licence: "BSD-2-Clause",
        texts: [join(jqSources, "modules", "oniguruma", "COPYING")],
      },
    ],
  },
];

const libc = join(zigLibrary, "libc");

/** What every one of them contains.
 * @type {Part[]} */
export const cLibrary = [
  {
    name: "wasi-libc, with cloudlibc and emmalloc",
    licence: "MIT AND BSD-2-Clause",
    texts: ["LICENSE", "LICENSE-MIT", "libc-bottom-half/cloudlibc/LICENSE"].map((name) =>
      join(libc, "wasi", name),
    ),
  },
  { name: "musl", licence: "MIT", texts: [join(libc, "musl", "COPYRIGHT")] },
  {
    name: `zig ${zigVersion}, compiler_rt`,
    licence: "MIT",
    texts: [join(zigLibrary, "..", "LICENSE")],
  },
];

/** Files of these scripts that decide what is compiled, besides those in `commands`. */
export const cBuildFiles = ["c-programs.mjs", "jq.mjs", "zig.mjs"].map((name) =>
  join(root, "scripts", "lib", name),
);

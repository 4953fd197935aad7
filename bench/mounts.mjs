// A package of a thousand modules and a large file in a directory of the host: mounted, and on the host itself.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNode } from "./host.mjs";

const modules = 1000;
const folders = 50;
const largeBytes = 100 * 1024 * 1024;

/** What is measured: a package is required by a process that knows nothing of it yet. */
const requiring = (folder) => `
  import { createRequire } from "node:module";
  const require = createRequire("file://${folder}/");
  const start = process.hrtime.bigint();
  if (require("large-package") !== ${modules}) throw new Error("not all of it");
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
`;

const reading = (folder) => `
  import fs from "node:fs";
  const piece = Buffer.alloc(1024 * 1024);
  let ms = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    const fd = fs.openSync("${folder}/large-file", "r");
    let bytes = 0;
    for (let count; (count = fs.readSync(fd, piece, 0, piece.length, null)) > 0; bytes += count);
    fs.closeSync(fd);
    if (bytes !== ${largeBytes}) throw new Error("not all of it");
    ms = Math.min(ms, Number(process.hrtime.bigint() - start) / 1e6);
  }
`;

const report = "console.log(JSON.stringify(ms));";
const hand = "globalThis.__return(ms);";

export async function mounts({ NodeRuntime, scale }) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-bench-"));
  try {
    fill(folder);
    const rounds = Math.max(3, Math.round(11 * scale));
    const create = () =>
      NodeRuntime.create({
        mounts: [{ guestPath: "/host", hostPath: folder }],
        jsRuntime: { highResolutionTime: true },
      });
    // In turns: the host's disk is at work on the new files for a while, and its processors have other speeds at other times.
    const times = { first: [], second: [], host: [] };
    for (let round = 0; round < rounds; round += 1) {
      const runtime = await create();
      try {
        times.first.push(await inGuest(runtime, requiring("/host")));
        times.host.push(await onHost(requiring(folder)));
        times.second.push(await inGuest(runtime, requiring("/host")));
      } finally {
        await runtime.dispose();
      }
    }
    const [first, second, host] = [times.first, times.second, times.host].map(middle);
    const row = (name, value, other) => ({ name, unit: "ms", value, against: { host: other } });
    return [
      row("package of 1,000 modules in a new machine, p50", first, host),
      row("the same in a machine that has seen it, p50", second, host),
      row("file of 100 MiB: read", await readInGuest(create), await onHost(reading(folder))),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function readInGuest(create) {
  const runtime = await create();
  try {
    return await inGuest(runtime, reading("/host"));
  } finally {
    await runtime.dispose();
  }
}

async function inGuest(runtime, code) {
  const { value, stderr } = await runtime.run(code + hand);
  if (value === undefined) throw new Error(stderr);
  return value;
}

async function onHost(code) {
  return JSON.parse(await runInNode(code + report));
}

function middle(times) {
  return times.sort((one, other) => one - other)[Math.floor(times.length / 2)];
}

/** Modules in folders, as packages have them: each folder has an index, and modules of one share what they require. */
function fill(folder) {
  writeFileSync(join(folder, "large-file"), Buffer.alloc(largeBytes, "0123456789abcdef"));
  const home = join(folder, "node_modules", "large-package");
  mkdirSync(join(home, "lib"), { recursive: true });
  const main = { name: "large-package", version: "1.0.0", main: "lib/index" };
  writeFileSync(join(home, "package.json"), JSON.stringify(main));
  const inFolder = modules / folders - 1;
  const body = Array.from({ length: 20 }, (_, line) => `  total += ${line} * n;\n`).join("");
  for (let part = 0; part < folders; part += 1) {
    const place = join(home, "lib", `part-${part}`);
    mkdirSync(place);
    for (let index = 0; index < inFolder; index += 1) {
      const other = index > 0 ? `require("./module-${index - 1}");\n` : "";
      const text = `"use strict";\n${other}exports.work = function work(n) {\n  let total = 0;\n${body}  return total;\n};\n`;
      writeFileSync(join(place, `module-${index}.js`), text);
    }
    const names = Array.from({ length: inFolder }, (_, index) => `"./module-${index}"`);
    writeFileSync(
      join(place, "index.js"),
      `for (const name of [${names}]) require(name);\nexports.count = ${inFolder + 1};\n`,
    );
  }
  const parts = Array.from({ length: folders }, (_, part) => `"./part-${part}"`);
  writeFileSync(
    join(home, "lib", "index.js"),
    `let count = 0;\nfor (const name of [${parts}]) count += require(name).count;\nmodule.exports = count;\n`,
  );
}

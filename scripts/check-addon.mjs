// Gates of the built files: what the addon exports and imports, how large everything is, and that
// it works in every Node.js version that is promised. `--no-load` leaves the last part out.

import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackages, packageContents } from "./check-package.mjs";
import { buildPathsIn } from "./lib/build-paths.mjs";
import { nodeVersion, nodeVersions } from "./lib/packages.mjs";
import { artifacts, commandsDir, root } from "./lib/paths.mjs";
import { mainPackage, platformPackage, publishedPackages } from "./lib/published.mjs";
import { capture, run, runMain, runSteps, StepError } from "./lib/steps.mjs";

/** What the addon may export: the Node-API registration and the entry of a VM process. */
const exportsAllowed =
  /^(napi_register_module_v1|node_api_module_get_api_version_v1|secure_exec_vm_main)$/;
const exportsNeeded = ["napi_register_module_v1", "secure_exec_vm_main"];

/** Symbols of the engine and its libraries: importing one would bind to the host's own V8. */
const importsForbidden = /^_Z.*(2v8|6icu_|4absl|4node)|^u[a-z]*_\w+_\d\d$|^(v8|node)_/;

const { oldest } = createRequire(import.meta.url)("../lib/platform.cjs");

const limits = {
  addonAndSnapshot: 100e6,
  launcher: 1e6,
  // What is in the platform's is in docs/design/packages.md.
  packed: { main: 1e6, platform: 48.1e6, thin: 50e3 },
};

/** @type {import("./lib/steps.mjs").Step[]} */
const steps = [
  { name: "Symbols that the addon exports", run: checkExports },
  { name: "Symbols that the addon imports", run: checkImports },
  { name: "Thread-local storage and relocations", run: checkDynamicSection },
  { name: "Versions of the system's libraries", run: checkSymbolVersions },
  { name: "Paths of the machine that built", run: checkBuildPaths },
  { name: "Sizes", run: checkSizes },
  { name: "Contents of the npm packages", run: checkContents },
];

const packed = {
  name: "Unpack the npm packages elsewhere and run the quickstart from them",
  run: runFromPackages,
};

const load = nodeVersions.map((version) => ({
  name: `Load and run in Node.js ${version}, main thread and worker`,
  run: async () => {
    const node = await nodeVersion(version);
    await run(node, [join(root, "scripts", "check-addon", "load.mjs")]);
  },
}));

await runMain(() =>
  runSteps(process.argv.includes("--no-load") ? steps : [...steps, packed, ...load]),
);

async function checkExports(note) {
  const names = await symbols("--defined-only");
  const surplus = names.filter((name) => !exportsAllowed.test(name));
  const missing = exportsNeeded.filter((name) => !names.includes(name));
  if (surplus.length > 0) {
    throw new StepError(`the addon exports ${surplus.length} symbols too many: ${some(surplus)}`);
  }
  if (missing.length > 0) throw new StepError(`the addon does not export ${missing.join(", ")}`);
  note(names.join(", "));
}

async function checkImports(note) {
  const names = await symbols("--undefined-only");
  const engine = names.filter((name) => importsForbidden.test(name));
  if (engine.length > 0) throw new StepError(`the addon imports engine symbols: ${some(engine)}`);
  const nodeApi = names.filter((name) => /^napi_|^node_api_/.test(name));
  if (nodeApi.length > 0) {
    throw new StepError(`a VM process has no Node-API, but the addon imports ${some(nodeApi)}`);
  }
  note(`${names.length}, none of them of V8, ICU or Node.js`);
}

async function checkDynamicSection(note) {
  const section = await tool("readelf", ["--dynamic", "--wide", artifacts.addon]);
  if (/STATIC_TLS/.test(section)) {
    throw new StepError("the addon has STATIC_TLS: it could not be loaded into a running Node.js");
  }
  if (/TEXTREL/.test(section)) throw new StepError("the addon has text relocations");
  const needed = [...section.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name);
  note(`no STATIC_TLS, no TEXTREL; needs ${needed.join(", ")}`);
}

async function checkSymbolVersions(note) {
  for (const file of [artifacts.addon, artifacts.launcher]) {
    const info = await tool("readelf", ["--version-info", "--wide", file]);
    // Weak references count as well: the linker refuses a version that is not there for any of them.
    const needed = [...info.matchAll(/Name: ([A-Z]+)_([0-9.]+)\s+Flags:/g)];
    const late = needed.filter(([, library, version]) => isLater(version, oldest[library]));
    const newest = (library) =>
      needed
        .filter(([, name]) => name === library)
        .map(([, , version]) => version)
        .sort((a, b) => (isLater(a, b) ? 1 : -1))
        .at(-1);
    if (late.length > 0) {
      const versions = [...new Set(late.map(([, library, version]) => `${library}_${version}`))];
      const text = `${file.slice(root.length + 1)} needs ${versions.join(", ")}`;
      throw new StepError(`${text}, later than lib/platform.cjs promises`);
    }
    if (needed.length === 0) throw new StepError(`${file} needs no version of anything`);
    const libraries = Object.keys(oldest).map((name) => `${name} ${newest(name) ?? "none"}`);
    note(`${file.slice(root.length + 1)}: ${libraries.join(", ")}`);
  }
}

/** Whether a version is later than another; one of a library that is not listed always is. */
function isLater(version, bound = "0") {
  const [a, b] = [version, bound].map((text) => text.split(".").map(Number));
  const at = a.findIndex((number, index) => number !== (b[index] ?? 0));
  return at >= 0 && a[at] > (b[at] ?? 0);
}

async function checkBuildPaths(note) {
  const files = [
    ...Object.values(artifacts),
    ...(await readdir(commandsDir)).map((name) => join(commandsDir, name)),
  ];
  for (const file of files) {
    const found = buildPathsIn(await readFile(file));
    if (found.length > 0) {
      throw new StepError(`${file.slice(root.length + 1)} has ${some(found)}: build again`);
    }
  }
  note(`none in ${files.length} files`);
}

async function checkSizes(note) {
  for (const name of (await readdir(commandsDir)).sort()) {
    note(`commands/${name}: ${megabytes((await stat(join(commandsDir, name))).size)}`);
  }
  const size = {};
  for (const [name, path] of Object.entries(artifacts)) {
    size[name] = (await stat(path)).size;
    note(`${name}: ${megabytes(size[name])}`);
  }
  const together = size.addon + size.snapshot;
  if (together >= limits.addonAndSnapshot) {
    const text = `${megabytes(together)}, the limit is ${megabytes(limits.addonAndSnapshot)}`;
    throw new StepError(`addon and snapshot together are ${text}`);
  }
  if (size.launcher >= limits.launcher) {
    throw new StepError(`the launcher is ${megabytes(size.launcher)}, the limit is 1 MB`);
  }
}

async function checkContents(note) {
  await checkPackages();
  for (const published of publishedPackages) {
    const { files, size, unpackedSize } = await packageContents(published);
    const { name } = published.manifest;
    note(`${name}: ${files.length} files, ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}`);
    const limit = packedLimit(published);
    if (size > limit) throw new StepError(`${name} is larger than ${megabytes(limit)}`);
  }
}

function packedLimit(published) {
  if (published === mainPackage) return limits.packed.main;
  return published === platformPackage ? limits.packed.platform : limits.packed.thin;
}

// As a user has it: no clone around it, nothing but what the packages contain.
async function runFromPackages() {
  const folder = await mkdtemp(join(tmpdir(), "secure-exec-package-"));
  try {
    for (const { folder: source, manifest } of publishedPackages) {
      const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
      const output = await capture("npm", args, { cwd: source });
      if (output === undefined) throw new StepError(`npm pack of ${manifest.name} failed`);
      const [{ filename }] = Object.values(JSON.parse(output));
      const target = join(folder, "node_modules", manifest.name);
      await mkdir(target, { recursive: true });
      const archive = join(folder, filename);
      await run("tar", ["-xzf", archive, "-C", target, "--strip-components=1"]);
    }
    await copyFile(join(root, "examples", "quickstart.mjs"), join(folder, "quickstart.mjs"));
    const printed = await capture(process.execPath, ["quickstart.mjs"], { cwd: folder });
    const wanted = await readFile(join(root, "examples", "quickstart.out"), "utf8");
    if (printed !== wanted)
      throw new StepError(`the quickstart printed ${JSON.stringify(printed)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function symbols(which) {
  const output = await tool("nm", [
    "--dynamic",
    "--without-symbol-versions",
    which,
    artifacts.addon,
  ]);
  const lines = output.trim().split("\n").filter(Boolean);
  return lines.map((line) => line.trim().split(/\s+/).at(-1));
}

async function tool(name, args) {
  const output = await capture(name, args);
  if (output === undefined) {
    throw new StepError(
      `\`${name} ${args.join(" ")}\` failed: is binutils installed, and the addon built?`,
    );
  }
  return output;
}

function some(names) {
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : "";
  return `${names.slice(0, 10).join(", ")}${rest}`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

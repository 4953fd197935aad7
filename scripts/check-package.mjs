// What `npm publish` would send: everything that runs, whole, and nothing else. npm calls it before it publishes.

import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { oldCopies } from "./lib/package-copies.mjs";
import { artifacts, commandsDir, platformDir, root } from "./lib/paths.mjs";
import { mainPackage, platformPackage, publishedPackages } from "./lib/published.mjs";
import { capture, runMain, StepError, say } from "./lib/steps.mjs";

/** What every package has. */
const always = /^(package\.json|README\.md|LICENSE)$/;

/** Files and kinds of files that a package may have besides. */
const expected = {
  main: [
    /^([a-z]+\.(js|cjs|d\.ts|d\.cts)|(CHANGELOG|SECURITY|THIRD-PARTY)\.md)$/,
    /^types\/[a-z-]+\.d\.(ts|cts)$/,
    /^lib\/([a-z-]+\/)*[a-z-]+\.(cjs|mjs)$/,
    /^docs\/(design\/)?[a-z-]+\.md$/,
    /^examples\/[a-z-]+\.mjs$/,
  ],
  platform: [
    /^(secure-exec\.[a-z0-9-]+\.node|secure-exec-vm|node\.snapshot(\.sha256)?)$/,
    /^(commands\/(commands\.json|[a-z]+\.cwasm)|THIRD-PARTY\.md|THIRD-PARTY-LICENSES\.txt)$/,
  ],
  thin: [/^index\.(js|cjs|d\.ts|d\.cts)$/],
};

/** Of the main package, what no entry point names. */
const parts = ["binding.cjs", "lib/machine.cjs", "docs/limits.md"];
const notices = ["CHANGELOG.md", "SECURITY.md", "THIRD-PARTY.md"];

/**
 * The list that npm packs, checked against what must be there and what may.
 * @param {import("./lib/published.mjs").Published} published
 * @param {string} [folder] Its folder, or a copy of it.
 * @returns {Promise<{ files: string[], size: number, unpackedSize: number }>}
 */
export async function packageContents(published, folder = published.folder) {
  const { name } = published.manifest;
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const output = await capture("npm", args, { cwd: folder });
  if (!output) throw new StepError("npm pack --dry-run failed");
  const [{ files, size, unpackedSize }] = Object.values(JSON.parse(output));
  const names = files.map(({ path }) => path).sort();
  const absent = (await neededFiles(published)).filter((each) => !names.includes(each));
  if (absent.length > 0) throw new StepError(`the npm package ${name} lacks ${absent.join(", ")}`);
  const allowed = [always, ...expected[kindOf(published)]];
  const surplus = names.filter((each) => !allowed.some((pattern) => pattern.test(each)));
  if (surplus.length > 0) {
    throw new StepError(`the npm package ${name} has what it should not: ${surplus.join(", ")}`);
  }
  return { files: names, size, unpackedSize };
}

/** Versions that belong together, and binaries and copies as the build made them. */
export async function checkPackages() {
  for (const { manifest } of publishedPackages) checkVersions(manifest);
  const sum = (await readFile(`${artifacts.snapshot}.sha256`, "utf8")).split(" ")[0];
  if ((await sha256(artifacts.snapshot)) !== sum) throw damaged(artifacts.snapshot);
  for (const { precompiled, sha256: sums } of await modules()) {
    const file = join(commandsDir, precompiled);
    if ((await sha256(file)) !== sums.precompiled) throw damaged(file);
  }
  const old = (await oldCopies()).map(({ path }) => relative(root, path));
  if (old.length > 0) throw new StepError(`${old.join(", ")}: old, run \`npm run build\``);
}

// The binary and what loads it are of one build, and two versions of the main package would be two of everything.
function checkVersions({ name, version, dependencies, optionalDependencies }) {
  const wanted = mainPackage.manifest.version;
  if (version !== wanted) throw new StepError(`${name} is ${version}, not ${wanted}`);
  const ours = publishedPackages.map(({ manifest }) => manifest.name);
  for (const [each, range] of Object.entries({ ...dependencies, ...optionalDependencies })) {
    if (ours.includes(each) && range !== wanted) {
      throw new StepError(`${name} depends on ${each} ${range}, not ${wanted}`);
    }
  }
}

function kindOf(published) {
  if (published === mainPackage) return "main";
  return published === platformPackage ? "platform" : "thin";
}

async function neededFiles(published) {
  const common = ["package.json", "README.md", "LICENSE"];
  if (published === platformPackage) return [...common, ...(await builtFiles())];
  const entries = readdirSync(published.folder).filter((name) =>
    /^[a-z]+\.(js|cjs|d\.ts)$/.test(name),
  );
  const further = published === mainPackage ? [...declarationParts(), ...parts, ...notices] : [];
  const needed = [...common, ...entries, ...further];
  const declarations = needed.filter((name) => name.endsWith(".d.ts"));
  return [...needed, ...declarations.map((name) => name.replace(/\.ts$/, ".cts"))];
}

/** What the declarations of the main package's entry point are made of. */
function declarationParts() {
  const names = readdirSync(join(root, "types")).filter((name) => name.endsWith(".d.ts"));
  return names.map((name) => `types/${name}`);
}

async function builtFiles() {
  const paths = [
    ...Object.values(artifacts),
    `${artifacts.snapshot}.sha256`,
    join(commandsDir, "commands.json"),
    ...(await modules()).map(({ precompiled }) => join(commandsDir, precompiled)),
  ];
  const built = paths.map((path) => relative(platformDir, path));
  return [...built, "THIRD-PARTY.md", "THIRD-PARTY-LICENSES.txt"];
}

// The package has the modules compiled ahead of time only, for x86-64-v2: README names that processor as the least.
async function modules() {
  const text = await readFile(join(commandsDir, "commands.json"), "utf8").catch(() => undefined);
  if (text === undefined) throw new StepError("there is no build: run `npm run build`");
  const found = JSON.parse(text).modules;
  const uncompiled = found.filter(({ precompiled }) => !precompiled).map(({ file }) => file);
  if (uncompiled.length > 0) {
    throw new StepError(`not compiled ahead of time: ${uncompiled.join(", ")}`);
  }
  return found;
}

async function sha256(path) {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && createHash("sha256").update(bytes).digest("hex");
}

function damaged(path) {
  return new StepError(`${relative(root, path)} does not have its sum: run \`npm run build\``);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await checkPackages();
    for (const published of publishedPackages) {
      const { files } = await packageContents(published);
      say(`${published.manifest.name}: ${files.length} files, complete`);
    }
  });
}

// What `npm publish` would send: everything that runs, whole, and nothing else. npm calls it before it publishes.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { artifacts, commandsDir, root } from "./lib/paths.mjs";
import { capture, runMain, StepError, say } from "./lib/steps.mjs";

/** Files of the root that the package has, and the kinds that it has of each folder. */
const expected = [
  /^(index\.js|index\.cjs|index\.d\.ts|index\.d\.cts|binding\.cjs|package\.json)$/,
  /^(README|CHANGELOG|SECURITY|THIRD-PARTY)\.md$|^LICENSE$/,
  /^lib\/([a-z-]+\/)*[a-z-]+\.(cjs|mjs)$/,
  /^docs\/(design\/)?[a-z-]+\.md$/,
  /^examples\/[a-z-]+\.mjs$/,
  /^npm\/[a-z0-9-]+\/(secure-exec\.[a-z0-9-]+\.node|secure-exec-vm|node\.snapshot(\.sha256)?)$/,
  /^npm\/[a-z0-9-]+\/(commands\/(commands\.json|[a-z]+\.cwasm)|THIRD-PARTY-LICENSES\.txt)$/,
];

/**
 * The list that npm packs, checked against what must be there and what may.
 * @param {string} [folder] The clone, or a copy of it.
 * @returns {Promise<{ files: string[], size: number, unpackedSize: number }>}
 */
export async function packageContents(folder = root) {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const output = await capture("npm", args, { cwd: folder });
  if (!output) throw new StepError("npm pack --dry-run failed");
  const [{ files, size, unpackedSize }] = Object.values(JSON.parse(output));
  const names = files.map(({ path }) => path).sort();
  const absent = (await neededFiles()).filter((name) => !names.includes(name));
  if (absent.length > 0) throw new StepError(`the npm package lacks ${absent.join(", ")}`);
  const surplus = names.filter((name) => !expected.some((pattern) => pattern.test(name)));
  if (surplus.length > 0) {
    throw new StepError(`the npm package has what it should not: ${surplus.join(", ")}`);
  }
  return { files: names, size, unpackedSize };
}

/** What is shipped must be what the build's sums and copies say. */
export async function checkBinaries() {
  const sum = (await readFile(`${artifacts.snapshot}.sha256`, "utf8")).split(" ")[0];
  if ((await sha256(artifacts.snapshot)) !== sum) throw damaged(artifacts.snapshot);
  for (const { precompiled, sha256: sums } of await modules()) {
    const file = join(commandsDir, precompiled);
    if ((await sha256(file)) !== sums.precompiled) throw damaged(file);
  }
  const [types, copy] = await Promise.all(
    ["index.d.ts", "index.d.cts"].map((name) => readFile(join(root, name), "utf8")),
  );
  if (types !== copy) throw new StepError("index.d.cts is old: run `npm run build`");
}

async function neededFiles() {
  const built = [
    ...Object.values(artifacts),
    `${artifacts.snapshot}.sha256`,
    join(commandsDir, "commands.json"),
    ...(await modules()).map(({ precompiled }) => join(commandsDir, precompiled)),
  ];
  return [
    ...["index.js", "index.cjs", "index.d.ts", "index.d.cts", "binding.cjs", "lib/machine.cjs"],
    ...["README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "THIRD-PARTY.md", "docs/limits.md"],
    ...built.map((path) => relative(root, path)),
  ];
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
    const { files } = await packageContents();
    await checkBinaries();
    say(`${files.length} files, complete`);
  });
}

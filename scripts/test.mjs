// From a fresh clone to all tests. `npm test -- rust`, `npm test -- commands`, `npm test -- api`, `npm test -- user` and
// `npm test -- conformance` run one group of them. A group that fails does not keep the others from running. `npm run matrix`,
// which is the group of that name, and `npm test -- site` run only if they are asked for.

import { join } from "node:path";
import { buildEnv, buildSteps } from "./build.mjs";
import { findSuite, suiteHint } from "./conformance/suite.mjs";
import { commandsDir, pinnedNode, root, wasmTargetDir } from "./lib/paths.mjs";
import { checkHostTools } from "./lib/prerequisites.mjs";
import { installMatrix, installPrograms } from "./lib/programs.mjs";
import { fetchWheels } from "./lib/python-wheels.mjs";
import { cargoTests, nodeFiles } from "./lib/run-again.mjs";
import { run, runMain, runSteps, StepError, say } from "./lib/steps.mjs";
import { closedFolder, runGroups } from "./lib/test-groups.mjs";
import { setupSteps } from "./setup.mjs";

const wanted = process.argv.slice(2);
const commandsManifest = join(root, "commands", "Cargo.toml");

/** Whom tests run as where this is root and they are to run as somebody else: `nobody`, who has no file. */
const ordinaryUser = 65_534;

/** What is confined differently for an ordinary user. */
const confinement =
  "{confinement,isolation,hostile-processes,host-files,lifecycle,processors,supervision}";

// Tests have times of their own; the option is the time of a file.
const apiTests = [
  "--test",
  "--test-reporter=spec",
  "--test-concurrency=2",
  "--test-timeout=600000",
];

/** @type {Record<string, import("./lib/test-groups.mjs").Group>} */
const groups = {
  // The release profile shares every dependency with the addon's build. The shell's corpus runs in the machine
  // with the commands that were built before.
  rust: {
    name: "Rust tests (cargo test --workspace)",
    command: "cargo",
    args: ["test", "--release", "--locked", "--no-fail-fast", "--workspace"],
    runner: cargoTests,
    env: { ...buildEnv, SECURE_EXEC_WASM_COMMANDS_DIR: commandsDir },
  },
  // Natively, where the host's own commands are there to compare with.
  commands: {
    name: "Tests of the commands (cargo test in commands/)",
    command: "cargo",
    args: [
      "test",
      "--locked",
      "--no-fail-fast",
      "--workspace",
      "--manifest-path",
      commandsManifest,
    ],
    runner: cargoTests,
    env: { CARGO_TARGET_DIR: join(wasmTargetDir, "native") },
  },
  api: {
    name: "Tests of the public API (__test__)",
    command: pinnedNode,
    args: [...apiTests, join(root, "__test__", "*.spec.ts")],
    runner: nodeFiles,
  },
  // All of them if it is asked for by name, those about confinement with the others.
  user: {
    name: "Tests of the public API as an ordinary user",
    leftOut: async () => {
      if (process.getuid?.() !== 0) return "The others run as one.";
      const closed = await closedFolder(root);
      return closed && `Others may not enter ${closed}.`;
    },
    command: pinnedNode,
    args: [...apiTests, join(root, "__test__", `${wanted.length > 0 ? "*" : confinement}.spec.ts`)],
    runner: nodeFiles,
    user: ordinaryUser,
  },
  // Every package manager with every Node.js, from a registry on loopback: minutes, and tools that nothing else needs.
  matrix: {
    name: "The packages, installed and used in all ways that are promised",
    optional: true,
    command: pinnedNode,
    args: [...apiTests, join(root, "__test__", "matrix", "*.spec.ts")],
    runner: nodeFiles,
  },
  // Every page of the built site, and the playground.
  site: {
    name: "The site and the playground in a browser",
    optional: true,
    command: pinnedNode,
    args: [...apiTests, join(root, "__test__", "site", "*.spec.ts")],
    runner: nodeFiles,
  },
  conformance: {
    name: "Node's own tests, fast subset (npm run conformance runs all)",
    leftOut: async () => ((await findSuite()) ? undefined : suiteHint),
    command: process.execPath,
    args: [join(root, "scripts", "conformance.mjs"), "--fast"],
  },
};

await runMain(async () => {
  const unknown = wanted.find((name) => !Object.hasOwn(groups, name));
  if (unknown) {
    throw new StepError(`no group named ${unknown}: there are ${Object.keys(groups).join(", ")}`);
  }
  try {
    const tools = wanted.includes("matrix") ? [installMatrix] : [];
    await runSteps([
      ...setupSteps,
      installPrograms,
      fetchWheels,
      ...tools,
      checkHostTools,
      ...buildSteps,
    ]);
    for (const script of wanted.includes("site") ? ["site.mjs", "playground.mjs"] : []) {
      await run(process.execPath, [join(root, "scripts", script)]);
    }
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    process.stderr.write(`\nfailed: ${error.message}\n`);
    say("0 passed, 1 failed, 0 skipped");
    return 1;
  }
  const chosen = Object.entries(groups).filter(
    ([name, { optional }]) => (wanted.length === 0 && !optional) || wanted.includes(name),
  );
  return await runGroups(chosen);
});

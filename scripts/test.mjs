// From a fresh clone to all tests. `npm test -- rust`, `npm test -- commands`, `npm test -- api` and
// `npm test -- conformance` run one group of them. A group that fails does not keep the others from running.

import { join } from "node:path";
import { buildEnv, buildSteps } from "./build.mjs";
import { findSuite, suiteHint } from "./conformance/suite.mjs";
import { commandsDir, pinnedNode, root, wasmTargetDir } from "./lib/paths.mjs";
import { checkHostTools } from "./lib/prerequisites.mjs";
import { runMain, runSteps, StepError, say } from "./lib/steps.mjs";
import { runGroups } from "./lib/test-groups.mjs";
import { setupSteps } from "./setup.mjs";

const commandsManifest = join(root, "commands", "Cargo.toml");

/** @type {Record<string, import("./lib/test-groups.mjs").Group>} */
const groups = {
  // The release profile shares every dependency with the addon's build. The shell's corpus runs in the machine
  // with the commands that were built before.
  rust: {
    name: "Rust tests (cargo test --workspace)",
    command: "cargo",
    args: ["test", "--release", "--locked", "--no-fail-fast", "--workspace"],
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
    env: { CARGO_TARGET_DIR: join(wasmTargetDir, "native") },
  },
  api: {
    name: "Tests of the public API (__test__)",
    command: pinnedNode,
    // Tests have times of their own; the option is the time of a file.
    args: [
      "--test",
      "--test-reporter=spec",
      "--test-concurrency=2",
      "--test-timeout=600000",
      join(root, "__test__", "*.spec.ts"),
    ],
  },
  conformance: {
    name: "Node's own tests, fast subset (npm run conformance runs all)",
    leftOut: async () => ((await findSuite()) ? undefined : suiteHint),
    command: process.execPath,
    args: [join(root, "scripts", "conformance.mjs"), "--fast"],
  },
};

await runMain(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !Object.hasOwn(groups, name));
  if (unknown) {
    throw new StepError(`no group named ${unknown}: there are ${Object.keys(groups).join(", ")}`);
  }
  try {
    await runSteps([...setupSteps, checkHostTools, ...buildSteps]);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    process.stderr.write(`\nfailed: ${error.message}\n`);
    say("0 passed, 1 failed, 0 skipped");
    return 1;
  }
  const chosen = Object.entries(groups).filter(
    ([name]) => wanted.length === 0 || wanted.includes(name),
  );
  return await runGroups(chosen);
});

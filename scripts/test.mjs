// From a fresh clone to all tests. `npm test -- rust`, `npm test -- commands`, `npm test -- api` and
// `npm test -- conformance` run one part of them.

import { join } from "node:path";
import { buildEnv, buildSteps } from "./build.mjs";
import { findSuite, suiteHint } from "./conformance/suite.mjs";
import { commandsDir, pinnedNode, root, wasmTargetDir } from "./lib/paths.mjs";
import { checkShells } from "./lib/prerequisites.mjs";
import { run, runMain, runSteps, StepError } from "./lib/steps.mjs";
import { setupSteps } from "./setup.mjs";

const commandsManifest = join(root, "commands", "Cargo.toml");

/** @type {Record<string, import("./lib/steps.mjs").Step>} */
const parts = {
  // The release profile shares every dependency with the addon's build. The shell's corpus runs in the machine
  // with the commands that were built before.
  rust: {
    name: "Rust tests (cargo test --workspace)",
    run: () =>
      run("cargo", ["test", "--release", "--locked", "--workspace"], {
        env: { ...buildEnv, SECURE_EXEC_WASM_COMMANDS_DIR: commandsDir },
      }),
  },
  // Natively, where the host's own commands are there to compare with.
  commands: {
    name: "Tests of the commands (cargo test in commands/)",
    run: () =>
      run("cargo", ["test", "--locked", "--workspace", "--manifest-path", commandsManifest], {
        env: { CARGO_TARGET_DIR: join(wasmTargetDir, "native") },
      }),
  },
  api: {
    name: "Tests of the public API (__test__)",
    // Tests have times of their own; the option is the time of a file.
    run: () =>
      run(pinnedNode, [
        "--test",
        "--test-concurrency=2",
        "--test-timeout=600000",
        join(root, "__test__", "*.spec.ts"),
      ]),
  },
  conformance: {
    name: "Node's own tests, fast subset (npm run conformance runs all)",
    upToDate: async () => ((await findSuite()) ? undefined : `left out. ${suiteHint}`),
    run: () => run(process.execPath, [join(root, "scripts", "conformance.mjs"), "--fast"]),
  },
};

await runMain(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !Object.hasOwn(parts, name));
  if (unknown) {
    throw new StepError(`no part named ${unknown}: there are ${Object.keys(parts).join(", ")}`);
  }
  const chosen = Object.entries(parts).filter(
    ([name]) => wanted.length === 0 || wanted.includes(name),
  );
  await runSteps([...setupSteps, checkShells, ...buildSteps, ...chosen.map(([, part]) => part)]);
});

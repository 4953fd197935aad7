// Lints the WebAssembly commands for the target that they are compiled for.

import { join } from "node:path";
import { commandsRoot } from "./lib/command-crates.mjs";
import { wasmTargetDir } from "./lib/paths.mjs";
import { capture, run, runMain, say } from "./lib/steps.mjs";
import { findWasmToolchain, target } from "./lib/wasm-toolchain.mjs";

await runMain(async () => {
  const { name, args, env } = await findWasmToolchain(say);
  // Debian's compiler comes without clippy, and one of another release cannot read its standard library.
  const hasClippy = !env.RUSTC && (await capture("cargo", ["clippy", "--version"])) !== undefined;
  if (!hasClippy) {
    say(`${name} has no clippy: the commands are not linted`);
    return;
  }
  const what = ["--release", "--locked", "--workspace", "--target", target];
  const manifest = ["--manifest-path", join(commandsRoot, "Cargo.toml")];
  await run("cargo", ["clippy", ...what, ...manifest, ...args, "--", "-D", "warnings"], {
    // Beside the build, which has compiled the build scripts and macros.
    env: { ...env, CARGO_TARGET_DIR: wasmTargetDir, CARGO_INCREMENTAL: "0" },
  });
});

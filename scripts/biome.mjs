// Runs Biome's own binary. The usual wrapper package lists eight platform binaries as optional
// dependencies, which a lock file without download addresses cannot express.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./lib/paths.mjs";

const binary = join(root, "node_modules", "@biomejs", "cli-linux-x64", "biome");
const { status, error } = spawnSync(binary, process.argv.slice(2), { cwd: root, stdio: "inherit" });
if (error) throw error;
process.exitCode = status ?? 1;

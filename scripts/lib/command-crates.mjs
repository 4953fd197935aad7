// The crates of the commands workspace: which programs they make, and which commands each program is.
//
// A crate makes one program. What commands that is says its Cargo.toml, with the crate that a command
// comes from where it was not written for this project:
//
//   [package.metadata.commands]
//   names = ["cat", "stat"]
//   from = { cat = "uu_cat" }

import { join } from "node:path";
import { root } from "./paths.mjs";
import { capture, StepError } from "./steps.mjs";

export const commandsRoot = join(root, "commands");

/** Everything that cargo knows of the commands workspace, as compiled for `platform`. */
export async function commandsMetadata(platform = "wasm32-wasip1") {
  const args = ["metadata", "--format-version=1", "--locked", `--filter-platform=${platform}`];
  const output = await capture("cargo", [
    ...args,
    "--manifest-path",
    join(commandsRoot, "Cargo.toml"),
  ]);
  if (!output) throw new StepError("cargo metadata failed: is commands/Cargo.lock up to date?");
  return JSON.parse(output);
}

/**
 * @typedef {object} Program
 * @property {string} name The name of the binary.
 * @property {Record<string, string>} commands Which commands it is, and the crate each comes from.
 */

/**
 * Every crate with programs in it.
 * @returns {Promise<{ name: string, version: string, programs: Program[] }[]>}
 */
export async function commandCrates() {
  const { packages, workspace_members: members } = await commandsMetadata();
  return packages
    .filter(({ id }) => members.includes(id))
    .map((pkg) => ({ name: pkg.name, version: pkg.version, programs: programsOf(pkg) }))
    .filter(({ programs }) => programs.length > 0);
}

function programsOf({ name, targets, metadata }) {
  const binaries = targets.filter(({ kind }) => kind.includes("bin")).map((each) => each.name);
  const { names, from = {} } = metadata?.commands ?? {};
  if (names && binaries.length !== 1) {
    throw new StepError(`${name} names its commands, but makes ${binaries.length} programs`);
  }
  const strange = Object.keys(from).find((each) => !names.includes(each));
  if (strange) throw new StepError(`${name} says where ${strange} is from, but does not name it`);
  return binaries.map((binary) => ({
    name: binary,
    commands: Object.fromEntries((names ?? [binary]).map((each) => [each, from[each] ?? ""])),
  }));
}

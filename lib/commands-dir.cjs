"use strict";
// Where the WebAssembly commands of a VM come from.

const { readdirSync } = require("node:fs");
const { join } = require("node:path");
const binding = require("../binding.cjs");

/** The manifest that the build writes beside the modules. */
const manifest = "commands.json";

/**
 * The directories to load commands from; of commands with the same name the first counts. In this order: the option,
 * the environment variable, what the build or the installed package has beside the addon.
 */
function commandDirs(commandsDir, wasmCommandDirs) {
  const chosen = commandsDir ?? process.env.SECURE_EXEC_WASM_COMMANDS_DIR;
  const own = chosen
    ? required(chosen, commandsDir ? "options.commandsDir" : "SECURE_EXEC_WASM_COMMANDS_DIR")
    : bundled();
  const further = directories(wasmCommandDirs, "options.wasmCommandDirs");
  return [...(own === undefined ? [] : [own]), ...further];
}

/** Directories that an option names. */
function directories(list, name) {
  return list.map((dir, index) => required(dir, `${name}[${index}]`));
}

function bundled() {
  const dir = join(binding.folder, "commands");
  // An addon without commands runs Node programs only.
  return hasCommands(dir) ? dir : undefined;
}

function required(dir, name) {
  let found;
  try {
    found = hasCommands(dir);
  } catch (cause) {
    throw noCommands(`${name} cannot be read: ${cause.code}`, dir, cause);
  }
  if (!found) throw noCommands(`${name} has no ${manifest} and no WebAssembly module`, dir);
  return dir;
}

function hasCommands(dir) {
  try {
    return readdirSync(dir).some((name) => name === manifest || name.endsWith(".wasm"));
  } catch (error) {
    if (dir === join(binding.folder, "commands") && error.code === "ENOENT") return false;
    throw error;
  }
}

function noCommands(message, dir, cause) {
  return Object.assign(new TypeError(`${message}: ${dir}`, { cause }), { code: "ERR_NO_COMMANDS" });
}

module.exports = { commandDirs, directories };

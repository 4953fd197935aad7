// `node --run`: a script of the nearest package.json, by the shell. Follows Node's `src/node_task_runner.cc`; everything
// else of the command line is without meaning. A function of `require`, the script's name, and the arguments behind `--`.

const {
  prepareMainThreadExecution,
  markBootstrapComplete,
} = require("internal/process/pre_execution");
prepareMainThreadExecution(false, false);
markBootstrapComplete();

const { spawn } = require("child_process");
const fs = require("fs");
const path = require("path");

/** The package.json that counts, and the folders of executables on the way to it. */
function findPackage(start) {
  const folders = [];
  for (let folder = start; ; folder = path.dirname(folder)) {
    const bin = path.join(folder, "node_modules", ".bin");
    if (fs.existsSync(bin)) folders.push(bin);
    const file = path.join(folder, "package.json");
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return { file, folder, folders };
    if (folder === path.dirname(folder)) return undefined;
  }
}

function fail(message) {
  fs.writeSync(2, `${message}\n`);
  process.reallyExit(1);
}

function parse(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
  } catch {
    return fail(`Can't parse ${file}`);
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The command of the script `name`; ends the process where there is none. */
function commandOf(file) {
  const content = parse(file);
  if (!isObject(content)) fail(`Root value unexpected not an object for ${file}\n`);
  const { scripts } = content;
  if (!isObject(scripts)) fail(`Can't find "scripts" field in ${file}`);
  if (Object.hasOwn(scripts, name)) {
    const command = scripts[name];
    if (typeof command !== "string") {
      fail(`Script "${name}" is unexpectedly not a string for ${file}\n`);
    }
    return command;
  }
  const known = Object.entries(scripts).filter(([, command]) => typeof command === "string");
  const lines = known.map(([key, command]) => `\n  ${key}: ${command}`);
  return fail(`Missing script: "${name}" for ${file}\n\nAvailable scripts are:${lines.join("")}`);
}

/** An argument as the shell reads it back (`EscapeShell`). */
function quoted(argument) {
  if (argument === "") return "''";
  if (!/[^a-zA-Z0-9_.\-/=:@%+,]/.test(argument)) return argument;
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

function main() {
  const found = findPackage(process.cwd());
  if (!found) fail(`Can't find package.json for directory ${process.cwd()}\n`);
  const command = [commandOf(found.file), ...positional.map(quoted)].join(" ");
  const env = {
    ...process.env,
    PATH: [...found.folders, process.env.PATH ?? ""].join(":"),
    NODE_RUN_SCRIPT_NAME: name,
    NODE_RUN_PACKAGE_JSON_PATH: found.file,
  };
  const child = spawn("/bin/sh", ["-c", command], { cwd: found.folder, env, stdio: "inherit" });
  child.once("error", (error) => fail(`Error: ${error.message}`));
  // A status other than zero is one; a script that a signal ended counts as a success.
  child.once("exit", (status) => process.reallyExit(status > 0 ? 1 : 0));
}

main();
